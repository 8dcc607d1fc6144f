// Prints scenarios back in flat form.
#pragma once

#include <string>

#include "scenario/ast.hpp"

namespace vmmu::tb {

std::string print(const Outcome& outcome);
// Alternatives joined by `or`.
std::string print(const std::vector<Outcome>& outcomes);
// One line without its newline.
std::string print(const Statement& statement);
// The same without what is expected.
std::string print_request(const Statement& statement);
// `scenario` to `end`, each line with its newline. Reading it back gives the same statements.
std::string print(const Scenario& scenario);

}  // namespace vmmu::tb
