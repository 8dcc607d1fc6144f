// Statements that only the sugar layer has, as read. expand.hpp turns them into flat ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "scenario/ast.hpp"

namespace vmmu::tb {

enum class TableKind : std::uint8_t { Guest, Ept };

// A change of one table entry: bits cleared first, then bits set. Several in a row make one.
struct EntryBits {
  std::uint64_t clear = 0;
  std::uint64_t set = 0;
  std::uint64_t applied_to(std::uint64_t word) const { return (word & ~clear) | set; }
  void then(const EntryBits& next) {
    clear |= next.clear;
    set = (set & ~next.clear) | next.set;
  }
};

// `tables [guest=A] [ept=A]`
struct TablesLine {
  std::optional<std::uint64_t> guest;
  std::optional<std::uint64_t> ept;
};

// `ept [ad] [offset=A] [pml=A] [index=N]`
struct EptLine {
  bool accessed_dirty = false;
  std::uint64_t offset = 0;  // hPA minus gPA of the leaves that are made unasked, modulo 2^64
  std::optional<std::uint64_t> pml;
  std::optional<std::uint64_t> index;
};

// `map GVA -> GPA ...` (guest) or `emap GPA -> HPA ...` (EPT). Addresses are aligned and in range, to the last page.
struct MapLine {
  TableKind kind = TableKind::Guest;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  PageSize size = PageSize::k4K;
  std::uint64_t count = 1;
  EntryBits edit;
  Position from_at;
};

// The level-n entry that an address uses.
struct EntryName {
  TableKind kind = TableKind::Guest;
  std::uint64_t address = 0;
  unsigned level = 1;
  Position at;
};

// `entry pt|ept ADDR L<n> EDIT...`
struct EntryLine {
  EntryName entry;
  EntryBits edit;
};

// A change `pt[GVA.L1]+A` of an expected outcome; the Change that stands in its place is filled by the expansion.
struct EntryChange {
  std::size_t alternative = 0;  // which of the outcomes
  std::size_t change = 0;       // which of its changes
  EntryName entry;
  std::uint64_t flags = 0;
};

// A flat statement, or one that the reader alone makes flat: read, write, fetch.
struct FlatLine {
  Statement statement;
  std::vector<EntryChange> entry_changes;
};
// Registers: `reg`, `segment`, and `set`.
struct RegisterLine {
  std::vector<RegWrite> writes;
};

using SugarBody = std::variant<TablesLine, EptLine, MapLine, EntryLine, RegisterLine, FlatLine>;

struct SugarStatement {
  Position at;
  unsigned ctx = 0;  // of RegisterLine and FlatLine
  SugarBody body;
};

struct SugarScenario {
  Position at;
  std::string name;
  std::vector<SugarStatement> statements;
};

}  // namespace vmmu::tb
