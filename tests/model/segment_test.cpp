// Architecture 5: range, output and faults of segments.
#include "segment_world.hpp"

namespace vmmu::test {
namespace {

constexpr std::uint64_t kTop = ~std::uint64_t{0} - 0xfff;  // the last page

ContextRegs native_with(const Segment& gseg, unsigned maxphyaddr = 46) {
  ContextRegs regs = usual_regs();
  regs.maxphyaddr = static_cast<std::uint8_t>(maxphyaddr);
  regs.gseg = gseg;
  return regs;
}

// What a native machine without any page table answers: a miss is a page fault.
Result native_read(const ContextRegs& regs, std::uint64_t gva) {
  SparseMem memory;
  Mmu mmu({}, memory);
  REQUIRE(mmu.commit(0, regs) == Reject::None);
  return mmu.access({GuestVirt{gva}, Op::Read, true, false, false, 0});
}

bool native_hits(const Segment& gseg, std::uint64_t gva) { return succeeds(native_read(native_with(gseg), gva)); }

// Compromis: nothing but VMM segments, and a native-looking guest table at gPA = hPA.
ContextRegs compromis(const World& world) {
  ContextRegs regs = world.regs;
  regs.virt = true;
  regs.vseg_miss = true;
  return regs;
}

}  // namespace

TEST_CASE("segment: the first and the last page are inside, LIMIT itself and the page before BASE are not",
          "[segment]") {
  const Segment s = segment(0x10000, 0x14000, 0x80000);
  CHECK(native_hits(s, 0x10000));
  CHECK(native_hits(s, 0x13fff));
  CHECK_FALSE(native_hits(s, 0x14000));
  CHECK_FALSE(native_hits(s, 0xffff));
}

TEST_CASE("segment: BASE = LIMIT and BASE > LIMIT are empty", "[segment]") {
  CHECK_FALSE(native_hits(segment(0x10000, 0x10000, 0), 0x10000));
  CHECK_FALSE(native_hits(segment(0x14000, 0x10000, 0), 0x12000));
  CHECK_FALSE(native_hits(segment(0x14000, 0x10000, 0), 0x14000));
  CHECK(Segment{0, 0, 5 << 12, 7}.empty());
  CHECK(Segment{kTop, 0, 0, 7}.empty());
}

TEST_CASE("segment: the output is the address plus OFFSET, page offset kept", "[segment]") {
  const Segment s = segment(0x10000, 0x14000, 0x80000);
  const Translation t = translation(native_read(native_with(s), 0x11abc));
  CHECK(t.hpa.value == 0x81abc);
  CHECK(t == Translation{HostPhys{0x81abc}, PageSize::k4K, 0, 6, false});
}

TEST_CASE("segment: a negative OFFSET subtracts", "[segment]") {
  Segment s = segment(0x7f0000000000, 0x7f0000010000, 0x1000);
  CHECK(s.offset > (std::uint64_t{1} << 63));
  CHECK(translation(native_read(native_with(s), 0x7f0000000008)).hpa.value == 0x1008);
}

TEST_CASE("segment: a high-half gVA maps to low memory", "[segment]") {
  const Segment s = segment(0xffffffff80000000, 0xffffffffc0000000, 0x100000);
  CHECK(translation(native_read(native_with(s), 0xffffffff80000010)).hpa.value == 0x100010);
  CHECK(translation(native_read(native_with(s), 0xffffffffbfffffff)).hpa.value == 0x400fffff);
  CHECK_FALSE(native_hits(s, 0x80000000));
}

TEST_CASE("segment: the very last page of the 64-bit space is in no guest segment", "[segment]") {
  const Segment s = segment(0xffffffff80000000, kTop, 0x100000);
  CHECK(native_hits(s, kTop - 1));
  CHECK_FALSE(native_hits(s, kTop));
}

TEST_CASE("segment: the last page of the guest-physical space is in a VMM segment whose LIMIT is 2^52", "[segment]") {
  SegmentWorld world;
  const std::uint64_t top = bit(52);
  world.regs.maxphyaddr = 52;
  world.map();
  world.regs.vseg[0] = segment(top - 0x1000, top, 0x7000, seg::kVmmMask);
  world.regs.gseg = segment(0x10000, 0x11000, top - 0x1000);
  CHECK(translation(world.user(Op::Read, GuestVirt{0x10123})).hpa.value == 0x7123);
}

TEST_CASE("segment: the canonical check comes first", "[segment]") {
  const Segment s = segment(0x1000, 0xffff000000000000, 0x1000);
  CHECK(fault(native_read(native_with(s), 0x800000000000)).kind == FaultKind::NonCanonical);
  ContextRegs regs = native_with(s, 52);
  regs.la57 = true;
  CHECK(succeeds(native_read(regs, 0x800000000000)));
}

TEST_CASE("segment: an output with a bit at or above MAXPHYADDR is a segment fault with the gVA, never an address",
          "[segment]") {
  const std::uint64_t edge = bit(36);
  const Segment s = segment(0x10000, 0x20000, edge - 0x8000);
  CHECK(translation(native_read(native_with(s, 36), 0x17fff)).hpa.value == edge - 1);
  CHECK(answer(native_read(native_with(s, 36), 0x18123)) == segment_fault(0, 0x18123));
  CHECK(translation(native_read(native_with(s, 37), 0x18123)).hpa.value == edge + 0x123);
  // Downward, the sum goes below zero and all its upper bits are set.
  const Segment down = segment(0x10000, 0x20000, 0 - std::uint64_t{0x20000});
  CHECK(answer(native_read(native_with(down, 52), 0x10008)) == segment_fault(0, 0x10008));
}

TEST_CASE("segment: a VMM output beyond MAXPHYADDR is a segment fault with the gPA", "[segment]") {
  SegmentWorld world;
  world.map();
  world.regs.maxphyaddr = 36;
  world.regs.vseg[0] = segment(kFrame.value, kFrame.value + 0x2000, bit(36) - 0x1000, seg::kVmmMask);
  CHECK(translation(world.user(Op::Read, {kPage.value + 8})).hpa.value == bit(36) - 0x1000 + 8);
  world.regs.vseg[0].offset += 0x1000;
  CHECK(answer(world.user(Op::Read, {kPage.value + 8})) == segment_fault(1, kFrame.value + 8));
}

TEST_CASE("segment: overflow is judged before permissions, at both levels", "[segment]") {
  Segment s = segment(0x10000, 0x20000, bit(36), 0);
  CHECK(answer(native_read(native_with(s, 36), 0x10000)) == segment_fault(0, 0x10000));
  SegmentWorld world;
  world.map();
  world.regs.maxphyaddr = 36;
  world.regs.vseg[0] = segment(kFrame.value, kFrame.value + 0x1000, bit(36), 0);
  CHECK(answer(world.user(Op::Read)) == segment_fault(1, kFrame.value));
}

TEST_CASE("segment: a guest segment leads to a gPA that nested paging translates", "[segment]") {
  SegmentWorld world;
  world.map();  // EPT leaves for the frame
  world.regs.gseg = guest_segment();
  CHECK(translation(world.user(Op::Read, {kPage.value + 0x123})).hpa.value == kHostOffset + kFrame.value + 0x123);
  CHECK(world.trace.reads() == 4);
  for (const Step& step : world.trace.of(Step::What::Read)) CHECK(step.table == Table::Nested);
}

TEST_CASE("segment: a guest segment has no flags to set and no entry to read", "[segment]") {
  SegmentWorld world(nested_with_flags());
  world.map();
  world.regs.gseg = guest_segment();
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.swaps() == 4);  // nested accessed flags, and dirty of the leaf
  for (const Step& step : world.trace.of(Step::What::Swap)) CHECK(step.table == Table::Nested);
}

TEST_CASE("segment: a gPA outside all VMM segments with VSEG_MISS is a violation exit with that gPA", "[segment]") {
  World world(native());
  world.map();
  SegmentWorld compromised(native());
  compromised.map();
  compromised.regs = compromis(world);
  compromised.regs.vseg[0] = segment(0, kFrame.value, 0, seg::kVmmMask);
  const GuestPhys root = compromised.guest_entry_gpa(4);
  CHECK(answer(compromised.user(Op::Read)) == Answer{FaultKind::VsegExit, qual::Read | qual::Linear, root.value});
  compromised.regs.vseg[1] =
      segment(root.value & ~std::uint64_t{0xfff}, bit(40), root.value & ~std::uint64_t{0xfff}, seg::kVmmMask);
  CHECK(answer(compromised.user(Op::Write, {kPage.value + 4})) ==
        Answer{FaultKind::VsegExit, qual::Write | qual::Linear | qual::Final, kFrame.value + 4});
  CHECK(answer(compromised.user(Op::Fetch)) ==
        Answer{FaultKind::VsegExit, qual::Fetch | qual::Linear | qual::Final, kFrame.value});
}

TEST_CASE("segment: adjoining ranges from 0 tile the guest, and a miss makes no nested reference", "[segment]") {
  World plain(native());
  plain.map();
  SegmentWorld world(native());
  world.map();
  world.regs = compromis(plain);
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) {
    const std::uint64_t base = n * std::uint64_t{0x80000};
    world.regs.vseg[n] = segment(base, base + 0x80000, base, seg::kVmmMask);
  }
  CHECK(translation(world.user(Op::Read)).hpa.value == kFrame.value);
  CHECK(world.trace.reads() == 4);
  CHECK(world.trace.checks[1] == 5);
}

TEST_CASE("segment: a huge gPA whose sum would wrap below the limit is outside all the same", "[segment]") {
  // Compromis adds first and compares the sum: 0xfffffff000000 + 0x1000000 would be page 0 of the segment.
  const std::uint64_t huge = bit(52) - 0x1000000;
  World plain(native());
  plain.map();
  SegmentWorld world(native());
  world.regs = compromis(plain);
  world.regs.maxphyaddr = 52;
  world.regs.gseg = segment(0x10000, 0x20000, huge);
  world.regs.vseg[0] = segment(0, 0x80000000, 0x1000000, seg::kVmmMask);
  CHECK(answer(world.user(Op::Read, GuestVirt{0x10008})) ==
        Answer{FaultKind::VsegExit, qual::Read | qual::Linear | qual::Final, huge + 8});
}

TEST_CASE("segment: VSEG_MISS = 1 never consults EPT", "[segment]") {
  SegmentWorld world;
  world.map();
  world.regs.vseg_miss = true;
  const Result result = world.user(Op::Read);
  CHECK(fault(result).kind == FaultKind::VsegExit);
  CHECK(world.trace.reads() == 0);
}

TEST_CASE("segment: VSEG_MISS without virtualization has no effect", "[segment]") {
  SegmentWorld world(native());
  world.map();
  world.regs.vseg_miss = true;
  CHECK(translation(world.user(Op::Read)).hpa.value == kFrame.value);
}

TEST_CASE("segment: a gPA at or above 2^48 is translated inside a VMM segment and a violation outside", "[segment]") {
  SegmentWorld world;
  world.map();
  world.regs.maxphyaddr = 52;
  const std::uint64_t wide = bit(50);
  world.regs.gseg = segment(0x10000, 0x12000, wide);
  CHECK(answer(world.user(Op::Read, GuestVirt{0x10000})) ==
        violation(qual::Read | qual::Linear | qual::Final, GuestPhys{wide}));
  CHECK(world.trace.reads() == 0);
  world.regs.vseg[0] = segment(wide, wide + 0x1000, 0x9000, seg::kVmmMask);
  CHECK(translation(world.user(Op::Read, GuestVirt{0x10000})).hpa.value == 0x9000);
  CHECK(fault(world.user(Op::Read, GuestVirt{0x11000})).kind == FaultKind::EptViolation);
}

TEST_CASE("segment: a VMM segment gives write-back memory without ignore-PAT, and no PML record", "[segment]") {
  SegmentWorld world(nested_with_flags());
  EptAttr uncached;
  uncached.memory_type = 0;
  uncached.ignore_pat = true;
  world.emap(kFrame, {kHostOffset + kFrame.value}, PageSize::k4K, uncached);
  world.map();
  world.regs.pml_en = true;
  world.regs.pml_addr = 0x7000;
  CHECK(translation(world.user(Op::Write)).emt == 0);
  const std::size_t records = world.trace.count(Step::What::Record);
  world.regs.vseg[0] = vmm_segment();
  SegmentWorld fresh(nested_with_flags());
  fresh.map();
  fresh.regs = world.regs;
  const Translation t = translation(fresh.user(Op::Write));
  CHECK(t.emt == 6);
  CHECK_FALSE(t.ipat);
  CHECK(records > 0);
  CHECK(fresh.trace.count(Step::What::Record) == 0);
}

TEST_CASE("segment: contexts have their own segments", "[segment]") {
  SparseMem memory;
  Mmu mmu({}, memory);
  REQUIRE(mmu.commit(0, native_with(segment(0x10000, 0x11000, 0x5000))) == Reject::None);
  REQUIRE(mmu.commit(1, native_with(segment(0x10000, 0x11000, 0x6000))) == Reject::None);
  CHECK(translation(mmu.access({GuestVirt{0x10000}, Op::Read, true, false, false, 0})).hpa.value == 0x5000);
  CHECK(translation(mmu.access({GuestVirt{0x10000}, Op::Read, true, false, false, 1})).hpa.value == 0x6000);
}

TEST_CASE("segment: a peek counts the same checks and changes nothing", "[segment]") {
  SegmentWorld world(nested_with_flags());
  world.map();
  world.regs.vseg[0] = segment(kFrame.value, kFrame.value + 0x1000, 0x9000, seg::kVmmMask);
  REQUIRE(world.mmu.commit(0, world.regs) == Reject::None);
  SegmentTrace peeked;
  const Mmu::Peek peek = world.mmu.peek({kPage, Op::Read, true, false, false, 0}, &peeked);
  CHECK(peek.wants_write);
  const Result result = world.user(Op::Read);
  CHECK(result == peek.result);
  CHECK(world.trace.swaps() == peeked.swaps());
  CHECK(world.trace.all_checks() == peeked.all_checks());
}

}  // namespace vmmu::test
