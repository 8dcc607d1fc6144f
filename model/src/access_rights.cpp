#include "access_rights.hpp"

namespace vmmu {

namespace {

// SDM 4.6: an implicit supervisor access is one whatever CPL is.
bool user_mode(const Access& access) { return access.user && !access.implicit; }

// SDM 4.6.2: the key of a user-mode address forbids a data access, whichever mode makes it.
bool key_denies(const ContextRegs& regs, const Access& access, const GuestRights& rights, std::uint8_t key) {
  if (!regs.pke || !rights.user || access.op == Op::Fetch) return false;
  const bool access_disabled = (regs.pkru >> (2 * key)) & 1;
  const bool write_disabled = (regs.pkru >> (2 * key + 1)) & 1;
  if (access_disabled) return true;
  return write_disabled && access.op == Op::Write && (user_mode(access) || regs.wp);
}

// SDM 4.6.1, supervisor-mode data access to a user-mode address.
bool smap_denies(const ContextRegs& regs, const Access& access) { return regs.smap && (access.implicit || !access.ac); }

// Fetches: bit 63 of an entry is reserved while NXE is clear, so that no_execute then comes from a segment alone,
// whose X counts always (architecture 5).

// SDM 4.6.1, accesses in supervisor mode.
bool supervisor_permitted(const ContextRegs& regs, const Access& access, const GuestRights& rights) {
  if (access.op == Op::Fetch) return !(rights.user && regs.smep) && !rights.no_execute;
  if (rights.user && smap_denies(regs, access)) return false;
  return access.op == Op::Read || rights.writable || !regs.wp;
}

// SDM 4.6.1, accesses in user mode.
bool user_permitted(const Access& access, const GuestRights& rights) {
  if (!rights.user) return false;
  if (access.op == Op::Fetch) return !rights.no_execute;
  return access.op == Op::Read || rights.writable;
}

// SDM 4.7: the bits that describe the access and not the tables.
std::uint16_t access_code(const ContextRegs& regs, const Access& access) {
  std::uint16_t code = 0;
  if (access.op == Op::Write) code |= pf::W;
  if (user_mode(access)) code |= pf::U;
  if (access.op == Op::Fetch && (regs.nxe || regs.smep)) code |= pf::I;
  return code;
}

}  // namespace

// SDM vol. 1, 3.3.7.1: the bits above the linear-address width repeat its highest bit.
bool canonical(const ContextRegs& regs, GuestVirt gva) {
  const std::uint64_t upper = bit_range(63, regs.la57 ? 56 : 47);
  return (gva.value & upper) == 0 || (gva.value & upper) == upper;
}

std::uint16_t not_present_code(const ContextRegs& regs, const Access& access) { return access_code(regs, access); }

std::uint16_t reserved_bit_code(const ContextRegs& regs, const Access& access) {
  return static_cast<std::uint16_t>(access_code(regs, access) | pf::P | pf::RSVD);
}

std::uint16_t permission_code(const ContextRegs& regs, const Access& access, const GuestRights& rights,
                              std::uint8_t key) {
  const std::uint16_t code = static_cast<std::uint16_t>(access_code(regs, access) | pf::P);
  return key_denies(regs, access, rights, key) ? static_cast<std::uint16_t>(code | pf::PK) : code;
}

bool access_permitted(const ContextRegs& regs, const Access& access, const GuestRights& rights, std::uint8_t key) {
  if (key_denies(regs, access, rights, key)) return false;
  if (access.op == Op::Read && !rights.readable) return false;
  return user_mode(access) ? user_permitted(access, rights) : supervisor_permitted(regs, access, rights);
}

}  // namespace vmmu
