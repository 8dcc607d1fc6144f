// RTL and reference model side by side, each with a memory of its own; the scoreboard compares them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "engine/rtl_engine.hpp"
#include "engine/scoreboard.hpp"

namespace vmmu::tb {

class LockstepEngine final : public Engine {
 public:
  explicit LockstepEngine(const EngineOptions& options);

  std::string_view name() const override { return "both"; }
  unsigned pa_bits() const override { return rtl_.pa_bits(); }
  unsigned num_contexts() const override { return rtl_.num_contexts(); }
  unsigned num_vmm_segments() const override { return rtl_.num_vmm_segments(); }
  unsigned shadow_roots() const override { return rtl_.shadow_roots(); }
  void reset() override;
  void set_cache_bypass(bool on) override;
  void poke(HostPhys addr, std::uint64_t word) override;
  std::uint64_t peek(HostPhys addr) const override { return rtl_.peek(addr); }
  CommitStatus commit(unsigned ctx, const ContextRegs& regs) override;
  void set_pml_index(unsigned ctx, std::uint16_t index) override;
  std::uint16_t pml_index(unsigned ctx) override;
  bool invalidate(const Invalidation& inv) override;
  void set_shadow_row(unsigned ctx, unsigned row, const ShadowRow& value) override;
  void root_done(unsigned ctx) override;
  bool held(unsigned ctx) override { return rtl_.held(ctx); }
  bool sync_done(unsigned ctx) override;
  AccessRecord access(const Access& access) override;
  void on_complete(std::function<void(const AccessRecord&)> sink) override;
  void issue(const Access& access) override;
  void sync() override;
  std::optional<std::uint64_t> counter(Counter c) override;
  std::vector<NamedCount> all_counters() override { return rtl_.all_counters(); }
  std::uint64_t cycles() const override { return rtl_.cycles(); }
  bool prl() const override { return rtl_.prl(); }
  bool epml() const override { return rtl_.epml(); }
  bool seg_log() const override { return rtl_.seg_log(); }
  void set_log_index(unsigned ctx, Log log, std::uint16_t index) override;
  std::uint16_t log_index(unsigned ctx, Log log) override;
  std::uint8_t prl_status(unsigned ctx) override;
  void clear_prl_status(unsigned ctx, std::uint8_t full_bits) override;
  std::uint32_t prl_drops(unsigned ctx) override;
  void clear_prl_drops(unsigned ctx) override;
  std::uint32_t guest_events(unsigned ctx) override;
  void clear_guest_events(unsigned ctx, std::uint32_t bits) override;
  std::uint32_t events(unsigned ctx) override;
  void clear_events(unsigned ctx, std::uint32_t bits) override;
  void inject_bus_error(HostPhys addr, unsigned n) override;
  void inject_race(HostPhys addr, std::uint64_t word) override;
  std::uint64_t mismatches() const override { return mismatches_; }

  Rig& rig() { return rtl_.rig(); }
  // Differences that belong to no access: found by sync(), commit() and the like. The next access reports
  // those that nobody has taken.
  std::vector<std::string> take_differences();
  unsigned in_flight() const { return rtl_.in_flight(); }

  // Presents an invalidation and returns its id at once: requests may be issued and cycles made while it is carried
  // out. Not for one that waits for SYNC_DONE. Several may be outstanding; one that is not taken yet is waited for.
  // on_invalidated is called when it is acknowledged, with false after an error reply: from then on the scoreboard
  // takes no answer that rests on what it covers.
  std::uint8_t start_invalidation(const Invalidation& inv);
  std::function<void(std::uint8_t id, bool done)> on_invalidated;
  // Whether one of those is not acknowledged yet.
  bool invalidating() const { return presented_.has_value() || !outstanding_.empty(); }

 private:
  void note(std::vector<std::string> found);
  void expect_equal(const char* what, std::uint64_t rtl, std::uint64_t model);
  void end_window();
  void compare_prl(unsigned ctx);
  void renew_prl(unsigned ctx);
  void queue_for_sync(const Invalidation& inv);
  void wait_until_taken();
  void invalidation_accepted(std::uint8_t id);
  void invalidation_acknowledged(std::uint8_t id);

  struct Presented {
    Invalidation inv;
    bool valid = false;
  };

  RtlEngine rtl_;
  std::vector<std::uint32_t> last_drops_;  // PRL_DROPS as last read
  Scoreboard scoreboard_;
  bool open_ = false;  // requests have been issued since the last check of the sums
  std::uint64_t issued_ = 0;
  std::uint64_t mismatches_ = 0;
  std::vector<std::string> pending_;
  std::optional<Presented> presented_;             // an invalidation that the RTL has not taken yet
  std::map<std::uint8_t, Presented> outstanding_;  // taken, not acknowledged
  std::deque<SyncRequest> stalled_;                // the queue of waiting invalidations is full
};

}  // namespace vmmu::tb
