// Checkpoints and generational collections, which want to know which pages were written since the last one.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>

#include "track/dirty_source.hpp"
#include "track/machine.hpp"
#include "track/trackers.hpp"
#include "vmmu/phys_mem.hpp"

namespace vmmu::tb {

namespace {

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);

// One run of the workload under one technique.
class Collections {
 public:
  Collections(const TrackRun& run, const CollectConfig& config, Machine& machine, Technique technique)
      : run_(run),
        config_(config),
        machine_(machine),
        technique_(technique),
        source_(make_source(technique, machine)),
        interval_(static_cast<std::uint64_t>(std::llround(config.interval * run.rate))) {}

  void go(TrackReport& report, std::uint64_t done_before) {
    curve_.name = std::string(name_of(technique_));
    source_->collect();
    machine_.take_written();
    for (std::uint64_t number = 0; number < run_.workload.size; ++number) {
      machine_.run(run_.workload.at(number));
      if ((number + 1) % interval_ == 0 || number + 1 == run_.workload.size) {
        collect(report, number + 1);
        run_.progress(done_before + number + 1);
      }
    }
    if (config_.collector == Collector::Checkpoint) compare_image(report);
    summarize(report);
    report.chart.series.push_back(std::move(curve_));
  }

  const TrackCounts& counts() const { return counts_; }

 private:
  void collect(TrackReport& report, std::uint64_t accesses) {
    const std::vector<std::uint64_t> dirty = source_->collect();
    const std::unordered_set<std::uint64_t> written = machine_.take_written();
    std::uint64_t found = 0;
    std::uint64_t old = 0;
    for (const std::uint64_t page : dirty) {
      if (written.contains(page)) ++found;
      if (!known_.insert(page).second) ++old;
      if (config_.collector == Collector::Checkpoint) save(page);
    }
    lost_ += written.size() - found;
    surplus_ += dirty.size() - found;
    ++counts_.collections;
    counts_.dirty_pages += dirty.size();
    const double seconds = static_cast<double>(accesses) / run_.rate;
    curve_.points.emplace_back(seconds, static_cast<double>(dirty.size()));
    Row row;
    row["technique"] = name_of(technique_);
    row["collection"] = counts_.collections;
    row["seconds"] = seconds;
    row["dirty_pages"] = dirty.size();
    // For a generational collector: memory that is new, and the remembered set of the old one.
    row["first_time"] = dirty.size() - old;
    row["again"] = old;
    row["records"] = source_->records() - counts_.records;
    row["log_full"] = source_->log_full() - counts_.log_full;
    row["faults"] = source_->faults() - counts_.faults;
    report.rows.push_back(std::move(row));
    counts_.records = source_->records();
    counts_.log_full = source_->log_full();
    counts_.faults = source_->faults();
  }

  void save(std::uint64_t page) {
    const HostPhys from = machine_.hpa_of(page);
    for (std::uint64_t at = 0; at < kPage; at += 8) image_.poke({page * kPage + at}, machine_.peek({from.value + at}));
  }

  // The chain of checkpoints, restored, must be the memory as it is now.
  void compare_image(TrackReport& report) const {
    std::uint64_t differ = 0;
    for (const std::uint64_t page : machine_.pages()) {
      const HostPhys from = machine_.hpa_of(page);
      for (std::uint64_t at = 0; at < kPage; at += 8) {
        if (image_.peek({page * kPage + at}) == machine_.peek({from.value + at})) continue;
        ++differ;
        break;
      }
    }
    if (differ == 0) return;
    report.failures.push_back(fmt::format("{}: {} pages of the image differ from memory", name_of(technique_), differ));
  }

  void summarize(TrackReport& report) {
    counts_.memory_pages = machine_.pages().size();
    const TrackCost cost = cost_of(technique_, counts_, config_.processing_us_per_page);
    const double alone = static_cast<double>(run_.workload.size) / run_.rate * 1e6;
    Row row;
    row["technique"] = name_of(technique_);
    row["collections"] = counts_.collections;
    row["memory_pages"] = counts_.memory_pages;
    row["dirty_pages"] = counts_.dirty_pages;
    row["records"] = counts_.records;
    row["log_full"] = counts_.log_full;
    row["faults"] = counts_.faults;
    row["technique_ms"] = cost.technique / 1e3;
    row["processing_ms"] = cost.processing / 1e3;
    row["tracker_ms"] = cost.tracker() / 1e3;
    row["interference_ms"] = cost.interference / 1e3;
    row["alone_ms"] = alone / 1e3;
    row["tracked_ms"] = (alone + cost.on_tracked()) / 1e3;
    row["overhead_percent"] = 100 * cost.on_tracked() / alone;
    row["pages_lost"] = lost_;
    row["pages_surplus"] = surplus_;
    report.summary.push_back(std::move(row));
    if (lost_ != 0) {
      report.failures.push_back(fmt::format("{}: {} written pages were not found dirty", name_of(technique_), lost_));
    }
  }

  const TrackRun& run_;
  const CollectConfig& config_;
  Machine& machine_;
  Technique technique_;
  std::unique_ptr<DirtySource> source_;
  std::uint64_t interval_;  // accesses
  TrackCounts counts_;
  std::uint64_t lost_ = 0;                   // written, not collected
  std::uint64_t surplus_ = 0;                // collected, not written: legal
  std::unordered_set<std::uint64_t> known_;  // pages that were dirty before
  SparseMem image_;                          // by gVA
  Series curve_;
};

Row compared(const char* what, double ours, const std::string& paper) {
  Row row;
  row["what"] = what;
  row["ours"] = ours;
  row["paper"] = paper;
  return row;
}

void compare(TrackReport& report, Collector collector) {
  const OohHeadline& paper = collector == Collector::Checkpoint ? kOohCheckpoint : kOohGc;
  const auto tracker = [&report](Technique technique) {
    return report.summary[static_cast<std::size_t>(technique)]["tracker_ms"].get<double>();
  };
  const auto ratio = [&tracker](Technique technique) {
    const double epml = tracker(Technique::Epml);
    return epml > 0 ? tracker(technique) / epml : 0;
  };
  report.comparison.push_back(compared("tracker: EPML faster than /proc, times", ratio(Technique::Proc),
                                       fmt::format("{:g}", paper.faster_than_proc)));
  report.comparison.push_back(compared("tracker: EPML faster than SPML, times", ratio(Technique::Spml),
                                       fmt::format("{:g}", paper.faster_than_spml)));
  for (const Technique technique : kTechniques) {
    const auto n = static_cast<std::size_t>(technique);
    report.comparison.push_back(
        compared(fmt::format("overhead on the tracked with {}, percent", name_of(technique)).c_str(),
                 report.summary[n]["overhead_percent"].get<double>(),
                 fmt::format("{}{:g}", technique == Technique::Epml ? "" : "up to ", paper.overhead_percent[n])));
  }
}

}  // namespace

TrackResult track_collections(const TrackRun& run, const CollectConfig& config) {
  if (config.interval * run.rate < 1) return std::string("--interval: shorter than one access at this --rate");
  TrackReport report;
  report.title =
      fmt::format("{} of {}: every {:g} s, {:.0f} accesses a second",
                  config.collector == Collector::Checkpoint ? "incremental checkpoints" : "generational collections",
                  run.workload.name, config.interval, run.rate);
  report.chart = {report.title, "seconds", "dirty pages", {}};
  const auto machine = [&run](Engine& engine,
                              Technique technique) -> std::variant<std::unique_ptr<Machine>, std::string> {
    auto built = Machine::build(engine, run.preset, ReplayMode::Nested, logging_of(technique), run.workload.pages);
    if (auto* error = std::get_if<std::string>(&built)) return fmt::format("{}: {}", name_of(technique), *error);
    return built;
  };
  // All that could stand in the way is looked for before the long work begins.
  for (const Technique technique : kTechniques) {
    const std::unique_ptr<Engine> engine = run.make_engine();
    auto built = machine(*engine, technique);
    if (auto* error = std::get_if<std::string>(&built)) return std::move(*error);
  }
  if (std::string error = run.begin(); !error.empty()) return error;
  std::uint64_t done = 0;
  for (const Technique technique : kTechniques) {
    const std::unique_ptr<Engine> engine = run.make_engine();
    auto built = machine(*engine, technique);
    Collections(run, config, *std::get<std::unique_ptr<Machine>>(built), technique).go(report, done);
    done += run.workload.size;
  }
  compare(report, config.collector);
  return report;
}

TrackReport ooh_report() {
  TrackReport report;
  report.title = "OoH's formulas on OoH's own measurements, in milliseconds";
  for (const OohRow& row : ooh_table()) {
    Row out;
    out["technique"] = row.technique;
    out["side"] = row.side;
    out["measured"] = row.measured;
    out["estimated"] = row.estimated;
    out["printed_terms"] = row.sum;
    out["rest"] = row.rest;
    out["rest_is"] = row.rest_is;
    out["accuracy_percent"] = row.accuracy;
    out["paper_average_percent"] = row.paper_average;
    report.rows.push_back(std::move(out));
  }
  return report;
}

}  // namespace vmmu::tb
