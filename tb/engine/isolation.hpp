// Isolation (architecture 5): what a virtualized translation may reach. Written from that sentence alone and apart from
// the model's walk, so that a mistake shared by RTL and model is found all the same.
#pragma once

#include <string>

#include "engine/walk_trace.hpp"
#include "vmmu/phys_mem.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu::tb {

// Empty, or what is wrong: `hpa` lies neither in the image of a VMM segment nor in the frame that the nested table maps
// the guest-physical address to. `trace` is that of a walk that gave this answer: its words count before those of
// `words`, so that an answer from before a change of the tables is held against the tables of its time.
std::string isolation_breach(const ContextRegs& regs, GuestVirt gva, HostPhys hpa, const WalkTrace& trace,
                             const SparseMem& words);

}  // namespace vmmu::tb
