// Architecture 5: the escape filter and its hash.
#include <rapidcheck.h>

#include <algorithm>

#include "segment_world.hpp"

namespace vmmu::test {
namespace {

// splitmix64 as its authors write it: a state that moves on with each output.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Bank by bank and bit by bit, straight from the definition.
bool hits_by_definition(const EscapeFilter& filter, std::uint64_t address) {
  const std::uint64_t key = (address >> 12) & bit_range(44, 0);
  std::uint64_t state = 0x766d6d75;
  bool all = true;
  for (unsigned bank = 0; bank < 4; ++bank) {
    unsigned index = 0;
    for (unsigned k = 0; k < 6; ++k) {
      std::uint64_t common = key & next(state) & bit_range(44, 0);
      unsigned parity = 0;
      for (; common != 0; common &= common - 1) parity ^= 1;
      index |= parity << k;
    }
    all = all && ((filter.lanes[bank] >> index) & 1) != 0;
  }
  return all;
}

EscapeFilter filter_of(const std::vector<std::uint64_t>& pages) {
  EscapeFilter filter;
  for (const std::uint64_t page : pages) filter.insert(page);
  return filter;
}

void require_property(bool passed) { REQUIRE(passed); }

}  // namespace

TEST_CASE("filter: the first rows are the outputs of splitmix64", "[filter]") {
  std::uint64_t state = 0x766d6d75;
  for (unsigned bank = 0; bank < 4; ++bank) {
    for (unsigned k = 0; k < 6; ++k) CHECK(filter_row(bank, k) == (next(state) & bit_range(44, 0)));
  }
}

TEST_CASE("filter: hits are those of the definition, for any filter and address", "[filter]") {
  require_property(rc::check([] {
    EscapeFilter filter;
    for (std::uint64_t& lane : filter.lanes) {
      lane = *rc::gen::arbitrary<std::uint64_t>() | *rc::gen::arbitrary<std::uint64_t>();
    }
    for (unsigned i = 0; i < 64; ++i) {
      const std::uint64_t address = *rc::gen::arbitrary<std::uint64_t>() << *rc::gen::inRange(0, 50);
      RC_ASSERT(filter.hits(address) == hits_by_definition(filter, address));
    }
  }));
}

TEST_CASE("filter: every page that was inserted is hit, by any of its addresses", "[filter]") {
  require_property(rc::check([](const std::vector<std::uint64_t>& pages) {
    const EscapeFilter filter = filter_of(pages);
    for (const std::uint64_t page : pages) {
      RC_ASSERT(filter.hits(page));
      RC_ASSERT(filter.hits(page | 0xfff));
      RC_ASSERT(filter.hits(page & ~std::uint64_t{0xfff}));
    }
  }));
}

TEST_CASE("filter: an empty one hits nothing, a full one everything", "[filter]") {
  EscapeFilter filter;
  CHECK(filter.empty());
  CHECK_FALSE(filter.hits(0));
  CHECK(filter.pages_hit(0, bit(24)).empty());
  filter.lanes.fill(~std::uint64_t{0});
  CHECK(filter.hits(0x123456789abc));
  CHECK(filter.pages_hit(0x1000, 0x5000) == std::vector<std::uint64_t>{0x1000, 0x2000, 0x3000, 0x4000});
}

TEST_CASE("filter: page 0 and the top page can be inserted, and are told apart", "[filter]") {
  const EscapeFilter zero = filter_of({0});
  CHECK(zero.hits(0xfff));
  CHECK(zero.lanes == std::array<std::uint64_t, 4>{1, 1, 1, 1});  // the hash of key 0 is 0
  const std::uint64_t top = ~std::uint64_t{0} - 0xfff;
  CHECK_FALSE(zero.hits(top));
  const EscapeFilter high = filter_of({top});
  CHECK(high.hits(top));
  CHECK(high.hits(~std::uint64_t{0}));
  CHECK_FALSE(high.hits(0));
}

TEST_CASE("filter: each set bit counts in its own bank only", "[filter]") {
  const std::uint64_t page = 0x12345000;
  const EscapeFilter filter = filter_of({page});
  const auto positions = filter_positions(page);
  for (unsigned bank = 0; bank < 4; ++bank) {
    CHECK(filter.lanes[bank] == bit(positions[bank]));
    EscapeFilter missing = filter;
    missing.lanes[bank] = 0;
    CHECK_FALSE(missing.hits(page));
  }
}

TEST_CASE("filter: all pages of a range that it hits are listed, false positives too", "[filter]") {
  EscapeFilter filter;
  for (unsigned i = 0; i < 24; ++i) filter.insert(0x40000000 + std::uint64_t{i} * 0x1357000);
  const std::uint64_t base = 0x40000000;
  const std::uint64_t limit = base + (std::uint64_t{1} << 32);  // 2^20 pages
  const std::vector<std::uint64_t> pages = filter.pages_hit(base, limit);
  CHECK(std::is_sorted(pages.begin(), pages.end()));
  CHECK(pages.size() > 24);
  std::size_t expected = 0;
  for (std::uint64_t page = base; page < limit; page += 4096) expected += hits_by_definition(filter, page) ? 1 : 0;
  CHECK(pages.size() == expected);
  for (const std::uint64_t page : pages) CHECK(filter.hits(page));
}

TEST_CASE("filter: a list ends at LIMIT and begins at the page of BASE", "[filter]") {
  EscapeFilter filter;
  filter.lanes.fill(~std::uint64_t{0});
  CHECK(filter.pages_hit(0x1234, 0x2001) == std::vector<std::uint64_t>{0x1000, 0x2000});
  CHECK(filter.pages_hit(0x2000, 0x2000).empty());
  CHECK(filter.pages_hit(0x3000, 0x2000).empty());
  CHECK(filter.pages_hit(0xfe000, 0x102000).size() == 4);  // over the end of a run of 256
  const std::uint64_t top = ~std::uint64_t{0} - 0xfff;
  CHECK(filter.pages_hit(top - 0x1000, top) == std::vector<std::uint64_t>{top - 0x1000});
}

TEST_CASE("filter: an escaped page of the guest segment is walked, its neighbours are not", "[filter]") {
  SegmentWorld world(native());
  world.map(kPage, GuestPhys{0x99000});
  world.regs.gseg = guest_segment();
  world.regs.gfilter.insert(kPage.value + 0x800);
  CHECK(translation(world.user(Op::Read, {kPage.value + 8})).hpa.value == 0x99008);
  CHECK(translation(world.user(Op::Read, {kPage.value + 0x1000})).hpa.value == kFrame.value + 0x1000);
}

TEST_CASE("filter: page 0 and the page below LIMIT can be escaped", "[filter]") {
  SegmentWorld world(native());
  world.map(GuestVirt{0}, GuestPhys{0x99000});
  world.map(GuestVirt{0x7000}, GuestPhys{0x9a000});
  world.regs.gseg = segment(0, 0x8000, 0x40000);
  world.regs.gfilter = filter_of({0, 0x7000});
  CHECK(translation(world.user(Op::Read, GuestVirt{0x8})).hpa.value == 0x99008);
  CHECK(translation(world.user(Op::Read, GuestVirt{0x7fff})).hpa.value == 0x9afff);
  CHECK(translation(world.user(Op::Read, GuestVirt{0x1000})).hpa.value == 0x41000);
}

TEST_CASE("filter: a page outside the segment is no filter hit, even if it was inserted", "[filter]") {
  SegmentWorld world(native());
  world.map();
  world.regs.gseg = segment(0x1000, 0x2000, 0x1000);
  world.regs.gfilter.insert(kPage.value);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.checks[0] == 1);
  CHECK(world.trace.hits[0] == 0);
}

TEST_CASE("filter: bits of the gVA above 56 are no part of the key", "[filter]") {
  const std::uint64_t high = 0xffffffff80000000;
  CHECK(filter_of({high}).hits(high & bit_range(56, 0)));
  CHECK_FALSE(filter_of({high}).hits(high & bit_range(55, 0)));
}

TEST_CASE("filter: an escaped gPA goes to EPT, or exits with VSEG_MISS", "[filter]") {
  SegmentWorld world;
  world.emap(kFrame, HostPhys{0x77000});
  world.map();
  world.regs.vseg[0] = vmm_segment();
  world.regs.vfilter.insert(kFrame.value);
  CHECK(translation(world.user(Op::Read)).hpa.value == 0x77000);
  world.regs.vseg_miss = true;
  CHECK(answer(world.user(Op::Read)) ==
        Answer{FaultKind::VsegExit, qual::Read | qual::Linear | qual::Final, kFrame.value});
}

TEST_CASE("filter: one filter serves all VMM segments", "[filter]") {
  SegmentWorld world;
  world.emap(GuestPhys{0x9000}, HostPhys{0x77000});
  world.emap(GuestPhys{0x29000}, HostPhys{0x78000});
  world.regs.gseg = segment(0x1000, 0x100000, 0x1000);
  world.regs.vseg[0] = segment(0x1000, 0x10000, kHostOffset, seg::kVmmMask);
  world.regs.vseg[2] = segment(0x20000, 0x30000, kHostOffset, seg::kVmmMask);
  world.regs.vfilter = filter_of({0x9000, 0x29000});
  CHECK(translation(world.user(Op::Read, GuestVirt{0x9000})).hpa.value == 0x77000);
  CHECK(translation(world.user(Op::Read, GuestVirt{0x29000})).hpa.value == 0x78000);
  CHECK(translation(world.user(Op::Read, GuestVirt{0x2a000})).hpa.value == kHostOffset + 0xa000);
}

}  // namespace vmmu::test
