#include "engine/judge.hpp"

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

}  // namespace

Judge::Judge(BuildParams params, const SparseMem& words, const WordHistory& history)
    : view_(words, history), mmu_(params, view_), loaded_(params.num_contexts) {}

std::uint64_t Judge::View::peek(HostPhys addr) const { return choosing ? choose(addr) : words_.peek(addr); }

std::uint64_t Judge::View::choose(HostPhys addr) const {
  const std::uint64_t current = words_.peek(addr);
  const std::vector<WordHistory::Version>* list = history_.empty() ? nullptr : history_.versions(addr);
  if (list == nullptr) return current;
  // A version holds from the end of the one before it to its own.
  struct Candidate {
    std::uint64_t value = 0;
    std::uint64_t from = 0;
  };
  Candidate candidates[kMostVersions];
  unsigned count = 0;
  std::uint64_t value = current;
  for (auto it = list->rbegin(); count < kMostVersions; ++it) {
    const std::uint64_t from = it == list->rend() ? 0 : it->until;
    if (from <= until) candidates[count++] = {value, from};
    if (from <= reached) break;
    value = it->value;
  }
  unsigned taken = 0;
  if (count > 1) {
    if (next == choices.size()) choices.push_back({0, count});
    Choice& choice = choices[next++];
    choice.count = count;
    if (choice.taken >= count) choice.taken = 0;
    taken = choice.taken;
  }
  if (candidates[taken].from > reached) reached = candidates[taken].from;
  return candidates[taken].value;
}

void Judge::prepare(const Access& access, const RegisterSet& regs, LogRoom room) {
  std::optional<RegisterSet>& loaded = loaded_[access.ctx];
  if (!loaded || !(*loaded == regs)) {
    mmu_.restore(access.ctx, regs, regs.shadow_root);
    loaded = regs;
  }
  mmu_.set_pml_index(access.ctx, room == LogRoom::Room ? kIndexWithRoom : kIndexFull);
}

Judge::Verdict Judge::now(const Access& access, const RegisterSet& regs, WalkObserver* observer) {
  prepare(access, regs, LogRoom::Room);
  view_.choosing = false;
  const Mmu::Peek peek = mmu_.peek(access, observer);
  return {peek.result, peek.wants_write};
}

// Counts up through all combinations, the last read first.
bool Judge::next_choice() {
  std::vector<View::Choice>& choices = view_.choices;
  choices.resize(view_.next);
  while (!choices.empty()) {
    if (++choices.back().taken < choices.back().count) return true;
    choices.pop_back();
  }
  return false;
}

bool Judge::possible(std::uint64_t since, std::uint64_t until, const Access& access, const RegisterSet& regs,
                     const Result& wanted, WalkTrace& trace) {
  prepare(access, regs, is_log_full(wanted) ? LogRoom::Full : LogRoom::Room);
  view_.choosing = true;
  view_.until = until;
  view_.choices.clear();
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    view_.next = 0;
    view_.reached = since;
    trace = WalkTrace{};
    const Mmu::Peek peek = mmu_.peek(access, &trace);
    const bool success = std::holds_alternative<Translation>(wanted);
    if (peek.result == wanted && !(success && peek.wants_write)) return true;
    if (!next_choice()) return false;
  }
  return false;
}

}  // namespace vmmu::tb
