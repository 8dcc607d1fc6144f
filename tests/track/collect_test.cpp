// Checkpoints and collections with three techniques.
#include <random>

#include "catch.hpp"
#include "lying_engine.hpp"
#include "track_world.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kFirst = 0x400;

// Ten intervals of 1,000 accesses: in interval n the pages 100 * n .. 100 * n + 149 are written.
std::vector<PackedAccess> sliding() {
  std::vector<PackedAccess> accesses;
  for (std::uint64_t n = 0; n < 10; ++n) {
    for (std::uint64_t i = 0; i < 1000; ++i) {
      accesses.push_back(i % 2 == 0 ? at_page(kFirst + 100 * n + i % 150, Op::Write, 8 * (i % 512))
                                    : at_page(kFirst + i, Op::Read));
    }
  }
  return accesses;
}

TrackReport collect(const TrackRun& run, Collector collector) {
  CollectConfig config;
  config.collector = collector;
  config.interval = 0.1;
  auto result = track_collections(run, config);
  if (const auto* error = std::get_if<std::string>(&result)) FAIL(*error);
  return std::get<TrackReport>(std::move(result));
}

}  // namespace

TEST_CASE("collections: three techniques find the same pages, and the image is the memory", "[collect]") {
  const Collector collector = GENERATE(Collector::Checkpoint, Collector::Gc);
  const TrackReport report = collect(run_of(sliding(), 10e3), collector);
  CHECK(report.failures.empty());
  REQUIRE(report.rows.size() == 30);
  for (std::size_t n = 0; n < 10; ++n) {
    for (std::size_t technique = 0; technique < 3; ++technique) {
      const Row& row = report.rows[10 * technique + n];
      CAPTURE(row.dump());
      CHECK(row["collection"] == n + 1);
      CHECK(row["dirty_pages"] == 75);  // even offsets of 150
      CHECK(row["again"] == (n == 0 ? 0 : 25));
    }
  }
  for (const Row& row : report.summary) {
    CAPTURE(row.dump());
    CHECK(row["pages_lost"] == 0);
    CHECK(row["pages_surplus"] == 0);
    CHECK(row["dirty_pages"] == 750);
    CHECK(row["collections"] == 10);
  }
  CHECK(report.summary[0]["records"] == 750);  // EPML: data pages only
  CHECK(report.summary[1]["records"] > 750);   // SPML: tables too
  CHECK(report.summary[2]["faults"] == 750);
}

TEST_CASE("collections: costs are those of the model for what was counted", "[collect]") {
  const TrackReport report = collect(run_of(sliding(), 10e3), Collector::Checkpoint);
  for (const Technique technique : kTechniques) {
    const Row& row = report.summary[static_cast<std::size_t>(technique)];
    TrackCounts counts;
    counts.collections = row["collections"];
    counts.memory_pages = row["memory_pages"];
    counts.dirty_pages = row["dirty_pages"];
    counts.records = row["records"];
    counts.log_full = row["log_full"];
    counts.faults = row["faults"];
    const TrackCost cost = cost_of(technique, counts, kProcessingUsPerPage);
    CHECK(row["tracker_ms"].get<double>() == cost.tracker() / 1e3);
    CHECK(row["overhead_percent"].get<double>() == 100 * cost.on_tracked() / 1e6);  // a second alone
  }
  REQUIRE(report.comparison.size() == 5);
  CHECK(report.comparison[0]["paper"] == "4");
  CHECK(report.comparison[0]["ours"].get<double>() ==
        report.summary[2]["tracker_ms"].get<double>() / report.summary[0]["tracker_ms"].get<double>());
}

TEST_CASE("collections: a record that software does not see is found", "[collect]") {
  const Log log = GENERATE(Log::Epml, Log::Pml);
  TrackRun run = run_of(sliding(), 10e3);
  run.make_engine = [log] { return std::make_unique<LyingEngine>(model_engine(), log); };
  const TrackReport report = collect(run, Collector::Checkpoint);
  CHECK(report.failures.size() == 2);  // pages not found, and an image that differs
  CHECK(report.summary[log == Log::Epml ? 0 : 1]["pages_lost"] > 0);
}

TEST_CASE("collections: an interval shorter than an access is refused", "[collect]") {
  CollectConfig config;
  config.interval = 1e-6;
  CHECK(std::holds_alternative<std::string>(track_collections(run_of({at_page(kFirst, Op::Read)}, 10e3), config)));
}
