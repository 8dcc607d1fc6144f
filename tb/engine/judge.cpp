#include "engine/judge.hpp"

#include <algorithm>

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint16_t kIndexWithRoom = 0x1ff;
constexpr std::uint16_t kIndexFull = 0xffff;
// Of one word, newest first; older ones are not considered.
constexpr unsigned kMostVersions = 16;

bool is_log_full(const Result& result) {
  const Fault* fault = std::get_if<Fault>(&result);
  return fault != nullptr && fault->kind == FaultKind::PmlFull;
}

bool is_guest_log_full(const Result& result) {
  const Fault* fault = std::get_if<Fault>(&result);
  return fault != nullptr && fault->kind == FaultKind::EpmlFull;
}

// A fault of the guest's log names the slot that was next. Which one that is depends on other requests.
Result at_any_slot(Result result) {
  Fault* fault = std::get_if<Fault>(&result);
  if (fault != nullptr && !fault->gva_valid && fault->kind != FaultKind::BusError)
    fault->address &= ~std::uint64_t{0xfff};
  return result;
}

bool is_pointer(unsigned level, std::uint64_t word) { return level > 1 && (word & pt::P) != 0 && (word & pt::PS) == 0; }

bool equal(const WalkTrace::Swap& a, const WalkTrace::Swap& b) {
  return a.addr == b.addr && a.expected == b.expected && a.desired == b.desired && a.found == b.found;
}

// Whether `some`, from `first` on, are the next of `all` as far as they go.
bool swaps_begin(const std::vector<WalkTrace::Swap>& some, const std::vector<WalkTrace::Swap>& all, std::size_t first) {
  return some.size() <= all.size() - first &&
         std::equal(some.begin(), some.end(), all.begin() + static_cast<std::ptrdiff_t>(first), equal);
}

bool records_begin(const std::vector<WalkTrace::Record>& some, const std::vector<std::uint64_t>& all,
                   std::size_t first) {
  const auto equal_word = [](const WalkTrace::Record& r, std::uint64_t word) { return r.word == word; };
  return some.size() <= all.size() - first &&
         std::equal(some.begin(), some.end(), all.begin() + static_cast<std::ptrdiff_t>(first), equal_word);
}

// Whether the first `count` of `some` stand among `all`, in their order.
bool reads_among(const std::vector<WalkTrace::Read>& some, std::size_t count, const std::vector<WalkTrace::Read>& all) {
  std::size_t n = 0;
  for (auto read = all.begin(); read != all.end() && n < count; ++read) {
    if (some[n].addr == read->addr && some[n].word == read->word) ++n;
  }
  return n == count;
}

// Memory before the swaps from `first` on.
std::unordered_map<std::uint64_t, std::uint64_t> words_before(const std::vector<WalkTrace::Swap>& swaps,
                                                              std::size_t first) {
  std::unordered_map<std::uint64_t, std::uint64_t> words;
  for (std::size_t i = first; i < swaps.size(); ++i) {
    if (swaps[i].found == swaps[i].expected) words.emplace(swaps[i].addr.value, swaps[i].expected);
  }
  return words;
}

}  // namespace

class Judge::Guide final : public WalkTrace {
 public:
  Guide(Judge& judge, const Question& question) : judge_(judge), question_(question) {
    set_ = judge_.view_.pick(static_cast<unsigned>(question_.older.size()) + 1);
    load();
  }

  void on_entry_address(Table table, unsigned level, HostPhys) override { judge_.view_.reading = Place{table, level}; }
  void on_entry_read(Table table, unsigned level, HostPhys addr, std::uint64_t word) override {
    WalkTrace::on_entry_read(table, level, addr, word);
    judge_.view_.reading.reset();
    if (table != Table::Guest || set_ == 0) return;
    // The table that a cached pointer names was placed when the pointer was cached.
    const unsigned before = set_;
    set_ = is_pointer(level, word) ? judge_.view_.pick(set_ + 1) : 0;
    if (set_ != before) load();
  }
  // A walk that starts again asks no cache. It reads the words of now: those that a swap lost to are found by another
  // choice, without the swap, and the choices between them would have no end.
  void on_restart() override {
    WalkTrace::on_restart();
    judge_.view_.reached = kNever - 1;
    judge_.view_.window = judge_.view_.window.without_caches();
    set_ = 0;
    judge_.load(question_.access.ctx, question_.regs);
  }

 private:
  void load() {
    const unsigned ctx = question_.access.ctx;
    if (set_ != 0) {
      judge_.load(ctx, question_.older[set_ - 1]);
      return;
    }
    const unsigned n = judge_.view_.pick(static_cast<unsigned>(question_.nested_under.size()) + 1);
    judge_.load(ctx, n == 0 ? question_.regs : question_.nested_under[n - 1]);
  }

  Judge& judge_;
  const Question& question_;
  unsigned set_ = 0;  // 0: the walk's own; n: older[n - 1]
};

Judge::Judge(BuildParams params, const SparseMem& words, const WordHistory& history)
    : view_(words, history), mmu_(params, view_), loaded_(params.num_contexts) {}

std::uint64_t Judge::View::current(HostPhys addr) const {
  if (before.empty()) return words_.peek(addr);
  const auto it = before.find(addr.value);
  return it == before.end() ? words_.peek(addr) : it->second;
}

std::uint64_t Judge::View::peek(HostPhys addr) const {
  if (!choosing) return current(addr);
  if (!reading) return bitmaps != nullptr && in_bitmap(*bitmaps, addr) ? choose_bitmap(addr) : current(addr);
  return choose(addr, reading->table == Table::Guest ? window.guest : window.nested);
}

// No cache holds them: an entry that permits writes says that the bit was set when it was made.
std::uint64_t Judge::View::choose_bitmap(HostPhys addr) const {
  const auto it = bitmap_words.find(addr.value);
  if (it != bitmap_words.end()) return it->second;
  const std::uint64_t word = choose(addr, kNever);
  bitmap_words.emplace(addr.value, word);
  return word;
}

unsigned Judge::View::pick(unsigned count) const {
  if (count <= 1) return 0;
  if (next == choices.size()) choices.push_back({0, count});
  Choice& choice = choices[next++];
  choice.count = count;
  if (choice.taken >= count) choice.taken = 0;
  return choice.taken;
}

// The caches keep nothing that ends a walk in a fault, no leaf of the guest, and no pointer of it whose flag is to be
// set: versions have the flags that the MMU set in their time.
bool Judge::View::may_be_cached(std::uint64_t word) const {
  if (reading->table == Table::Guest) return is_pointer(reading->level, word) && (word & pt::A) != 0;
  return (word & (ept::R | ept::W | ept::X | (mbe ? ept::XU : 0))) != 0;
}

std::uint64_t Judge::View::choose(HostPhys addr, std::uint64_t cached_since) const {
  const std::vector<WordHistory::Version>* list = history_.empty() ? nullptr : history_.versions(addr);
  if (list == nullptr) return current(addr);
  // A version holds from the end of the one before it to its own. What comes from a cache puts no read off.
  struct Candidate {
    std::uint64_t value = 0;
    std::uint64_t from = 0;
  };
  Candidate candidates[kMostVersions];
  unsigned count = 0;
  const auto add = [&](std::uint64_t value, std::uint64_t from) {
    for (unsigned i = 0; i < count; ++i) {
      if (candidates[i].value == value && candidates[i].from <= from) return;
    }
    candidates[count++] = {value, from};
  };
  std::uint64_t value = current(addr);
  std::uint64_t to = kNever;
  for (auto it = list->rbegin(); count < kMostVersions; ++it) {
    const std::uint64_t from = it == list->rend() ? 0 : it->until;
    if (from <= window.until) {
      const bool cached = to > cached_since && may_be_cached(value);
      if (cached || to > reached) add(value, cached ? 0 : from);
    }
    if (from <= std::min(reached, cached_since)) break;
    to = it->until;
    value = it->value;
  }
  if (count == 0) return current(addr);
  const Candidate& taken = candidates[pick(count)];
  reached = std::max(reached, taken.from);
  return taken.value;
}

void Judge::load(unsigned ctx, const RegisterSet& regs) {
  std::optional<RegisterSet>& loaded = loaded_[ctx];
  if (loaded && *loaded == regs) return;
  mmu_.restore(ctx, regs, regs.shadow_root);
  loaded = regs;
}

Judge::Verdict Judge::now(const Access& access, const RegisterSet& regs, WalkObserver* observer) {
  load(access.ctx, regs);
  mmu_.set_pml_index(access.ctx, kIndexWithRoom);
  mmu_.set_log_index(access.ctx, Log::Epml, kIndexWithRoom);
  view_.choosing = false;
  const Mmu::Peek peek = mmu_.peek(access, observer);
  return {peek.result, peek.wants_write};
}

// Counts up through all combinations, the last decision first.
bool Judge::next_choice() {
  std::vector<View::Choice>& choices = view_.choices;
  choices.resize(view_.next);
  while (!choices.empty()) {
    if (++choices.back().taken < choices.back().count) return true;
    choices.pop_back();
  }
  return false;
}

bool Judge::search(const Question& question, const Window& window, const Fits& fits, WalkTrace& trace) {
  view_.window = window;
  view_.mbe = question.regs.mbe;
  view_.choices.clear();
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    view_.choosing = true;
    view_.window = window;
    view_.next = 0;
    view_.reached = window.walk;
    view_.reading.reset();
    view_.bitmaps = question.regs.seg_log_en ? &question.regs : nullptr;
    view_.bitmap_words.clear();
    Guide guide(*this, question);
    const Mmu::Peek peek = mmu_.peek(question.access, &guide);
    trace = guide;
    if (fits(peek, trace)) return true;
    if (!next_choice()) return false;
  }
  return false;
}

bool Judge::possible(const Question& question, const Result& wanted, WalkTrace& trace) {
  const bool success = std::holds_alternative<Translation>(wanted);
  mmu_.set_pml_index(question.access.ctx, is_log_full(wanted) ? kIndexFull : kIndexWithRoom);
  mmu_.set_log_index(question.access.ctx, Log::Epml, is_guest_log_full(wanted) ? kIndexFull : kIndexWithRoom);
  const auto fits = [&](const Mmu::Peek& peek, const WalkTrace&) {
    return at_any_slot(peek.result) == at_any_slot(wanted) && !(success && peek.wants_write);
  };
  if (success) return search(question, question.window, fits, trace);
  return search({question.access, question.regs, {}}, question.window.without_caches(), fits, trace);
}

bool Judge::explains(const Question& question, const Result& wanted, const Deeds& deeds, const LogIndices& before,
                     WalkTrace& trace) {
  const bool success = std::holds_alternative<Translation>(wanted);
  mmu_.set_pml_index(question.access.ctx, before.pml);
  mmu_.set_log_index(question.access.ctx, Log::Epml, before.epml);
  WalkTrace rest;
  bool restarted = false;
  const auto fits = [&](const Mmu::Peek& peek, const WalkTrace& walk) {
    if (!swaps_begin(walk.swaps, deeds.swaps, 0) || !records_begin(walk.records, deeds.records, 0)) return false;
    if (success && peek.result == wanted && walk.swaps.size() == deeds.swaps.size() &&
        walk.records.size() == deeds.records.size() && reads_among(deeds.reads, deeds.reads.size(), walk.reads)) {
      return true;
    }
    restarted = std::holds_alternative<Fault>(peek.result) && rest_explained(question, wanted, deeds, walk, rest);
    view_.before = words_before(deeds.swaps, 0);
    return restarted;
  };
  view_.before = words_before(deeds.swaps, 0);
  const bool found = search(question, question.window, fits, trace);
  view_.before.clear();
  if (restarted) trace = rest;
  return found;
}

// After the attempt `first` the same walk once more, without caches.
bool Judge::rest_explained(const Question& question, const Result& wanted, const Deeds& deeds, const WalkTrace& first,
                           WalkTrace& rest) {
  load(question.access.ctx, question.regs);
  view_.before = words_before(deeds.swaps, first.swaps.size());
  view_.choosing = false;
  rest = WalkTrace{};
  const Mmu::Peek peek = mmu_.peek(question.access, &rest);
  if (!(peek.result == wanted) || rest.reads.size() > deeds.reads.size()) return false;
  const std::size_t swaps = first.swaps.size();
  const std::size_t records = first.records.size();
  if (rest.swaps.size() + swaps != deeds.swaps.size() || !swaps_begin(rest.swaps, deeds.swaps, swaps)) return false;
  if (rest.records.size() + records != deeds.records.size() || !records_begin(rest.records, deeds.records, records)) {
    return false;
  }
  const std::size_t before = deeds.reads.size() - rest.reads.size();
  const auto equal_read = [](const WalkTrace::Read& a, const WalkTrace::Read& b) {
    return a.addr == b.addr && a.word == b.word;
  };
  return std::equal(rest.reads.begin(), rest.reads.end(), deeds.reads.begin() + static_cast<std::ptrdiff_t>(before),
                    equal_read) &&
         reads_among(deeds.reads, before, first.reads);
}

}  // namespace vmmu::tb
