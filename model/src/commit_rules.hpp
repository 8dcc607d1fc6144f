// What COMMIT and GCOMMIT accept.
#pragma once

#include "vmmu/mmu.hpp"
#include "vmmu/registers.hpp"

namespace vmmu {

// The values that the registers hold after these were written: bits that read as zero are gone.
ContextRegs as_registers(const ContextRegs& written);

// The first reason to reject `regs` on that build, or Reject::None. `regs` come from as_registers().
Reject judge_commit(const ContextRegs& regs, const BuildParams& build);
// The same for GCOMMIT, which changes the guest's registers only.
Reject judge_guest_commit(const ContextRegs& regs, const BuildParams& build);

}  // namespace vmmu
