// OoH's numbers: its formulas on its own table, and the cost model on counts.
#include "catch.hpp"
#include "track/ooh_costs.hpp"
#include "track/trackers.hpp"

using namespace vmmu::tb;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

TEST_CASE("ooh: the formulas on the paper's table give its accuracies and its gap", "[ooh]") {
  const std::vector<OohRow> rows = ooh_table();
  REQUIRE(rows.size() == 4);
  // SPML: the printed terms add up to the printed estimate.
  CHECK_THAT(rows[0].sum, WithinAbs(5672.90, 0.005));
  CHECK_THAT(rows[0].rest, WithinAbs(0, 0.005));
  CHECK_THAT(rows[0].accuracy, WithinAbs(96.9, 0.05));
  CHECK_THAT(rows[1].accuracy, WithinAbs(98.8, 0.05));
  // /proc: they do not.
  CHECK_THAT(rows[2].rest, WithinAbs(862, 0.5));
  CHECK(rows[2].rest_is == "unexplained, the paper's gap");
  CHECK_THAT(rows[2].accuracy, WithinAbs(98.4, 0.05));
  CHECK_THAT(rows[3].accuracy, WithinAbs(99.2, 0.06));
  CHECK(rows[0].paper_average == 96.34);
  CHECK(rows[3].paper_average == 99);
}

TEST_CASE("ooh: what both estimates leave for the program alone agrees within a thousandth", "[ooh]") {
  const std::vector<OohRow> rows = ooh_table();
  CHECK_THAT(rows[1].rest, WithinRel(rows[3].rest, 1e-3));
}

TEST_CASE("ooh: costs at 1 GB come back for the counts of 1 GB", "[ooh]") {
  TrackCounts counts;
  counts.collections = 1;
  counts.memory_pages = 262144;
  counts.records = 262144;
  // Milliseconds to microseconds.
  CHECK_THAT(cost_of(Technique::Epml, counts, 0).technique, WithinRel(670.0, 1e-9));
  CHECK_THAT(cost_of(Technique::Spml, counts, 0).technique, WithinRel(670.0 + 15700e3 + 2 * 0.3, 1e-9));
  CHECK_THAT(cost_of(Technique::Proc, counts, 0).technique, WithinRel(2234.0 + 594e3, 1e-9));
}

TEST_CASE("ooh: interference is what the tracked process loses to log full, faults and stopped logging", "[ooh]") {
  TrackCounts counts;
  counts.collections = 10;
  counts.log_full = 3;
  counts.faults = 7;
  CHECK_THAT(cost_of(Technique::Epml, counts, 1).interference, WithinRel(3 * (2 * 0.315 + 1.737) + 10 * 1.737, 1e-9));
  CHECK_THAT(cost_of(Technique::Spml, counts, 1).interference, WithinRel(3 * (4.49 + 1.737) + 10 * 1.737, 1e-9));
  CHECK_THAT(cost_of(Technique::Proc, counts, 1).interference, WithinRel(7 * 2 * 0.315, 1e-9));
}

TEST_CASE("ooh: the tracked process waits for the tracker", "[ooh]") {
  TrackCounts counts;
  counts.dirty_pages = 100;
  const TrackCost cost = cost_of(Technique::Epml, counts, 2);
  CHECK(cost.processing == 200);
  CHECK(cost.on_tracked() == cost.tracker() + cost.interference);
}
