// The cycle budgets, exactly.
#include <map>

#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr unsigned kSizes = 3;

unsigned levels_of(PageSize size) { return 4 - static_cast<unsigned>(size); }
const char* name_of(PageSize size) {
  const char* names[] = {"4K", "2M", "1G"};
  return names[static_cast<unsigned>(size)];
}

// All entries have their flags set: guest leaf at the first GiB boundary above kPage.
ContextRegs build(RigFixture& f, PageSize guest, const TableConfig& config, bool flags) {
  PageTables tables(config, f.rig.words());
  const GuestVirt gva{0x40000000};
  REQUIRE(tables.map(gva, kFrame, guest, flags ? flags_set() : GuestAttr{}) == MapError::None);
  if (flags) set_upper_flags(tables, gva);
  return tables.regs(plain_regs());
}

}  // namespace

TEST_CASE("latency: an L1 hit answers in the cycle after acceptance", "[latency]") {
  for (const Preset preset : device_presets()) {
    for (unsigned s = 0; s < kSizes; ++s) {
      RigFixture f(preset);
      f.commit(0, build(f, static_cast<PageSize>(s), {}, true));
      const Access access = read_of(GuestVirt{0x40000008});
      f.run(access);
      const Response hit = f.run(access);
      INFO("preset " << preset_name(preset) << " size " << s);
      CHECK(hit.source == Source::L1);
      CHECK(f.cycles == 1);
    }
  }
}

TEST_CASE("latency: hits go through at one per cycle while a walk is outstanding", "[latency]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 100);
    f.commit(0, build(f, PageSize::k4K, {}, true));
    const GuestVirt hit{0x40000000};
    f.run(read_of(hit));
    std::map<unsigned, std::uint64_t> answered;
    f.rig.on_response = [&](const Response& r) { answered[r.id] = r.cycle; };
    f.rig.send(read_of(GuestVirt{0x40001000}), 200);  // misses: its walk takes hundreds of cycles
    std::uint64_t first = 0;
    for (std::uint8_t id = 0; id < 64; ++id) {
      const std::uint64_t accepted = f.rig.send(read_of(hit), id);
      if (id == 0) first = accepted;
      CHECK(accepted == first + id);
    }
    f.rig.cycles(2);
    CHECK(answered.count(200) == 0);
    for (unsigned id = 0; id < 64; ++id) CHECK(answered[id] == first + id + 1);
    f.rig.cycles(1000);
    CHECK(answered.count(200) == 1);
    f.saw_translation();
  }
}

TEST_CASE("latency: a native walk of r references takes r*(M+1)+3 cycles, with an L2 2 more", "[latency]") {
  for (const Preset preset : device_presets()) {
    for (const unsigned m : {1u, 10u, 100u}) {
      for (unsigned s = 0; s < kSizes; ++s) {
        const PageSize size = static_cast<PageSize>(s);
        RigFixture f(preset, m);
        f.commit(0, build(f, size, {}, true));
        const Response walk = f.run(read_of(GuestVirt{0x40000008}));
        INFO("preset " << preset_name(preset) << " M " << m << " page " << name_of(size));
        CHECK(hpa_of(walk.result).value == kFrame.value + 8);
        CHECK(walk.source == Source::Walk);
        CHECK(f.cycles == walk_cycles(preset, levels_of(size), m));
      }
    }
  }
}

TEST_CASE(
    "latency: a nested walk of r references takes r*(M+1)+3 cycles for all nine pairs of sizes, with an L2 2 more",
    "[latency]") {
  for (const Preset preset : device_presets()) {
    for (const unsigned m : {1u, 10u, 100u}) {
      for (unsigned pair = 0; pair < kSizes * kSizes; ++pair) {
        const PageSize guest = static_cast<PageSize>(pair % kSizes);
        TableConfig config;
        config.nested = true;
        config.nested_page = static_cast<PageSize>(pair / kSizes);
        RigFixture f(preset, m);
        f.commit(0, build(f, guest, config, true));
        f.bypass(true);
        const Response walk = f.run(read_of(GuestVirt{0x40000008}));
        INFO("preset " << preset_name(preset) << " M " << m << " guest " << name_of(guest) << " nested "
                       << name_of(config.nested_page));
        CHECK(hpa_of(walk.result).value == kFrame.value + 8);
        const std::uint64_t g = levels_of(guest);
        const std::uint64_t h = levels_of(config.nested_page);
        CHECK(f.cycles == walk_cycles(preset, g + (g + 1) * h, m));
      }
    }
  }
}

TEST_CASE("latency: each flag swap costs M+1 cycles more", "[latency]") {
  for (const Preset preset : device_presets()) {
    for (const unsigned m : {1u, 10u}) {
      for (const bool nested : {false, true}) {
        TableConfig config;
        config.nested = nested;
        config.accessed_dirty = nested;
        RigFixture f(preset, m);
        f.commit(0, build(f, PageSize::k4K, config, false));
        f.bypass(true);
        f.rig.memory().clear_log();
        f.run(write_of(GuestVirt{0x40000008}));
        std::uint64_t references = 0;
        std::uint64_t swaps = 0;
        for (const Transaction& t : f.rig.memory().log()) ++(t.op == MemOp::Read ? references : swaps);
        INFO("preset " << preset_name(preset) << " M " << m << (nested ? " nested" : " native"));
        CHECK(references == (nested ? 24u : 4u));
        // Guest: 4. Nested: the leaf of each of five pages and the entries above them, once each.
        CHECK(swaps >= (nested ? 4u + 5u + 3u : 4u));
        CHECK(f.cycles == walk_cycles(preset, references + swaps, m));
      }
    }
  }
}
