// The reference model behind the engine interface. It has no caches and no clock.
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/engine.hpp"
#include "engine/inv_rules.hpp"
#include "engine/preset_info.hpp"
#include "vmmu/mmu.hpp"
#include "vmmu/observer.hpp"
#include "vmmu/phys_mem.hpp"

namespace vmmu::tb {
namespace {

// Memory that remembers which words one access wrote, refuses requests and lets software interfere on demand.
class JournalMem final : public PhysMem {
 public:
  std::optional<std::uint64_t> read(HostPhys addr) override {
    if (refuses(addr)) return std::nullopt;
    return words_.read(addr);
  }

  std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) override {
    interfere(addr);
    if (refuses(addr)) return std::nullopt;
    const std::uint64_t before = words_.peek(addr);
    const std::optional<std::uint64_t> found = words_.compare_swap(addr, expected, desired);
    if (found && *found == expected) remember(addr, before);
    return found;
  }

  bool write(HostPhys addr, std::uint64_t word) override {
    if (refuses(addr)) return false;
    const std::uint64_t before = words_.peek(addr);
    if (!words_.write(addr, word)) return false;
    remember(addr, before);
    return true;
  }

  std::uint64_t peek(HostPhys addr) const override { return words_.peek(addr); }

  void poke(HostPhys addr, std::uint64_t word) { words_.poke(addr, word); }
  void fail_next(HostPhys addr, unsigned n) { failures_[addr.value] += n; }
  void race(HostPhys addr, std::uint64_t word) { races_[addr.value] = word; }

  void clear() {
    words_.clear();
    journal_.clear();
    failures_.clear();
    races_.clear();
  }

  void start_access() { journal_.clear(); }

  // Words written since start_access() that differ from what they were before the first such write.
  std::map<HostPhys, std::uint64_t> changes() const {
    std::map<HostPhys, std::uint64_t> changed;
    for (const auto& [addr, before] : journal_) {
      const std::uint64_t now = words_.peek(addr);
      if (now != before) changed.emplace(addr, now);
    }
    return changed;
  }

 private:
  bool refuses(HostPhys addr) {
    if (failures_.empty()) return false;
    const auto it = failures_.find(addr.value);
    if (it == failures_.end()) return false;
    if (--it->second == 0) failures_.erase(it);
    return true;
  }

  void interfere(HostPhys addr) {
    if (races_.empty()) return;
    const auto it = races_.find(addr.value);
    if (it == races_.end()) return;
    words_.poke(addr, it->second);
    races_.erase(it);
  }

  void remember(HostPhys addr, std::uint64_t before) { journal_.emplace(addr, before); }

  SparseMem words_;
  std::map<HostPhys, std::uint64_t> journal_;
  std::unordered_map<std::uint64_t, std::uint64_t> failures_;
  std::unordered_map<std::uint64_t, std::uint64_t> races_;
};

// Counts what a walk does.
class CountingObserver final : public WalkObserver {
 public:
  void on_entry_read(Table table, unsigned, HostPhys, std::uint64_t) override {
    ++(table == Table::Guest ? guest_refs : nested_refs);
  }
  void on_swap(Table, unsigned, HostPhys, std::uint64_t, std::uint64_t, std::uint64_t) override { ++swaps; }
  void on_record(Log log, HostPhys, std::uint64_t) override { ++records[static_cast<std::size_t>(log)]; }
  void on_drop(Log, std::uint64_t) override { ++drops; }
  void on_bitmap_read(HostPhys, std::uint64_t) override { ++bitmap_reads; }
  void on_bitmap_swap(HostPhys, std::uint64_t, std::uint64_t, std::uint64_t) override { ++swaps; }
  void on_segment_check(SegmentLevel) override { ++segment_checks; }
  void on_filter_hit(SegmentLevel) override { ++filter_hits; }

  std::uint64_t guest_refs = 0;
  std::uint64_t nested_refs = 0;
  std::uint64_t swaps = 0;
  std::array<std::uint64_t, 3> records{};  // by Log
  std::uint64_t drops = 0;
  std::uint64_t bitmap_reads = 0;
  std::uint64_t segment_checks = 0;
  std::uint64_t filter_hits = 0;
};

constexpr std::array kEvents = {Event::CommitRejected, Event::PmlWatermark, Event::PrlFull,     Event::PrlWatermark,
                                Event::LogError,       Event::ShadowRoot,   Event::SyncPending, Event::Watchdog};
constexpr std::array kGuestEvents = {GuestEvent::EpmlFull, GuestEvent::EpmlWatermark, GuestEvent::CommitRejected};

class ModelEngine final : public Engine {
 public:
  explicit ModelEngine(const EngineOptions& options) : info_(preset_info(options.preset)) { reset(); }

  std::string_view name() const override { return "model"; }
  unsigned pa_bits() const override { return info_.pa_bits(); }
  unsigned num_contexts() const override { return info_.num_contexts(); }
  unsigned num_vmm_segments() const override { return info_.num_vmm_segments(); }
  unsigned shadow_roots() const override { return info_.shadow_roots(); }

  bool prl() const override { return info_.has_prl(); }
  bool epml() const override { return info_.has_epml(); }
  bool seg_log() const override { return info_.has_seg_log(); }

  void reset() override {
    memory_.clear();
    BuildParams params;
    params.num_contexts = info_.num_contexts();
    params.pa_bits = info_.pa_bits();
    params.num_vmm_segments = info_.num_vmm_segments();
    params.shadow_roots = info_.shadow_roots();
    params.prl = info_.has_prl();
    params.epml = info_.has_epml();
    params.seg_log = info_.has_seg_log();
    mmu_.emplace(params, memory_);
    observer_ = CountingObserver{};
    walks_ = 0;
    postponed_.clear();
    stalled_.clear();
  }

  void set_cache_bypass(bool) override {}  // there is nothing to bypass

  void poke(HostPhys addr, std::uint64_t word) override { memory_.poke(addr, word); }
  std::uint64_t peek(HostPhys addr) const override { return memory_.peek(addr); }

  CommitStatus commit(unsigned ctx, const ContextRegs& regs) override {
    if (mmu_->commit(ctx, regs) != Reject::None) return CommitStatus::Rejected;
    run_postponed();
    return CommitStatus::Ok;
  }
  void set_pml_index(unsigned ctx, std::uint16_t index) override { mmu_->set_pml_index(ctx, index); }
  std::uint16_t pml_index(unsigned ctx) override { return mmu_->pml_index(ctx); }
  void set_log_index(unsigned ctx, Log log, std::uint16_t index) override { mmu_->set_log_index(ctx, log, index); }
  std::uint16_t log_index(unsigned ctx, Log log) override { return mmu_->log_index(ctx, log); }
  std::uint8_t prl_status(unsigned ctx) override { return mmu_->prl_status(ctx); }
  void clear_prl_status(unsigned ctx, std::uint8_t full_bits) override { mmu_->clear_prl_status(ctx, full_bits); }
  std::uint32_t prl_drops(unsigned ctx) override { return mmu_->prl_drops(ctx); }
  void clear_prl_drops(unsigned ctx) override { mmu_->clear_prl_drops(ctx); }

  bool invalidate(const Invalidation& inv) override {
    if (!operands_valid(inv, mmu_->active(inv.ctx))) return false;
    if (needs_sync(inv, mmu_->active(inv.ctx)) && !mmu_->queue_sync(sync_request(inv))) {
      stalled_.push_back(sync_request(inv));
    }
    if (inv.op != InvOp::LoadCr3) return true;  // nothing is cached
    mmu_->load_cr3(inv.ctx, inv.addr & ~kKeepEntries);
    run_postponed();
    return true;
  }

  void set_shadow_row(unsigned ctx, unsigned row, const ShadowRow& value) override {
    mmu_->set_shadow_row(ctx, row, value);
  }
  void root_done(unsigned ctx) override {
    mmu_->root_done(ctx);
    run_postponed();
  }
  bool held(unsigned ctx) override { return mmu_->held(ctx); }
  bool sync_done(unsigned ctx) override {
    if (!mmu_->sync_done(ctx)) return false;
    if (!stalled_.empty() && mmu_->queue_sync(stalled_.front())) stalled_.pop_front();
    return true;
  }

  AccessRecord access(const Access& access) override {
    memory_.start_access();
    const Indices before = indices(access.ctx);
    AccessRecord record;
    record.access = access;
    record.result = translate(access);
    record.changed_words = memory_.changes();
    const Indices after = indices(access.ctx);
    if (after[0] != before[0]) record.changed_pml_index = after[0];
    if (after[1] != before[1]) record.changed_prl_index = after[1];
    if (after[2] != before[2]) record.changed_epml_index = after[2];
    return record;
  }

  void on_complete(std::function<void(const AccessRecord&)> sink) override { sink_ = std::move(sink); }

  // Nothing but accesses of a held context is ever in flight: others are complete before issue() returns.
  void issue(const Access& access) override {
    if (mmu_->held(access.ctx)) {
      postponed_.push_back(access);
    } else {
      complete(access);
    }
  }
  void sync() override {}

  std::optional<std::uint64_t> counter(Counter c) override {
    switch (c) {
      case Counter::Refs: return observer_.guest_refs + observer_.nested_refs;
      case Counter::GuestRefs: return observer_.guest_refs;
      case Counter::NestedRefs: return observer_.nested_refs;
      case Counter::Swaps: return observer_.swaps;
      case Counter::L1Hits:
      case Counter::L2Hits:
      case Counter::NtlbHits:
      case Counter::WalkCycles:
      case Counter::Merged: return std::nullopt;
      case Counter::BitmapReads: return observer_.bitmap_reads;
      case Counter::PrlRecords: return records(Log::Prl);
      case Counter::EpmlRecords: return records(Log::Epml);
      case Counter::PrlDrops: return observer_.drops;
      case Counter::Walks: return walks_;
      case Counter::PmlRecords: return records(Log::Pml);
      case Counter::SegmentChecks: return observer_.segment_checks;
      case Counter::FilterHits: return observer_.filter_hits;
    }
    return std::nullopt;
  }
  std::uint64_t cycles() const override { return 0; }

  std::uint32_t events(unsigned ctx) override {
    std::uint32_t bits = 0;
    for (const Event e : kEvents) {
      if (mmu_->event(ctx, e)) bits |= std::uint32_t{1} << static_cast<unsigned>(e);
    }
    return bits;
  }
  void clear_events(unsigned ctx, std::uint32_t bits) override {
    for (const Event e : kEvents) {
      if ((bits >> static_cast<unsigned>(e)) & 1) mmu_->clear_event(ctx, e);
    }
  }

  std::uint32_t guest_events(unsigned ctx) override {
    std::uint32_t bits = 0;
    for (const GuestEvent e : kGuestEvents) {
      if (mmu_->event(ctx, e)) bits |= event_bit(e);
    }
    return bits;
  }
  void clear_guest_events(unsigned ctx, std::uint32_t bits) override {
    for (const GuestEvent e : kGuestEvents) {
      if ((bits & event_bit(e)) != 0) mmu_->clear_event(ctx, e);
    }
  }

  void inject_bus_error(HostPhys addr, unsigned n) override {
    if (n != 0) memory_.fail_next(addr, n);
  }
  void inject_race(HostPhys addr, std::uint64_t word) override { memory_.race(addr, word); }

 private:
  using Indices = std::array<std::uint16_t, 3>;  // PML, PRL, EPML
  Indices indices(unsigned ctx) const {
    return {mmu_->log_index(ctx, Log::Pml), mmu_->log_index(ctx, Log::Prl), mmu_->log_index(ctx, Log::Epml)};
  }
  std::uint64_t records(Log log) const { return observer_.records[static_cast<std::size_t>(log)]; }

  // Neither a non-canonical address nor an answer that segments give without any table is a walk; a write that has a
  // bitmap to look at is.
  Result translate(const Access& access) {
    const std::uint64_t references = observer_.guest_refs + observer_.nested_refs;
    const Result result = mmu_->access(access, &observer_);
    const Fault* fault = std::get_if<Fault>(&result);
    const bool looks_at_bitmap = mmu_->active(access.ctx).seg_log_en && access.op == Op::Write;
    const bool by_segments =
        fault == nullptr && !looks_at_bitmap && references == observer_.guest_refs + observer_.nested_refs;
    if (!by_segments && (fault == nullptr || fault->kind != FaultKind::NonCanonical)) ++walks_;
    return result;
  }

  void complete(const Access& access) {
    AccessRecord record;
    record.access = access;
    record.result = translate(access);
    if (sink_) sink_(record);
  }

  // Those whose context is held no more, in the order in which they were issued.
  void run_postponed() {
    std::deque<Access> waiting;
    waiting.swap(postponed_);
    for (const Access& access : waiting) issue(access);
  }

  const PresetInfo& info_;
  JournalMem memory_;
  std::optional<Mmu> mmu_;
  CountingObserver observer_;
  std::uint64_t walks_ = 0;
  std::deque<Access> postponed_;     // their context is held
  std::deque<SyncRequest> stalled_;  // the queue of waiting invalidations is full
  std::function<void(const AccessRecord&)> sink_;
};

}  // namespace

std::unique_ptr<Engine> make_model_engine(const EngineOptions& options) {
  return std::make_unique<ModelEngine>(options);
}

}  // namespace vmmu::tb
