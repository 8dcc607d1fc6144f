// What walks did to memory: the lists of one request, the sums of a window.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/describe.hpp"
#include "engine/scoreboard.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kGuestFlags = pt::A | pt::D;
constexpr std::uint64_t kNestedFlags = ept::A | ept::D;

// A swap may only add accessed and dirty flags of one kind of entry, and at least one of them.
bool adds_flags_only(const Transaction& t) {
  const std::uint64_t added = t.wdata ^ t.expected;
  if (added == 0 || (t.expected & added) != 0) return false;
  return (added & ~kGuestFlags) == 0 || (added & ~kNestedFlags) == 0;
}

std::vector<Transaction> of_kind(const std::vector<Transaction>& log, MemOp op) {
  std::vector<Transaction> picked;
  for (const Transaction& t : log) {
    if (t.op == op && !t.error) picked.push_back(t);
  }
  return picked;
}

// `model` are the model's items as transactions, errors left out on both sides: a refused request ends
// the walk, which the answer shows.
void compare_lists(const char* what, const std::vector<Transaction>& rtl, const std::vector<Transaction>& model,
                   Differences& out) {
  const std::size_t common = std::min(rtl.size(), model.size());
  for (std::size_t i = 0; i < common; ++i) {
    const Transaction& a = rtl[i];
    const Transaction& b = model[i];
    if (a.addr == b.addr && a.data == b.data && a.wdata == b.wdata && a.expected == b.expected) continue;
    out.push_back(fmt::format("{} {} of {}: got {}, expected {}", what, i + 1, model.size(), describe(a), describe(b)));
    return;
  }
  if (rtl.size() > common) {
    out.push_back(fmt::format("{} {} more than the {} expected, the first: {}", what, rtl.size() - common, common,
                              describe(rtl[common])));
  } else if (model.size() > common) {
    out.push_back(fmt::format("{} {} missing, the first: {}", what, model.size() - common, describe(model[common])));
  }
}

Transaction transaction(MemOp op, HostPhys addr, std::uint64_t data, std::uint64_t wdata, std::uint64_t expected) {
  Transaction t;
  t.op = op;
  t.addr = addr;
  t.data = data;
  t.wdata = wdata;
  t.expected = expected;
  return t;
}

// What the request itself had done to a word when it read it.
struct RtlRead {
  HostPhys addr;
  std::uint64_t word = 0;
  std::uint64_t own_flags = 0;
};

// `refused` becomes the number of those before the last table access that memory refused.
std::vector<RtlRead> reads_in(const std::vector<Transaction>& log, std::size_t& refused) {
  std::map<HostPhys, std::uint64_t> own;
  std::vector<RtlRead> reads;
  refused = 0;
  for (const Transaction& t : log) {
    if (t.error && t.op != MemOp::Write) refused = reads.size();
    if (t.swapped()) own[t.addr] |= t.wdata & ~t.expected;
    if (t.op != MemOp::Read || t.error) continue;
    const auto it = own.find(t.addr);
    reads.push_back({t.addr, t.data, it == own.end() ? 0 : it->second});
  }
  return reads;
}

// Whether the first `last` reads of the RTL are some of the model's, in their order.
bool subsequence(const std::vector<RtlRead>& rtl, std::size_t last, const std::vector<WalkTrace::Read>& model) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < model.size() && n < last; ++i) {
    if (rtl[n].addr == model[i].addr && rtl[n].word == model[i].word) ++n;
  }
  return n == last;
}

// Whether those from `first` on are some of the model's, in their order, with flags that an attempt before has set.
bool subsequence_again(const std::vector<RtlRead>& rtl, std::size_t first, const std::vector<WalkTrace::Read>& model) {
  std::size_t n = first;
  for (std::size_t i = 0; i < model.size() && n < rtl.size(); ++i) {
    const bool same_word = rtl[n].word == model[i].word || rtl[n].word == (model[i].word | rtl[n].own_flags);
    if (rtl[n].addr == model[i].addr && same_word) ++n;
  }
  return n == rtl.size();
}

// Whether the RTL's last reads are all of the model's. Flags that an attempt before the last one has set are found.
bool ends_with_all(const std::vector<RtlRead>& rtl, const std::vector<WalkTrace::Read>& model) {
  if (rtl.size() < model.size()) return false;
  const std::size_t skipped = rtl.size() - model.size();
  for (std::size_t i = 0; i < model.size(); ++i) {
    const RtlRead& a = rtl[skipped + i];
    const WalkTrace::Read& b = model[i];
    if (a.addr != b.addr) return false;
    if (a.word != b.word && (skipped == 0 || a.word != (b.word | a.own_flags))) return false;
  }
  return true;
}

}  // namespace

// The caches of the walker leave reads out. A walk that would fault after it had used them starts again without them,
// so that all reads of the model stand at the end; no fault is answered otherwise, but for a bus error, which is no
// older than the request that memory refused.
bool Scoreboard::caches_explain_reads(const Answer& answer, const std::vector<Transaction>& log,
                                      const WalkTrace& trace) const {
  if (!walker_caches()) return false;
  std::size_t refused = 0;
  const std::vector<RtlRead> rtl = reads_in(log, refused);
  const Fault* fault = std::get_if<Fault>(&answer.result);
  const bool bus_error = fault != nullptr && fault->kind == FaultKind::BusError;
  const bool may_be_cached = bus_error || (fault == nullptr && refused == 0);
  if (may_be_cached && subsequence(rtl, rtl.size(), trace.reads)) return true;
  if (!bus_error && rtl.size() < refused + trace.reads.size() - trace.restarted_at) return false;
  // A restart because of a lost swap has no caches either: only what came before may be left out.
  const std::vector<WalkTrace::Read> last(trace.reads.begin() + static_cast<std::ptrdiff_t>(trace.restarted_at),
                                          trace.reads.end());
  // What the first attempt has logged, the second one need not look at again: bitmaps, and the page of the guest's log.
  const RegisterSet& regs = *active_[answer.access.ctx];
  if (fault != nullptr && (regs.epml_en || regs.seg_log_en)) {
    for (std::size_t first = 0; first < rtl.size(); ++first) {
      if (subsequence(rtl, first, trace.reads) && subsequence_again(rtl, first, trace.reads)) return true;
    }
  }
  if (!ends_with_all(rtl, last)) return false;
  // The model's walk ends where memory refused; an attempt with caches before it may have passed that place by.
  return bus_error || subsequence(rtl, rtl.size() - last.size(), trace.reads);
}

bool Scoreboard::compare_log(const Answer& answer, const std::vector<Transaction>& log, const WalkTrace& trace,
                             Differences& out) const {
  std::vector<Transaction> model;
  for (const auto& r : trace.reads) model.push_back(transaction(MemOp::Read, r.addr, r.word, 0, 0));
  std::vector<Transaction> rtl = of_kind(log, MemOp::Read);
  for (Transaction& t : rtl) t.wdata = t.expected = 0;  // a read says nothing with these
  Differences reads;
  compare_lists("table reads:", rtl, model, reads);
  const bool all_read = reads.empty();
  if (!all_read && !caches_explain_reads(answer, log, trace)) out.push_back(std::move(reads.front()));

  model.clear();
  for (const auto& s : trace.swaps) model.push_back(transaction(MemOp::Cas, s.addr, s.found, s.desired, s.expected));
  compare_lists("swaps:", of_kind(log, MemOp::Cas), model, out);

  model.clear();
  for (const auto& r : trace.records) model.push_back(transaction(MemOp::Write, r.addr, 0, r.word, 0));
  rtl = of_kind(log, MemOp::Write);
  for (Transaction& t : rtl) t.data = t.expected = 0;
  compare_lists("log records:", rtl, model, out);
  return all_read;
}

void Scoreboard::judge_transactions(const std::vector<Transaction>& log, std::optional<unsigned> alone,
                                    Differences& out) {
  for (const Transaction& t : log) {
    if (t.op == MemOp::Cas && !adds_flags_only(t) && !sets_bitmap_bit(t)) {
      out.push_back("swap that does not just add accessed or dirty flags, or a bit of a bitmap: " + describe(t));
    }
    if (t.op != MemOp::Write) continue;
    std::string why = books_.take(t, alone);
    if (!why.empty()) out.push_back(std::move(why));
  }
}

// The guests' logs together hold as many records as were written.
void Scoreboard::compare_guest_logs(const std::vector<LogState>& logs, Differences& out) {
  unsigned counted = 0;
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) {
    const LiveRegs& live = logs[ctx].regs;
    const bool watermark = (live.guest_events & event_bit(GuestEvent::EpmlWatermark)) != 0;
    counted += books_.take_guest_log(ctx, live.index(Log::Epml), watermark);
    // Of the model's records in this window only the books know under which registers they were written.
    model_->clear_event(ctx, GuestEvent::EpmlWatermark);
  }
  if (counted != books_.epml_records()) {
    out.push_back(
        fmt::format("guests' logs: {} records written, their indices say {}", books_.epml_records(), counted));
  }
  books_.forget_epml_records();
  books_.forget_older();
}

// One bit more in the bitmap of a VMM segment.
bool Scoreboard::sets_bitmap_bit(const Transaction& t) const {
  const std::uint64_t added = t.wdata ^ t.expected;
  if (added == 0 || (added & (added - 1)) != 0 || (t.expected & added) != 0) return false;
  const auto in_one = [&](const auto& regs) { return in_bitmap(*regs, t.addr); };
  const auto in_older = [&](const auto& sets) {
    return std::any_of(sets.begin(), sets.end(), [&](const UsedRegs& u) { return in_bitmap(*u.regs, t.addr); });
  };
  return std::any_of(active_.begin(), active_.end(), in_one) || std::any_of(used_.begin(), used_.end(), in_older);
}

bool Scoreboard::is_prl(const Transaction& t) const {
  if (t.op != MemOp::Write) return false;
  const std::uint64_t page = t.addr.value & kFrameMask;
  const auto logs_there = [page](const RegisterSet& regs) {
    return regs.prl_en && (page == regs.prl_addr || (regs.prl_double && page == regs.prl_addr2));
  };
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) {
    if (logs_there(*active_[ctx])) return true;
    for (const UsedRegs& u : used_[ctx]) {
      if (logs_there(*u.regs)) return true;
    }
  }
  return false;
}

std::vector<Transaction> Scoreboard::without_prl(const std::vector<Transaction>& log) const {
  std::vector<Transaction> rest;
  std::copy_if(log.begin(), log.end(), std::back_inserter(rest), [this](const Transaction& t) { return !is_prl(t); });
  return rest;
}

// Whatever registers it was made under: PRL_EN may have been clear then.
bool Scoreboard::may_be_held(const Access& access, const RegisterSet& regs) const {
  if (bypass_) return false;
  const SpaceTag space = SpaceTag::of(access.ctx, regs);
  return stale_.any(access.ctx, access.gva.value,
                    [&space](const StaleEntry& entry) { return entry.tag.answers(space); });
}

void Scoreboard::expect_reference(const Answer& answer, const Flight& flight) {
  const RegisterSet& regs = *flight.regs;
  if (!regs.prl_en || !std::holds_alternative<Translation>(answer.result)) return;
  if (!answer.from_walk && !answer.from_segments) return;
  ++references_[answer.access.ctx].due;
  if (!flight.may_be_held && !may_be_held(answer.access, regs)) ++references_[answer.access.ctx].least;
}

void Scoreboard::compare_references(const std::vector<Transaction>& log, const std::vector<LogState>& logs,
                                    Differences& out) {
  std::uint64_t got = 0;
  References expected;
  for (const Transaction& t : log) got += is_prl(t);
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) {
    got += logs[ctx].regs.prl_drops;
    expected.due += references_[ctx].due;
    expected.least += references_[ctx].least;
    references_[ctx] = References{};
    const std::optional<std::uint8_t> status = books_.status_by_records(ctx);
    if (status && *status != logs[ctx].regs.prl_status) {
      out.push_back(
          fmt::format("PRL_STATUS of context {}: got {:#x}, expected {:#x}", ctx, logs[ctx].regs.prl_status, *status));
    }
    if (logs[ctx].regs.index(Log::Prl) == books_.index(ctx, Log::Prl)) continue;
    out.push_back(fmt::format("PRL index of context {}: got {:#x}, expected {:#x}", ctx, logs[ctx].regs.index(Log::Prl),
                              books_.index(ctx, Log::Prl)));
  }
  if (got < expected.least || got > expected.due) {
    out.push_back(fmt::format("page-reference log: {} records and drops for {} to {} answers", got, expected.least,
                              expected.due));
  }
}

// Afterwards both memories are equal, so that one difference is reported once.
void Scoreboard::compare_words(const std::vector<Transaction>& log, bool exact, Differences& out) {
  std::set<HostPhys> touched = memory_.written();
  for (const Transaction& t : log) {
    if (t.swapped() || (t.op == MemOp::Write && !t.error)) touched.insert(t.addr);
  }
  for (const HostPhys addr : touched) {
    const std::uint64_t rtl = words_.peek(addr);
    const std::uint64_t model = memory_.peek(addr);
    if (rtl == model) continue;
    if (exact) out.push_back(fmt::format("memory word {:#x}: got {:#x}, expected {:#x}", addr.value, rtl, model));
    memory_.poke(addr, rtl);
  }
  memory_.forget_written();
}

void Scoreboard::compare_window(const std::vector<Transaction>& log, Differences& out) {
  for (const Transaction& t : log) {
    if (t.op == MemOp::Read) --reads_[t.addr.value];
  }
  // Of two walks that find a page clean both translate the page of the guest's log, and one makes the record.
  const auto has_epml = [](const auto& regs) { return regs->epml_en; };
  const bool more = std::any_of(active_.begin(), active_.end(), has_epml);
  for (const auto& [addr, surplus] : reads_) {
    if (surplus == 0 || (surplus < 0 && more) || (surplus > 0 && walker_caches())) continue;  // caches leave reads out
    out.push_back(fmt::format("table reads of {:#x} while several were in flight: {} {}", addr,
                              surplus < 0 ? -surplus : surplus, surplus < 0 ? "too many" : "missing"));
    break;
  }
  std::vector<std::uint64_t> rtl;
  std::vector<std::uint64_t> model;
  for (const Transaction& t : log) {
    if (t.op == MemOp::Write && !t.error && !is_prl(t)) rtl.push_back(t.wdata);
  }
  for (const WalkTrace::Record& r : records_) model.push_back(r.word);
  std::sort(rtl.begin(), rtl.end());
  std::sort(model.begin(), model.end());
  // The first write below a large nested page sets its flag, and which write that was nobody sees.
  const auto in_one_leaf = [](std::uint64_t a, std::uint64_t b) { return a >> 30 == b >> 30; };
  if (std::equal(rtl.begin(), rtl.end(), model.begin(), model.end(), in_one_leaf)) {
    // Equal as multisets; which of them stands in which slot is the order of the walks.
    for (const Transaction& t : log) {
      if (t.op == MemOp::Write) memory_.poke(t.addr, words_.peek(t.addr));
    }
  } else {
    const auto [got, wanted] = std::mismatch(rtl.begin(), rtl.end(), model.begin(), model.end());
    const auto word = [](auto at, const auto& list) {
      return at == list.end() ? "nothing" : fmt::format("{:#x}", *at);
    };
    out.push_back(fmt::format(
        "log records while several were in flight: got {}, expected {}; the first in order that differs: {} and {}",
        rtl.size(), model.size(), word(got, rtl), word(wanted, model)));
  }
}

// Each refused table access ends one walk, and nothing else makes a bus error. With caches it may also have ended an
// attempt only.
void Scoreboard::compare_bus_errors(const std::vector<Transaction>& log, Differences& out) const {
  std::vector<std::uint64_t> refused;
  for (const Transaction& t : log) {
    if (t.error && t.op != MemOp::Write) refused.push_back(t.addr.value);
  }
  std::vector<std::uint64_t> answered = bus_errors_;
  std::sort(refused.begin(), refused.end());
  std::sort(answered.begin(), answered.end());
  const bool all_refused = std::includes(refused.begin(), refused.end(), answered.begin(), answered.end());
  if (!all_refused || (!walker_caches() && refused.size() != answered.size())) {
    out.push_back(fmt::format("{} bus errors answered, {} table accesses refused by memory, or at other addresses",
                              answered.size(), refused.size()));
  }
}

Differences Scoreboard::check_quiet(const std::vector<Transaction>& log, const std::vector<LogState>& logs) {
  swapped_.clear();
  Differences out;
  judge_transactions(log, std::nullopt, out);
  compare_references(log, logs, out);
  compare_guest_logs(logs, out);
  compare_bus_errors(log, out);
  if (!stirred_) compare_window(log, out);
  for (const Transaction& t : log) {
    if (is_prl(t) && !t.error) memory_.poke(t.addr, words_.peek(t.addr));
  }
  compare_words(log, !stirred_, out);
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) {
    for (const Log kind : {Log::Pml, Log::Epml}) {
      const std::uint16_t index = logs[ctx].regs.index(kind);
      const std::uint16_t expected = stirred_ ? books_.index(ctx, kind) : model_->log_index(ctx, kind);
      if (index != expected) {
        out.push_back(fmt::format("{} index of context {}: got {:#x}, expected {:#x}",
                                  kind == Log::Pml ? "PML" : "EPML", ctx, index, expected));
      }
      set_log_index(ctx, kind, index);
    }
  }
  stirred_ = memory_.injected();
  reads_.clear();
  records_.clear();
  bus_errors_.clear();
  return out;
}

void Scoreboard::swap_happens(HostPhys addr, std::uint64_t before, std::uint64_t now) {
  if (in_flight_ != 0) swapped_.changed(addr, before, now);
}

bool Scoreboard::missing_flags_allow(const Flight& flight, const Answer& answer, WalkTrace& trace) {
  constexpr unsigned kReadAndWrite = 0x3;
  constexpr unsigned kWritable = 0x10;
  constexpr unsigned kFinal = 0x100;
  const Fault* fault = std::get_if<Fault>(&answer.result);
  if (fault == nullptr) return false;
  const bool log_full = fault->kind == FaultKind::PmlFull || fault->kind == FaultKind::EpmlFull;
  const bool not_writable =
      fault->kind == FaultKind::EptViolation && (fault->code & (kReadAndWrite | kWritable | kFinal)) == kReadAndWrite;
  if (!log_full && !not_writable) return false;
  trace = WalkTrace{};
  judge_.now(answer.access, *flight.regs, &trace);
  for (;;) {
    bool recalled = false;
    for (const WalkTrace::Read& read : trace.reads) recalled |= history_.take(read.addr, swapped_);
    if (!recalled) return false;
    if (judge_.possible({answer.access, *flight.regs, flight.window}, answer.result, trace)) return true;
    // The last walk tried found most flags missing: for one of a guest's table it has looked at a bitmap, too.
  }
}

}  // namespace vmmu::tb
