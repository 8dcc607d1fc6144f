// An invalidation, a COMMIT or a bus error in every cycle of nested walks: no stale answer, none lost, none twice.
// The test knows where each page was and is, and judges by itself.
#include <set>

#include "sweep.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

unsigned walks_of(Preset preset) { return std::min(kSweepPages, preset_info(preset).values[13]); }

// Calls `each(point)` for the cycles of a preset's walks, alone and with all slots busy.
template <class Each>
void every_cycle(Sweep& sweep, Preset preset, Each each) {
  for (const unsigned walks : std::set<unsigned>{1, walks_of(preset)}) {
    for (const Start start : {Start::Cold, Start::Warm, Start::Cached}) {
      const unsigned end = sweep.length(start, walks) + 4;
      for (unsigned delay = 0; delay < end; ++delay) each(Point{start, walks, delay});
    }
  }
}

void sweep_all(Preset preset, Sweep& sweep, const std::vector<Disturbance>& events) {
  for (const Disturbance& event : events) {
    every_cycle(sweep, preset, [&](const Point& point) { sweep.trial(event, point); });
  }
  CHECK(sweep.trials() > 100);
  CHECK(sweep.overtaken() > 100);
}

}  // namespace

TEST_CASE("sweep: an invalidation after a change of the guest's tables, in every cycle of a walk", "[sweep]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    Sweep sweep(preset);
    const std::uint64_t gva = kPage.value;
    std::vector<Disturbance> events;
    for (const Change change : {Change::GuestLeaf, Change::GuestPointer}) {
      const std::string what = change == Change::GuestLeaf ? "leaf, " : "pointer, ";
      const auto add = [&](const char* name, const Invalidation& inv, bool one_page = false) {
        events.push_back(sweep.invalidation(what + name, inv, change, one_page));
      };
      add("INVLPG", {InvOp::Invlpg, 0, gva, 0, 0}, true);
      add("INVPCID 0", {InvOp::Invpcid0, 0, gva + 0x123, 5, 0}, true);
      add("INVPCID 1", {InvOp::Invpcid1, 0, 0, 5, 0});
      add("INVPCID 2", {InvOp::Invpcid2, 0, 0, 0, 0});
      add("INVPCID 3", {InvOp::Invpcid3, 0, 0, 0, 0});
      add("LOAD_CR3", {InvOp::LoadCr3, 0, sweep.regs.cr3, 0, 0});
      add("INVVPID 0", {InvOp::Invvpid0, 1, gva, 0, 9}, true);
      add("INVVPID 1", {InvOp::Invvpid1, 1, 0, 0, 9});
      add("INVVPID 2", {InvOp::Invvpid2, 1, 0, 0, 0});
      add("INVVPID 3", {InvOp::Invvpid3, 0, 0, 0, 9});
      add("INVCTX", {InvOp::Invctx, 0, 0, 0, 0});
      add("ALL", {InvOp::All, 0, 0, 0, 0});
    }
    sweep_all(preset, sweep, events);
  }
}

TEST_CASE("sweep: an invalidation after a change of the nested tables, in every cycle of a walk", "[sweep]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    Sweep sweep(preset);
    std::vector<Disturbance> events;
    for (const Change change : {Change::NestedLeaf, Change::NestedTable}) {
      const std::string what = change == Change::NestedLeaf ? "data page, " : "table page, ";
      const auto add = [&](const char* name, const Invalidation& inv) {
        events.push_back(sweep.invalidation(what + name, inv, change, false));
      };
      add("INVEPT 1", {InvOp::Invept1, 1, sweep.regs.eptp, 0, 0});
      add("INVEPT 2", {InvOp::Invept2, 1, 0, 0, 0});
      add("INVCTX", {InvOp::Invctx, 0, 0, 0, 0});
      add("ALL", {InvOp::All, 0, 0, 0, 0});
    }
    sweep_all(preset, sweep, events);
  }
}

TEST_CASE("sweep: an invalidation of something else, in every cycle of a walk, disturbs nothing", "[sweep]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    Sweep sweep(preset);
    const std::uint64_t gva = kPage.value;
    std::vector<Disturbance> events;
    const auto add = [&](const char* name, const Invalidation& inv) {
      events.push_back(sweep.invalidation(std::string("other ") + name, inv, Change::None, false));
    };
    add("INVLPG", {InvOp::Invlpg, 0, gva + 0x40000000, 0, 0});
    add("INVPCID 0", {InvOp::Invpcid0, 0, gva, 7, 0});
    add("INVPCID 1", {InvOp::Invpcid1, 0, 0, 7, 0});
    add("INVPCID 2", {InvOp::Invpcid2, 1, 0, 0, 0});
    add("INVPCID 3", {InvOp::Invpcid3, 1, 0, 0, 0});
    add("LOAD_CR3", {InvOp::LoadCr3, 1, 0x1000, 0, 0});
    add("INVVPID 0", {InvOp::Invvpid0, 0, gva, 0, 3});
    add("INVVPID 1", {InvOp::Invvpid1, 0, 0, 0, 3});
    add("INVVPID 3", {InvOp::Invvpid3, 0, 0, 0, 3});
    add("INVEPT 1", {InvOp::Invept1, 0, sweep.regs.eptp ^ 0x10000, 0, 0});
    add("INVCTX", {InvOp::Invctx, 1, 0, 0, 0});
    sweep_all(preset, sweep, events);
  }
}

TEST_CASE("sweep: LOAD_CR3 of another root in every cycle of a walk", "[sweep]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    Sweep sweep(preset);
    std::vector<Disturbance> events;
    for (const std::uint64_t keep : {std::uint64_t{0}, bit(63)}) {
      Disturbance e = sweep.invalidation(keep == 0 ? "LOAD_CR3" : "LOAD_CR3 with bit 63",
                                         {InvOp::LoadCr3, 0, sweep.other_cr3 | keep, 0, 0}, Change::None, false);
      e.rule = Rule::Registers;
      // The old root again, with what is cached of it.
      e.after = [&] { REQUIRE(sweep.rig.invalidate({InvOp::LoadCr3, 0, sweep.regs.cr3 | bit(63), 0, 0})); };
      events.push_back(e);
    }
    sweep_all(preset, sweep, events);
  }
}

TEST_CASE("sweep: COMMIT in every cycle of a walk", "[sweep]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    Sweep sweep(preset);
    ContextRegs other_root = sweep.regs;
    other_root.cr3 = sweep.other_cr3;
    sweep_all(preset, sweep,
              {sweep.commit_to("COMMIT of another root", other_root),
               sweep.commit_to("COMMIT of native paging", sweep.native)});
  }
}

TEST_CASE("sweep: a bus error at every memory request of the walks", "[sweep]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    Sweep sweep(preset);
    for (const unsigned walks : std::set<unsigned>{1, walks_of(preset)}) {
      const std::uint64_t before = sweep.rig.memory().accepted();
      (void)sweep.length(Start::Cold, walks);
      const std::uint64_t requests = sweep.rig.memory().accepted() - before;
      REQUIRE(requests != 0);
      for (unsigned n = 0; n < requests; ++n) sweep.bus_error(n, walks);
    }
    CHECK(sweep.faults() > 10);
  }
}
