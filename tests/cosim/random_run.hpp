// Random tables, traffic, software writes, invalidations and register changes, in lock step.
// A failure prints its seed; VMMU_SEED=N runs that seed alone, VMMU_STEPS=N takes more or fewer steps,
// VMMU_VERBOSE=1 tells on standard error what happens.
#pragma once

#include <fmt/format.h>

#include "engine/inv_rules.hpp"
#include "engine/lockstep_engine.hpp"
#include "fixture.hpp"
#include "random_world.hpp"

namespace vmmu::tb {

struct Mix {
  const char* name = "";
  unsigned alone = 0;  // shares of 1000 steps; what is left are requests issued
  unsigned sync = 0;
  unsigned poke = 0;
  unsigned invalidate = 0;
  unsigned overlap = 0;  // invalidations that other steps do not wait for
  unsigned commit = 0;
  unsigned error = 0;
  MemoryTiming timing = {};
  unsigned response_stall = 0;
  bool same_page = false;
  bool segments = false;
  bool logs = false;        // all of them, and software that drains them
  bool prl_double = false;  // with two buffers for the page-reference log; one at a time only
  bool axi = false;         // behind the AXI4 master, with what that draws from the seed
};

inline MemoryTiming timing(unsigned from, unsigned to, bool reorder, unsigned stall) {
  MemoryTiming t;
  t.latency_min = from;
  t.latency_max = to;
  t.reorder = reorder;
  t.stall_percent = stall;
  return t;
}

inline std::uint64_t steps() {
  const char* text = std::getenv("VMMU_STEPS");
  return text == nullptr ? 3000 : std::strtoull(text, nullptr, 0);
}

class Run {
 public:
  Run(Preset preset, std::uint64_t seed, const Mix& mix)
      : engine_(options(preset, seed, mix.axi)), mix_(mix), seed_(seed) {
    WorldOptions w;
    w.contexts = 2;
    w.pa_bits = std::min(engine_.pa_bits(), 46u);
    w.same_page = mix.same_page;
    w.segments = mix.segments;
    w.vmm_segments = engine_.num_vmm_segments();
    w.prl = mix.logs && engine_.prl();
    w.prl_double = mix.prl_double;
    w.epml = mix.logs && engine_.epml();
    w.seg_log = mix.logs && engine_.seg_log();
    w.shadow = mix.segments && engine_.shadow_roots() != 0;
    world_ = std::make_unique<RandomWorld>(seed, w, [this](HostPhys a, std::uint64_t v) {
      tell("poke", fmt::format("{:#x} {:#x} -> {:#x}", a.value, engine_.peek(a), v));
      engine_.poke(a, v);
    });
    engine_.rig().memory().set_timing(mix.timing);
    engine_.rig().set_response_stall(mix.response_stall);
    engine_.on_invalidated = [this](std::uint8_t id, bool done) {
      tell("  acknowledged", fmt::format("id {}{}", id, done ? "" : " with error"));
    };
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
      wait_for_invalidations();
      judge(engine_.access(world_->access()));
      if (mix_.logs && world_->chance(10)) drain_logs();
    } else if (share(mix_.sync)) {
      synchronize();
      engine_.sync();
      drain_logs();
    } else if (share(mix_.poke)) {
      const unsigned ctx = static_cast<unsigned>(world_->random() % world_->contexts());
      if (!mix_.logs || world_->chance(50) || !world_->clean_bitmap(ctx)) world_->change_entry();
    } else if (share(mix_.invalidate)) {
      const Invalidation inv = world_->invalidation();
      tell("invalidate", fmt::format("op {} ctx {} addr {:#x} pcid {} vpid {}", static_cast<unsigned>(inv.op), inv.ctx,
                                     inv.addr, inv.pcid, inv.vpid));
      engine_.invalidate(inv);
      supply_root(inv.ctx);
      if (world_->chance(60)) synchronize();
    } else if (share(mix_.overlap)) {
      start_invalidation(world_->invalidation());
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
    wait_for_invalidations();
    synchronize();
    engine_.sync();
    for (const std::string& d : engine_.take_differences()) report(d);
    CHECK(differences_ == 0);
    CHECK(engine_.mismatches() == 0);
    CHECK(answers_ > 0);
    CHECK(translations_ > 0);
    if (mix_.axi) CHECK(engine_.rig().axi_checker().transfers() > answers_);
    // For scripts/campaign, which adds them up.
    if (std::getenv("VMMU_STEPS") != nullptr) {
      fmt::print("{} accesses, {} COMMITs rejected, {} roots supplied: seed {}, mix {}\n", answers_, rejected_, roots_,
                 seed_, mix_.name);
    }
    if (mix_.axi) CHECK(engine_.rig().axil_checker().transfers() > 0);
  }

 private:
  static EngineOptions options(Preset preset, std::uint64_t seed, bool axi) {
    EngineOptions o;
    o.preset = preset;
    o.seed = seed;
    o.ports = PortChoice::Random;
    o.axi = axi;
    if (const char* wave = std::getenv("VMMU_WAVE")) o.wave_file = wave;
    return o;
  }
  void tell(const char* what, const std::string& detail) {
    if (verbose_) fmt::print(stderr, "{:8} {} {}\n", engine_.cycles(), what, detail);
  }
  void commit(unsigned ctx, const ContextRegs& regs) {
    tell("commit", fmt::format("ctx {} ctrl {:#x} cr3 {:#x} vpid {} eptp {:#x} maxphyaddr {}", ctx,
                               reg::ctrl_word(regs), regs.cr3, regs.vpid, regs.eptp, regs.maxphyaddr));
    wait_for_invalidations();
    // Requests under the old registers end sooner than this, a walk that memory never answers included.
    for (unsigned tries = 0; tries < 100000; ++tries) {
      const CommitStatus status = engine_.commit(ctx, regs);
      if (status == CommitStatus::Ok) {
        world_->accepted(ctx, regs);
        supply_root(ctx);
      }
      if (status == CommitStatus::Rejected) ++rejected_;
      if (status != CommitStatus::Busy) return;
      engine_.rig().cycle();
    }
    report("COMMIT stays busy");
  }
  void start_invalidation(const Invalidation& inv) {
    if (needs_sync(inv, world_->regs(inv.ctx)) || (inv.op == InvOp::LoadCr3 && world_->regs(inv.ctx).shadow)) return;
    tell("start", fmt::format("op {} ctx {} addr {:#x} pcid {} vpid {}", static_cast<unsigned>(inv.op), inv.ctx,
                              inv.addr, inv.pcid, inv.vpid));
    engine_.start_invalidation(inv);
  }
  // While LOAD_CR3 is carried out, nobody sees which root a request has.
  void wait_for_invalidations() {
    for (unsigned waited = 0; engine_.invalidating(); ++waited) {
      if (waited == 100000) return report("no acknowledgement of an invalidation");
      engine_.rig().cycle();
    }
  }
  // The hypervisor's part of shadow paging: a root that was not found, at once or after some misses that wait for it.
  void supply_root(unsigned ctx) {
    if (!engine_.held(ctx)) return;
    // Software hears of it by the event, when the search has ended: a row written earlier may be found at once.
    for (unsigned n = 0; n < 4 * kShadowRows; ++n) engine_.rig().cycle();
    for (std::uint64_t n = world_->random() % 3; n != 0; --n) engine_.issue(world_->access());
    engine_.set_shadow_row(ctx, static_cast<unsigned>(world_->random() % kShadowRows), world_->shadow_row(ctx));
    engine_.root_done(ctx);
    ++roots_;
    tell("root", fmt::format("ctx {}", ctx));
  }
  // And the guest's invalidations that wait for it.
  void synchronize() {
    for (unsigned ctx = 0; ctx < world_->contexts(); ++ctx) {
      while (engine_.sync_done(ctx)) tell("sync done", fmt::format("ctx {}", ctx));
    }
  }
  // What software does about full logs, mostly.
  void drain_logs() {
    for (unsigned ctx = 0; ctx < world_->contexts(); ++ctx) {
      const ContextRegs& regs = world_->regs(ctx);
      if (regs.pml_en) drain(ctx, Log::Pml);
      if (regs.epml_en) {
        drain(ctx, Log::Epml);
        engine_.clear_guest_events(ctx, engine_.guest_events(ctx));
      }
      if (regs.prl_en && world_->chance(70)) {
        drain(ctx, Log::Prl);
        const std::uint8_t full = engine_.prl_status(ctx) & prl_status::kBothFull;
        if (full != 0 && world_->chance(50)) engine_.clear_prl_status(ctx, full);
        if (engine_.prl_drops(ctx) != 0 && world_->chance(50)) engine_.clear_prl_drops(ctx);
      }
      if (regs.pml_en || regs.prl_en || regs.epml_en) engine_.clear_events(ctx, engine_.events(ctx));
    }
  }
  void drain(unsigned ctx, Log log) {
    const std::uint16_t index = engine_.log_index(ctx, log);
    const bool full = (index >> 9) != 0 || (log == Log::Prl && index == 0);
    if (full || (mix_.logs && world_->chance(20))) {
      engine_.set_log_index(ctx, log, static_cast<std::uint16_t>(world_->random() % 40));
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
  std::uint64_t rejected_ = 0;  // COMMITs
  std::uint64_t roots_ = 0;     // supplied
  unsigned differences_ = 0;
};

inline void run_seeds(const Mix& mix, std::uint64_t first, unsigned count) {
  const bool one = std::getenv("VMMU_SEED") != nullptr;
  const std::vector<Preset> presets = mix.axi ? device_axi_presets() : device_presets();
  REQUIRE_FALSE(presets.empty());
  for (const Preset preset : presets) {
    for (unsigned i = 0; i < (one ? 1 : count); ++i) {
      const std::uint64_t seed = seed_or(first + i);
      INFO("reproduce: VMMU_SEED=" << seed << " build/test_cosim_" << (mix.axi ? "axi" : "random")
                                   << " \"[random]\", preset " << preset_name(preset));
      Run run(preset, seed, mix);
      for (std::uint64_t n = 0; n < steps(); ++n) {
        if (!run.step()) return;
      }
      run.finish();
    }
  }
}

}  // namespace vmmu::tb
