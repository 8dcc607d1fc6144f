// Page-modification logging: SDM 28.3.6, architecture 10. EPT dirty flags and segment bitmaps share the log.
#pragma once

#include "vmmu/types.hpp"
#include "walk_env.hpp"

namespace vmmu {

// No room for a record: the index has run out, or a record that memory refused still waits for software.
bool pml_full(const LiveRegs& live);
// Logs the page of a gPA that has just become dirty.
void pml_append(const WalkEnv& env, GuestPhys gpa);

}  // namespace vmmu
