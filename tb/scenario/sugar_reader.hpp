// Reads one statement of a scenario in a file that begins with `mmu 1`.
#pragma once

#include <string_view>

#include "scenario/line_reader.hpp"
#include "scenario/sugar_ast.hpp"

namespace vmmu::tb {

// The words that only the sugar layer begins statements with.
bool is_sugar_verb(std::string_view verb);

// Reads the whole line, of the sugar layer or of the flat language. Errors stick in `line`, whose layer is Sugar.
SugarStatement read_sugar_statement(LineReader& line);

}  // namespace vmmu::tb
