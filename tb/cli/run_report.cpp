#include "cli/run_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "scenario/printer.hpp"

namespace vmmu::tb {

std::string text_differences(const std::string& file, const ScenarioReport& report) {
  std::string out;
  unsigned access = 0;
  for (const StatementResult& r : report.results) {
    if (r.is_access) ++access;
    if (!r.mismatch) continue;
    out += fmt::format("{}:{}: scenario {}", file, r.statement->at.line, report.scenario->name);
    if (r.is_access) out += fmt::format(", access {}", access);
    out += fmt::format("\n  {}\n", print_request(*r.statement));
    if (!r.expected.empty()) out += fmt::format("  expected {}\n", r.expected);
    out += fmt::format("  got      {}\n", r.outcome);
    for (const std::string& difference : r.differences) out += fmt::format("  lock step: {}\n", difference);
  }
  return out;
}

std::string text_unsupported(const std::string& file, const ScenarioReport& report) {
  std::uint64_t surprises = 0;
  for (const StatementResult& r : report.results) {
    if (r.unsupported && !r.expected.empty() && r.expected != "unsup") ++surprises;
  }
  if (surprises == 0) return "";
  const std::string reason = report.unsupported_because.empty() ? "" : ": " + report.unsupported_because;
  return fmt::format("{}:{}: scenario {}: {} accesses answered unsup{}\n", file, report.scenario->at.line,
                     report.scenario->name, surprises, reason);
}

std::string text_notes(const std::string& file, const ScenarioReport& report) {
  std::string out;
  for (const std::string& note : report.notes) {
    out += fmt::format("{}: scenario {}: {}\n", file, report.scenario->name, note);
  }
  return out;
}

std::string json_results(const EngineChoice& choice, const ScenarioReport& report) {
  std::string out;
  unsigned access = 0;
  for (const StatementResult& r : report.results) {
    if (r.is_access) ++access;
    if (!r.is_access && !r.mismatch) continue;
    nlohmann::ordered_json object;
    object["scenario"] = report.scenario->name;
    if (r.is_access) object["access"] = access;
    object["outcome"] = r.outcome;
    if (!r.expected.empty()) object["expected"] = r.expected;
    object["engine"] = choice.engine;
    object["preset"] = choice.preset;
    if (r.is_access && choice.engine != "model" && !r.unsupported) object["cycles"] = r.cycles;
    object["mismatches"] = r.mismatch ? 1 : 0;
    if (!r.differences.empty()) object["differences"] = r.differences;
    // A name may hold any bytes; what is not UTF-8 is replaced, JSON has no other way.
    out += object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return out;
}

}  // namespace vmmu::tb
