// The guest's log of the linear addresses of pages that become dirty (architecture 10; EPML of OoH).
#pragma once

#include <optional>

#include "outcome.hpp"
#include "walk_env.hpp"

namespace vmmu {

// The record of one change of a dirty flag or bitmap bit. Its place is made sure of before the change, so that no
// change is without its record.
class EpmlRecord {
 public:
  // A change that EPML does not follow: both functions do nothing.
  static EpmlRecord none() { return EpmlRecord(false, false); }
  // The dirty flag of the guest's leaf.
  static EpmlRecord of_guest_leaf(const ContextRegs& regs) {
    return EpmlRecord(regs.epml_en && !regs.epml_trigger_ept, false);
  }
  // The dirty flag or bitmap bit of the final gPA of a write. `with_pml`: the same change is logged in PML too.
  static EpmlRecord of_final_page(const ContextRegs& regs, bool with_pml) {
    return EpmlRecord(regs.epml_en && regs.epml_trigger_ept, with_pml);
  }

  // Why the change cannot be made now. The host's log is judged before the guest's, and once more after the
  // translation of the buffer, which may have used its last place.
  std::optional<Stop> make_room(const WalkEnv& env);
  // After the change, and after its record in PML.
  void append(const WalkEnv& env) const;

 private:
  EpmlRecord(bool wanted, bool with_pml) : wanted_(wanted), with_pml_(with_pml) {}

  bool wanted_;
  bool with_pml_;
  std::optional<HostPhys> slot_;
};

}  // namespace vmmu
