// The working-set tracker on guests whose working set is known.
#include "catch.hpp"
#include "track_world.hpp"

using namespace vmmu;
using namespace vmmu::tb;
using Catch::Matchers::WithinAbs;

namespace {

constexpr std::uint64_t kFirst = 0x400;
constexpr double kMibOfPage = 1.0 / 256;

// Passes over `pages` pages, as reads or writes, for `count` accesses.
void add_passes(std::vector<PackedAccess>& accesses, std::uint64_t pages, Op op, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) accesses.push_back(at_page(kFirst + i % pages, op));
}

TrackReport watch(const TrackRun& run, const WssConfig& config) {
  auto result = track_wss(run, config);
  if (const auto* error = std::get_if<std::string>(&result)) FAIL(*error);
  return std::get<TrackReport>(std::move(result));
}

// 10,000 accesses a second, an estimate each second, an answer after two more.
WssConfig quick() {
  WssConfig config;
  config.estimator = {.tau = 5, .mu = 1, .omega = 2};
  return config;
}

}  // namespace

TEST_CASE("working set tracker: pages that are read count for PRL and not for PML", "[wss]") {
  std::vector<PackedAccess> accesses;
  add_passes(accesses, 1000, Op::Read, 40000);
  const TrackReport report = watch(run_of(accesses, 10e3), quick());
  REQUIRE(report.rows.size() == 4);
  const Row& last = report.rows.back();
  CHECK_THAT(last["answer_mib"].get<double>(), WithinAbs(1000 * kMibOfPage, 1e-9));
  // The guest's five tables: with EPTP[6] each walk that reads them counts as a write of their pages.
  for (const Row& row : report.rows) CHECK_THAT(row["pml_mib"].get<double>(), WithinAbs(5 * kMibOfPage, 1e-9));
  CHECK(report.summary[0]["prl_drops"] == 0);
  CHECK(report.summary[0]["prl_records"] == 40000);  // 1,000 pages in turn never hit 128 sets of 4
}

TEST_CASE("working set tracker: pages that are written count for both, each interval", "[wss]") {
  std::vector<PackedAccess> accesses;
  add_passes(accesses, 1000, Op::Write, 40000);
  const TrackReport report = watch(run_of(accesses, 10e3), quick());
  const Row& last = report.rows.back();
  CHECK_THAT(last["answer_mib"].get<double>(), WithinAbs(1000 * kMibOfPage, 1e-9));
  CHECK_THAT(last["pml_mib"].get<double>(), WithinAbs(1005 * kMibOfPage, 1e-9));  // five tables
}

TEST_CASE("working set tracker: what the TLBs hold is not logged", "[wss]") {
  std::vector<PackedAccess> accesses;
  add_passes(accesses, 400, Op::Read, 10000);  // 3 or 4 in each set of the L2
  const TrackReport report = watch(run_of(accesses, 10e3), quick());
  CHECK(report.summary[0]["prl_records"] == 400);
  CHECK(report.summary[0]["walks"] == 400);
}

TEST_CASE("working set tracker: rarely used pages stay out", "[wss]") {
  std::vector<PackedAccess> accesses;
  for (int round = 0; round < 8; ++round) {
    add_passes(accesses, 1000, Op::Read, 10000);
    if (round % 4 == 0) {
      for (std::uint64_t page = 0; page < 300; ++page) accesses.push_back(at_page(0x1000 + page, Op::Read));
    }
  }
  const TrackReport report = watch(run_of(accesses, 10e3), quick());
  CHECK_THAT(report.rows.back()["estimate_mib"].is_null()
                 ? report.rows[report.rows.size() - 2]["answer_mib"].get<double>()
                 : report.rows.back()["answer_mib"].get<double>(),
             WithinAbs(1000 * kMibOfPage, 1e-9));
}

TEST_CASE("working set tracker: a working set that shrinks gets a new answer", "[wss]") {
  std::vector<PackedAccess> accesses;
  add_passes(accesses, 2000, Op::Read, 40000);
  add_passes(accesses, 1000, Op::Read, 40000);
  const TrackReport report = watch(run_of(accesses, 10e3), quick());
  CHECK_THAT(report.rows[3]["answer_mib"].get<double>(), WithinAbs(2000 * kMibOfPage, 1e-9));
  CHECK_THAT(report.rows.back()["answer_mib"].get<double>(), WithinAbs(1000 * kMibOfPage, 1e-9));
  CHECK(report.summary[0]["answers"] == 2);
}

TEST_CASE("working set tracker: software that looks too seldom loses records, and knows how many", "[wss]") {
  std::vector<PackedAccess> accesses;
  add_passes(accesses, 1000, Op::Read, 40000);
  WssConfig config = quick();
  config.poll = 2000;
  const TrackReport published = watch(run_of(accesses, 10e3), config);
  const auto records = published.summary[0]["prl_records"].get<std::uint64_t>();
  const auto drops = published.summary[0]["prl_drops"].get<std::uint64_t>();
  CHECK(records == 20 * 511);
  CHECK(records + drops == 40000);
  config.two_buffers = true;
  const TrackReport two = watch(run_of(accesses, 10e3), config);
  CHECK(two.summary[0]["prl_records"] == 20 * 1024);
}

TEST_CASE("working set tracker: two buffers lose nothing where one would", "[wss]") {
  std::vector<PackedAccess> accesses;
  add_passes(accesses, 1000, Op::Read, 40000);
  WssConfig config = quick();
  config.poll = 500;
  config.two_buffers = true;
  const TrackReport report = watch(run_of(accesses, 10e3), config);
  CHECK(report.summary[0]["prl_records"] == 40000);
  CHECK(report.summary[0]["prl_drops"] == 0);
}

TEST_CASE("working set tracker: a mu shorter than an access is refused", "[wss]") {
  WssConfig config = quick();
  config.estimator.mu = 1e-6;
  const auto result = track_wss(run_of({at_page(kFirst, Op::Read)}, 10e3), config);
  CHECK(std::holds_alternative<std::string>(result));
}
