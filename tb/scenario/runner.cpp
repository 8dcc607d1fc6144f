// The course of a run: preparation, statement after statement, closing. Accesses are in access_run.cpp.
#include "scenario/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "scenario/printer.hpp"
#include "scenario/scenario_run.hpp"
#include "scenario/vocabulary.hpp"

namespace vmmu::tb {
namespace {

constexpr unsigned kBusyRetries = 1000;
constexpr std::size_t kNumHostEvents = 8;
constexpr std::uint32_t kNamedGuestEvents = event_bit(GuestEvent::EpmlFull) | event_bit(GuestEvent::EpmlWatermark);
constexpr std::uint64_t kLoadCr3Keep = std::uint64_t{1} << 63;  // SDM 4.10.4.1: bit 63 is no part of the value

bool compare(std::uint64_t left, Comparison comparison, std::uint64_t right) {
  switch (comparison) {
    case Comparison::Equal: return left == right;
    case Comparison::AtMost: return left <= right;
    case Comparison::AtLeast: return left >= right;
  }
  return false;
}

bool is_register_verb(const Statement& statement, RegVerb verb) {
  const auto* write = std::get_if<RegWrite>(&statement.body);
  return write != nullptr && write->verb == verb;
}

}  // namespace

ScenarioRun::ScenarioRun(Engine& engine, const Scenario& scenario, const RunOptions& options)
    : engine_(engine), scenario_(scenario), options_(options), window_(engine) {
  report_.scenario = &scenario;
  for (const Statement& s : scenario.statements) {
    counts_ = counts_ || std::holds_alternative<ExpectCounter>(s.body);
    if (std::holds_alternative<AccessStatement>(s.body)) ++report_.accesses;
  }
}

ScenarioReport ScenarioRun::run() {
  const std::uint64_t mismatches_before = engine_.mismatches();
  if (std::optional<std::string> reason = prepare()) {
    report_.unsupported_because = *reason;
    answer_unsupported();
  } else {
    engine_.on_complete([this](const AccessRecord& record) { complete(record); });
    for (const Statement& s : scenario_.statements) {
      statement_ = &s;
      std::visit(*this, s.body);
    }
    drain();
    for (const Pending& p : pending_) report_.results[p.result].differences.push_back("the access was never answered");
    engine_.on_complete({});
  }
  finish();
  // Lock-step differences that no access reported, such as one of an invalidation.
  std::uint64_t reported = 0;
  for (const StatementResult& r : report_.results) reported += r.differences.size();
  const std::uint64_t found = engine_.mismatches() - mismatches_before;
  if (found > reported) {
    report_.mismatches += found - reported;
    report_.notes.push_back(fmt::format("{} lock-step differences outside of the accesses", found - reported));
  }
  return std::move(report_);
}

// Parts of the architecture that this build does not have.
std::optional<std::string> ScenarioRun::missing_part() const {
  for (const Statement& s : scenario_.statements) {
    if (std::optional<std::string> what = missing_part(s))
      return fmt::format("line {}: the build has {}", s.at.line, *what);
  }
  return std::nullopt;
}

std::optional<std::string> ScenarioRun::missing_part(const Statement& s) const {
  if (s.ctx >= engine_.num_contexts()) return fmt::format("no context {}", s.ctx);
  if (const auto* write = std::get_if<RegWrite>(&s.body)) {
    if (build_has(write->reg, engine_)) return std::nullopt;
    return fmt::format("no register {}", register_name(write->reg).name);
  }
  const auto* escape = std::get_if<EscapePage>(&s.body);
  if (escape != nullptr && !escape->guest && engine_.num_vmm_segments() == 0) return "no filter of VMM segments";
  const auto* row = std::get_if<ShadowRootRow>(&s.body);
  const bool shadow =
      row != nullptr || std::holds_alternative<RootDone>(s.body) || std::holds_alternative<SyncDone>(s.body);
  if (shadow && engine_.shadow_roots() == 0) return "no shadow roots";
  return std::nullopt;
}

// The preamble ends with the first statement that is more than state: before it, `mem`, `poke`, filters and shadow
// roots are there when the first COMMIT comes.
void ScenarioRun::find_preamble() {
  const auto is_state = [](const Statement& s) {
    return is_register_verb(s, RegVerb::Set) || std::holds_alternative<MemWords>(s.body) ||
           std::holds_alternative<PokeWord>(s.body) || std::holds_alternative<EscapePage>(s.body) ||
           std::holds_alternative<ShadowRootRow>(s.body);
  };
  preamble_end_ = scenario_.statements.data();
  for (const Statement& s : scenario_.statements) {
    if (!is_state(s)) break;
    preamble_end_ = &s + 1;
  }
}

// Reset, registers as `set`, COMMIT. Returns why the scenario cannot be run.
std::optional<std::string> ScenarioRun::prepare() {
  if (std::optional<std::string> reason = missing_part()) return reason;
  engine_.reset();
  engine_.set_cache_bypass(options_.fresh);
  const Machine machine(engine_.pa_bits());
  contexts_.assign(engine_.num_contexts(), Context{machine, machine, {0x1ff, 0x1ff, 0x1ff}, ""});
  std::vector<bool> used(engine_.num_contexts(), false);
  used[0] = true;
  find_preamble();
  for (const Statement& s : scenario_.statements) {
    used[s.ctx] = true;
    Machine& staged = contexts_[s.ctx].staged;
    if (is_register_verb(s, RegVerb::Set)) {
      const auto& write = std::get<RegWrite>(s.body);
      staged.set(static_cast<Reg>(write.reg), write.value);
    }
    if (&s >= preamble_end_) continue;
    if (const auto* escape = std::get_if<EscapePage>(&s.body)) staged.escape(escape->guest, escape->addr);
    if (const auto* root = std::get_if<ShadowRootRow>(&s.body)) engine_.set_shadow_row(s.ctx, root->slot, root->row);
  }
  for (unsigned ctx = 0; ctx < used.size(); ++ctx) {
    if (!used[ctx]) continue;
    Context& c = contexts_[ctx];
    const std::variant<ContextRegs, std::string> regs = c.staged.to_context();
    if (const auto* reason = std::get_if<std::string>(&regs)) return *reason;
    if (engine_.commit(ctx, std::get<ContextRegs>(regs)) != CommitStatus::Ok) {
      return fmt::format("context {}: COMMIT rejects the registers", ctx);
    }
    c.active = c.staged;
    for (const Log log : kLogs) write_log_index(ctx, log, c.staged.get(index_reg(log)));
  }
  return std::nullopt;
}

void ScenarioRun::answer_unsupported() {
  for (const Statement& s : scenario_.statements) {
    const auto* access = std::get_if<AccessStatement>(&s.body);
    if (access == nullptr) continue;
    statement_ = &s;
    StatementResult& result = add_result("unsup");
    result.expected = print(access->expected);
    result.is_access = true;
    result.unsupported = true;
  }
}

void ScenarioRun::finish() {
  for (StatementResult& r : report_.results) {
    if (!r.differences.empty()) r.mismatch = true;
    if (r.mismatch) ++report_.mismatches;
    if (r.unsupported) ++report_.unsupported;
  }
}

StatementResult& ScenarioRun::add_result(std::string outcome) {
  StatementResult result;
  result.statement = statement_;
  result.outcome = std::move(outcome);
  report_.results.push_back(std::move(result));
  return report_.results.back();
}

void ScenarioRun::note(const std::string& text) {
  report_.notes.push_back(fmt::format("line {}: {}", statement_->at.line, text));
}

// Empty: the registers ask for a mode that is not there, and the context is unsupported from here on.
std::optional<CommitStatus> ScenarioRun::commit_staged() {
  Context& c = context();
  const std::variant<ContextRegs, std::string> regs = c.staged.to_context();
  if (const auto* reason = std::get_if<std::string>(&regs)) {
    c.unsupported_because = *reason;
    return std::nullopt;
  }
  const CommitStatus status = engine_.commit(statement_->ctx, std::get<ContextRegs>(regs));
  if (status == CommitStatus::Ok) {
    c.active = c.staged;
    c.unsupported_because.clear();
  }
  return status;
}

// `now` waits while an earlier COMMIT is pending.
void ScenarioRun::commit_now() {
  std::optional<CommitStatus> status = commit_staged();
  for (unsigned tries = 0; status == CommitStatus::Busy && tries < kBusyRetries; ++tries) status = commit_staged();
  if (status == CommitStatus::Busy) {
    drain();
    status = commit_staged();
  }
  if (!status) {
    note("no such mode: " + context().unsupported_because + "; accesses answer unsup");
  } else if (status != CommitStatus::Ok && context().staged.get(Reg::MaxPhyAddr) > engine_.pa_bits()) {
    context().unsupported_because = "MAXPHYADDR is wider than the build";
    note(context().unsupported_because + "; accesses answer unsup");
  } else if (status != CommitStatus::Ok) {
    note("COMMIT rejected the registers; the old ones stay");
  }
}

void ScenarioRun::write_log_index(unsigned ctx, Log log, std::uint64_t value) {
  const auto index = static_cast<std::uint16_t>(value);
  contexts_[ctx].index(log) = index;
  engine_.set_log_index(ctx, log, index);
}

void ScenarioRun::write_word(std::uint64_t addr, std::uint64_t word) {
  engine_.poke(HostPhys{addr}, word);
  if (options_.relaxed) words_[addr] = word;
}

void ScenarioRun::operator()(const RegWrite& s) {
  if (s.verb == RegVerb::Set) return;  // prepare() did it
  const auto reg = static_cast<Reg>(s.reg);
  context().staged.set(reg, s.value);
  // Live registers are not staged.
  for (const Log log : kLogs) {
    if (reg == index_reg(log)) write_log_index(statement_->ctx, log, s.value);
  }
  if (reg == Reg::PrlStatus) engine_.clear_prl_status(statement_->ctx, static_cast<std::uint8_t>(s.value));
  if (reg == Reg::PrlDrops) engine_.clear_prl_drops(statement_->ctx);
  if (s.verb == RegVerb::Now) commit_now();
}

void ScenarioRun::operator()(const MemWords& s) {
  for (std::size_t i = 0; i < s.words.size(); ++i) write_word(s.addr + 8 * i, s.words[i]);
}

void ScenarioRun::operator()(const PokeWord& s) { write_word(s.addr, s.word); }

void ScenarioRun::operator()(const SyncStatement&) { drain(); }

void ScenarioRun::operator()(const CommitStatement& s) {
  const std::optional<CommitStatus> status = commit_staged();
  StatementResult& result = add_result(status ? std::string(word(*status)) : "unsup");
  if (s.expected) result.expected = word(*s.expected);
  if (!status) note("no such mode: " + context().unsupported_because + "; accesses answer unsup");
  result.mismatch = options_.check && status && s.expected && *status != *s.expected;
}

void ScenarioRun::operator()(const Invalidation& s) {
  Invalidation inv = s;
  inv.ctx = statement_->ctx;
  if (!engine_.invalidate(inv)) {
    note("the invalidation got an error reply");
  } else if (inv.op == InvOp::LoadCr3) {
    // It replaces the active register at once; a later COMMIT must not bring the old value back.
    context().staged.set(Reg::Cr3, inv.addr & ~kLoadCr3Keep);
    context().active.set(Reg::Cr3, inv.addr & ~kLoadCr3Keep);
  }
}

bool ScenarioRun::window_judgeable() {
  drain();
  window_ended_ = true;
  window_.close();
  if (window_unsupported_) note("not judged: an access before it was answered unsup");
  return !window_unsupported_;
}

void ScenarioRun::operator()(const ExpectCounter& s) {
  if (!window_judgeable()) return;
  const std::optional<std::uint64_t> count = window_.value(s.counter, statement_->ctx);
  if (!count) {
    note(fmt::format("not judged: engine {} cannot count {} here", engine_.name(), word(s.counter)));
    return;
  }
  if (compare(*count, s.comparison, s.count)) return;
  StatementResult& result = add_result(fmt::format("{} == {}", word(s.counter), *count));
  result.expected = fmt::format("{} {} {}", word(s.counter), word(s.comparison), s.count);
  result.mismatch = true;
}

// Events of the context as bits by EventName: those of the host, then those of its guest that have a name.
std::uint32_t ScenarioRun::pending_events() {
  const std::uint32_t guest = engine_.guest_events(statement_->ctx) & kNamedGuestEvents;
  return engine_.events(statement_->ctx) | guest << kNumHostEvents;
}

// An event that was expected is cleared, so that `noevent` says that there was no other.
void ScenarioRun::operator()(const ExpectEvent& s) {
  if (!window_judgeable()) return;
  const std::uint32_t events = pending_events();
  std::string pending;
  for (std::size_t i = 0; i < kNumEventNames; ++i) {
    if ((events >> i) & 1) pending += fmt::format(" {}", word(static_cast<EventName>(i)));
  }
  bool met = pending.empty();
  if (s.event) {
    const auto number = static_cast<std::size_t>(*s.event);
    met = ((events >> number) & 1) != 0;
    if (met && number < kNumHostEvents) engine_.clear_events(statement_->ctx, std::uint32_t{1} << number);
    if (met && number >= kNumHostEvents) {
      engine_.clear_guest_events(statement_->ctx, std::uint32_t{1} << (number - kNumHostEvents));
    }
  }
  if (met) return;
  StatementResult& result = add_result(pending.empty() ? "noevent" : "event" + pending);
  result.expected = s.event ? fmt::format("event {}", word(*s.event)) : "noevent";
  result.mismatch = true;
}

void ScenarioRun::operator()(const BusErrors& s) { engine_.inject_bus_error(HostPhys{s.addr}, s.count); }

void ScenarioRun::operator()(const RaceWord& s) {
  engine_.inject_race(HostPhys{s.addr}, s.word);
  if (options_.relaxed) raced_.insert(s.addr);
}

void ScenarioRun::operator()(const EscapePage& s) {
  if (in_preamble()) return;  // prepare() did it
  context().staged.escape(s.guest, s.addr);
  commit_now();
}

void ScenarioRun::operator()(const ShadowRootRow& s) {
  if (!in_preamble()) engine_.set_shadow_row(statement_->ctx, s.slot, s.row);
}

void ScenarioRun::operator()(const RootDone&) { engine_.root_done(statement_->ctx); }

void ScenarioRun::operator()(const SyncDone&) {
  if (!engine_.sync_done(statement_->ctx)) note("no invalidation waits for it");
}

ScenarioReport run_scenario(Engine& engine, const Scenario& scenario, const RunOptions& options) {
  return ScenarioRun(engine, scenario, options).run();
}

std::string print(const ScenarioReport& report) {
  std::unordered_map<const Statement*, const StatementResult*> results;
  for (const StatementResult& r : report.results) results.emplace(r.statement, &r);
  std::string out = "scenario " + report.scenario->name + "\n";
  for (const Statement& s : report.scenario->statements) {
    const auto it = results.find(&s);
    const bool answered =
        std::holds_alternative<AccessStatement>(s.body) || std::holds_alternative<CommitStatement>(s.body);
    if (answered && it != results.end()) {
      out += fmt::format("{} -> {}\n", print_request(s), it->second->outcome);
    } else {
      out += print(s) + "\n";
    }
  }
  return out + "end\n";
}

}  // namespace vmmu::tb
