// Counters: which mode a walk counts in, occupancy of the walk slots, the second level, and what the filters leave out.
#include <array>

#include "segment_fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

using reg::Count;
using reg::WalkMode;

std::uint64_t get(Rig& rig, Count count, unsigned ctx = 0, unsigned element = 0) {
  return rig.get(reg::counter(ctx, count, element));
}

constexpr unsigned kModes = 8;

// What the registers make of a walk of kOutside.
struct ModeCase {
  WalkMode mode;
  bool guest_segment;
  bool vmm_segment;
  bool ept;
  bool vseg_miss;
};
constexpr ModeCase kModeCases[] = {
    {WalkMode::Native, false, false, false, false},    {WalkMode::Direct, true, false, false, false},
    {WalkMode::Nested, false, false, true, false},     {WalkMode::VmmDirect, false, true, true, false},
    {WalkMode::GuestDirect, true, false, true, false}, {WalkMode::DualDirect, true, true, true, false},
    {WalkMode::DualDirect, true, true, true, true},    {WalkMode::Tiled, false, true, true, true},
    {WalkMode::Tiled, false, true, false, true},
};

void check_only(Rig& rig, WalkMode mode, std::uint64_t walks) {
  for (unsigned m = 0; m < kModes; ++m) {
    INFO("counter of mode " << m);
    CHECK(get(rig, Count::WalkMode, 0, m) == (m == static_cast<unsigned>(mode) ? walks : 0));
  }
  CHECK(get(rig, Count::Walks) == walks);
}

}  // namespace

TEST_CASE("counters: a walk counts in the mode that its registers make", "[counters]") {
  for (const Preset preset : device_presets()) {
    for (const ModeCase& c : kModeCases) {
      INFO("preset " << preset_name(preset) << " mode " << static_cast<unsigned>(c.mode));
      const bool virt = c.ept || c.vmm_segment;
      SegmentFixture f(preset, virt ? SegmentFixture::Paging::Nested : SegmentFixture::Paging::Native);
      f.regs.virt = virt;
      f.regs.ept_en = c.ept;
      f.regs.vseg_miss = c.vseg_miss;
      if (c.guest_segment) f.regs.gseg = guest_segment();
      if (c.vmm_segment) f.regs.vseg[0] = vmm_segment();
      f.activate();
      f.run(read_of(kOutside));
      check_only(f.rig, c.mode, 1);
    }
  }
}

TEST_CASE("counters: walks of a shadow root count as shadow", "[counters]") {
  for (const Preset preset : device_presets()) {
    if (preset_info(preset).shadow_roots() == 0) continue;
    SegmentFixture f(preset, SegmentFixture::Paging::Native);
    using reg::Shadow;
    REQUIRE(f.rig.write_register(reg::shadow_row(0, 0, Shadow::GuestRoot), 0x7000));
    REQUIRE(f.rig.write_register(reg::shadow_row(0, 0, Shadow::ShadowRoot), f.regs.cr3));
    REQUIRE(f.rig.write_register(reg::shadow_row(0, 0, Shadow::Tag), 9 << 12));
    REQUIRE(f.rig.write_register(reg::shadow_row(0, 0, Shadow::Valid), 1));
    f.regs.cr3 = 0x7000;
    f.regs.virt = f.regs.shadow = true;
    f.regs.vpid = 9;
    f.activate();
    CHECK(hpa_of(f.run(read_of(kOutside)).result).value == kPagedOutside.value);
    check_only(f.rig, WalkMode::Shadow, 1);
  }
}

TEST_CASE("counters: the bars of the occupancy of the walk slots add up to the walk cycles", "[counters]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 20);
    PageTables tables({}, f.rig.words());
    constexpr unsigned kPages = 12;
    for (unsigned i = 0; i < kPages; ++i) {
      REQUIRE(tables.map({kPage.value + 0x1000 * i}, {kFrame.value + 0x1000 * i}) == MapError::None);
    }
    f.commit(0, tables.regs(plain_regs()));
    f.commit(1, tables.regs(plain_regs()));
    f.run(read_of(kPage));
    const std::uint64_t alone = get(f.rig, Count::WalkSlots);
    CHECK(alone == get(f.rig, Count::WalkCycles));
    CHECK(alone > 80);
    for (unsigned n = 1; n < reg::kNumWalkSlotCounters; ++n) CHECK(get(f.rig, Count::WalkSlots, 1, n) == 0);
    f.rig.on_response = [](const Response&) {};
    for (unsigned i = 1; i < kPages; ++i) {
      Access access = read_of({kPage.value + 0x1000 * i});
      access.ctx = i % 2;
      f.rig.send(access, static_cast<std::uint8_t>(i));
    }
    f.rig.cycles(4000);
    std::uint64_t slots = 0;
    std::uint64_t most = 0;
    for (unsigned n = 0; n < reg::kNumWalkSlotCounters; ++n) {
      const std::uint64_t cycles = get(f.rig, Count::WalkSlots, 0, n);
      CHECK(cycles == get(f.rig, Count::WalkSlots, 1, n));
      slots += (n + 1) * cycles;
      if (cycles != 0) most = n + 1;
    }
    CHECK(slots == get(f.rig, Count::WalkCycles, 0) + get(f.rig, Count::WalkCycles, 1));
    CHECK(most == preset_info(preset).num_walks());
  }
}

TEST_CASE("counters: what misses the L1 hits the L2, misses it, or is answered by segments", "[counters]") {
  for (const Preset preset : device_presets()) {
    if (!preset_info(preset).has_l2()) continue;
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 2);
    PageTables tables({}, f.rig.words());
    const auto& values = preset_info(preset).values;
    const unsigned pages = values[3] * values[4] + 8;  // more than the L1 holds, and less than the L2
    for (unsigned i = 0; i < pages; ++i) {
      REQUIRE(tables.map({kPage.value + 0x1000 * i}, {kFrame.value}, PageSize::k4K, flags_set()) == MapError::None);
    }
    f.commit(0, tables.regs(plain_regs()));
    for (unsigned i = 0; i < 2 * pages; ++i) f.run(read_of({kPage.value + 0x1000 * (i % pages)}));
    CHECK(get(f.rig, Count::L1Misses) == get(f.rig, Count::L2Hits) + get(f.rig, Count::L2Misses));
    CHECK(get(f.rig, Count::L2Misses) == get(f.rig, Count::Walks));
    CHECK(get(f.rig, Count::L2Hits) > 0);
  }
}

TEST_CASE("counters: filters leave out the events of guests or of the host, FREEZE all", "[counters]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset);
    TableConfig config;
    config.nested = true;
    PageTables guest(config, f.rig.words());
    REQUIRE(guest.map(kPage, kFrame) == MapError::None);
    TableConfig native_config;
    native_config.guest_tables = GuestPhys{0x7000'0000};
    PageTables host(native_config, f.rig.words());
    REQUIRE(host.map(kPage, kFrame) == MapError::None);
    set_upper_flags(guest, kPage);
    set_upper_flags(host, kPage);
    f.commit(0, host.regs(plain_regs()));
    f.commit(1, guest.regs(plain_regs()));
    const std::uint64_t unmapped = 0x5555'0000'0000;
    constexpr Count kCounted[] = {Count::Requests,  Count::L1Hits, Count::L1Misses,   Count::Walks,
                                  Count::GuestRefs, Count::Swaps,  Count::WalkCycles, Count::Faults};
    // Both contexts miss, hit and fault; with the caches of the run before emptied.
    const auto work = [&](std::uint64_t ctrl) {
      Invalidation all;
      all.op = InvOp::All;
      REQUIRE(f.rig.invalidate(all));
      REQUIRE(guest.edit_guest(kPage, 1, {pt::A, 0}));
      REQUIRE(host.edit_guest(kPage, 1, {pt::A, 0}));
      std::array<std::array<std::uint64_t, std::size(kCounted)>, 2> counted{};
      const auto add = [&](bool negative) {
        for (unsigned ctx = 0; ctx < 2; ++ctx) {
          for (std::size_t i = 0; i < std::size(kCounted); ++i) {
            const std::uint64_t now = get(f.rig, kCounted[i], ctx);
            counted[ctx][i] += negative ? -now : now;
          }
        }
      };
      add(true);
      REQUIRE(f.rig.write_register(reg::kGlobalCtrl, ctrl));
      for (unsigned ctx = 0; ctx < 2; ++ctx) {
        for (const std::uint64_t gva : {kPage.value, kPage.value, unmapped}) {
          Access access = read_of({gva});
          access.ctx = ctx;
          f.run(access);
        }
      }
      REQUIRE(f.rig.write_register(reg::kGlobalCtrl, 0));
      add(false);
      return counted;
    };
    const std::array<std::uint64_t, std::size(kCounted)> none{};
    const auto both = work(0);
    for (const auto& of_context : both) {
      for (const std::uint64_t count : of_context) CHECK(count > 0);
    }
    const auto host_only = work(reg::kSkipGuest);
    CHECK(host_only[0] == both[0]);
    CHECK(host_only[1] == none);
    const auto guest_only = work(reg::kSkipHost);
    CHECK(guest_only[0] == none);
    CHECK(guest_only[1] == both[1]);
    const auto nothing = work(reg::kSkipHost | reg::kSkipGuest);
    CHECK(nothing[0] == none);
    CHECK(nothing[1] == none);
    CHECK(work(reg::kFreeze) == nothing);
  }
}
