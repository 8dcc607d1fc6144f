// The model behind a screen that hides the newest record of a log from software.
#pragma once

#include <memory>
#include <utility>

#include "engine/engine.hpp"

namespace vmmu::tb {

class LyingEngine final : public Engine {
 public:
  LyingEngine(std::unique_ptr<Engine> truth, Log log) : truth_(std::move(truth)), log_(log) {}

  std::string_view name() const override { return truth_->name(); }
  unsigned pa_bits() const override { return truth_->pa_bits(); }
  unsigned num_contexts() const override { return truth_->num_contexts(); }
  unsigned num_vmm_segments() const override { return truth_->num_vmm_segments(); }
  unsigned shadow_roots() const override { return truth_->shadow_roots(); }
  bool prl() const override { return truth_->prl(); }
  bool epml() const override { return truth_->epml(); }
  bool seg_log() const override { return truth_->seg_log(); }
  void reset() override { truth_->reset(); }
  void set_cache_bypass(bool on) override { truth_->set_cache_bypass(on); }
  void poke(HostPhys addr, std::uint64_t word) override { truth_->poke(addr, word); }
  std::uint64_t peek(HostPhys addr) const override { return truth_->peek(addr); }
  CommitStatus commit(unsigned ctx, const ContextRegs& regs) override { return truth_->commit(ctx, regs); }
  void set_pml_index(unsigned ctx, std::uint16_t index) override { truth_->set_pml_index(ctx, index); }
  std::uint16_t pml_index(unsigned ctx) override { return log_index(ctx, Log::Pml); }
  void set_log_index(unsigned ctx, Log log, std::uint16_t index) override { truth_->set_log_index(ctx, log, index); }
  std::uint16_t log_index(unsigned ctx, Log log) override {
    const std::uint16_t index = truth_->log_index(ctx, log);
    return log == log_ && index < 0x1ff ? static_cast<std::uint16_t>(index + 1) : index;
  }
  bool invalidate(const Invalidation& inv) override { return truth_->invalidate(inv); }
  AccessRecord access(const Access& access) override { return truth_->access(access); }
  void on_complete(std::function<void(const AccessRecord&)> sink) override { truth_->on_complete(std::move(sink)); }
  void issue(const Access& access) override { truth_->issue(access); }
  void sync() override { truth_->sync(); }
  std::optional<std::uint64_t> counter(Counter c) override { return truth_->counter(c); }
  std::uint64_t cycles() const override { return truth_->cycles(); }
  std::uint32_t events(unsigned ctx) override { return truth_->events(ctx); }
  void clear_events(unsigned ctx, std::uint32_t bits) override { truth_->clear_events(ctx, bits); }
  void clear_guest_events(unsigned ctx, std::uint32_t bits) override { truth_->clear_guest_events(ctx, bits); }
  void inject_bus_error(HostPhys addr, unsigned n) override { truth_->inject_bus_error(addr, n); }
  void inject_race(HostPhys addr, std::uint64_t word) override { truth_->inject_race(addr, word); }

 private:
  std::unique_ptr<Engine> truth_;
  Log log_;
};

}  // namespace vmmu::tb
