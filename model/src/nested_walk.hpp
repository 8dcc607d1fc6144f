// From a guest-physical to a host-physical address: the EPT walk (SDM 28.3), or nothing at all without EPT.
#pragma once

#include "ept_entry.hpp"
#include "guest_entry.hpp"
#include "outcome.hpp"
#include "walk_env.hpp"

namespace vmmu {

// Why a gPA is accessed.
struct GpaAccess {
  bool read = false;
  bool write = false;
  bool fetch = false;
  bool final_address = false;  // the translation of the linear address itself, not a table of the guest
  GuestRights guest;           // of the finished guest walk; meaningful for the final address
};
GpaAccess guest_table_read(const ContextRegs& regs);
GpaAccess guest_flag_write();
GpaAccess final_access(Op op, const GuestRights& guest);

struct NestedTranslation {
  HostPhys hpa;
  PageSize size = PageSize::k1G;  // without EPT no smaller than any guest page
  std::uint8_t emt = 6;
  bool ipat = false;
  EptRights rights;
};

// With all effects: EPT flags and the log records that they cause.
Outcome<NestedTranslation> translate_gpa(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why);

// The fault of a gPA access that entries with these rights deny.
Fault ept_violation(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why, const EptRights& rights);

}  // namespace vmmu
