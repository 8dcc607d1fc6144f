// Random tables, traffic, software writes, invalidations and register changes, in lock step.
// A failure prints its seed; VMMU_SEED=N runs that seed alone, VMMU_STEPS=N takes more or fewer steps,
// VMMU_VERBOSE=1 tells on standard error what happens.
#include <fmt/format.h>

#include "engine/lockstep_engine.hpp"
#include "fixture.hpp"
#include "random_world.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

struct Mix {
  const char* name = "";
  unsigned alone = 0;  // shares of 1000 steps; what is left are requests issued
  unsigned sync = 0;
  unsigned poke = 0;
  unsigned invalidate = 0;
  unsigned commit = 0;
  unsigned error = 0;
  MemoryTiming timing = {};
  unsigned response_stall = 0;
  bool same_page = false;
};

MemoryTiming timing(unsigned from, unsigned to, bool reorder, unsigned stall) {
  MemoryTiming t;
  t.latency_min = from;
  t.latency_max = to;
  t.reorder = reorder;
  t.stall_percent = stall;
  return t;
}

std::uint64_t steps() {
  const char* text = std::getenv("VMMU_STEPS");
  return text == nullptr ? 3000 : std::strtoull(text, nullptr, 0);
}

class Run {
 public:
  Run(Preset preset, std::uint64_t seed, const Mix& mix) : engine_(options(preset, seed)), mix_(mix), seed_(seed) {
    WorldOptions w;
    w.contexts = 2;
    w.pa_bits = std::min(engine_.pa_bits(), 46u);
    w.same_page = mix.same_page;
    world_ = std::make_unique<RandomWorld>(seed, w, [this](HostPhys a, std::uint64_t v) {
      tell("poke", fmt::format("{:#x} {:#x} -> {:#x}", a.value, engine_.peek(a), v));
      engine_.poke(a, v);
    });
    engine_.rig().memory().set_timing(mix.timing);
    engine_.rig().set_response_stall(mix.response_stall);
    engine_.on_complete([this](const AccessRecord& r) { judge(r); });
    for (unsigned ctx = 0; ctx < w.contexts; ++ctx) commit(ctx, world_->regs(ctx));
  }

  // False after the first difference.
  bool step() {
    std::uint64_t dice = world_->random() % 1000;
    const auto share = [&dice](unsigned part) {
      const bool hit = dice < part;
      dice -= hit ? 0 : part;
      return hit;
    };
    if (share(mix_.alone)) {
      judge(engine_.access(world_->access()));
    } else if (share(mix_.sync)) {
      engine_.sync();
      drain_logs();
    } else if (share(mix_.poke)) {
      world_->change_entry();
    } else if (share(mix_.invalidate)) {
      const Invalidation inv = world_->invalidation();
      tell("invalidate", fmt::format("op {} ctx {} addr {:#x} pcid {} vpid {}", static_cast<unsigned>(inv.op), inv.ctx,
                                     inv.addr, inv.pcid, inv.vpid));
      const bool done = engine_.invalidate(inv);
      tell("  acknowledged", done ? "" : "with error");
    } else if (share(mix_.commit)) {
      const unsigned ctx = static_cast<unsigned>(world_->random() % world_->contexts());
      commit(ctx, world_->other_regs(ctx));
    } else if (share(mix_.error)) {
      const Access a = world_->access();
      engine_.inject_bus_error(HostPhys{world_->regs(a.ctx).cr3 & kFrameMask}, 1);
    } else {
      const Access a = world_->access();
      engine_.issue(a);
      tell("accepted", describe(a));
    }
    for (const std::string& d : engine_.take_differences()) report(d);
    return differences_ == 0;
  }

  void finish() {
    engine_.sync();
    for (const std::string& d : engine_.take_differences()) report(d);
    CHECK(differences_ == 0);
    CHECK(engine_.mismatches() == 0);
    CHECK(answers_ > 0);
    CHECK(translations_ > 0);
  }

 private:
  static EngineOptions options(Preset preset, std::uint64_t seed) {
    EngineOptions o;
    o.preset = preset;
    o.seed = seed;
    if (const char* wave = std::getenv("VMMU_WAVE")) o.wave_file = wave;
    return o;
  }
  void tell(const char* what, const std::string& detail) {
    if (verbose_) fmt::print(stderr, "{:8} {} {}\n", engine_.cycles(), what, detail);
  }
  void commit(unsigned ctx, const ContextRegs& regs) {
    tell("commit", fmt::format("ctx {} ctrl {:#x} cr3 {:#x} vpid {} eptp {:#x} maxphyaddr {}", ctx,
                               reg::ctrl_word(regs), regs.cr3, regs.vpid, regs.eptp, regs.maxphyaddr));
    // Requests under the old registers end sooner than this, a walk that memory never answers included.
    for (unsigned tries = 0; engine_.commit(ctx, regs) == CommitStatus::Busy; ++tries) {
      if (tries == 100000) return report("COMMIT stays busy");
      engine_.rig().cycle();
    }
  }
  void drain_logs() {
    for (unsigned ctx = 0; ctx < world_->contexts(); ++ctx) {
      if (!world_->regs(ctx).pml_en) continue;
      if ((engine_.pml_index(ctx) >> 9) != 0)
        engine_.set_pml_index(ctx, static_cast<std::uint16_t>(world_->random() % 40));
      engine_.clear_events(ctx, engine_.events(ctx));
    }
  }
  void judge(const AccessRecord& record) {
    ++answers_;
    tell("answered", describe(record.access) + " -> " + describe(record.result));
    translations_ += std::holds_alternative<Translation>(record.result);
    for (const std::string& d : record.differences) report(d);
  }
  void report(const std::string& difference) {
    if (++differences_ > 3) return;
    FAIL_CHECK("seed " << seed_ << " mix " << mix_.name << ": " << difference);
  }

  const bool verbose_ = std::getenv("VMMU_VERBOSE") != nullptr;
  LockstepEngine engine_;
  std::unique_ptr<RandomWorld> world_;
  Mix mix_;
  std::uint64_t seed_;
  std::uint64_t answers_ = 0;
  std::uint64_t translations_ = 0;
  unsigned differences_ = 0;
};

void run_seeds(const Mix& mix, std::uint64_t first, unsigned count) {
  const bool one = std::getenv("VMMU_SEED") != nullptr;
  for (const Preset preset : device_presets()) {
    for (unsigned i = 0; i < (one ? 1 : count); ++i) {
      const std::uint64_t seed = seed_or(first + i);
      INFO("reproduce: VMMU_SEED=" << seed << " build/test_cosim_random, preset " << preset_name(preset));
      Run run(preset, seed, mix);
      for (std::uint64_t n = 0; n < steps(); ++n) {
        if (!run.step()) return;
      }
      run.finish();
    }
  }
}

}  // namespace

TEST_CASE("random: one at a time, exact lists, with stale entries and invalidations", "[random]") {
  Mix mix;
  mix.name = "alone";
  mix.alone = 850;
  mix.poke = 70;
  mix.invalidate = 50;
  mix.commit = 15;
  mix.error = 10;
  mix.timing = timing(1, 1, false, 0);
  run_seeds(mix, 100, 4);
}

TEST_CASE("random: many in flight on tables that nobody changes, exact sums", "[random]") {
  Mix mix;
  mix.name = "quiet";
  mix.sync = 20;
  mix.invalidate = 10;
  mix.timing = timing(1, 40, true, 30);
  mix.response_stall = 20;
  run_seeds(mix, 200, 4);
}

TEST_CASE("random: many in flight on few pages, so that flag updates meet", "[random]") {
  Mix mix;
  mix.name = "meeting";
  mix.sync = 100;
  mix.invalidate = 30;
  mix.timing = timing(1, 30, true, 10);
  mix.same_page = true;
  run_seeds(mix, 300, 6);
}

TEST_CASE("random: software changes tables while many are in flight", "[random]") {
  Mix mix;
  mix.name = "changing";
  mix.sync = 20;
  mix.alone = 20;
  mix.poke = 40;
  mix.invalidate = 40;
  mix.timing = timing(1, 60, true, 20);
  mix.response_stall = 10;
  run_seeds(mix, 400, 4);
}

TEST_CASE("random: registers change and the bus fails while many are in flight", "[random]") {
  Mix mix;
  mix.name = "everything";
  mix.sync = 20;
  mix.alone = 20;
  mix.poke = 20;
  mix.invalidate = 20;
  mix.commit = 10;
  mix.error = 5;
  mix.timing = timing(1, 60, true, 20);
  run_seeds(mix, 500, 4);
}
