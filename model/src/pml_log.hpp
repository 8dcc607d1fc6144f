// Page-modification logging: SDM 28.3.6, architecture 10.
#pragma once

#include "vmmu/types.hpp"
#include "walk_env.hpp"

namespace vmmu {

bool pml_enabled(const ContextRegs& regs);
// No room for a record: the index has run out, or a record that memory refused still waits for software.
bool pml_full(const LiveRegs& live);
// Logs the page of a gPA whose EPT dirty flag has just been set.
void pml_append(const WalkEnv& env, GuestPhys gpa);

}  // namespace vmmu
