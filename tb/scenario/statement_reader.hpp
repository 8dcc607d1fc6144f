// Reads one statement of a scenario.
#pragma once

#include "scenario/ast.hpp"
#include "scenario/line_reader.hpp"

namespace vmmu::tb {

// Reads the whole line. Errors stick in `line`.
Statement read_statement(LineReader& line);

}  // namespace vmmu::tb
