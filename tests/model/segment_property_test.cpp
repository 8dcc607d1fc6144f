// Properties of segments that hold for every register set: against paging, and against the definition.
// A run prints its seed when it fails; RC_PARAMS="seed=N" gives it back.
#include <rapidcheck.h>

#include "segment_world.hpp"

namespace vmmu::test {
namespace {

void require_property(bool passed) { REQUIRE(passed); }

std::uint64_t pages(std::uint64_t most) { return *rc::gen::inRange<std::uint64_t>(0, most) << 12; }
bool coin() { return *rc::gen::arbitrary<bool>(); }

Segment random_segment(std::uint64_t span, std::uint8_t mask) {
  Segment s;
  s.base = pages(span);
  s.limit = pages(span);
  s.offset = coin() ? pages(1u << 20) : 0 - pages(1u << 8);
  s.attr = static_cast<std::uint8_t>(*rc::gen::inRange(0, 16) & mask);
  return s;
}

Access random_access(std::uint64_t span) {
  const Op op = *rc::gen::element(Op::Read, Op::Write, Op::Fetch);
  const std::uint64_t gva = pages(span) | *rc::gen::inRange<std::uint64_t>(0, 4096);
  return {GuestVirt{gva}, op, coin(), coin(), coin(), 0};
}

}  // namespace

TEST_CASE("segment property: overlap is a page that both hold", "[segment][property]") {
  require_property(rc::check([] {
    const Segment a = random_segment(16, 7);
    const Segment b = random_segment(16, 7);
    bool shared = false;
    for (std::uint64_t page = 0; page < (16u << 12); page += 4096) shared |= a.contains(page) && b.contains(page);
    RC_ASSERT(a.overlaps(b) == shared);
    RC_ASSERT(b.overlaps(a) == shared);
  }));
}

TEST_CASE("segment property: outputs wrap exactly when they do not rise from page to page", "[segment][property]") {
  require_property(rc::check([] {
    Segment s = random_segment(64, 7);
    s.offset -= pages(64);
    bool falls = false;
    for (std::uint64_t page = s.base; page + 4096 < s.limit; page += 4096) {
      falls |= s.output(page + 4096) < s.output(page);
    }
    RC_ASSERT(s.wraps() == falls);
  }));
}

TEST_CASE("segment property: a native direct segment answers as tables that map it page by page",
          "[segment][property]") {
  require_property(rc::check([] {
    constexpr std::uint64_t kSpan = 8;
    Segment s = random_segment(kSpan, seg::kGuestMask);
    s.attr |= seg::R;
    s.offset = pages(1u << 20);
    SegmentWorld paged(native());
    SegmentWorld direct(native());
    GuestAttr attr;
    attr.writable = (s.attr & seg::W) != 0;
    attr.user = (s.attr & seg::U) != 0;
    attr.no_execute = (s.attr & seg::X) == 0;
    for (std::uint64_t page = s.base; page < s.limit; page += 4096) {
      paged.map(GuestVirt{page}, GuestPhys{s.output(page)}, PageSize::k4K, attr);
    }
    paged.regs.smep = coin();
    paged.regs.smap = coin();
    paged.regs.wp = coin();
    direct.regs = paged.regs;
    direct.regs.cr3 = 0x7f000000;  // no tables at all
    direct.regs.gseg = s;
    for (unsigned i = 0; i < 8; ++i) {
      const Access access = random_access(kSpan);
      RC_ASSERT(direct.run(access) == paged.run(access));
    }
  }));
}

TEST_CASE("segment property: no answer lies outside the images of the VMM segments when misses exit",
          "[segment][property]") {
  require_property(rc::check([] {
    constexpr std::uint64_t kSpan = 64;
    SegmentWorld world(native());
    world.regs.virt = world.regs.vseg_miss = true;
    world.regs.maxphyaddr = 40;
    world.regs.gseg = random_segment(kSpan, seg::kGuestMask);
    for (Segment& s : world.regs.vseg) s = random_segment(kSpan, seg::kVmmMask);
    for (unsigned i = 0; i < 4; ++i) world.regs.vfilter.insert(pages(kSpan));
    RC_PRE(world.mmu.commit(0, world.regs) == Reject::None);
    for (unsigned i = 0; i < 16; ++i) {
      const Access access = random_access(kSpan);
      const Result result = world.mmu.access(access);
      if (!succeeds(result)) continue;
      const std::uint64_t hpa = std::get<Translation>(result).hpa.value;
      const std::uint64_t gpa = world.regs.gseg.output(access.gva.value);
      bool explained = false;
      for (const Segment& s : world.regs.vseg) explained |= s.contains(gpa) && s.output(gpa) == hpa;
      RC_ASSERT(explained);
      RC_ASSERT(!world.regs.vfilter.hits(gpa));
      RC_ASSERT(hpa < bit(40));
    }
  }));
}

TEST_CASE("segment property: every address of an answer's page has the answer's frame", "[segment][property]") {
  require_property(rc::check([] {
    SegmentWorld world(nested(PageSize::k2M));
    constexpr std::uint64_t kBase = std::uint64_t{1} << 30;
    world.map(GuestVirt{kBase}, GuestPhys{kBase}, PageSize::k2M);
    world.map(GuestVirt{kBase + (1u << 21)}, GuestPhys{kBase + (1u << 21)}, PageSize::k2M);
    const auto near = [&] { return kBase + *rc::gen::inRange<std::uint64_t>(0, 1024) * 4096; };
    world.regs.seg_promote = coin();
    world.regs.gseg = {near(), near(), coin() ? 0 : page_bytes(PageSize::k2M), kAllRights};
    world.regs.vseg[0] = {near(), near(), kHostOffset + (coin() ? 0x1000 : 0), seg::kVmmMask};
    if (coin()) world.regs.gfilter.insert(near());
    if (coin()) world.regs.vfilter.insert(near());
    const std::uint64_t gva = near();
    const Result first = world.user(Op::Read, GuestVirt{gva});
    if (!succeeds(first)) return;
    const Translation t = std::get<Translation>(first);
    const std::uint64_t offset = page_bytes(t.size) - 1;
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint64_t other = (gva & ~offset) | (*rc::gen::arbitrary<std::uint64_t>() & offset);
      const Result again = world.user(Op::Read, GuestVirt{other});
      RC_ASSERT(succeeds(again));
      RC_ASSERT(std::get<Translation>(again).hpa.value == ((t.hpa.value & ~offset) | (other & offset)));
    }
  }));
}

}  // namespace vmmu::test
