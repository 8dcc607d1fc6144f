// Reads what follows `->`.
#pragma once

#include <vector>

#include "scenario/ast.hpp"
#include "scenario/line_reader.hpp"

namespace vmmu::tb {

// OUTCOME [or OUTCOME]... up to the end of the line or the word `ctx`. Errors stick in `line`.
std::vector<Outcome> read_outcomes(LineReader& line);

}  // namespace vmmu::tb
