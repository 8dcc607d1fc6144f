// What the walker's caches may hold that memory and registers no longer say, and what the RTL did with it.
#include <algorithm>

#include "engine/scoreboard.hpp"

namespace vmmu::tb {
namespace {

// Of those that walks were made under, in one context; entries that are older still are not judged.
constexpr std::size_t kMostUsedRegs = 32;

// The registers of today, with those of an earlier walk that decide where the guest's tables are.
RegisterSet with_tables_of(const RegisterSet& old, RegisterSet now) {
  now.cr3 = old.cr3;
  now.shadow_root = old.shadow_root;
  now.la57 = old.la57;
  now.maxphyaddr = old.maxphyaddr;
  now.eptp = old.eptp;
  now.vseg = old.vseg;
  now.vfilter = old.vfilter;
  now.vseg_miss = old.vseg_miss;
  return now;
}

void add_new(std::vector<RegisterSet>& sets, const RegisterSet& set) {
  if (std::find(sets.begin(), sets.end(), set) == sets.end()) sets.push_back(set);
}

Deeds deeds_in(const std::vector<Transaction>& log) {
  Deeds deeds;
  for (const Transaction& t : log) {
    if (t.op == MemOp::Write) deeds.records.push_back(t.wdata);
    if (t.op == MemOp::Read && !t.error) deeds.reads.push_back({t.addr, t.data});
    if (t.op == MemOp::Cas && !t.error) deeds.swaps.push_back({t.addr, t.expected, t.wdata, t.data});
  }
  return deeds;
}

// Whether the words hold what the swaps have put there.
bool memory_shows(const std::vector<WalkTrace::Swap>& swaps, const SparseMem& words) {
  std::map<HostPhys, std::uint64_t> last;
  for (const WalkTrace::Swap& s : swaps) {
    if (s.found == s.expected) last[s.addr] = s.desired;
  }
  return std::all_of(last.begin(), last.end(), [&](const auto& w) { return words.peek(w.first) == w.second; });
}

bool same_places(const WalkTrace& a, const WalkTrace& b) {
  const auto same_place = [](const WalkTrace::Read& x, const WalkTrace::Read& y) { return x.addr == y.addr; };
  return std::equal(a.reads.begin(), a.reads.end(), b.reads.begin(), b.reads.end(), same_place);
}

}  // namespace

Window Scoreboard::window_of(unsigned ctx, const RegisterSet& regs, std::uint64_t accepted) {
  const Window window = ages_.window(SpaceTag::of(ctx, regs), accepted);
  return bypass_ ? window.without_caches() : window;
}

void Scoreboard::used(unsigned ctx, const std::shared_ptr<const RegisterSet>& regs, std::uint64_t cycle) {
  std::vector<UsedRegs>& sets = used_[ctx];
  const auto same = [&regs](const UsedRegs& u) { return u.regs == regs; };
  const auto it = std::find_if(sets.begin(), sets.end(), same);
  if (it != sets.end()) {
    it->last = std::max(it->last, cycle);
    return;
  }
  if (sets.size() == kMostUsedRegs) sets.pop_back();
  sets.insert(sets.begin(), {regs, SpaceTag::of(ctx, *regs), cycle});
}

Judge::Question Scoreboard::question(const Access& access, const RegisterSet& regs, const Window& window) const {
  Judge::Question q{access, regs, window};
  const SpaceTag space = SpaceTag::of(access.ctx, regs);
  for (const UsedRegs& u : used_[access.ctx]) {
    const auto under_these = [&u](const Flight& f) { return f.busy && f.regs == u.regs; };
    const bool in_use = in_flight_ != 0 && std::any_of(flight_.begin(), flight_.end(), under_these);
    const RegisterSet set = with_tables_of(*u.regs, regs);
    if (u.tag == space && set != regs && window.guest != kNever && (u.last >= window.guest || in_use)) {
      add_new(q.older, set);
    }
    const bool same_root = space.nested && u.tag.nested && u.tag.eptp_root == space.eptp_root;
    if (same_root && u.regs->eptp != regs.eptp && window.nested != kNever && (u.last >= window.nested || in_use)) {
      RegisterSet nested = regs;
      nested.eptp = u.regs->eptp;
      add_new(q.nested_under, nested);
    }
  }
  return q;
}

bool Scoreboard::settled(const Judge::Question& question, const WalkTrace& path) {
  const std::uint64_t cached_since = std::min(question.window.guest, question.window.nested);
  if (cached_since == kNever) return true;
  if (!question.nested_under.empty()) return false;
  for (const WalkTrace::Read& read : path.reads) {
    if (history_.changed_since(read.addr, cached_since)) return false;
  }
  return std::all_of(question.older.begin(), question.older.end(), [&](const RegisterSet& old) {
    WalkTrace trace;
    judge_.now(question.access, old, &trace);
    return same_places(trace, path);
  });
}

bool Scoreboard::stale_explains(const Answer& answer, const std::vector<Transaction>& log, const LogIndices& before,
                                const WalkTrace& path, WalkTrace& trace) {
  const RegisterSet& regs = *active_[answer.access.ctx];
  const Deeds deeds = deeds_in(without_prl(log));
  const Judge::Question q = question(answer.access, regs, window_of(answer.access.ctx, regs, answer.responded));
  if (settled(q, path) || !memory_shows(deeds.swaps, words_)) return false;
  return judge_.explains(q, answer.result, deeds, before, trace);
}

std::uint32_t Scoreboard::model_log_events(unsigned ctx) const {
  std::uint32_t bits = 0;
  for (const Event e : {Event::PmlWatermark, Event::LogError}) {
    if (model_->event(ctx, e)) bits |= event_mask(e);
  }
  return bits;
}

void Scoreboard::take_effects(const Answer& answer, const std::vector<Transaction>& log, std::uint32_t events_before) {
  const unsigned ctx = answer.access.ctx;
  took_effects_ = true;
  Differences replaced;
  compare_words(log, false, replaced);
  for (const Log kind : {Log::Pml, Log::Prl, Log::Epml}) model_->set_log_index(ctx, kind, books_.index(ctx, kind));
  for (const Event e : {Event::PmlWatermark, Event::LogError}) {
    if ((events_before & event_mask(e)) == 0) model_->clear_event(ctx, e);
  }
}

void Scoreboard::refuse_as_in(const Answer& answer, const std::vector<Transaction>& log) {
  const Fault* fault = std::get_if<Fault>(&answer.result);
  const bool bus_error = fault != nullptr && fault->kind == FaultKind::BusError;
  std::map<HostPhys, unsigned> refused;
  for (const Transaction& t : log) {
    // What ended an attempt with caches is not met again.
    if (t.error && (t.op == MemOp::Write || bus_error || !walker_caches())) ++refused[t.addr];
  }
  memory_.set_errors(refused);
}

}  // namespace vmmu::tb
