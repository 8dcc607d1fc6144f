// Segment registers that say the same as a mapping does, and the stories of MICRO'14 VI that make them possible.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "vmmu/escape_filter.hpp"
#include "vmmu/layout/guest.hpp"
#include "vmmu/layout/mapping.hpp"
#include "vmmu/layout/range.hpp"
#include "vmmu/layout/vmm.hpp"
#include "vmmu/segment.hpp"

namespace vmmu::layout {

// The segment that translates every page of the range as the mapping does. Pages that the filter hits may lie
// elsewhere, or nowhere. Empty: another page does not fit, the range is empty, or it ends at 2^64, which LIMIT cannot
// say. A page without memory never fits: a segment over it would reach memory of somebody else.
std::optional<Segment> guest_segment(const GuestMapping& mapping, const VirtRange& range,
                                     const EscapeFilter& filter = {},
                                     std::uint8_t attr = seg::R | seg::W | seg::X | seg::U);
std::optional<Segment> vmm_segment(const HostMapping& mapping, const GuestRange& range, const EscapeFilter& filter = {},
                                   std::uint8_t attr = seg::R | seg::W | seg::X);

// Compromis DS-n: adjoining segments that together are the mapping of [0, bytes). Empty: more than `most` are needed,
// or a part has no memory.
std::optional<std::vector<Segment>> tiling(const HostMapping& mapping, std::uint64_t bytes, unsigned most,
                                           std::uint8_t attr = seg::R | seg::W | seg::X);

// Self-ballooning (MICRO'14 VI): the guest gives up `bytes` of free memory that lies scattered, and gets as much back
// in one piece above all that it has, so that a guest segment has where to lead. Returns the new memory, which the
// guest already knows.
std::variant<GuestRange, LayoutError> self_balloon(Guest& guest, Vmm& vmm, std::uint64_t bytes,
                                                   Leaves leaves = Leaves::Now);

// I/O-gap reclaim (MICRO'14 VI): the memory of `low`, below the gap that devices take under 4 GiB, is unplugged, and as
// much is added on top of the memory above the gap. One VMM segment can then cover nearly all. Returns the
// memory added. Pinned: page tables or a balloon lie in `low`; the guest keeps it.
std::variant<GuestRange, LayoutError> reclaim_io_gap(Guest& guest, Vmm& vmm, const GuestRange& low,
                                                     Leaves leaves = Leaves::Now);

}  // namespace vmmu::layout
