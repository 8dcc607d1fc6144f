// One entry of a guest (or native) page table: what its bits mean and how it is judged by itself.
#pragma once

#include <cstdint>
#include <optional>

#include "vmmu/entry_bits.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// What the levels of a walk permit together (SDM 4.6).
struct GuestRights {
  bool writable = true;     // AND of R/W
  bool user = true;         // AND of U/S
  bool no_execute = false;  // OR of XD
};

class GuestEntry {
 public:
  GuestEntry(std::uint64_t word, unsigned level) : word_(word), level_(level) {}

  bool present() const { return has(pt::P); }
  // SDM 4.5: a PTE always maps a page, a PDE or PDPTE does with PS = 1. PS above is reserved.
  bool is_leaf() const { return level_ == 1 || (level_ <= 3 && has(pt::PS)); }

  // The table that a non-leaf entry points to.
  GuestPhys table() const { return {word_ & kFrameMask}; }
  // Leaves only.
  PageSize size() const { return static_cast<PageSize>(level_ - 1); }
  GuestPhys address_of(GuestVirt gva) const;
  std::uint8_t pat_index() const;
  std::uint8_t key() const { return static_cast<std::uint8_t>((word_ >> pt::kKeyShift) & 0xf); }

  bool has_reserved_bits(const ContextRegs& regs) const;
  void restrict(GuestRights& rights) const;

 private:
  bool has(std::uint64_t mask) const { return (word_ & mask) != 0; }
  std::uint64_t reserved_leaf_bits() const;

  std::uint64_t word_;
  unsigned level_;
};

}  // namespace vmmu
