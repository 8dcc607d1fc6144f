// Reads one statement of a scenario.
#pragma once

#include "scenario/ast.hpp"
#include "scenario/line_reader.hpp"
#include "scenario/sugar_ast.hpp"

namespace vmmu::tb {

// Reads the whole line: a statement of the flat language. Errors stick in `line`. In the sugar layer `entries` is
// needed, as in read_outcomes().
Statement read_statement(LineReader& line, std::vector<EntryChange>* entries = nullptr);

// [ctx N], once: `given` says whether it was read before.
void read_ctx(LineReader& line, unsigned& ctx, bool& given);
// Largest value that the register can be `set` to.
std::uint64_t largest_set_value(RegIndex reg);

}  // namespace vmmu::tb
