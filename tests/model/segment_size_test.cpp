// Architecture 7: the page size of an answer in and beside segments.
#include "segment_world.hpp"

namespace vmmu::test {
namespace {

constexpr GuestVirt kLarge{0x7f8000000000};
constexpr GuestPhys kLargeFrame{std::uint64_t{2} << 30};
constexpr std::uint64_t kMega2 = page_bytes(PageSize::k2M);
constexpr std::uint64_t kGiga = page_bytes(PageSize::k1G);

PageSize size_of(const Result& result) { return translation(result).size; }

}  // namespace

TEST_CASE("segment size: an answer of a segment is 4 KiB without promotion", "[segment][size]") {
  SegmentWorld world(native());
  world.regs.gseg = segment(kLarge.value, kLarge.value + 4 * kGiga, kLargeFrame.value);
  CHECK(size_of(world.user(Op::Read, kLarge)) == PageSize::k4K);
}

TEST_CASE("segment size: SEG_PROMOTE gives the largest page that lies inside and is as aligned as its output",
          "[segment][size]") {
  SegmentWorld world(native());
  world.regs.seg_promote = true;
  const auto at = [&](std::uint64_t base, std::uint64_t limit, std::uint64_t offset, std::uint64_t gva) {
    world.regs.gseg = {base, limit, offset, kAllRights};
    return size_of(world.user(Op::Read, GuestVirt{gva}));
  };
  CHECK(at(0, 4 * kGiga, kGiga, kGiga + 0x123000) == PageSize::k1G);
  CHECK(at(0, 4 * kGiga, kMega2, kGiga + 0x123000) == PageSize::k2M);
  CHECK(at(0, 4 * kGiga, 0x1000, kGiga + 0x123000) == PageSize::k4K);
  CHECK(at(0, 4 * kGiga - 0x1000, 0, 4 * kGiga - 0x2000) == PageSize::k4K);
  CHECK(at(0, 4 * kGiga - kMega2, 0, 3 * kGiga) == PageSize::k2M);
  CHECK(at(kMega2, 4 * kGiga, 0, kMega2) == PageSize::k2M);
  CHECK(at(0x1000, 4 * kGiga, 0, 0x1000) == PageSize::k4K);
  CHECK(at(0, kMega2, 0, 0) == PageSize::k2M);
  CHECK(at(0, kGiga, 0, 0) == PageSize::k1G);
}

TEST_CASE("segment size: one escaped page anywhere takes promotion away", "[segment][size]") {
  SegmentWorld world(native());
  world.regs.seg_promote = true;
  world.regs.gseg = segment(0, 4 * kGiga, kGiga);
  world.regs.gfilter.lanes[2] = 1;  // not even a page
  CHECK(size_of(world.user(Op::Read, GuestVirt{kGiga})) == PageSize::k4K);
}

TEST_CASE("segment size: promotion takes the smaller of both levels", "[segment][size]") {
  SegmentWorld world;
  world.regs.seg_promote = true;
  world.regs.gseg = segment(0, 4 * kGiga, 0);
  world.regs.vseg[0] = segment(0, 4 * kGiga, kGiga, seg::kVmmMask);
  CHECK(size_of(world.user(Op::Read, GuestVirt{kGiga})) == PageSize::k1G);
  world.regs.vseg[0].offset += kMega2;
  CHECK(size_of(world.user(Op::Read, GuestVirt{kGiga})) == PageSize::k2M);
  world.regs.vfilter.insert(0);
  CHECK(size_of(world.user(Op::Read, GuestVirt{kGiga})) == PageSize::k4K);
  world.regs.vfilter = {};
  world.regs.gfilter.insert(0);
  CHECK(size_of(world.user(Op::Read, GuestVirt{kGiga})) == PageSize::k4K);
}

TEST_CASE("segment size: a guest leaf that straddles LIMIT is reduced until it meets no guest segment",
          "[segment][size]") {
  SegmentWorld world(native());
  world.map(kLarge, kLargeFrame, PageSize::k1G);
  // The first 2 MiB and 4 KiB of the page are in the segment.
  world.regs.gseg = segment(kLarge.value - kMega2, kLarge.value + kMega2 + 0x1000, 0x5000000);
  CHECK(size_of(world.user(Op::Read, {kLarge.value + 2 * kMega2})) == PageSize::k2M);
  const Translation beside = translation(world.user(Op::Read, {kLarge.value + kMega2 + 0x1000}));
  CHECK(beside.size == PageSize::k4K);
  CHECK(beside.hpa.value == kLargeFrame.value + kMega2 + 0x1000);
  CHECK(translation(world.user(Op::Read, kLarge)).hpa.value == 0x5000000 + kMega2);
}

TEST_CASE("segment size: an escaped page inside a large guest page is 4 KiB", "[segment][size]") {
  SegmentWorld world(native());
  world.map(kLarge, kLargeFrame, PageSize::k2M);
  world.regs.gseg = segment(kLarge.value, kLarge.value + kMega2, 0x5000000);
  world.regs.gfilter.insert(kLarge.value + 0x3000);
  const Translation t = translation(world.user(Op::Read, {kLarge.value + 0x3008}));
  CHECK(t.size == PageSize::k4K);
  CHECK(t.hpa.value == kLargeFrame.value + 0x3008);
}

TEST_CASE("segment size: an EPT leaf is reduced until the gPA's page meets no VMM segment", "[segment][size]") {
  SegmentWorld world(nested(PageSize::k1G));
  world.map(kLarge, kLargeFrame, PageSize::k1G);
  world.regs.vseg[1] = segment(kLargeFrame.value, kLargeFrame.value + 0x1000, 0x9000, seg::kVmmMask);
  CHECK(size_of(world.user(Op::Read, {kLarge.value + kMega2})) == PageSize::k2M);
  CHECK(size_of(world.user(Op::Read, {kLarge.value + 0x1000})) == PageSize::k4K);
  CHECK(size_of(world.user(Op::Read, kLarge)) == PageSize::k4K);
}

TEST_CASE("segment size: segments that only placed tables do not count", "[segment][size]") {
  SegmentWorld world(nested(PageSize::k2M));
  world.map(kLarge, kLargeFrame, PageSize::k2M);
  world.regs.vseg[0] = vmm_segment(0x10000000);  // the tables, not the frame
  CHECK(size_of(world.user(Op::Read, kLarge)) == PageSize::k2M);
  CHECK(world.trace.reads() == 3 + 3);
}

TEST_CASE("segment size: an empty segment reduces nothing", "[segment][size]") {
  SegmentWorld world(nested(PageSize::k1G));
  world.map(kLarge, kLargeFrame, PageSize::k1G);
  world.regs.gseg = {kLarge.value + kMega2, kLarge.value + kMega2, 0, kAllRights};
  world.regs.vseg[0] = {kLargeFrame.value + kMega2, kLargeFrame.value + 0x1000, 0, seg::kVmmMask};
  CHECK(size_of(world.user(Op::Read, kLarge)) == PageSize::k1G);
}

TEST_CASE("segment size: a guest leaf in a VMM segment is 4 KiB, promoted the smaller of leaf and segment",
          "[segment][size]") {
  SegmentWorld world;
  world.map(kLarge, kLargeFrame, PageSize::k2M);
  world.regs.vseg[0] = segment(0, 4 * kGiga, kHostOffset, seg::kVmmMask);
  CHECK(size_of(world.user(Op::Read, kLarge)) == PageSize::k4K);
  world.regs.seg_promote = true;
  CHECK(size_of(world.user(Op::Read, kLarge)) == PageSize::k2M);
}

}  // namespace vmmu::test
