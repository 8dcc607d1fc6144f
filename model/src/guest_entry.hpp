// One entry of a guest (or native) page table: what its bits mean and how it is judged by itself.
#pragma once

#include <cstdint>

#include "vmmu/entry_bits.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// What the levels of a walk permit together (SDM 4.6), or a guest segment.
struct GuestRights {
  bool readable = true;     // page tables have no bit that forbids reading; a segment has
  bool writable = true;     // AND of R/W
  bool user = true;         // AND of U/S
  bool no_execute = false;  // OR of XD
};

class GuestEntry {
 public:
  GuestEntry(std::uint64_t word, unsigned level) : word_(word), level_(level) {}

  bool present() const { return has(pt::P); }

  // SDM 4.7, RSVD flag, and tables 4-14 to 4-20.
  bool has_reserved_bits(const ContextRegs& regs) const {
    std::uint64_t reserved = bit_range(51, regs.maxphyaddr);
    if (!regs.nxe) reserved |= pt::NX;
    if (level_ >= 4 || (level_ == 3 && !regs.page1g)) reserved |= pt::PS;
    if (is_leaf()) reserved |= reserved_leaf_bits();
    return has(reserved);
  }

  // SDM 4.6: an access is permitted by all levels together.
  void restrict(GuestRights& rights) const {
    rights.writable &= has(pt::W);
    rights.user &= has(pt::U);
    rights.no_execute |= has(pt::NX);
  }

  // SDM 4.5: a PTE always maps a page, a PDE or PDPTE does with PS = 1. PS above is reserved.
  bool is_leaf() const { return level_ == 1 || (level_ <= 3 && has(pt::PS)); }

  // The table that a non-leaf entry points to.
  GuestPhys table() const { return {word_ & kFrameMask}; }

  // Leaves only.
  PageSize size() const { return static_cast<PageSize>(level_ - 1); }
  // SDM 4.5.4: the frame from the entry, the rest from the linear address.
  GuestPhys address_of(GuestVirt gva) const {
    const std::uint64_t offset = page_bytes(size()) - 1;
    return {(word_ & kFrameMask & ~offset) | (gva.value & offset)};
  }
  // SDM 4.9.2: {PAT, PCD, PWT} select the PAT entry. Large leaves have PAT at bit 12.
  std::uint8_t pat_index() const {
    const bool pat = has(level_ == 1 ? pt::PAT : pt::PAT_LARGE);
    return static_cast<std::uint8_t>((pat ? 4 : 0) | (has(pt::PCD) ? 2 : 0) | (has(pt::PWT) ? 1 : 0));
  }
  std::uint8_t key() const { return static_cast<std::uint8_t>((word_ >> pt::kKeyShift) & 0xf); }

 private:
  bool has(std::uint64_t mask) const { return (word_ & mask) != 0; }

  // SDM tables 4-16 and 4-18: the address bits below the page size, other than PAT.
  std::uint64_t reserved_leaf_bits() const { return level_ == 1 ? 0 : bit_range(page_shift(size()) - 1, 13); }

  std::uint64_t word_;
  unsigned level_;
};

}  // namespace vmmu
