// How `vmmu run` shows what came of a scenario.
#pragma once

#include <string>

#include "cli/commands.hpp"
#include "scenario/runner.hpp"

namespace vmmu::tb {

// What differs, as text: for people, with the place in the file. Empty when nothing does.
std::string text_differences(const std::string& file, const ScenarioReport& report);
// Accesses that this build could not run although the file expects an outcome, in one line; empty if there are none.
std::string text_unsupported(const std::string& file, const ScenarioReport& report);
// Notes, one line each.
std::string text_notes(const std::string& file, const ScenarioReport& report);
// One JSON object per line.
std::string json_results(const EngineChoice& choice, const ScenarioReport& report);

}  // namespace vmmu::tb
