// What both targets for scenario files claim.
#pragma once

#include <cstdlib>
#include <string>
#include <variant>

#include "scenario/printer.hpp"
#include "scenario/reader.hpp"

// Few, so that an input costs milliseconds; the limit itself is reached all the same.
inline constexpr vmmu::tb::ReadLimits kFuzzLimits{2048};

inline std::string printed(const vmmu::tb::ScenarioFile& file) {
  std::string text;
  for (const vmmu::tb::Scenario& scenario : file.scenarios) text += vmmu::tb::print(scenario);
  return text;
}

// A file is an error with a place in it, or its flat form is a file of the flat language that prints as itself.
inline void check_scenarios(const std::string& text) {
  const auto read = vmmu::tb::read_scenarios(text, "input", kFuzzLimits);
  if (const auto* error = std::get_if<vmmu::tb::ReadError>(&read)) {
    if (error->message.empty() || error->at.line == 0 || error->at.column == 0) std::abort();
    return;
  }
  const std::string flat = printed(std::get<vmmu::tb::ScenarioFile>(read));
  const auto again = vmmu::tb::read_scenarios(flat, "flat", kFuzzLimits);
  if (!std::holds_alternative<vmmu::tb::ScenarioFile>(again)) std::abort();
  if (printed(std::get<vmmu::tb::ScenarioFile>(again)) != flat) std::abort();
}
