// One run of one scenario: the state between its statements. Used by run_scenario() only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "scenario/compare.hpp"
#include "scenario/counter_window.hpp"
#include "scenario/machine.hpp"
#include "scenario/runner.hpp"

namespace vmmu::tb {

class ScenarioRun {
 public:
  ScenarioRun(Engine& engine, const Scenario& scenario, const RunOptions& options);
  ScenarioReport run();

  // Statements; called through std::visit.
  void operator()(const RegWrite& s);
  void operator()(const MemWords& s);
  void operator()(const PokeWord& s);
  void operator()(const AccessStatement& s);
  void operator()(const SyncStatement& s);
  void operator()(const CommitStatement& s);
  void operator()(const Invalidation& s);
  void operator()(const ExpectCounter& s);
  void operator()(const ExpectEvent& s);
  void operator()(const BusErrors& s);
  void operator()(const RaceWord& s);
  void operator()(const EscapePage& s);
  void operator()(const ShadowRootRow& s);
  void operator()(const RootDone& s);
  void operator()(const SyncDone& s);

 private:
  struct Context {
    Machine staged;
    Machine active;
    std::array<std::uint16_t, kLogs.size()> indices;  // of the logs, as software knows them
    std::string unsupported_because;                  // from a `now` or `commit` that asks for a mode that is not there

    std::uint16_t& index(Log log) { return indices[static_cast<std::size_t>(log)]; }
  };
  struct Pending {
    std::size_t result;  // position in report_.results
    Access access;
    bool complete = false;
    const Outcome* matched = nullptr;
  };

  std::optional<std::string> missing_part() const;
  std::optional<std::string> missing_part(const Statement& s) const;
  void find_preamble();
  bool in_preamble() const { return statement_ < preamble_end_; }
  std::optional<std::string> prepare();
  void answer_unsupported();
  void finish();

  Context& context() { return contexts_[statement_->ctx]; }
  std::optional<CommitStatus> commit_staged();
  void commit_now();
  void write_log_index(unsigned ctx, Log log, std::uint64_t value);
  std::uint32_t pending_events();
  void write_word(std::uint64_t addr, std::uint64_t word);

  StatementResult& add_result(std::string outcome);
  void note(const std::string& text);
  Access access_of(const AccessStatement& s);
  void judge(StatementResult& result, const AccessStatement& s, const AccessRecord& record, bool changes_known);
  void take_over(const Outcome& stated, const AccessRecord& record);
  void follow(const AccessRecord& record);

  void complete(const AccessRecord& record);
  void drain();
  bool held(const Pending& p) { return engine_.held(p.access.ctx); }
  void check_issued_changes();
  bool window_judgeable();

  Engine& engine_;
  const Scenario& scenario_;
  const RunOptions options_;
  ScenarioReport report_;
  const Statement* statement_ = nullptr;  // the one being run
  // Before it, filters and shadow roots are part of the state that the first COMMIT finds.
  const Statement* preamble_end_ = nullptr;
  std::vector<Context> contexts_;
  std::vector<Pending> pending_;  // issued since the last sync
  bool counts_ = false;           // the scenario has counter expectations
  CounterWindow window_;
  bool window_ended_ = true;
  bool window_unsupported_ = false;   // an access of the window was not run
  const Outcome* matched_ = nullptr;  // the alternative that judge() found
  // Memory as software knows it, to undo what a fault wrote beyond the file's words. Kept only when relaxed.
  std::unordered_map<std::uint64_t, std::uint64_t> words_;
  std::unordered_set<std::uint64_t> raced_;
};

}  // namespace vmmu::tb
