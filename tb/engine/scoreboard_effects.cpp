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

void Scoreboard::judge_transactions(const std::vector<Transaction>& log, Differences& out) {
  for (const Transaction& t : log) {
    if (t.op == MemOp::Cas && !adds_flags_only(t)) {
      out.push_back("swap that does not just add accessed or dirty flags: " + describe(t));
    }
    if (t.op == MemOp::Write) judge_record(t, out);
  }
}

// A record goes where some context's index points, and the index counts down (architecture 10).
void Scoreboard::judge_record(const Transaction& t, Differences& out) {
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) {
    const std::uint64_t slot = std::uint64_t{8} * log_index_[ctx];
    const bool here = (active_[ctx]->pml_addr + slot == t.addr.value) ||
                      (in_flight_ != 0 && previous_log_page_[ctx] + slot == t.addr.value) ||
                      (stirred_ && previous_log_page_[ctx] + slot == t.addr.value);
    if (!here || (log_index_[ctx] >> 9) != 0) continue;
    if (!t.error) --log_index_[ctx];
    if (t.error) log_events_[ctx] |= event_mask(Event::LogError);
    if (!t.error && log_index_[ctx] == active_[ctx]->pml_watermark) {
      log_events_[ctx] |= event_mask(Event::PmlWatermark);
    }
    if ((t.wdata & ~kFrameMask) != 0) out.push_back("log record is no page address: " + describe(t));
    return;
  }
  out.push_back("write that is no record at the index of any log: " + describe(t));
}

bool Scoreboard::in_log_page(HostPhys addr) const {
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) {
    const std::uint64_t page = addr.value & kFrameMask;
    if (active_[ctx]->pml_en && (page == active_[ctx]->pml_addr || page == previous_log_page_[ctx])) return true;
  }
  return false;
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
  for (const auto& [addr, surplus] : reads_) {
    if (surplus == 0 || (surplus > 0 && walker_caches())) continue;  // caches leave reads out
    out.push_back(fmt::format("table reads of {:#x} while several were in flight: {} {}", addr,
                              surplus < 0 ? -surplus : surplus, surplus < 0 ? "too many" : "missing"));
    break;
  }
  std::vector<std::uint64_t> rtl;
  std::vector<std::uint64_t> model;
  for (const Transaction& t : log) {
    if (t.op == MemOp::Write && !t.error) rtl.push_back(t.wdata);
  }
  for (const WalkTrace::Record& r : records_) model.push_back(r.word);
  std::sort(rtl.begin(), rtl.end());
  std::sort(model.begin(), model.end());
  if (rtl == model) {
    // Equal as multisets; which of them stands in which slot is the order of the walks.
    for (const Transaction& t : log) {
      if (t.op == MemOp::Write && in_log_page(t.addr)) memory_.poke(t.addr, words_.peek(t.addr));
    }
  } else {
    out.push_back(fmt::format("log records while several were in flight: got {}, expected {}, not equal as multisets",
                              rtl.size(), model.size()));
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

Differences Scoreboard::check_quiet(const std::vector<Transaction>& log, const std::vector<std::uint16_t>& indices) {
  swapped_.clear();
  Differences out;
  judge_transactions(log, out);
  compare_bus_errors(log, out);
  if (!stirred_) compare_window(log, out);
  compare_words(log, !stirred_, out);
  for (unsigned ctx = 0; ctx < params_.num_contexts; ++ctx) {
    const std::uint16_t expected = stirred_ ? log_index_[ctx] : model_->pml_index(ctx);
    if (indices[ctx] != expected) {
      out.push_back(fmt::format("PML index of context {}: got {:#x}, expected {:#x}", ctx, indices[ctx], expected));
    }
    set_pml_index(ctx, indices[ctx]);
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
  if (fault == nullptr || fault->kind != FaultKind::EptViolation) return false;
  if ((fault->code & (kReadAndWrite | kWritable | kFinal)) != kReadAndWrite) return false;
  WalkTrace now;
  judge_.now(answer.access, *flight.regs, &now);
  bool recalled = false;
  for (const WalkTrace::Read& read : now.reads) recalled |= history_.take(read.addr, swapped_);
  return recalled && judge_.possible({answer.access, *flight.regs, flight.window}, answer.result, trace);
}

}  // namespace vmmu::tb
