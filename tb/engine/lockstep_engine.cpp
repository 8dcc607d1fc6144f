#include "engine/lockstep_engine.hpp"

#include <fmt/format.h>

#include "engine/describe.hpp"
#include "engine/inv_rules.hpp"
#include "engine/preset_info.hpp"

namespace vmmu::tb {
namespace {

// The sums are checked at least this often, so that a difference is found near its cause.
constexpr std::uint64_t kWindow = 4096;
// What stands for the id of an invalidation that software has synchronized.
constexpr unsigned kSynchronized = 256;

BuildParams build_params(const RtlEngine& rtl) {
  BuildParams params;
  params.num_contexts = rtl.num_contexts();
  params.pa_bits = rtl.pa_bits();
  params.num_vmm_segments = rtl.num_vmm_segments();
  params.shadow_roots = rtl.shadow_roots();
  params.prl = rtl.prl();
  params.epml = rtl.epml();
  params.seg_log = rtl.seg_log();
  return params;
}

WalkerCaches walker_caches(Preset preset) {
  const PresetInfo& info = preset_info(preset);
  return {info.has_structure_caches(), info.has_structure_caches() || info.has_nested_tlb()};
}

Answer answer_of(const Completion& c) {
  return {c.access,
          c.result,
          c.source == Source::Walk,
          c.accepted,
          c.responded,
          c.source == Source::Segment,
          0,
          c.source == Source::L2};
}

}  // namespace

LockstepEngine::LockstepEngine(const EngineOptions& options)
    : rtl_(options), scoreboard_(build_params(rtl_), rtl_.rig().words(), walker_caches(options.preset)) {
  rtl_.on_accepted = [this](unsigned id, const Access& access, std::uint64_t cycle) {
    scoreboard_.accepted(id, access, cycle);
  };
  rtl_.on_answered = [this](const Completion& c) {
    std::vector<std::string> found = scoreboard_.check_answer(c.id, answer_of(c));
    mismatches_ += found.size();
    return found;
  };
  Rig& rig = rtl_.rig();
  rig.memory().on_swap = [this](HostPhys addr, std::uint64_t before) {
    scoreboard_.swap_happens(addr, before, rtl_.rig().now());
  };
  rig.memory().on_race = [this](HostPhys addr, std::uint64_t word) {
    scoreboard_.race_happens(addr, word, rtl_.rig().now());
  };
  rig.on_invalidation_accepted = [this](std::uint8_t id) { invalidation_accepted(id); };
  rig.on_invalidation_acknowledged = [this](std::uint8_t id) { invalidation_acknowledged(id); };
  reset();
}

void LockstepEngine::reset() {
  rtl_.reset();
  presented_.reset();
  outstanding_.clear();
  scoreboard_.reset();
  stalled_.clear();
  for (unsigned ctx = 0; ctx < num_contexts(); ++ctx) scoreboard_.set_pml_index(ctx, rtl_.pml_index(ctx));
  last_drops_.assign(num_contexts(), 0);
  open_ = false;
  issued_ = 0;
}

void LockstepEngine::note(std::vector<std::string> found) {
  mismatches_ += found.size();
  for (std::string& d : found) pending_.push_back(std::move(d));
}

void LockstepEngine::expect_equal(const char* what, std::uint64_t rtl, std::uint64_t model) {
  if (rtl != model) note({fmt::format("{}: got {:#x}, expected {:#x}", what, rtl, model)});
}

std::vector<std::string> LockstepEngine::take_differences() {
  std::vector<std::string> taken;
  taken.swap(pending_);
  return taken;
}

void LockstepEngine::set_cache_bypass(bool on) {
  rtl_.set_cache_bypass(on);
  scoreboard_.set_cache_bypass(on);
}

void LockstepEngine::poke(HostPhys addr, std::uint64_t word) {
  scoreboard_.poke(addr, word, rtl_.cycles());
  rtl_.poke(addr, word);
}

CommitStatus LockstepEngine::commit(unsigned ctx, const ContextRegs& regs) {
  const CommitStatus status = rtl_.commit(ctx, regs);
  if (status == CommitStatus::Busy) return status;
  const Reject model = scoreboard_.commit(ctx, regs);
  expect_equal("reason of a rejected COMMIT", static_cast<std::uint64_t>(rtl_.last_reject()),
               static_cast<std::uint64_t>(model));
  return status;
}

void LockstepEngine::set_log_index(unsigned ctx, Log log, std::uint16_t index) {
  rtl_.set_log_index(ctx, log, index);
  scoreboard_.set_log_index(ctx, log, index);
}

std::uint16_t LockstepEngine::log_index(unsigned ctx, Log log) {
  if (log == Log::Pml) return pml_index(ctx);
  const std::uint16_t index = rtl_.log_index(ctx, log);
  if (!open_) expect_equal("index of a log", index, scoreboard_.model().log_index(ctx, log));
  return index;
}

std::uint8_t LockstepEngine::prl_status(unsigned ctx) {
  const std::uint8_t status = rtl_.prl_status(ctx);
  if (!open_) expect_equal("PRL_STATUS", status, scoreboard_.model().prl_status(ctx));
  return status;
}

void LockstepEngine::clear_prl_status(unsigned ctx, std::uint8_t full_bits) {
  rtl_.clear_prl_status(ctx, full_bits);
  scoreboard_.clear_prl_status(ctx, full_bits);
}

std::uint32_t LockstepEngine::prl_drops(unsigned ctx) {
  const std::uint32_t drops = rtl_.prl_drops(ctx);
  if (!open_) expect_equal("PRL_DROPS", drops, scoreboard_.model().prl_drops(ctx));
  return drops;
}

void LockstepEngine::clear_prl_drops(unsigned ctx) {
  rtl_.clear_prl_drops(ctx);
  scoreboard_.model().clear_prl_drops(ctx);
  last_drops_[ctx] = 0;
}

std::uint32_t LockstepEngine::guest_events(unsigned ctx) {
  const std::uint32_t bits = rtl_.guest_events(ctx);
  if (open_) return bits;
  std::uint32_t expected = scoreboard_.log_guest_events(ctx);
  for (const GuestEvent e : {GuestEvent::EpmlFull, GuestEvent::EpmlWatermark, GuestEvent::CommitRejected}) {
    if (scoreboard_.model().event(ctx, e)) expected |= std::uint32_t{1} << static_cast<unsigned>(e);
  }
  expect_equal("pending events of the guest", bits, expected);
  return bits;
}

void LockstepEngine::clear_guest_events(unsigned ctx, std::uint32_t bits) {
  rtl_.clear_guest_events(ctx, bits);
  scoreboard_.clear_guest_events(ctx, bits);
}

// What the page-reference log has recorded is not the model's. With one buffer it is armed anew in both.
void LockstepEngine::renew_prl(unsigned ctx) {
  if (!prl()) return;
  clear_prl_drops(ctx);
  clear_events(ctx, event_mask(Event::PrlFull) | event_mask(Event::PrlWatermark));
  const std::uint16_t index = rtl_.log_index(ctx, Log::Prl);
  if (!scoreboard_.active(ctx).prl_double) rtl_.set_log_index(ctx, Log::Prl, index);
  scoreboard_.renew_prl(ctx, index, rtl_.prl_status(ctx));
}

// After one access alone.
void LockstepEngine::compare_prl(unsigned ctx) {
  if (!scoreboard_.active(ctx).prl_en || open_) return;
  log_index(ctx, Log::Prl);
  prl_status(ctx);
  prl_drops(ctx);
}

void LockstepEngine::set_pml_index(unsigned ctx, std::uint16_t index) {
  rtl_.set_pml_index(ctx, index);
  scoreboard_.set_pml_index(ctx, index);
}

std::uint16_t LockstepEngine::pml_index(unsigned ctx) {
  const std::uint16_t index = rtl_.pml_index(ctx);
  if (!open_) expect_equal("PML index", index, scoreboard_.pml_index(ctx));
  return index;
}

void LockstepEngine::set_shadow_row(unsigned ctx, unsigned row, const ShadowRow& value) {
  rtl_.set_shadow_row(ctx, row, value);
  scoreboard_.model().set_shadow_row(ctx, row, value);
}

// The model goes first: requests that were held may be answered before the register write is.
void LockstepEngine::root_done(unsigned ctx) {
  scoreboard_.root_done(ctx);
  rtl_.root_done(ctx);
}

// What waits has no effect on any cache until SYNC_DONE.
void LockstepEngine::queue_for_sync(const Invalidation& inv) {
  wait_until_taken();
  if (!scoreboard_.model().queue_sync(sync_request(inv))) stalled_.push_back(sync_request(inv));
  rtl_.invalidate(inv);
}

bool LockstepEngine::sync_done(unsigned ctx) {
  wait_until_taken();
  Mmu& model = scoreboard_.model();
  const std::optional<SyncRequest> request = model.sync_done(ctx);
  if (request) {
    Invalidation inv;
    inv.op = static_cast<InvOp>(request->op);
    inv.ctx = ctx;
    inv.addr = request->gva;
    inv.pcid = request->pcid;
    scoreboard_.invalidation_accepted(kSynchronized, inv, rtl_.cycles());
    if (!stalled_.empty() && model.queue_sync(stalled_.front())) stalled_.pop_front();
  }
  const bool done = rtl_.sync_done(ctx);
  if (request) scoreboard_.invalidation_acknowledged(kSynchronized);
  if (done != request.has_value()) note({"SYNC_DONE: invalidations that wait differ"});
  return done;
}

bool LockstepEngine::invalidate(const Invalidation& inv) {
  const bool valid = operands_valid(inv, scoreboard_.active(inv.ctx));
  if (valid && needs_sync(inv, scoreboard_.active(inv.ctx))) {
    queue_for_sync(inv);
    return true;
  }
  wait_until_taken();
  presented_ = Presented{inv, valid};
  return rtl_.invalidate(inv);
}

std::uint8_t LockstepEngine::start_invalidation(const Invalidation& inv) {
  wait_until_taken();
  presented_ = Presented{inv, operands_valid(inv, scoreboard_.active(inv.ctx))};
  return rtl_.rig().start_invalidation(inv);
}

void LockstepEngine::wait_until_taken() {
  while (rtl_.rig().invalidation_presented()) rtl_.rig().cycle();
}

// Those that wait for SYNC_DONE do not come here: nothing is covered before.
void LockstepEngine::invalidation_accepted(std::uint8_t id) {
  if (!presented_) return;
  const Invalidation& inv = presented_->inv;
  scoreboard_.invalidation_accepted(id, inv, rtl_.rig().now());
  // From now on requests may be accepted under the new root, those that are held among them.
  if (presented_->valid && inv.op == InvOp::LoadCr3) scoreboard_.load_cr3(inv.ctx, inv.addr & ~kKeepEntries);
  outstanding_[id] = *presented_;
  presented_.reset();
}

void LockstepEngine::invalidation_acknowledged(std::uint8_t id) {
  const auto it = outstanding_.find(id);
  if (it == outstanding_.end()) return;
  const Presented taken = it->second;
  outstanding_.erase(it);
  const bool done = !rtl_.rig().invalidation_failed();
  if (done != taken.valid) {
    note({fmt::format("invalidation {}: {}", static_cast<unsigned>(taken.inv.op),
                      done ? "accepted with an invalid operand" : "refused with valid operands")});
  }
  if (done) {
    scoreboard_.invalidation_acknowledged(id);
  } else {
    scoreboard_.invalidation_refused(id);
  }
  if (done && taken.inv.op == InvOp::LoadCr3) rtl_.cr3_loaded(taken.inv);
  if (on_invalidated) on_invalidated(id, done);
}

std::optional<std::uint64_t> LockstepEngine::counter(Counter c) {
  const std::optional<std::uint64_t> count = rtl_.counter(c);
  const auto expected = scoreboard_.segment_counts();
  if (count && expected && !open_) {
    if (c == Counter::SegmentChecks) expect_equal("counter of segment checks", *count, expected->checks);
    if (c == Counter::FilterHits) expect_equal("counter of filter hits", *count, expected->filter_hits);
  }
  return count;
}

AccessRecord LockstepEngine::access(const Access& access) {
  if (open_) sync();
  Completion completion;
  AccessRecord record = rtl_.run_alone(access, completion);
  Answer answer = answer_of(completion);
  if (scoreboard_.active(access.ctx).prl_en) {
    const std::uint32_t drops = rtl_.prl_drops(access.ctx);
    answer.prl_drops = drops - last_drops_[access.ctx];
    last_drops_[access.ctx] = drops;
  }
  for (std::string& d : scoreboard_.check_alone(answer, rtl_.rig().memory().log())) {
    record.differences.push_back(std::move(d));
  }
  const Memory& memory = rtl_.rig().memory();
  scoreboard_.memory().set_injected(memory.errors_left(), memory.races_left());
  mismatches_ += record.differences.size();
  if (scoreboard_.took_effects()) renew_prl(access.ctx);
  compare_prl(access.ctx);
  for (std::string& d : pending_) record.differences.push_back(std::move(d));
  pending_.clear();
  return record;
}

void LockstepEngine::on_complete(std::function<void(const AccessRecord&)> sink) {
  rtl_.on_complete([this, sink = std::move(sink)](const AccessRecord& record) {
    if (pending_.empty()) {
      if (sink) sink(record);
      return;
    }
    AccessRecord more = record;
    for (std::string& d : pending_) more.differences.push_back(std::move(d));
    pending_.clear();
    if (sink) sink(more);
  });
}

void LockstepEngine::issue(const Access& access) {
  if (!open_) rtl_.rig().memory().clear_log();
  open_ = true;
  if (++issued_ % kWindow == 0) sync();
  open_ = true;
  rtl_.issue(access);
}

void LockstepEngine::sync() {
  rtl_.sync();
  if (open_ && rtl_.in_flight() == 0) end_window();  // else some are held, and the window stays open
}

void LockstepEngine::end_window() {
  std::vector<LogState> logs(num_contexts());
  for (unsigned ctx = 0; ctx < num_contexts(); ++ctx) {
    LiveRegs& live = logs[ctx].regs;
    live.index(Log::Pml) = rtl_.pml_index(ctx);
    if (epml()) live.index(Log::Epml) = rtl_.log_index(ctx, Log::Epml);
    if (epml()) live.guest_events = rtl_.guest_events(ctx);
    if (prl()) live.index(Log::Prl) = rtl_.log_index(ctx, Log::Prl);
    if (prl()) live.prl_status = rtl_.prl_status(ctx);
    if (prl()) live.prl_drops = rtl_.prl_drops(ctx) - last_drops_[ctx];
  }
  Memory& memory = rtl_.rig().memory();
  scoreboard_.memory().set_injected(memory.errors_left(), memory.races_left());
  note(scoreboard_.check_quiet(memory.log(), logs));
  note(rtl_.take_errors());
  memory.clear_log();
  open_ = false;
  for (unsigned ctx = 0; ctx < num_contexts(); ++ctx) renew_prl(ctx);
}

std::uint32_t LockstepEngine::events(unsigned ctx) {
  const std::uint32_t bits = rtl_.events(ctx);
  if (open_) return bits;  // events of requests in flight are not the model's yet
  std::uint32_t expected = scoreboard_.log_events(ctx);
  for (const Event e : {Event::CommitRejected, Event::PmlWatermark, Event::PrlFull, Event::PrlWatermark,
                        Event::LogError, Event::ShadowRoot, Event::SyncPending}) {
    if (scoreboard_.model().event(ctx, e)) expected |= event_mask(e);
  }
  const std::uint32_t judged = ~event_mask(Event::Watchdog);
  expect_equal("pending events", bits & judged, expected & judged);
  return bits;
}

void LockstepEngine::clear_events(unsigned ctx, std::uint32_t bits) {
  rtl_.clear_events(ctx, bits);
  scoreboard_.clear_events(ctx, bits);
}

void LockstepEngine::inject_bus_error(HostPhys addr, unsigned n) {
  scoreboard_.inject_error(addr, n);
  rtl_.inject_bus_error(addr, n);
}

void LockstepEngine::inject_race(HostPhys addr, std::uint64_t word) {
  scoreboard_.inject_race(addr, word);
  rtl_.inject_race(addr, word);
}

std::unique_ptr<Engine> make_lockstep_engine(const EngineOptions& options) {
  return std::make_unique<LockstepEngine>(options);
}

}  // namespace vmmu::tb
