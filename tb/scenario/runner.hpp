// Runs a scenario on an engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scenario/ast.hpp"

namespace vmmu::tb {

struct RunOptions {
  bool fresh = false;    // all caches bypassed
  bool check = false;    // judge what the file expects of accesses and commits
  bool relaxed = false;  // faults are compared by kind, code and addresses; then the file's words are taken over
};

// What came of one statement.
struct StatementResult {
  const Statement* statement = nullptr;
  std::string expected;  // empty: nothing
  std::string outcome;   // as the language writes it
  bool is_access = false;
  bool unsupported = false;
  bool mismatch = false;
  std::uint64_t cycles = 0;
  std::vector<std::string> differences;  // between RTL and model
};

struct ScenarioReport {
  const Scenario* scenario = nullptr;
  // Of each access and commit, and of every failed or unanswerable `expect`, in the order of the statements.
  std::vector<StatementResult> results;
  std::vector<std::string> notes;   // worth knowing and no mismatch: "line N: ..."
  std::string unsupported_because;  // empty: it was run
  std::uint64_t accesses = 0;
  std::uint64_t mismatches = 0;
  std::uint64_t unsupported = 0;  // accesses answered `unsup`
};

// Both arguments outlive the report. The engine is reset first.
ScenarioReport run_scenario(Engine& engine, const Scenario& scenario, const RunOptions& options);

// The scenario in flat form with the outcomes filled in.
std::string print(const ScenarioReport& report);

}  // namespace vmmu::tb
