#include "track/ooh_costs.hpp"

#include <cmath>

namespace vmmu::tb {

namespace {

// Milliseconds, from the table of the paper's two techniques on its seed program.
constexpr double kProcessing = 251.35;
constexpr double kSpmlTracker = 5503.79;
constexpr double kSpmlTrackerEstimate = 5672.9;
constexpr double kSpmlTracked = 135255.35;
constexpr double kSpmlTrackedEstimate = 136919.85;
constexpr double kRingCopy = 0.49;
constexpr double kDisable = 2.06;
constexpr double kReverseMapping = 5419;
constexpr double kVmExits = 18000;
constexpr double kSwitches = 39;
constexpr double kVmreadVmwrite = 1.73e-3;
constexpr double kProcTracker = 1097.99;
constexpr double kProcTrackerEstimate = 1116.09;
constexpr double kProcTracked = 115283.98;
constexpr double kProcTrackedEstimate = 114418.58;
constexpr double kClearRefs = 1.409;
constexpr double kWalk = 0.89;
constexpr double kUserFaults = 0.27;
constexpr double kSpmlAverage = 96.34;
constexpr double kProcAverage = 99;

OohRow row(std::string_view technique, std::string_view side, double measured, double estimated, double sum,
           std::string_view rest_is, double average) {
  const double accuracy = 100 * (1 - std::abs(estimated - measured) / measured);
  return {technique, side, measured, estimated, sum, estimated - sum, rest_is, accuracy, average};
}

}  // namespace

std::string_view name_of(Technique technique) {
  switch (technique) {
    case Technique::Epml: return "EPML";
    case Technique::Spml: return "SPML";
    case Technique::Proc: return "/proc";
  }
  return "?";
}

TrackCost cost_of(Technique technique, const TrackCounts& counts, double processing_us_per_page) {
  const auto memory = static_cast<double>(counts.memory_pages);
  const auto records = static_cast<double>(counts.records);
  const auto full = static_cast<double>(counts.log_full);
  const auto collections = static_cast<double>(counts.collections);
  // Logging is stopped while the tracker runs: one read and one write of the index for each collection.
  constexpr double kIndex = ooh::kVmreadUs + ooh::kVmwriteUs;
  // Into a handler and out of it.
  constexpr double kHandler = 2 * ooh::kContextSwitchUs;
  TrackCost cost;
  cost.processing = static_cast<double>(counts.dirty_pages) * processing_us_per_page;
  switch (technique) {
    case Technique::Epml:
      cost.technique = records * ooh::us_per_page(ooh::kRingCopyMs);
      cost.interference = full * (kHandler + kIndex) + collections * kIndex;
      break;
    case Technique::Spml:
      cost.technique = records * (ooh::us_per_page(ooh::kRingCopyMs) + ooh::us_per_page(ooh::kReverseMappingMs)) +
                       collections * 2 * ooh::kEnableHypercallUs;
      cost.interference = full * (ooh::kHypercallUs + kIndex) + collections * kIndex;
      break;
    case Technique::Proc:
      cost.technique =
          collections * memory * (ooh::us_per_page(ooh::kClearRefsMs) + ooh::us_per_page(ooh::kUserWalkMs));
      cost.interference = static_cast<double>(counts.faults) * kHandler;
      break;
  }
  return cost;
}

std::vector<OohRow> ooh_table() {
  constexpr std::string_view kAlone = "tracked alone, not printed";
  return {
      row("SPML", "tracker", kSpmlTracker, kSpmlTrackerEstimate, kProcessing + kRingCopy + kDisable + kReverseMapping,
          "", kSpmlAverage),
      row("SPML", "tracked", kSpmlTracked, kSpmlTrackedEstimate,
          kSpmlTrackerEstimate + kVmExits + kSwitches * kVmreadVmwrite, kAlone, kSpmlAverage),
      row("/proc", "tracker", kProcTracker, kProcTrackerEstimate, kProcessing + kClearRefs + kWalk + kUserFaults,
          "unexplained, the paper's gap", kProcAverage),
      row("/proc", "tracked", kProcTracked, kProcTrackedEstimate, kProcTrackerEstimate, kAlone, kProcAverage),
  };
}

}  // namespace vmmu::tb
