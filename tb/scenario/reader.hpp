// Reads scenario files, of the flat language and of the sugar layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "scenario/ast.hpp"

namespace vmmu::tb {

struct ReadError {
  std::string file;
  Position at;
  std::string message;  // what was expected and what was found

  std::string text() const;  // "file:line:column: message"
};

struct ReadLimits {
  std::uint64_t pages = std::uint64_t{1} << 20;  // leaves that the sugar layer of one file may make, each of any size
};

// Any bytes are fine as `text`; time and memory grow linearly with them and with the leaves that `map` and `emap` make.
// A file without a scenario is an error. A file that starts with `mmu 1` is one of the sugar layer: its scenarios are
// returned in flat form (expand.hpp).
std::variant<ScenarioFile, ReadError> read_scenarios(std::string_view text, const std::string& file_name,
                                                     const ReadLimits& limits = {});

}  // namespace vmmu::tb
