// Which segment a level uses for an address, and what page size comes of it (architecture 5 and 7).
#pragma once

#include "vmmu/observer.hpp"
#include "vmmu/segment.hpp"
#include "walk_env.hpp"

namespace vmmu {

// The segment that translates the address: in range and not escaped. Null: none. Tells the observer.
const Segment* used_guest_segment(const WalkEnv& env);
const Segment* used_vmm_segment(const WalkEnv& env, GuestPhys gpa);

// An output at or above MAXPHYADDR. `address` is the input of that level.
Fault segment_fault(const WalkEnv& env, SegmentLevel level, std::uint64_t address);

// Page size of an answer that the segment gave: 4 KiB, unless promotion is on and no page is escaped.
PageSize guest_segment_size(const ContextRegs& regs, GuestVirt gva);
PageSize vmm_segment_size(const ContextRegs& regs, GuestPhys gpa, const Segment& segment);

// Page size of an answer that tables gave, reduced until the page meets no segment of that level.
PageSize size_clear_of_guest_segment(const ContextRegs& regs, GuestVirt gva, PageSize leaf);
PageSize size_clear_of_vmm_segments(const ContextRegs& regs, GuestPhys gpa, PageSize leaf);

}  // namespace vmmu
