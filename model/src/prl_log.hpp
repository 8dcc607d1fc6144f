// Page-reference logging: the pages of answers that no TLB gave (architecture 10).
#pragma once

#include <cstdint>

#include "walk_env.hpp"

namespace vmmu {

// Logs the page of an answer. Without room the record is dropped and counted: the PRL never stops a request.
void prl_append(const WalkEnv& env, GuestPhys gpa);

// Software clears bits of PRL_STATUS that say that a buffer is full.
void prl_rearm(const ContextRegs& regs, LiveRegs& live, std::uint8_t full_bits);

}  // namespace vmmu
