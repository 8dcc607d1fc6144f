// From a guest-physical to a host-physical address: a VMM segment, the EPT walk (SDM 28.3), or nothing at all without
// either.
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
  bool linear = true;          // the access is the translation of a linear address; a log buffer's is not
};

// SDM 28.3.5: EPTP bit 6.
inline bool ept_flags_in_use(const ContextRegs& regs) { return regs.ept_en && (regs.eptp & eptp::kAccessedDirty) != 0; }

// SDM 28.3.6: the log follows EPT dirty flags, so without them there is nothing to log.
inline bool pml_follows_ept(const ContextRegs& regs) { return regs.pml_en && ept_flags_in_use(regs); }

// SDM 28.3.3.2: with EPT flags in use, reading a guest table entry counts as writing it.
inline GpaAccess guest_table_read(const ContextRegs& regs) { return {true, ept_flags_in_use(regs), false, false, {}}; }

// Architecture 6, rule 2: a flag write is reported as read and write.
inline GpaAccess guest_flag_write() { return {true, true, false, false, {}}; }

inline GpaAccess final_access(Op op, const GuestRights& guest) {
  return {op == Op::Read, op == Op::Write, op == Op::Fetch, true, guest};
}

struct NestedTranslation {
  HostPhys hpa;
  PageSize size = PageSize::k1G;  // when nothing translates, no smaller than any guest page
  std::uint8_t emt = 6;
  bool ipat = false;
  EptRights rights = EptRights::all();
  const Segment* segment = nullptr;  // the VMM segment that gave it
};

// With all effects: EPT flags and the log records that they cause.
Outcome<NestedTranslation> translate_gpa(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why);

// The fault of a gPA access that entries with these rights deny.
Fault ept_violation(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why, const EptRights& rights);

}  // namespace vmmu
