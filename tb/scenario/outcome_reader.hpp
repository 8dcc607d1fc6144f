// Reads what follows `->`.
#pragma once

#include <vector>

#include "scenario/ast.hpp"
#include "scenario/line_reader.hpp"
#include "scenario/sugar_ast.hpp"

namespace vmmu::tb {

// OUTCOME [or OUTCOME]... up to the end of the line or the word `ctx`. Errors stick in `line`.
//
// In the sugar layer codes may be names of bits, and changes may name table entries: those are added to `entries`,
// which is needed there, and a Change without contents stands in their place.
std::vector<Outcome> read_outcomes(LineReader& line, std::vector<EntryChange>* entries = nullptr);

}  // namespace vmmu::tb
