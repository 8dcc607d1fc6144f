// Reads what the sugar layer says of table entries: names of entries, edits, expected changes.
#pragma once

#include "scenario/line_reader.hpp"
#include "scenario/sugar_ast.hpp"

namespace vmmu::tb {

// `pt` or `ept`.
TableKind read_table_kind(LineReader& line);
// `L<n>`, a part of a word that has been taken and stands at `at`: 1 .. 5 of a guest, 1 .. 4 of EPT.
unsigned parse_level(LineReader& line, std::string_view text, Position at, TableKind kind);

// EDIT... up to the end of the line, in the order as they stand; none is fine.
// EDIT := +BITS | -BITS | addr=A | mt=N | =WORD, where BITS are names of bits or `bitN`, joined by |.
EntryBits read_edits(LineReader& line, TableKind kind);

// pt[GVA.L<n>]+FLAGS or ept[GPA.L<n>]+FLAGS, where FLAGS are A, D or both.
EntryChange read_entry_change(LineReader& line, std::size_t alternative, std::size_t change);

}  // namespace vmmu::tb
