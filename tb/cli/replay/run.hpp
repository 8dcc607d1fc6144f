// Replays a trace on an engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "address_space.hpp"
#include "engine/engine.hpp"
#include "trace/trace.hpp"

namespace vmmu::tb {

// What one replay of the trace came to. Numbers that the engine does not have are empty: the model has neither caches
// nor cycles.
struct ReplayRow {
  ReplayCase replay_case;
  std::uint64_t accesses = 0;           // issued
  std::uint64_t references = 0;         // page-table reads of all walks
  std::optional<std::uint64_t> misses;  // accesses that no L1 TLB entry answered
  std::optional<std::uint64_t> walks;
  std::optional<std::uint64_t> l2_hits;      // of the misses, answered by the L2 TLB
  std::optional<std::uint64_t> ntlb_hits;    // guest-physical pages that the nested TLB translated
  std::optional<std::uint64_t> merged;       // accesses that joined a walk on its way
  std::optional<std::uint64_t> walk_cycles;  // cycles in use, summed over the walk slots
  std::optional<std::uint64_t> cycles;
  std::optional<std::uint64_t> checks;       // addresses compared with segments
  std::optional<std::uint64_t> filter_hits;  // of these, in range and escaped
  std::vector<NamedCount> counters;          // all of the hardware's, for this replay alone
  // References of a full walk, where all pages of the trace cost the same.
  std::optional<unsigned> wanted_per_walk;
  std::string unsupported;           // not empty: why this build cannot do the mode; nothing was replayed
  std::uint64_t mismatches = 0;      // lock-step differences, wrong answers and answers that never came
  std::vector<std::string> samples;  // the first few mismatches, in words
  double seconds = 0;                // wall clock, without building the tables
};

using MakeEngine = std::function<std::unique_ptr<Engine>()>;

// Caches bypassed: nothing looked up, nothing kept.
enum class Caches : std::uint8_t { On, Bypassed };

// What the engine's build has.
Capabilities capabilities_of(const Engine& engine);

// Replays once. References and checks are held against what the layout says: equal where nothing is cached, so on the
// model and with caches bypassed; otherwise not more than the walks can need. `done` is raised by the number of
// accesses issued, as they are. An error says why the trace cannot be replayed this way.
std::variant<ReplayRow, std::string> replay_once(Engine& engine, const ReplayCase& replay_case, const Trace& trace,
                                                 const std::vector<std::uint64_t>& pages,
                                                 const std::function<void(std::uint64_t)>& done,
                                                 Caches caches = Caches::On);

struct ReplayResult {
  std::vector<ReplayRow> rows;  // one per case, in the order of the cases
  std::string error;            // not empty: the rows are not complete
};

// Replays every case, each on an engine of its own, up to `jobs` at a time. `progress` gets the total of accesses
// issued so far; calls come from several threads, one at a time.
ReplayResult replay_all(const MakeEngine& make_engine, const std::vector<ReplayCase>& cases, const Trace& trace,
                        unsigned jobs, const std::function<void(std::uint64_t)>& progress, Caches caches = Caches::On);

}  // namespace vmmu::tb
