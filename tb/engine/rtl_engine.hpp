// The Verilated RTL behind the engine interface, with the extra views that lock step needs.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "device/rig.hpp"
#include "device/staged_segments.hpp"
#include "engine/engine.hpp"

namespace vmmu::tb {

// One finished request as the RTL answered it.
struct Completion {
  Access access;
  unsigned id = 0;  // of the flight: port and id of the request, see RtlEngine::flight_of
  Source source = Source::L1;
  Result result;
  std::uint64_t accepted = 0;   // cycle
  std::uint64_t responded = 0;  // cycle
};

class RtlEngine final : public Engine {
 public:
  explicit RtlEngine(const EngineOptions& options);

  std::string_view name() const override { return "rtl"; }
  unsigned pa_bits() const override { return pa_bits_; }
  unsigned num_contexts() const override { return num_contexts_; }
  unsigned num_vmm_segments() const override { return num_vmm_segments_; }
  unsigned shadow_roots() const override { return shadow_roots_; }
  void reset() override;
  void set_cache_bypass(bool on) override;
  void poke(HostPhys addr, std::uint64_t word) override { rig_.memory().poke(addr, word); }
  std::uint64_t peek(HostPhys addr) const override { return rig_.words().peek(addr); }
  CommitStatus commit(unsigned ctx, const ContextRegs& regs) override;
  void set_pml_index(unsigned ctx, std::uint16_t index) override;
  std::uint16_t pml_index(unsigned ctx) override;
  bool invalidate(const Invalidation& inv) override;
  void set_shadow_row(unsigned ctx, unsigned row, const ShadowRow& value) override;
  void root_done(unsigned ctx) override;
  bool held(unsigned ctx) override { return held_[ctx]; }
  bool sync_done(unsigned ctx) override;
  AccessRecord access(const Access& access) override;
  void on_complete(std::function<void(const AccessRecord&)> sink) override { sink_ = std::move(sink); }
  void issue(const Access& access) override;
  void sync() override;
  std::optional<std::uint64_t> counter(Counter c) override;
  std::vector<NamedCount> all_counters() override;
  std::uint64_t cycles() const override { return rig_.now(); }
  bool prl() const override { return has_prl_; }
  bool epml() const override { return has_epml_; }
  bool seg_log() const override { return has_seg_log_; }
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
  void inject_bus_error(HostPhys addr, unsigned n) override { rig_.memory().inject_error(addr, n); }
  void inject_race(HostPhys addr, std::uint64_t word) override { rig_.memory().inject_race(addr, word); }

  // ---- for lock step
  Rig& rig() { return rig_; }
  // One access alone. What memory did for it is in rig().memory().log() until the next call. Its
  // differences are the errors of the rig.
  AccessRecord run_alone(const Access& access, Completion& completion);
  // Called when a request has been taken, and when one issued with issue() has been answered.
  std::function<void(unsigned id, const Access&, std::uint64_t cycle)> on_accepted;
  std::function<std::vector<std::string>(const Completion&)> on_answered;  // returns differences
  unsigned in_flight() const { return in_flight_; }
  // A LOAD_CR3 that went to the rig directly was acknowledged.
  void cr3_loaded(const Invalidation& inv);
  std::vector<std::string> take_errors() { return rig_.take_errors(); }
  Reject last_reject() const { return last_reject_; }

 private:
  static constexpr unsigned kIds = 255;  // id 255 is that of accesses alone
  static constexpr unsigned flight_of(unsigned port, unsigned id) { return port * (kIds + 1) + id; }
  struct Staged {
    std::array<std::optional<std::uint64_t>, 16> words;  // as last written, by offset / 8
  };

  void stage(unsigned ctx, reg::Host r, std::uint64_t word);
  void complete(const Response& response);
  std::uint8_t free_id(unsigned port);
  unsigned choose_port(const Access& access);
  void wait_until_taken(unsigned port);
  void wait_until_all_taken();
  bool logs(const Access& access) const;
  void search_root(unsigned ctx);
  void present_sync();
  unsigned answerable() const;
  void write(std::uint32_t addr, std::uint64_t word);

  Rig rig_;
  unsigned pa_bits_ = 52;
  unsigned num_contexts_ = 2;
  unsigned num_vmm_segments_ = 0;
  unsigned shadow_roots_ = 0;
  bool has_prl_ = false;
  bool has_epml_ = false;
  bool has_seg_log_ = false;
  std::vector<Staged> staged_;
  StagedSegments staged_segments_;
  std::vector<ContextRegs> active_;
  std::vector<ShadowRows> shadow_rows_;
  std::vector<bool> held_;
  struct WaitingInvalidation {
    unsigned ctx = 0;
    std::uint8_t id = 0;
  };
  std::deque<WaitingInvalidation> waiting_;  // in the queue of the hardware
  std::deque<Invalidation> stalled_;         // not presented, because the queue is full
  struct Indices {
    std::uint16_t pml = 0x1ff, prl = 0x1ff, epml = 0x1ff;
    std::uint16_t& of(Log log) { return log == Log::Pml ? pml : log == Log::Prl ? prl : epml; }
  };
  std::vector<Indices> index_;  // as last known, to tell whether an access changed them
  Reject last_reject_ = Reject::None;
  std::function<void(const AccessRecord&)> sink_;
  struct InFlight {
    bool busy = false;
    bool presented = false;  // and not taken yet
    Access access;
    std::uint64_t accepted = 0;
  };
  std::vector<InFlight> flight_;  // by flight_of
  unsigned in_flight_ = 0;        // accepted or presented
  std::array<std::uint8_t, kMaxPorts> next_id_ = {};
  std::array<unsigned, kMaxPorts> presented_ = {};  // flight presented at each port
  PortChoice port_choice_;
  std::mt19937_64 random_;
};

}  // namespace vmmu::tb
