// Architecture 3: references and segment checks of every mode, exactly, wherever the tables lie.
#include "segment_world.hpp"

namespace vmmu::test {
namespace {

constexpr GuestVirt kLarge{0x7f8000000000};
constexpr GuestPhys kLargeFrame{std::uint64_t{2} << 30};

struct Counts {
  std::size_t references = 0;
  unsigned checks = 0;
  unsigned filter_hits = 0;
  bool operator==(const Counts&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& c) {
  return out << c.references << " references, " << c.checks << " checks, " << c.filter_hits << " filter hits";
}

Counts counts(const SegmentWorld& world) {
  return {world.trace.reads(), world.trace.all_checks(), world.trace.hits[0] + world.trace.hits[1]};
}

// The gPAs that a walk forms: of each table, from the root down, then the final one.
std::vector<std::uint64_t> walk_pages(const SegmentWorld& world, GuestVirt gva, GuestPhys frame, PageSize page) {
  std::vector<std::uint64_t> pages;
  for (unsigned level = 4; level > static_cast<unsigned>(page); --level) {
    pages.push_back(world.guest_entry_gpa(level, gva).value & ~std::uint64_t{0xfff});
  }
  pages.push_back(frame.value);
  return pages;
}

// One segment for each run of neighbouring pages that `subset` names.
void cover(ContextRegs& regs, const std::vector<std::uint64_t>& pages, unsigned subset) {
  unsigned used = 0;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (((subset >> i) & 1) == 0) continue;
    const bool joins = used != 0 && regs.vseg[used - 1].limit == pages[i];
    if (joins) {
      regs.vseg[used - 1].limit += 0x1000;
    } else {
      REQUIRE(used < kMaxVmmSegments);
      regs.vseg[used++] = segment(pages[i], pages[i] + 0x1000, pages[i] + kHostOffset, seg::kVmmMask);
    }
  }
}

unsigned bits_clear(unsigned subset, std::size_t of) {
  unsigned clear = 0;
  for (std::size_t i = 0; i < of; ++i) clear += ((subset >> i) & 1) == 0 ? 1 : 0;
  return clear;
}

}  // namespace

TEST_CASE("modes: native makes 4 references and no check", "[modes]") {
  SegmentWorld world(native());
  world.map();
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{4, 0, 0});
}

TEST_CASE("modes: a native direct segment makes 0 references inside and 4 outside, with 1 check", "[modes]") {
  SegmentWorld world(native());
  world.map();
  world.map(GuestVirt{0x1000}, GuestPhys{0x9000});
  world.regs.gseg = guest_segment();
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{0, 1, 0});
  CHECK(succeeds(world.user(Op::Read, GuestVirt{0x1000})));
  CHECK(counts(world) == Counts{4, 1, 0});
  world.regs.gfilter.insert(kPage.value);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{4, 1, 1});
}

TEST_CASE("modes: base virtualized makes 24 references and no check", "[modes]") {
  SegmentWorld world;
  world.map();
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{24, 0, 0});
}

TEST_CASE("modes: VMM Direct makes 4 + 4k references and 5 checks, whichever k of the 5 gPAs are outside", "[modes]") {
  for (unsigned subset = 1; subset < 32; ++subset) {
    SegmentWorld world;
    world.map();
    cover(world.regs, walk_pages(world, kPage, kFrame, PageSize::k4K), subset);
    INFO("inside, from the root: " << subset);
    CHECK(translation(world.user(Op::Read)).hpa.value == kHostOffset + kFrame.value);
    CHECK(counts(world) == Counts{4 + 4 * bits_clear(subset, 5), 5, 0});
  }
}

TEST_CASE("modes: VMM Direct makes 4 + 4k references and 5 checks, whichever k of the 5 gPAs are escaped", "[modes]") {
  for (unsigned subset = 0; subset < 32; ++subset) {
    SegmentWorld world;
    world.map();
    world.regs.vseg[0] = vmm_segment();
    const std::vector<std::uint64_t> pages = walk_pages(world, kPage, kFrame, PageSize::k4K);
    for (std::size_t i = 0; i < pages.size(); ++i) {
      if ((subset >> i) & 1) world.regs.vfilter.insert(pages[i]);
    }
    unsigned escaped = 0;  // false positives too
    for (const std::uint64_t page : pages) escaped += world.regs.vfilter.hits(page) ? 1 : 0;
    INFO("escaped, from the root: " << subset);
    CHECK(translation(world.user(Op::Read)).hpa.value == kHostOffset + kFrame.value);
    CHECK(counts(world) == Counts{4 + 4 * escaped, 5, escaped});
  }
}

TEST_CASE("modes: VMM Direct with large guest and nested pages makes g + k * h references and g + 1 checks",
          "[modes]") {
  for (const PageSize guest : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
    for (const PageSize host : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
      const unsigned g = 4 - static_cast<unsigned>(guest);
      const unsigned h = 4 - static_cast<unsigned>(host);
      for (unsigned subset = 1; subset < (2u << g); ++subset) {
        SegmentWorld world(nested(host));
        world.map(kLarge, kLargeFrame, guest);
        cover(world.regs, walk_pages(world, kLarge, kLargeFrame, guest), subset);
        INFO("guest page " << page_bytes(guest) << ", nested page " << page_bytes(host) << ", inside " << subset);
        CHECK(translation(world.user(Op::Read, kLarge)).hpa.value == kHostOffset + kLargeFrame.value);
        CHECK(counts(world) == Counts{g + h * bits_clear(subset, g + 1), g + 1, 0});
      }
    }
  }
}

TEST_CASE("modes: a five-level guest in VMM Direct makes 5 references and 6 checks", "[modes]") {
  SegmentWorld world(nested(PageSize::k4K, 5));
  world.map();
  world.regs.vseg[0] = vmm_segment();
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{5, 6, 0});
}

TEST_CASE("modes: Guest Direct makes h references inside and 24 outside, with 1 check", "[modes]") {
  for (const PageSize host : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
    SegmentWorld world(nested(host));
    world.map();
    world.regs.gseg = guest_segment();
    CHECK(succeeds(world.user(Op::Read)));
    CHECK(counts(world) == Counts{4 - static_cast<std::size_t>(host), 1, 0});
  }
  SegmentWorld world;
  world.map();
  world.regs.gseg = guest_segment();
  world.regs.gfilter.insert(kPage.value);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{24, 1, 1});
}

TEST_CASE("modes: Dual Direct makes no reference and 2 checks", "[modes]") {
  SegmentWorld world;
  world.regs.gseg = guest_segment();
  world.regs.vseg[0] = vmm_segment();
  CHECK(translation(world.user(Op::Write)).hpa.value == kHostOffset + kFrame.value);
  CHECK(counts(world) == Counts{0, 2, 0});
}

TEST_CASE("modes: Dual Direct falls back to Guest Direct or VMM Direct when one level misses", "[modes]") {
  SegmentWorld world;
  world.map();
  world.regs.gseg = guest_segment();
  world.regs.vseg[0] = vmm_segment();
  world.regs.vfilter.insert(kFrame.value);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{4, 2, 1});  // the check of the final address is not repeated

  world.regs.vfilter = {};
  world.regs.gfilter.insert(kPage.value);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{4, 6, 1});
}

TEST_CASE("modes: DS-n makes 4 references and 5 checks with one segment or several", "[modes]") {
  for (unsigned n = 1; n <= kMaxVmmSegments; ++n) {
    SegmentWorld world(native());
    world.map();
    world.regs.virt = world.regs.vseg_miss = true;
    for (unsigned i = 0; i < n; ++i) {
      const std::uint64_t size = bit(32) / n & ~std::uint64_t{0xfff};
      world.regs.vseg[i] = segment(i * size, (i + 1) * size, i * size, seg::kVmmMask);
    }
    CHECK(succeeds(world.user(Op::Read)));
    CHECK(counts(world) == Counts{4, 5, 0});
  }
}

TEST_CASE("modes: shadow paging makes 4 references and no check", "[modes]") {
  SegmentWorld world(native());
  world.map();
  world.regs.virt = world.regs.shadow = true;
  world.mmu.set_shadow_row(0, 0, {world.regs.cr3, world.regs.cr3, 0, true});
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{4, 0, 0});
}

TEST_CASE("modes: virtualized with none of the rest is the native walk", "[modes]") {
  SegmentWorld world(native());
  world.map();
  world.regs.virt = true;
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{4, 0, 0});
  world.regs.gseg = guest_segment();
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(counts(world) == Counts{0, 1, 0});
}

TEST_CASE("modes: no check is made for a non-canonical address", "[modes]") {
  SegmentWorld world;
  world.regs.gseg = guest_segment();
  world.regs.vseg[0] = vmm_segment();
  CHECK(fault(world.user(Op::Read, GuestVirt{bit(60)})).kind == FaultKind::NonCanonical);
  CHECK(counts(world) == Counts{0, 0, 0});
}

TEST_CASE("modes: a fault of the guest segment forms no gPA, so the VMM segments are not checked", "[modes]") {
  SegmentWorld world;
  world.regs.gseg = guest_segment(seg::R);
  world.regs.vseg[0] = vmm_segment();
  CHECK(fault(world.user(Op::Read)).kind == FaultKind::PageFault);
  CHECK(counts(world) == Counts{0, 1, 0});
}

TEST_CASE("modes: a restarted walk repeats the VMM checks and not the guest's", "[modes]") {
  SegmentWorld world;
  world.map();
  world.regs.gseg = segment(0x1000, 0x2000, 0x1000);
  world.regs.vseg[0] = vmm_segment();
  // Another writer moves the page while the accessed flag of its leaf is being set.
  const HostPhys leaf = world.guest_entry(1);
  const std::uint64_t elsewhere = (world.mem.peek(leaf) & ~kFrameMask) | 0x9000;
  world.mem.race(leaf, elsewhere);
  CHECK(translation(world.user(Op::Read)).hpa.value == kHostOffset + 0x9000);
  CHECK(world.trace.restarts() == 1);
  CHECK(world.trace.checks[0] == 1);
  CHECK(world.trace.checks[1] == 4 + 5);  // the first attempt got no final address
}

}  // namespace vmmu::test
