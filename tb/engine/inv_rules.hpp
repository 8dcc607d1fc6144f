// Which invalidations have legal operands (contract: invalidation and change of registers).
#pragma once

#include <cstdint>

#include "engine/engine.hpp"

namespace vmmu::tb {

constexpr std::uint64_t kKeepEntries = std::uint64_t{1} << 63;  // of a LOAD_CR3 value (SDM 4.10.4.1)

// `regs` are the active registers of inv.ctx. An invalidation with an illegal operand gets an error reply
// and changes nothing.
bool operands_valid(const Invalidation& inv, const ContextRegs& regs);

// Whether it waits for SYNC_DONE (architecture 11): INVLPG and INVPCID of a context under SHADOW.
bool needs_sync(const Invalidation& inv, const ContextRegs& regs);
SyncRequest sync_request(const Invalidation& inv);

}  // namespace vmmu::tb
