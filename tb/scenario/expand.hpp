// Turns a scenario of the sugar layer into a flat one.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "scenario/sugar_ast.hpp"

namespace vmmu::tb {

struct ExpandError {
  Position at;
  std::string message;
};

// The same scenario always gives the same flat one (docs/scenario.md says which). Every flat statement keeps the place
// of the line that it comes from. `pages_left` is the number of leaves that may be made; it goes down.
std::variant<Scenario, ExpandError> expand(const SugarScenario& scenario, std::uint64_t& pages_left);

}  // namespace vmmu::tb
