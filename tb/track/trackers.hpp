// The trackers of `vmmu track`: what each asks the MMU's logs, and what it makes of the answers (docs/trackers.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "engine/engine.hpp"
#include "track/ooh_costs.hpp"
#include "track/report.hpp"
#include "track/working_set.hpp"
#include "track/workload.hpp"

namespace vmmu::tb {

// What all trackers need. Time is that of the workload: it makes `rate` accesses a second.
struct TrackRun {
  Workload workload;
  std::function<std::unique_ptr<Engine>()> make_engine;
  Preset preset = Preset::Server;
  double rate = 0;  // accesses a second; >= 1
  // Called when nothing stands in the way any more, before the first access. What it returns ends the run, unless
  // empty.
  std::function<std::string()> begin = [] { return std::string(); };
  std::function<void(std::uint64_t)> progress = [](std::uint64_t) {};  // accesses made so far, of all runs
};

// A tracker's result, or why it cannot run: a text for the user.
using TrackResult = std::variant<TrackReport, std::string>;

struct WssConfig {
  WorkingSetConfig estimator;
  std::uint64_t poll = 64;   // accesses between two looks at the PRL's events; 1 ..
  bool two_buffers = false;  // PRL_DOUBLE
};
// Working-set size by PRL, and beside it what PML sees in each mu.
TrackResult track_wss(const TrackRun& run, const WssConfig& config);

enum class DirtyLog : std::uint8_t {
  Nested,      // 2D paging, PML
  VmmDirect,   // a VMM segment with its dirty bitmap
  DualDirect,  // a guest segment too
};
struct MigrateConfig {
  std::vector<DirtyLog> logs = {DirtyLog::Nested, DirtyLog::VmmDirect, DirtyLog::DualDirect};
  double bandwidth = 1250;        // MB (10^6 bytes) a second; > 0
  double downtime_limit_ms = 10;  // stop and copy when the rest can be sent in this time; >= 0
  unsigned max_rounds = 30;       // then stop and copy anyway; 1 ..
};
// Pre-copy live migration, once per kind of log. The workload is repeated for as long as the migration lasts.
TrackResult track_migration(const TrackRun& run, const MigrateConfig& config);

enum class Collector : std::uint8_t {
  Checkpoint,  // saves the dirty pages into an image (CRIU)
  Gc,          // looks for pointers in the dirty pages, a generational collection (Boehm)
};
struct CollectConfig {
  Collector collector = Collector::Checkpoint;
  double interval = 0.001;                               // seconds between two collections; at least one access
  double processing_us_per_page = kProcessingUsPerPage;  // what the collector spends on a dirty page; >= 0
};
// Collections with EPML, SPML and /proc, each with the same workload, and their costs by OoH's model.
TrackResult track_collections(const TrackRun& run, const CollectConfig& config);

// OoH's formulas on OoH's measurements.
TrackReport ooh_report();

}  // namespace vmmu::tb
