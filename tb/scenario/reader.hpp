// Reads scenario files of the flat layer.
#pragma once

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

// Any bytes are fine as `text`; time and memory grow linearly with them. A file without a scenario is an error, and so
// is one that starts with `mmu 1` (the higher layer, which this version does not have).
std::variant<ScenarioFile, ReadError> read_scenarios(std::string_view text, const std::string& file_name);

}  // namespace vmmu::tb
