// Architecture 4: what COMMIT and GCOMMIT make of segments, filters and shadow roots.
#include "segment_world.hpp"

namespace vmmu::test {
namespace {

constexpr std::uint64_t kGoodEptp = 0x200000 | eptp::kWriteBack | eptp::kWalkLengthFour;

ContextRegs nested_regs() {
  ContextRegs regs;
  regs.virt = regs.ept_en = true;
  regs.eptp = kGoodEptp;
  return regs;
}

Reject commit(const ContextRegs& regs, const BuildParams& params = {}) {
  SparseMem memory;
  Mmu mmu(params, memory);
  const Reject reject = mmu.commit(0, regs);
  CHECK(mmu.event(0, Event::CommitRejected) == (reject != Reject::None));
  return reject;
}

}  // namespace

TEST_CASE("segment commit: bits that read as zero are gone after it", "[segment][commit]") {
  SparseMem memory;
  Mmu mmu({}, memory);
  ContextRegs regs = nested_regs();
  const std::uint64_t all = ~std::uint64_t{0};
  regs.gseg = {0x1fff, all >> 1, 0x3abc, 0xff};
  regs.vseg[1] = {bit(60) | 0x1234, bit(53) | bit(52) | 0xfff, 0x5fff, 0xff};
  REQUIRE(mmu.commit(0, regs) == Reject::None);
  CHECK(mmu.active(0).gseg == Segment{0x1000, (all >> 1) & ~std::uint64_t{0xfff}, 0x3000, kAllRights});
  CHECK(mmu.active(0).vseg[1] == Segment{0x1000, bit(52), 0x5000, seg::kVmmMask});
}

TEST_CASE("segment commit: a VMM segment and SHADOW need virtualization", "[segment][commit]") {
  ContextRegs regs;
  regs.vseg_miss = true;
  regs.vseg[3] = segment(0, 0x1000, 0);
  CHECK(commit(regs) == Reject::Virt);
  regs.virt = true;
  CHECK(commit(regs) == Reject::None);
  ContextRegs shadow;
  shadow.shadow = true;
  CHECK(commit(shadow) == Reject::Virt);
  shadow.virt = true;
  CHECK(commit(shadow) == Reject::None);
}

TEST_CASE("segment commit: a guest segment needs no virtualization", "[segment][commit]") {
  ContextRegs regs;
  regs.gseg = guest_segment();
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("segment commit: SHADOW goes with neither EPT nor any segment", "[segment][commit]") {
  ContextRegs regs = nested_regs();
  regs.shadow = true;
  CHECK(commit(regs) == Reject::Shadow);
  regs.ept_en = false;
  CHECK(commit(regs) == Reject::None);
  regs.gseg = guest_segment();
  CHECK(commit(regs) == Reject::Shadow);
  regs.gseg.limit = regs.gseg.base;
  CHECK(commit(regs) == Reject::None);
  regs.vseg_miss = true;
  CHECK(commit(regs) == Reject::None);
  regs.vseg[2] = segment(0, 0x1000, 0);
  CHECK(commit(regs) == Reject::Shadow);
}

TEST_CASE("segment commit: VMM segments need EPT below them, or misses that exit", "[segment][commit]") {
  ContextRegs regs;
  regs.virt = true;
  regs.vseg[0] = segment(0, 0x1000, 0);
  CHECK(commit(regs) == Reject::VsegMiss);
  regs.vseg_miss = true;
  CHECK(commit(regs) == Reject::None);
  regs.vseg_miss = false;
  regs.ept_en = true;
  regs.eptp = kGoodEptp;
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("segment commit: VMM segments do not share a page; adjoining and empty ones do not", "[segment][commit]") {
  for (unsigned a = 0; a < kMaxVmmSegments; ++a) {
    for (unsigned b = 0; b < kMaxVmmSegments; ++b) {
      if (a == b) continue;
      ContextRegs regs = nested_regs();
      regs.vseg[a] = segment(0x10000, 0x20000, 0x10000);
      regs.vseg[b] = segment(0x20000, 0x30000, 0x20000);
      CHECK(commit(regs) == Reject::None);
      regs.vseg[b].base -= 0x1000;
      CHECK(commit(regs) == Reject::SegmentOverlap);
      regs.vseg[b] = segment(0x14000, 0x15000, 0x14000);
      CHECK(commit(regs) == Reject::SegmentOverlap);
      regs.vseg[b] = {0x15000, 0x15000, 0, 0};
      CHECK(commit(regs) == Reject::None);
      regs.vseg[b] = segment(0x10000, 0x20000, 0x90000);
      CHECK(commit(regs) == Reject::SegmentOverlap);
    }
  }
}

TEST_CASE("segment commit: the outputs of a segment do not wrap", "[segment][commit]") {
  ContextRegs regs;
  regs.gseg = {0x10000, 0x14000, 0 - std::uint64_t{0x10000}, 7};
  CHECK(commit(regs) == Reject::None);  // down to page 0
  regs.gseg.offset -= 0x1000;
  CHECK(commit(regs) == Reject::SegmentWrap);
  regs.gseg.offset -= 0x3000;
  CHECK(commit(regs) == Reject::None);  // below zero as a whole: each access is a segment fault
  regs.gseg = {0, ~std::uint64_t{0}, 0x1000, 7};
  CHECK(commit(regs) == Reject::None);  // up to the last page
  regs.gseg.offset = 0x2000;
  CHECK(commit(regs) == Reject::SegmentWrap);
  regs.gseg = {};
  regs.virt = regs.vseg_miss = true;
  regs.vseg[3] = {0x10000, 0x14000, 0 - std::uint64_t{0x11000}, 7};
  CHECK(commit(regs) == Reject::SegmentWrap);
  regs.vseg[3].base = 0x11000;
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("segment commit: an output beyond MAXPHYADDR is not its matter", "[segment][commit]") {
  ContextRegs regs;
  regs.gseg = {0x10000, 0x14000, bit(60), 7};
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("segment commit: the first reason is reported", "[segment][commit]") {
  ContextRegs regs;
  regs.shadow = regs.pml_en = true;
  regs.gseg = {0x10000, 0x14000, 0 - std::uint64_t{0x11000}, 7};
  regs.vseg[0] = segment(0, 0x2000, 0);
  regs.vseg[1] = segment(0x1000, 0x2000, 0);
  regs.pml_addr = 1;
  CHECK(commit(regs) == Reject::Virt);
  regs.virt = true;
  CHECK(commit(regs) == Reject::PmlAddr);
  regs.pml_addr = 0;
  CHECK(commit(regs) == Reject::Shadow);
  regs.shadow = false;
  CHECK(commit(regs) == Reject::VsegMiss);
  regs.vseg_miss = true;
  CHECK(commit(regs) == Reject::SegmentOverlap);
  regs.vseg[1] = {};
  CHECK(commit(regs) == Reject::SegmentWrap);
  regs.gseg = {};
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("segment commit: what the build lacks is rejected first", "[segment][commit]") {
  BuildParams small;
  small.num_vmm_segments = 1;
  small.shadow_roots = 0;
  ContextRegs regs;
  regs.shadow = true;
  CHECK(commit(regs, small) == Reject::Unsupported);
  regs = {};
  regs.vseg[1] = segment(0, 0x1000, 0);
  CHECK(commit(regs, small) == Reject::Unsupported);
  CHECK(commit(regs) == Reject::Virt);
  regs.vseg[1] = {};
  regs.vseg[0] = segment(0, 0x1000, 0);
  regs.virt = regs.vseg_miss = true;
  CHECK(commit(regs, small) == Reject::None);
}

TEST_CASE("segment commit: GCOMMIT changes the guest's registers and keeps the host's", "[segment][commit]") {
  SparseMem memory;
  Mmu mmu({}, memory);
  const ContextRegs host = nested_regs();
  REQUIRE(mmu.commit(1, host) == Reject::None);
  EscapeFilter filter;
  filter.insert(kPage.value);
  Segment s = guest_segment();
  s.base += 0x123;
  CHECK(mmu.commit_guest(1, {s, filter}) == Reject::None);
  ContextRegs expected = host;
  expected.gseg = guest_segment();
  expected.gfilter = filter;
  CHECK(mmu.active(1) == expected);
  CHECK_FALSE(mmu.event(1, GuestEvent::CommitRejected));
}

TEST_CASE("segment commit: a rejected GCOMMIT keeps the old registers and tells the guest only", "[segment][commit]") {
  SparseMem memory;
  Mmu mmu({}, memory);
  const Segment wraps{0x10000, 0x14000, 0 - std::uint64_t{0x11000}, 7};
  CHECK(mmu.commit_guest(0, {wraps}) == Reject::SegmentWrap);
  CHECK(mmu.active(0).gseg == Segment{});
  CHECK(mmu.event(0, GuestEvent::CommitRejected));
  CHECK_FALSE(mmu.event(0, Event::CommitRejected));
  mmu.clear_event(0, GuestEvent::CommitRejected);
  CHECK_FALSE(mmu.event(0, GuestEvent::CommitRejected));

  ContextRegs shadow;
  shadow.virt = shadow.shadow = true;
  REQUIRE(mmu.commit(0, shadow) == Reject::None);
  CHECK(mmu.commit_guest(0, {guest_segment()}) == Reject::Shadow);
  CHECK(mmu.commit_guest(0, {}) == Reject::None);
}

}  // namespace vmmu::test
