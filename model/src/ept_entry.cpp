#include "ept_entry.hpp"

namespace vmmu {

// SDM 28.3.2: any of bits 2:0, with mode-based execute control bit 10 too.
bool EptEntry::present(const ContextRegs& regs) const {
  return has(ept::R | ept::W | ept::X) || (regs.mbe && has(ept::XU));
}

// SDM 28.3.3.1 and tables 28-2 to 28-7.
std::uint64_t EptEntry::reserved_bits(const ContextRegs& regs) const {
  const std::uint64_t address_bits = bit_range(51, regs.maxphyaddr);
  if (level_ == 4) return address_bits | bit_range(7, 3);
  if (!is_leaf()) return address_bits | bit_range(6, 3);
  // A large leaf has no PAT bit: everything from bit 12 up to the page size is reserved.
  return address_bits | bit_range(page_shift(size()) - 1, 12);
}

// SDM 28.3.3.1: 2, 3 and 7 are no memory types.
bool EptEntry::bad_memory_type() const {
  const std::uint8_t type = memory_type();
  return type == 2 || type == 3 || type == 7;
}

// SDM 28.3.3.1. Execute-only is supported, so R = 0 with X = 1 is legal.
bool EptEntry::misconfigured(const ContextRegs& regs) const {
  if (has(ept::W) && !has(ept::R)) return true;
  if (has(reserved_bits(regs))) return true;
  return is_leaf() && bad_memory_type();
}

HostPhys EptEntry::address_of(GuestPhys gpa) const {
  const std::uint64_t offset = page_bytes(size()) - 1;
  return {(word_ & kFrameMask & ~offset) | (gpa.value & offset)};
}

void EptEntry::restrict(EptRights& rights) const {
  rights.read &= has(ept::R);
  rights.write &= has(ept::W);
  rights.execute &= has(ept::X);
  rights.user_execute &= has(ept::XU);
}

}  // namespace vmmu
