// Dirty bitmaps of VMM segments: what stands in for the EPT dirty flag that their pages lack (architecture 10).
#pragma once

#include <optional>

#include "epml_log.hpp"
#include "outcome.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"
#include "walk_env.hpp"

namespace vmmu {

inline std::uint64_t page_in_segment(const Segment& segment, GuestPhys gpa) {
  return (gpa.value - segment.base) / page_bytes(PageSize::k4K);
}

// The word of the bitmap of VMM segment `n` that holds the bit of a page.
inline HostPhys bitmap_word(const ContextRegs& regs, unsigned n, GuestPhys gpa) {
  return {regs.vseg_bitmap[n] + 8 * (page_in_segment(regs.vseg[n], gpa) / 64)};
}

// The page of `gpa` is about to be written through a VMM segment that permits it. With SEG_LOG_EN: sets its bit if it
// is clear, and logs the page if our own swap did it.
std::optional<Stop> log_segment_write(const WalkEnv& env, const Segment& segment, GuestPhys gpa, EpmlRecord epml);

}  // namespace vmmu
