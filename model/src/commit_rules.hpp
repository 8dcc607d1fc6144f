// What COMMIT accepts.
#pragma once

#include "vmmu/registers.hpp"

namespace vmmu {

// The first reason to reject `regs` on a build of that physical-address width, or Reject::None.
Reject judge_commit(const ContextRegs& regs, unsigned pa_bits);

}  // namespace vmmu
