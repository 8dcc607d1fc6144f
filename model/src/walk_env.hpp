// What all steps of one walk share.
#pragma once

#include <cstdint>
#include <optional>

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
  std::uint64_t& log_error_record;  // of the whole MMU
};

// An entry as it was read.
struct EntryRead {
  Table table;
  unsigned level;
  HostPhys addr;
  std::uint64_t word;
};

Fault make_fault(const WalkEnv& env, FaultKind kind, std::uint16_t code = 0, std::uint64_t address = 0);
Fault bus_error(const WalkEnv& env, HostPhys addr);

// Reads an entry; empty on a bus error. Inline, because this is most of what a walk does.
inline std::optional<std::uint64_t> read_entry(const WalkEnv& env, Table table, unsigned level, HostPhys addr) {
  if (env.observer != nullptr) env.observer->on_entry_address(table, level, addr);
  const std::optional<std::uint64_t> word = env.memory.read(addr);
  if (!word) return std::nullopt;
  if (env.observer != nullptr) env.observer->on_entry_read(table, level, addr, *word);
  return *word;
}

// Byte offset of the entry of a level-`level` table that an address selects (SDM 4.5.4, 28.3.2).
constexpr std::uint64_t entry_offset(std::uint64_t address, unsigned level) {
  return 8 * ((address >> (12 + 9 * (level - 1))) & 0x1ff);
}

}  // namespace vmmu
