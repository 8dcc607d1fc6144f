// Accesses of a run: issuing, judging, and following the file's words.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "scenario/printer.hpp"
#include "scenario/scenario_run.hpp"

namespace vmmu::tb {
namespace {

bool same_request(const Access& a, const Access& b) {
  return a.gva == b.gva && a.op == b.op && a.user == b.user && a.ac == b.ac && a.implicit == b.implicit &&
         a.ctx == b.ctx;
}

const Change* stated_word(const Outcome& outcome, std::uint64_t addr) {
  for (const Change& c : outcome.changes) {
    if (!c.reg && c.addr == addr) return &c;
  }
  return nullptr;
}

const Change* stated_register(const Outcome& outcome, Reg reg) {
  for (const Change& c : outcome.changes) {
    if (c.reg == reg_index(reg)) return &c;
  }
  return nullptr;
}

}  // namespace

Access ScenarioRun::access_of(const AccessStatement& s) {
  Access access;
  access.gva = GuestVirt{s.gva};
  access.op = s.op;
  access.user = s.privilege == Privilege::User;
  access.implicit = s.privilege == Privilege::Implicit;
  access.ac = context().active.ac();
  access.ctx = statement_->ctx;
  return access;
}

void ScenarioRun::operator()(const AccessStatement& s) {
  if (s.wait) drain();
  if (window_ended_) window_unsupported_ = false;
  window_ended_ = false;
  StatementResult& result = add_result("unsup");
  result.expected = print(s.expected);
  result.is_access = true;
  if (!context().unsupported_because.empty()) {
    result.unsupported = true;
    window_unsupported_ = true;
    return;
  }
  const Access access = access_of(s);
  if (counts_) window_.on_access(access.ctx, !pending_.empty());
  if (!s.wait) {
    // Completions may come before issue() returns: the access is on the list first.
    pending_.push_back({report_.results.size() - 1, access});
    engine_.issue(access);
    return;
  }
  if (engine_.held(access.ctx)) {
    result.differences.push_back("the context is held until its shadow root is found: `issue` it and go on");
    return;
  }
  const AccessRecord record = engine_.access(access);
  judge(result, s, record, true);
  if (!options_.relaxed) return;
  const bool fault = std::holds_alternative<Fault>(record.result);
  if (fault && matched_ != nullptr) {
    take_over(*matched_, record);
  } else {
    follow(record);
  }
}

void ScenarioRun::judge(StatementResult& result, const AccessStatement& s, const AccessRecord& record,
                        bool changes_known) {
  Outcome actual = outcome_of(record);
  actual.open = !changes_known;
  result.cycles = record.cycles;
  result.differences = record.differences;
  result.outcome = print(as_detailed_as(s.expected, actual));
  matched_ = find_match(s.expected, actual, {options_.relaxed, changes_known});
  result.mismatch = options_.check && !s.expected.empty() && matched_ == nullptr;
}

// What the access did to memory and index, as far as `relaxed` needs to know it.
void ScenarioRun::follow(const AccessRecord& record) {
  for (const std::uint64_t addr : raced_) words_[addr] = engine_.peek(HostPhys{addr});
  for (const auto& [addr, word] : record.changed_words) words_[addr.value] = word;
  for (const Log log : kLogs) {
    if (const auto& index = changed_index(record, log)) contexts_[record.access.ctx].index(log) = *index;
  }
}

// After a fault the scenario goes on from the words that the file states: what it lists has the listed value, what it
// does not list has the value from before the access.
void ScenarioRun::take_over(const Outcome& stated, const AccessRecord& record) {
  for (const Change& change : stated.changes) {
    if (change.reg) continue;
    const std::uint64_t now = engine_.peek(HostPhys{change.addr});
    const std::uint64_t wanted = (change.value & ~change.ignored) | (now & change.ignored);
    if (now != wanted) engine_.poke(HostPhys{change.addr}, wanted);
    words_[change.addr] = wanted;
  }
  for (const auto& [addr, word] : record.changed_words) {
    if (stated_word(stated, addr.value) != nullptr) continue;
    if (stated.open) {
      words_[addr.value] = word;
    } else {
      const auto before = words_.find(addr.value);
      engine_.poke(addr, before == words_.end() ? 0 : before->second);
    }
  }
  Context& c = contexts_[record.access.ctx];
  for (const Log log : kLogs) {
    const std::uint16_t index_now = changed_index(record, log).value_or(c.index(log));
    if (const Change* index = stated_register(stated, index_reg(log))) {
      c.index(log) = static_cast<std::uint16_t>(index->value);
    } else if (stated.open) {
      c.index(log) = index_now;
    }
    if (c.index(log) != index_now) engine_.set_log_index(record.access.ctx, log, c.index(log));
  }
}

// Completions come in any order: the oldest equal request that waits is the one that is answered.
void ScenarioRun::complete(const AccessRecord& record) {
  for (Pending& p : pending_) {
    if (p.complete || !same_request(p.access, record.access)) continue;
    p.complete = true;
    StatementResult& result = report_.results[p.result];
    judge(result, std::get<AccessStatement>(result.statement->body), record, false);
    p.matched = matched_;
    return;
  }
  report_.notes.push_back(fmt::format("an answer to {:#x} that nobody asked for", record.access.gva.value));
  ++report_.mismatches;
}

// Waits for all that can be answered. Accesses of a context that is held stay pending.
void ScenarioRun::drain() {
  if (pending_.empty()) return;
  engine_.sync();
  std::vector<Pending> waiting;
  for (const Pending& p : pending_) {
    if (p.complete) continue;
    if (held(p)) {
      waiting.push_back(p);
      continue;
    }
    StatementResult& result = report_.results[p.result];
    result.outcome = "unsup";
    result.differences.push_back("the access was never answered");
  }
  if (options_.check) check_issued_changes();
  if (options_.relaxed) {
    for (auto& [addr, word] : words_) word = engine_.peek(HostPhys{addr});
    for (unsigned ctx = 0; ctx < contexts_.size(); ++ctx) {
      for (const Log log : kLogs) contexts_[ctx].index(log) = engine_.log_index(ctx, log);
    }
  }
  pending_ = std::move(waiting);
}

// Which access in flight changed a word is not known; that all the words listed are there at the end is.
void ScenarioRun::check_issued_changes() {
  struct Last {
    const Change* change;
    const Pending* pending;
  };
  std::map<std::uint64_t, Last> words;
  std::map<std::pair<unsigned, Log>, Last> indices;
  for (const Pending& p : pending_) {
    if (p.matched == nullptr) continue;
    for (const Change& c : p.matched->changes) {
      if (!c.reg) words[c.addr] = {&c, &p};
      for (const Log log : kLogs) {
        if (c.reg == reg_index(index_reg(log))) indices[{p.access.ctx, log}] = {&c, &p};
      }
    }
  }
  for (const auto& [addr, last] : words) {
    const std::uint64_t now = engine_.peek(HostPhys{addr});
    if (((now ^ last.change->value) & ~last.change->ignored) == 0) continue;
    report_.results[last.pending->result].differences.push_back(
        fmt::format("after sync {:#x} holds {:#x}, expected {:#x}", addr, now, last.change->value));
  }
  for (const auto& [place, last] : indices) {
    const std::uint16_t now = engine_.log_index(place.first, place.second);
    if (now == last.change->value) continue;
    report_.results[last.pending->result].differences.push_back(
        fmt::format("after sync {} is {:#x}, expected {:#x}", register_name(reg_index(index_reg(place.second))).name,
                    now, last.change->value));
  }
}

}  // namespace vmmu::tb
