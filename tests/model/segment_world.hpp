// Segments in the tests: a guest whose memory lies at kHostOffset whichever way it is reached, so that one expected
// host address serves every mode.
#pragma once

#include "world.hpp"

namespace vmmu::test {

constexpr std::uint8_t kAllRights = seg::R | seg::W | seg::X | seg::U;

// Counts what the trace of World leaves out.
class SegmentTrace : public Trace {
 public:
  void on_segment_check(SegmentLevel level) override { ++checks[static_cast<int>(level)]; }
  void on_filter_hit(SegmentLevel level) override { ++hits[static_cast<int>(level)]; }
  unsigned all_checks() const { return checks[0] + checks[1]; }

  unsigned checks[2] = {};  // guest, VMM
  unsigned hits[2] = {};
};

// The address `to` for the address `from`.
inline Segment segment(std::uint64_t base, std::uint64_t limit, std::uint64_t to, std::uint8_t attr = kAllRights) {
  return {base, limit, to - base, attr};
}

// All guest-physical memory below `limit` at kHostOffset.
inline Segment vmm_segment(std::uint64_t limit = std::uint64_t{1} << 32, std::uint8_t attr = seg::kVmmMask) {
  return segment(0, limit, kHostOffset, attr);
}

// A guest segment around kPage that leads where map() leads.
constexpr std::uint64_t kSegmentBase = kPage.value - 0x3000;
constexpr std::uint64_t kSegmentLimit = kPage.value + 0x5000;
inline Segment guest_segment(std::uint8_t attr = kAllRights) {
  return segment(kSegmentBase, kSegmentLimit, kFrame.value - 0x3000, attr);
}

struct SegmentWorld : World {
  explicit SegmentWorld(const TableConfig& config = nested(), BuildParams params = {}) : World(config, params) {}

  Result run(const Access& wanted) {
    REQUIRE(mmu.commit(wanted.ctx, regs) == Reject::None);
    trace = SegmentTrace{};
    return mmu.access(wanted, &trace);
  }
  Result user(Op op, GuestVirt gva = kPage) { return run({gva, op, true, false, false, 0}); }
  Result kernel(Op op, GuestVirt gva = kPage) { return run({gva, op, false, false, false, 0}); }

  SegmentTrace trace;
};

inline Answer segment_fault(unsigned level, std::uint64_t address) { return {FaultKind::SegmentFault, level, address}; }

}  // namespace vmmu::test
