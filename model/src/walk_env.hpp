// What all steps of one walk share, and the two things that they do to memory: read an entry, set flags in one.
#pragma once

#include <cstdint>

#include "outcome.hpp"
#include "vmmu/observer.hpp"
#include "vmmu/phys_mem.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// A walk's view of its context.
struct WalkEnv {
  const ContextRegs& regs;
  const Access& access;
  PhysMem& memory;
  LiveRegs& live;
  WalkObserver* observer;  // may be null
  unsigned max_restarts;
};

// An entry as it was read.
struct EntryRead {
  Table table = Table::Guest;
  unsigned level = 0;
  HostPhys addr;
  std::uint64_t word = 0;
};

Fault make_fault(const WalkEnv& env, FaultKind kind, std::uint16_t code = 0, std::uint64_t address = 0);
Fault bus_error(const WalkEnv& env, HostPhys addr);

// Reads the entry with that index (0 .. 511) of a table.
Outcome<EntryRead> read_entry(const WalkEnv& env, Table table, unsigned level, HostPhys base, std::uint64_t index);

// Which entry of a level-`level` table an address selects (SDM 4.5.4, 28.3.2).
constexpr std::uint64_t table_index(std::uint64_t address, unsigned level) {
  return (address >> (12 + 9 * (level - 1))) & 0x1ff;
}

// Sets the `wanted` accessed and dirty flags of an entry by compare-and-swap (architecture 6, rule 5).
// Returns the flags that our own swap turned from 0 to 1.
Outcome<std::uint64_t> set_flags(const WalkEnv& env, const EntryRead& entry, std::uint64_t wanted);

}  // namespace vmmu
