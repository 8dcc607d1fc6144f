#include "guest_entry.hpp"

namespace vmmu {

// SDM 4.5.4: the frame from the entry, the rest from the linear address.
GuestPhys GuestEntry::address_of(GuestVirt gva) const {
  const std::uint64_t offset = page_bytes(size()) - 1;
  return {(word_ & kFrameMask & ~offset) | (gva.value & offset)};
}

// SDM 4.9.2: {PAT, PCD, PWT} select the PAT entry. Large leaves have PAT at bit 12.
std::uint8_t GuestEntry::pat_index() const {
  const bool pat = has(level_ == 1 ? pt::PAT : pt::PAT_LARGE);
  return static_cast<std::uint8_t>((pat ? 4 : 0) | (has(pt::PCD) ? 2 : 0) | (has(pt::PWT) ? 1 : 0));
}

// SDM tables 4-16 and 4-18: the address bits below the page size, other than PAT.
std::uint64_t GuestEntry::reserved_leaf_bits() const {
  return level_ == 1 ? 0 : bit_range(page_shift(size()) - 1, 13);
}

// SDM 4.7, RSVD flag, and tables 4-14 to 4-20.
bool GuestEntry::has_reserved_bits(const ContextRegs& regs) const {
  std::uint64_t reserved = bit_range(51, regs.maxphyaddr);
  if (!regs.nxe) reserved |= pt::NX;
  if (level_ >= 4 || (level_ == 3 && !regs.page1g)) reserved |= pt::PS;
  if (is_leaf()) reserved |= reserved_leaf_bits();
  return has(reserved);
}

// SDM 4.6: an access is permitted by all levels together.
void GuestEntry::restrict(GuestRights& rights) const {
  rights.writable &= has(pt::W);
  rights.user &= has(pt::U);
  rights.no_execute |= has(pt::NX);
}

}  // namespace vmmu
