// One EPT entry: what its bits mean and how it is judged by itself. Inline, because a full walk judges twenty.
#pragma once

#include <cstdint>

#include "vmmu/entry_bits.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// What the EPT entries of one gPA permit together (SDM 28.3.3.2): the AND of their words. Or what a VMM segment does.
class EptRights {
 public:
  static EptRights all() { return EptRights(~std::uint64_t{0}); }
  static EptRights none() { return EptRights(0); }
  // Architecture 5: ATTR stands in for an entry, and X counts for both modes of MBE.
  static EptRights of(const Segment& segment) {
    const bool execute = segment.permits(seg::X);
    return EptRights((segment.permits(seg::R) ? ept::R : 0) | (segment.permits(seg::W) ? ept::W : 0) |
                     (execute ? ept::X | ept::XU : 0));
  }

  bool read() const { return (bits_ & ept::R) != 0; }
  bool write() const { return (bits_ & ept::W) != 0; }
  bool execute() const { return (bits_ & ept::X) != 0; }
  bool user_execute() const { return (bits_ & ept::XU) != 0; }  // means something only with MBE

  void restrict(std::uint64_t word) { bits_ &= word; }

 private:
  explicit EptRights(std::uint64_t bits) : bits_(bits) {}
  std::uint64_t bits_;
};

class EptEntry {
 public:
  EptEntry(std::uint64_t word, unsigned level) : word_(word), level_(level) {}

  // SDM 28.3.2: any of bits 2:0, with mode-based execute control bit 10 too.
  bool present(const ContextRegs& regs) const { return has(ept::R | ept::W | ept::X) || (regs.mbe && has(ept::XU)); }

  // SDM 28.3.3.1. Execute-only is supported, so R = 0 with X = 1 is legal.
  bool misconfigured(const ContextRegs& regs) const {
    if (has(ept::W) && !has(ept::R)) return true;
    if (has(reserved_bits(regs))) return true;
    return is_leaf() && bad_memory_type();
  }

  // SDM 28.3.2: a PTE always maps a page, a PDE or PDPTE does with bit 7 set.
  bool is_leaf() const { return level_ == 1 || (level_ <= 3 && has(ept::PS)); }

  // The table that a non-leaf entry points to.
  HostPhys table() const { return {word_ & kFrameMask}; }

  // Leaves only.
  PageSize size() const { return static_cast<PageSize>(level_ - 1); }
  HostPhys address_of(GuestPhys gpa) const {
    const std::uint64_t offset = page_bytes(size()) - 1;
    return {(word_ & kFrameMask & ~offset) | (gpa.value & offset)};
  }
  std::uint8_t memory_type() const { return static_cast<std::uint8_t>((word_ >> ept::kMemoryTypeShift) & 7); }
  bool ignore_pat() const { return has(ept::IPAT); }

 private:
  bool has(std::uint64_t mask) const { return (word_ & mask) != 0; }

  // SDM tables 28-2 to 28-7.
  std::uint64_t reserved_bits(const ContextRegs& regs) const {
    const std::uint64_t address_bits = bit_range(51, regs.maxphyaddr);
    if (level_ == 4) return address_bits | bit_range(7, 3);
    if (!is_leaf()) return address_bits | bit_range(6, 3);
    // A large leaf has no PAT bit: everything from bit 12 up to the page size is reserved.
    return address_bits | bit_range(page_shift(size()) - 1, 12);
  }

  // SDM 28.3.3.1: 2, 3 and 7 are no memory types.
  bool bad_memory_type() const {
    const std::uint8_t type = memory_type();
    return type == 2 || type == 3 || type == 7;
  }

  std::uint64_t word_;
  unsigned level_;
};

}  // namespace vmmu
