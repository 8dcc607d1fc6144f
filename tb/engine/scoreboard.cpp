#include "engine/scoreboard.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/describe.hpp"
#include "engine/isolation.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::size_t kVerifiedSlots = std::size_t{1} << 14;

std::uint64_t access_key(const Access& a) {
  return (a.gva.value & ~std::uint64_t{0xfff}) | (std::uint64_t{a.ctx & 0xf} << 8) |
         (static_cast<std::uint64_t>(a.op) << 4) | (std::uint64_t{a.user} << 2) | (std::uint64_t{a.ac} << 1) |
         std::uint64_t{a.implicit};
}

std::size_t slot_of(std::uint64_t key) { return (key * 0x9e3779b97f4a7c15u) >> 50; }

// The register set of an old walk with the permission controls of today: entries keep the attributes of
// the tables, and CR0.WP, SMEP, SMAP, protection keys and EFER.NXE are applied when they answer.
RegisterSet with_current_permissions(RegisterSet old, const ContextRegs& now) {
  old.wp = now.wp;
  old.nxe = now.nxe;
  old.smep = now.smep;
  old.smap = now.smap;
  old.pke = now.pke;
  old.pkru = now.pkru;
  old.mbe = now.mbe;
  return old;
}

}  // namespace

Scoreboard::Scoreboard(BuildParams params, const SparseMem& words, WalkerCaches caches)
    : params_(params),
      words_(words),
      model_(std::in_place, params, memory_),
      judge_(params, words_, history_),
      caches_(caches),
      ages_(caches),
      used_(params.num_contexts),
      active_(params.num_contexts),
      verified_(kVerifiedSlots),
      books_(params.num_contexts),
      references_(params.num_contexts) {
  reset();
}

void Scoreboard::reset() {
  memory_.clear();
  model_.emplace(params_, memory_);
  history_.clear();
  stale_.clear();
  ages_.clear();
  open_.clear();
  for (auto& sets : used_) sets.clear();
  books_.reset();
  references_.assign(params_.num_contexts, References{});
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) take_active(ctx);
  for (Flight& f : flight_) f = Flight{};
  segment_counts_.emplace();
  in_flight_ = 0;
  stirred_ = false;
  reads_.clear();
  records_.clear();
  bus_errors_.clear();
  new_epoch();
}

void Scoreboard::set_log_index(unsigned ctx, Log log, std::uint16_t index) {
  model_->set_log_index(ctx, log, index);
  books_.set_index(ctx, log, index);
  books_.set_prl_status(ctx, model_->prl_status(ctx));
  if (in_flight_ != 0) stirred_ = true;
}

void Scoreboard::clear_prl_status(unsigned ctx, std::uint8_t full_bits) {
  model_->clear_prl_status(ctx, full_bits);
  books_.set_prl_status(ctx, model_->prl_status(ctx));
  books_.set_index(ctx, Log::Prl, model_->log_index(ctx, Log::Prl));
}

void Scoreboard::renew_prl(unsigned ctx, std::uint16_t index, std::uint8_t status) {
  set_log_index(ctx, Log::Prl, index);
  model_->restore_prl_status(ctx, status);
  books_.set_prl_status(ctx, status);
}

void Scoreboard::clear_events(unsigned ctx, std::uint32_t bits) {
  for (const Event e : {Event::CommitRejected, Event::PmlWatermark, Event::PrlFull, Event::PrlWatermark,
                        Event::LogError, Event::ShadowRoot, Event::SyncPending}) {
    if ((bits & event_mask(e)) != 0) model_->clear_event(ctx, e);
  }
  books_.clear_events(ctx, bits);
}

void Scoreboard::clear_guest_events(unsigned ctx, std::uint32_t bits) {
  for (const GuestEvent e : {GuestEvent::EpmlFull, GuestEvent::EpmlWatermark, GuestEvent::CommitRejected}) {
    if ((bits >> static_cast<unsigned>(e) & 1) != 0) model_->clear_event(ctx, e);
  }
  books_.clear_guest_events(ctx, bits);
}

Reject Scoreboard::commit(unsigned ctx, const ContextRegs& regs) {
  const Reject reject = model_->commit(ctx, regs);
  if (reject != Reject::None) return reject;
  take_active(ctx);
  return reject;
}

void Scoreboard::load_cr3(unsigned ctx, std::uint64_t cr3) {
  model_->load_cr3(ctx, cr3);
  take_active(ctx);
}

void Scoreboard::root_done(unsigned ctx) {
  model_->root_done(ctx);
  take_active(ctx);
}

void Scoreboard::take_active(unsigned ctx) {
  active_[ctx] = std::make_shared<const RegisterSet>(model_->active(ctx), model_->shadow_root(ctx));
  books_.activate(ctx, *active_[ctx]);
  if (in_flight_ != 0) stirred_ = true;
  new_epoch();
  if (model_->held(ctx)) return;
  for (Flight& f : flight_) {
    if (!f.busy || !f.held || f.access.ctx != ctx) continue;
    f.held = false;
    f.regs = active_[ctx];
  }
}

void Scoreboard::poke(HostPhys addr, std::uint64_t word, std::uint64_t now) {
  const std::uint64_t before = words_.peek(addr);
  memory_.poke(addr, word);
  if (before == word) return;
  // Nobody can have seen a word that was there before the first walk.
  if (in_flight_ != 0 || !ages_.empty()) history_.changed(addr, before, now);
  if (in_flight_ != 0) stirred_ = true;
  new_epoch();
}

void Scoreboard::inject_error(HostPhys addr, unsigned n) {
  memory_.inject_error(addr, n);
  if (in_flight_ != 0) stirred_ = true;
}

void Scoreboard::inject_race(HostPhys addr, std::uint64_t word) {
  memory_.inject_race(addr, word);
  if (in_flight_ != 0) stirred_ = true;
}

void Scoreboard::race_happens(HostPhys addr, std::uint64_t word, std::uint64_t now) {
  if (in_flight_ != 0) {
    memory_.drop_race(addr);
    poke(addr, word, now);
  } else if (!ages_.empty()) {
    history_.changed(addr, words_.peek(addr), now);  // the model makes the same write at its own swap
  }
}

void Scoreboard::invalidation_accepted(unsigned id, const Invalidation& inv, std::uint64_t cycle) {
  open_[id] = {inv, active_[inv.ctx], cycle};
}

void Scoreboard::invalidation_acknowledged(unsigned id) {
  const auto it = open_.find(id);
  if (it == open_.end()) return;
  const TakenInvalidation taken = it->second;
  open_.erase(it);
  ages_.invalidated(taken.inv, *taken.regs, taken.since);
  // A request that finds its page in a TLB, and waits for a walk, counts as held when the entry has gone.
  for (Flight& f : flight_) {
    if (f.busy && f.regs->prl_en && !f.may_be_held) f.may_be_held = may_be_held(f.access, *f.regs);
  }
  stale_.invalidated(taken);
  for (Flight& f : flight_) {
    if (!f.busy) continue;
    f.invalidations.push_back(taken);
    // A covered walk that is still unanswered must have started again after the invalidation came.
    if (covers_access(taken.inv, *taken.regs, f.access, *f.regs)) {
      read_anew(taken, SpaceTag::of(f.access.ctx, *f.regs), f.window);
    }
  }
  if (in_flight_ == 0) history_.forget(std::min(ages_.oldest(), stale_.oldest()));
}

void Scoreboard::invalidation_refused(unsigned id) { open_.erase(id); }

Result Scoreboard::run_model(const Access& access, const RegisterSet& regs, WalkTrace& trace) {
  const RegisterSet& active = *active_[access.ctx];
  if (regs == active) return model_->access(access, &trace);
  // Accepted before a COMMIT: it uses the old registers.
  const bool held = model_->held(access.ctx);
  model_->restore(access.ctx, regs, regs.shadow_root);
  const Result result = model_->access(access, &trace);
  model_->restore(access.ctx, active, active.shadow_root, held);
  return result;
}

void Scoreboard::remember_walk(const Answer& answer, const Flight& flight, const WalkTrace& trace) {
  const Translation* t = std::get_if<Translation>(&answer.result);
  if (t == nullptr || bypass_) return;
  StaleEntry entry;
  entry.tag = SpaceTag::of(answer.access.ctx, *flight.regs);
  entry.tag.global = flight.regs->pge && (trace.last_guest_word & pt::G) != 0;
  entry.gva = answer.access.gva.value;
  entry.size = t->size;
  entry.regs = flight.regs;
  entry.window = flight.window;
  entry.window.until = answer.responded;
  entry.epoch = epoch_;
  entry.steady = flight.epoch == epoch_;
  // Which fragments of a large page an invalidation covers shows only now.
  for (const TakenInvalidation& taken : flight.invalidations) {
    if (covers(taken, entry)) read_anew(taken, entry.tag, entry.window);
  }
  stale_.add(std::move(entry));
}

bool Scoreboard::verified_before(const Answer& answer, std::uint64_t key) const {
  const Verified& v = verified_[slot_of(key)];
  if (v.key != key || v.epoch != epoch_) return false;
  Translation expected = v.translation;
  expected.hpa.value |= answer.access.gva.value & 0xfff;
  return std::get<Translation>(answer.result) == expected;
}

Differences Scoreboard::check_hit(const Answer& answer, const std::shared_ptr<const RegisterSet>& regs) {
  // What was verified and not changed by software since needs no walk: flags are only ever added.
  const std::uint64_t key = access_key(answer.access);
  const bool current_regs = regs == active_[answer.access.ctx];
  if (current_regs && verified_before(answer, key)) return {};
  WalkTrace trace;
  Differences out;
  const Judge::Verdict now = judge_.now(answer.access, *regs, &trace);
  if (now.result == answer.result && !now.wants_write) {
    check_isolation(answer, *regs, trace, out);
    if (current_regs) {
      Translation base = std::get<Translation>(answer.result);
      base.hpa.value &= ~std::uint64_t{0xfff};
      verified_[slot_of(key)] = {key, epoch_, base};
    }
    return out;
  }
  if (stale_allows(answer, *regs, trace)) return out;  // it held what it found against the registers of its walk
  return {
      fmt::format("{}: answered from a TLB: {}; expected {}{}, and no walk since the last covering "
                  "invalidation gave that",
                  describe(answer.access), describe(answer.result), describe(now.result),
                  now.wants_write ? " by a walk that sets flags" : "")};
}

bool Scoreboard::stale_allows(const Answer& answer, const RegisterSet& regs, WalkTrace& trace) {
  const SpaceTag space = SpaceTag::of(answer.access.ctx, regs);
  return stale_.any(answer.access.ctx, answer.access.gva.value, [&](const StaleEntry& entry) {
    if (!entry.tag.answers(space)) return false;
    const RegisterSet walked_with = with_current_permissions(*entry.regs, regs);
    if (!judge_.possible(question(answer.access, walked_with, entry.window), answer.result, trace)) return false;
    Differences breach;
    check_isolation(answer, walked_with, trace, breach);
    return breach.empty();
  });
}

Differences Scoreboard::check_alone(const Answer& given, const std::vector<Transaction>& log) {
  Differences out;
  Answer answer = given;
  const unsigned ctx = answer.access.ctx;
  const auto references = [this](const Transaction& t) { return is_prl(t); };
  answer.access.held = may_be_held(answer.access, *active_[ctx]) && answer.prl_drops == 0 &&
                       std::none_of(log.begin(), log.end(), references);
  const bool success = std::holds_alternative<Translation>(answer.result);
  const LogIndices before{books_.index(ctx, Log::Pml), books_.index(ctx, Log::Epml)};
  books_.forget_older();
  books_.set_prl_status(ctx, model_->prl_status(ctx));  // drops have changed it, which no record shows
  judge_transactions(log, ctx, out);
  if (success && !answer.from_walk && !answer.from_segments && log.empty()) {
    if (bypass_) out.push_back(describe(answer.access) + ": answered from a TLB although caches are bypassed");
    // The model makes no dual check for what a TLB answers.
    if (answer.from_l2 && !active_[ctx]->gseg.empty()) segment_counts_.reset();
    for (std::string& d : check_hit(answer, active_[ctx])) out.push_back(std::move(d));
  } else {
    for (std::string& d : check_walk_alone(answer, log, before)) out.push_back(std::move(d));
  }
  return out;
}

Differences Scoreboard::check_walk_alone(const Answer& answer, const std::vector<Transaction>& log,
                                         const LogIndices& before) {
  Differences out;
  const unsigned ctx = answer.access.ctx;
  const auto& regs = active_[ctx];
  const bool success = std::holds_alternative<Translation>(answer.result);
  if (success && !answer.from_walk && !answer.from_segments) {
    out.push_back(fmt::format("{}: answered from a TLB, but memory was used", describe(answer.access)));
  }
  WalkTrace trace;
  const std::uint32_t events_before = model_log_events(ctx);
  memory_.forget_written();
  refuse_as_in(answer, log);
  Result expected = model_->access(answer.access, &trace);
  // A walk that has used a cache and finds the log full begins again. When the record of the guest's buffer took the
  // last place, the page that the data shares with the buffer is found dirty then.
  const Fault* fault = std::get_if<Fault>(&expected);
  if (fault != nullptr && fault->kind == FaultKind::PmlFull && success && regs->epml_en && walker_caches()) {
    segment_counts_.reset();
    expected = model_->access(answer.access, &trace);
  }
  Differences differ;
  if (!(expected == answer.result)) {
    differ.push_back(
        fmt::format("{}: got {}, expected {}", describe(answer.access), describe(answer.result), describe(expected)));
  }
  const bool all_read = compare_log(answer, log, trace, differ);
  Flight alone;
  alone.regs = regs;
  // Nothing was changed while it went on, but for an injected race that it saw.
  alone.window = window_of(ctx, *regs, answer.responded);
  alone.epoch = epoch_;
  WalkTrace path;
  if (!differ.empty() && stale_explains(answer, log, before, trace, path)) {
    take_effects(answer, log, events_before);
    segment_counts_.reset();
    trace = path;
  } else {
    out.insert(out.end(), differ.begin(), differ.end());
    if (!all_read) segment_counts_.reset();  // what a cache answers is held against no segment
    if (segment_counts_) {
      segment_counts_->checks += trace.segment_checks;
      segment_counts_->filter_hits += trace.filter_hits;
    }
    compare_words(log, true, out);
    for (const Log kind : {Log::Pml, Log::Prl, Log::Epml}) {
      if (model_->log_index(ctx, kind) == books_.index(ctx, kind)) continue;
      out.push_back(fmt::format("{}: records leave the index of log {} at {:#x}, expected {:#x}",
                                describe(answer.access), static_cast<unsigned>(kind), books_.index(ctx, kind),
                                model_->log_index(ctx, kind)));
      model_->set_log_index(ctx, kind, books_.index(ctx, kind));
    }
  }
  check_source(answer, trace, out);
  if (success && out.empty()) check_isolation(answer, *regs, trace, out);
  if (!trace.records.empty() || trace.restarts != 0) new_epoch();
  used(ctx, regs, answer.responded);
  remember_walk(answer, alone, trace);
  return out;
}

void Scoreboard::accepted(unsigned id, const Access& access, std::uint64_t cycle) {
  Flight& f = flight_[id];
  f = Flight{};
  f.busy = true;
  f.access = access;
  f.regs = active_[access.ctx];
  f.window = window_of(access.ctx, *f.regs, cycle);
  f.epoch = epoch_;
  f.held = model_->held(access.ctx);
  used(access.ctx, f.regs, cycle);
  for (const auto& [inv_id, taken] : open_) {
    if (taken.inv.op == InvOp::LoadCr3 && taken.inv.ctx == access.ctx) f.or_regs = taken.regs;
  }
  segment_counts_.reset();
  ++in_flight_;
  if (f.held || f.or_regs || memory_.injected())
    stirred_ = true;  // what a held one does comes in the middle of something else
}

Differences Scoreboard::check_answer(unsigned id, const Answer& answer) {
  Flight& f = flight_[id];
  if (!f.busy) return {fmt::format("response to id {}, which is not outstanding", id)};
  f.busy = false;
  --in_flight_;
  expect_reference(answer, f);
  Differences found = judge_answer(f, answer);
  if (found.empty() || !f.or_regs) return found;
  f.regs = f.or_regs;
  f.window = window_of(f.access.ctx, *f.regs, answer.accepted);
  return judge_answer(f, answer);
}

Differences Scoreboard::judge_answer(Flight& f, const Answer& given) {
  Answer answer = given;
  answer.access.held = true;  // see check_quiet()
  const bool success = std::holds_alternative<Translation>(answer.result);
  if (success && !answer.from_walk && !answer.from_segments) {
    Differences hit = check_hit(answer, f.regs);
    if (hit.empty()) return hit;
    WalkTrace trace;
    if (!changing_tables_allow(f, answer, trace)) return hit;
    Differences out;
    check_isolation(answer, *f.regs, trace, out);
    return out;
  }
  const Fault* fault = std::get_if<Fault>(&answer.result);
  if (fault != nullptr && (fault->kind == FaultKind::PmlFull || fault->kind == FaultKind::EpmlFull ||
                           fault->kind == FaultKind::BusError || !fault->gva_valid))
    stirred_ = true;
  if (fault != nullptr && fault->kind == FaultKind::EpmlFull) books_.guest_log_full(answer.access.ctx);
  if (fault != nullptr && fault->kind == FaultKind::BusError) {
    bus_errors_.push_back(fault->address);  // judged by the transactions of the window
    return {};
  }
  used(answer.access.ctx, f.regs, answer.responded);
  if (stirred_) return explain_without_model(f, answer);

  WalkTrace trace;
  const Result expected = run_model(answer.access, *f.regs, trace);
  if (!(expected == answer.result) || !settled(question(answer.access, *f.regs, f.window), trace)) {
    stirred_ = true;
    return explain_without_model(f, answer);
  }
  // A fault may have been found once with the caches and once more without them.
  const unsigned attempts = success || !walker_caches() ? 1 : 2;
  for (const WalkTrace::Read& read : trace.reads) reads_[read.addr.value] += attempts;
  records_.insert(records_.end(), trace.records.begin(), trace.records.end());
  if (!trace.records.empty()) new_epoch();
  remember_walk(answer, f, trace);
  Differences out;
  check_source(answer, trace, out);
  if (success) check_isolation(answer, *f.regs, trace, out);
  return out;
}

// An answer that the model gives without a table is one of the dual check, and no other is.
void Scoreboard::check_source(const Answer& answer, const WalkTrace& trace, Differences& out) const {
  const bool success = std::holds_alternative<Translation>(answer.result);
  const bool no_walk = success && trace.reads.empty();
  if (answer.from_segments == no_walk) return;
  out.push_back(fmt::format("{}: {} is named as the source, but {} tables are read", describe(answer.access),
                            answer.from_segments ? "the segment check" : "a walk", no_walk ? "no" : "some"));
}

void Scoreboard::check_isolation(const Answer& answer, const RegisterSet& regs, const WalkTrace& trace,
                                 Differences& out) const {
  const HostPhys hpa = std::get<Translation>(answer.result).hpa;
  std::string breach = isolation_breach(regs, answer.access.gva, hpa, trace, words_);
  if (!breach.empty()) out.push_back(std::move(breach));
}

bool Scoreboard::changing_tables_allow(const Flight& flight, const Answer& answer, WalkTrace& trace) {
  Window window = flight.window;
  const unsigned shift = page_shift(std::get<Translation>(answer.result).size);
  const SpaceTag space = SpaceTag::of(answer.access.ctx, *flight.regs);
  for (const Flight& other : flight_) {
    if (!other.busy || other.access.ctx != answer.access.ctx) continue;
    if ((other.access.gva.value ^ answer.access.gva.value) >> shift != 0) continue;
    if (!SpaceTag::of(other.access.ctx, *other.regs).answers(space)) continue;
    window.walk = std::min(window.walk, other.window.walk);
    window.guest = std::min(window.guest, other.window.guest);
    window.nested = std::min(window.nested, other.window.nested);
  }
  return judge_.possible(question(answer.access, *flight.regs, window), answer.result, trace);
}

Differences Scoreboard::explain_without_model(const Flight& flight, const Answer& answer) {
  WalkTrace trace;
  if (!judge_.possible(question(answer.access, *flight.regs, flight.window), answer.result, trace) &&
      !missing_flags_allow(flight, answer, trace)) {
    const Judge::Verdict now = judge_.now(answer.access, *flight.regs);
    return {fmt::format("{} (several in flight): got {}, expected {}{}, or what memory gave since cycle {}",
                        describe(answer.access), describe(answer.result), describe(now.result),
                        now.wants_write ? " with flags set" : "", flight.window.walk)};
  }
  remember_walk(answer, flight, trace);
  Differences out;
  check_source(answer, trace, out);
  if (std::holds_alternative<Translation>(answer.result)) check_isolation(answer, *flight.regs, trace, out);
  return out;
}

}  // namespace vmmu::tb
