// One EPT entry: what its bits mean and how it is judged by itself.
#pragma once

#include <cstdint>

#include "vmmu/entry_bits.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// What the EPT entries of one gPA permit together (SDM 28.3.3.2).
struct EptRights {
  bool read = true;
  bool write = true;
  bool execute = true;
  bool user_execute = true;  // bit 10, which means something only with MBE
};

class EptEntry {
 public:
  EptEntry(std::uint64_t word, unsigned level) : word_(word), level_(level) {}

  bool present(const ContextRegs& regs) const;
  bool misconfigured(const ContextRegs& regs) const;
  bool is_leaf() const { return level_ == 1 || (level_ <= 3 && has(ept::PS)); }

  // The table that a non-leaf entry points to.
  HostPhys table() const { return {word_ & kFrameMask}; }
  // Leaves only.
  PageSize size() const { return static_cast<PageSize>(level_ - 1); }
  HostPhys address_of(GuestPhys gpa) const;
  std::uint8_t memory_type() const { return static_cast<std::uint8_t>((word_ >> ept::kMemoryTypeShift) & 7); }
  bool ignore_pat() const { return has(ept::IPAT); }

  void restrict(EptRights& rights) const;

 private:
  bool has(std::uint64_t mask) const { return (word_ & mask) != 0; }
  std::uint64_t reserved_bits(const ContextRegs& regs) const;
  bool bad_memory_type() const;

  std::uint64_t word_;
  unsigned level_;
};

}  // namespace vmmu
