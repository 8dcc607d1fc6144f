// The frame allocator: who has which frame.
#include <rapidcheck.h>

#include <set>
#include <vector>

#include "catch.hpp"
#include "vmmu/layout/frame_allocator.hpp"

namespace vmmu::layout::test {
namespace {

constexpr std::uint64_t kFrames = 2048;  // four pages of 2 MiB
using Frames = FrameAllocator<HostPhys>;

HostRange frames(std::uint64_t first, std::uint64_t count) { return {{first * kFrame}, count * kFrame}; }

// The allocator beside a plain set of the frames that are out.
struct Checked {
  explicit Checked(std::uint64_t seed) : frames(seed) {
    RC_ASSERT(frames.add(test::frames(0, kFrames)) == LayoutError::None);
  }

  void taken(const std::optional<HostPhys>& base, std::uint64_t count, std::uint64_t align) {
    if (!base) return;
    RC_ASSERT(base->value % align == 0u);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t frame = base->value / kFrame + i;
      RC_ASSERT(frame < kFrames);
      RC_ASSERT(out.insert(frame).second);  // nobody else has it
    }
    runs.push_back(test::frames(base->value / kFrame, count));
  }

  void give_some(std::uint64_t which) {
    const HostRange run = runs[which % runs.size()];
    runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(which % runs.size()));
    RC_ASSERT(frames.give(run) == LayoutError::None);
    RC_ASSERT(frames.give(run) == LayoutError::NotMapped);  // not twice
    for (std::uint64_t i = 0; i < run.bytes / kFrame; ++i) out.erase(run.base.value / kFrame + i);
  }

  Frames frames;
  std::set<std::uint64_t> out;
  std::vector<HostRange> runs;
};

}  // namespace

TEST_CASE("frames: property: no frame is given twice, and none is lost", "[layout]") {
  const bool passed = rc::check([] {
    Checked all(*rc::gen::arbitrary<std::uint64_t>());
    for (unsigned step = 0; step < 60; ++step) {
      const unsigned what = *rc::gen::inRange(0u, 4u);
      const std::uint64_t count = *rc::gen::inRange<std::uint64_t>(1, 90);
      if (what == 0) {
        const std::uint64_t align = kFrame << *rc::gen::inRange(0u, 7u);
        all.taken(all.frames.take(count * kFrame, align), count, align);
      } else if (what == 1) {
        const PageSize size = count < 5 ? PageSize::k2M : PageSize::k4K;
        all.taken(all.frames.take_somewhere(size), page_bytes(size) / kFrame, page_bytes(size));
      } else if (what == 2) {
        const HostRange wanted = frames(*rc::gen::inRange<std::uint64_t>(0, kFrames - 90), count);
        const bool free = all.frames.is_free(wanted);
        const LayoutError error = all.frames.take_at(wanted);
        RC_ASSERT((error == LayoutError::None) == free);
        if (free) all.taken(wanted.base, count, kFrame);
      } else if (!all.runs.empty()) {
        all.give_some(count);
      }
      RC_ASSERT(all.frames.free_bytes() == (kFrames - all.out.size()) * kFrame);
    }
    while (!all.runs.empty()) all.give_some(0);
    RC_ASSERT(all.frames.longest_free_run() == kFrames * kFrame);  // and all has grown together again
  });
  REQUIRE(passed);
}

TEST_CASE("frames: take gives the lowest run that fits", "[layout]") {
  Frames all;
  REQUIRE(all.add(frames(1, 100)) == LayoutError::None);
  REQUIRE(all.take_at(frames(10, 1)) == LayoutError::None);
  CHECK(all.take(9 * kFrame)->value == 1 * kFrame);
  CHECK(all.take(20 * kFrame, 16 * kFrame)->value == 16 * kFrame);
  CHECK(all.take(kFrame)->value == 11 * kFrame);
  CHECK_FALSE(all.take(66 * kFrame));
  CHECK(all.take(65 * kFrame)->value == 36 * kFrame);
  CHECK_FALSE(all.take(0));
}

TEST_CASE("frames: scattered pages come from all over the memory, the same for the same seed", "[layout]") {
  std::vector<std::uint64_t> given[2];
  for (auto& list : given) {
    Frames all(42);
    REQUIRE(all.add(frames(0, kFrames)) == LayoutError::None);
    for (unsigned i = 0; i < 200; ++i) list.push_back(all.take_somewhere(PageSize::k4K)->value / kFrame);
  }
  CHECK(given[0] == given[1]);
  unsigned neighbours = 0;
  unsigned quarters[4] = {};
  for (std::size_t i = 0; i < 200; ++i) {
    if (i > 0 && given[0][i] == given[0][i - 1] + 1) ++neighbours;
    ++quarters[given[0][i] / (kFrames / 4)];
  }
  CHECK(neighbours < 10);
  for (const unsigned quarter : quarters) CHECK(quarter > 20);
}

TEST_CASE("frames: memory is added once, and removed only when it is free", "[layout]") {
  Frames all;
  REQUIRE(all.add(frames(0, 10)) == LayoutError::None);
  CHECK(all.add(frames(9, 2)) == LayoutError::AlreadyMapped);
  CHECK(all.add({{0x10001}, kFrame}) == LayoutError::Misaligned);
  CHECK(all.take_at({{0}, 100}) == LayoutError::Misaligned);
  REQUIRE(all.take_at(frames(4, 1)) == LayoutError::None);
  CHECK(all.remove(frames(3, 3)) == LayoutError::NoMemory);
  CHECK(all.remove(frames(5, 5)) == LayoutError::None);
  CHECK_FALSE(all.is_known(frames(5, 1)));
  CHECK(all.give(frames(5, 1)) == LayoutError::NotMapped);
  CHECK(all.free_bytes() == 4 * kFrame);
  CHECK(all.add(frames(5, 5)) == LayoutError::None);
}

TEST_CASE("frames: an empty allocator gives nothing", "[layout]") {
  Frames none;
  CHECK_FALSE(none.take(kFrame));
  CHECK_FALSE(none.take_somewhere(PageSize::k4K));
  CHECK(none.longest_free_run() == 0);
  CHECK(none.add({}) == LayoutError::None);
}

}  // namespace vmmu::layout::test
