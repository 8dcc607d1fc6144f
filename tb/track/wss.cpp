// The working-set tracker: PRL's estimator, and PML beside it, which sees writes only.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "track/dirty_source.hpp"
#include "track/machine.hpp"
#include "track/trackers.hpp"

namespace vmmu::tb {

namespace {

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
constexpr std::uint32_t kPrlEvents = event_bit(Event::PrlFull) | event_bit(Event::PrlWatermark);

double mib(std::uint64_t pages) { return static_cast<double>(pages * kPage) / (1 << 20); }

class WssRun {
 public:
  WssRun(const TrackRun& run, const WssConfig& config, Machine& machine)
      : run_(run),
        config_(config),
        machine_(machine),
        dirty_(machine),
        estimator_(config.estimator),
        interval_(static_cast<std::uint64_t>(std::llround(config.estimator.mu * run.rate))) {}

  TrackReport go() {
    report_.title =
        fmt::format("working set of {}: tau {}, mu {} s, omega {} s, {:.0f} accesses a second", run_.workload.name,
                    config_.estimator.tau, config_.estimator.mu, config_.estimator.omega, run_.rate);
    report_.chart = {report_.title, "seconds", "MiB", {{"touched", {}}, {"PRL estimate", {}}, {"PML", {}}}};
    for (std::uint64_t number = 0; number < run_.workload.size; ++number) {
      const PackedAccess access = run_.workload.at(number);
      machine_.run(access);
      touch(access.gva().value / kPage);
      if ((number + 1) % config_.poll == 0) poll();
      if ((number + 1) % interval_ == 0) estimate(number + 1, true);
    }
    // What is left is less than a mu: shown, but no estimate of the estimator's.
    if (run_.workload.size % interval_ != 0) estimate(run_.workload.size, false);
    run_.progress(run_.workload.size);
    summarize();
    return std::move(report_);
  }

 private:
  // The truth, for the column beside the estimates.
  void touch(std::uint64_t page) {
    if (page == last_touched_) return;
    last_touched_ = page;
    touched_.insert(page);
  }

  void poll() {
    const std::uint32_t events = machine_.engine().events(0) & kPrlEvents;
    if (events == 0) return;
    machine_.engine().clear_events(0, events);
    // The buffer in use goes on filling unless it is the only one.
    take(!config_.two_buffers);
    ++drains_;
  }

  void take(bool all) {
    for (const std::uint64_t record : machine_.drain(Log::Prl, all)) {
      estimator_.record(record / kPage);
      ++records_;
    }
  }

  void estimate(std::uint64_t accesses, bool whole) {
    take(true);
    const std::uint64_t dirty = dirty_.collect().size();
    const double seconds = static_cast<double>(accesses) / run_.rate;
    Row row;
    row["seconds"] = seconds;
    row["touched_mib"] = mib(touched_.size());
    row["pml_mib"] = mib(dirty);
    for (const char* key : {"logged_mib", "estimate_mib", "answer_mib"}) row[key] = nullptr;
    if (whole) {
      const WorkingSet::Estimate found = estimator_.iterate();
      row["logged_mib"] = mib(found.logged);
      row["estimate_mib"] = mib(found.pages);
      if (found.answer) row["answer_mib"] = mib(*found.answer);
      row["settled"] = found.settled;
      if (found.settled) ++answers_;
      last_answer_ = found.answer;
      // Between two estimations the answer stands; before the first, the running estimate is all there is.
      report_.chart.series[1].points.emplace_back(seconds, mib(found.answer.value_or(found.pages)));
      report_.chart.series[0].points.emplace_back(seconds, mib(touched_.size()));
      report_.chart.series[2].points.emplace_back(seconds, mib(dirty));
    } else {
      row["settled"] = nullptr;
    }
    report_.rows.push_back(std::move(row));
    touched_.clear();
    last_touched_ = ~std::uint64_t{0};
    run_.progress(accesses);
  }

  void summarize() {
    Row row;
    row["accesses"] = run_.workload.size;
    row["walks"] = machine_.walks();
    row["prl_records"] = records_;
    row["prl_drops"] = machine_.drops();
    row["prl_drains"] = drains_;
    row["pml_records"] = dirty_.records();
    row["pml_full"] = dirty_.log_full();
    row["answers"] = answers_;
    row["working_set_mib"] = nullptr;
    if (last_answer_) row["working_set_mib"] = mib(*last_answer_);
    report_.summary.push_back(std::move(row));
  }

  const TrackRun& run_;
  const WssConfig& config_;
  Machine& machine_;
  PmlSource dirty_;
  WorkingSet estimator_;
  std::uint64_t interval_;  // accesses of one mu
  TrackReport report_;
  std::unordered_set<std::uint64_t> touched_;
  std::uint64_t last_touched_ = ~std::uint64_t{0};
  std::uint64_t records_ = 0;
  std::uint64_t drains_ = 0;
  std::uint64_t answers_ = 0;
  std::optional<std::uint64_t> last_answer_;
};

}  // namespace

TrackResult track_wss(const TrackRun& run, const WssConfig& config) {
  if (config.estimator.mu * run.rate < 1) return std::string("--mu: shorter than one access at this --rate");
  const std::unique_ptr<Engine> engine = run.make_engine();
  Logging logging;
  logging.pml = true;
  logging.prl = true;
  logging.prl_double = config.two_buffers;
  auto built = Machine::build(*engine, run.preset, ReplayMode::Nested, logging, run.workload.pages);
  if (auto* error = std::get_if<std::string>(&built)) return std::move(*error);
  if (std::string error = run.begin(); !error.empty()) return error;
  return WssRun(run, config, *std::get<std::unique_ptr<Machine>>(built)).go();
}

}  // namespace vmmu::tb
