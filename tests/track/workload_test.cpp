// The phases that are made here, and traces behind the same interface.
#include "track/workload.hpp"

#include <algorithm>
#include <map>

#include "catch.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {
constexpr std::uint64_t kPage = 4096;
}

TEST_CASE("phases: reads and writes of the array by letter, writes of the background always", "[phases]") {
  PhaseConfig config;
  config.array_mib = 1;  // 256 pages
  config.background_mib = 1;
  config.rate = 1024;
  config.seconds = 1;  // two passes
  const auto made = phases("RW", config);
  const Workload& workload = std::get<Workload>(made);
  REQUIRE(workload.size == 2048);
  CHECK(workload.pages.size() == 512);
  const std::uint64_t first = workload.pages.front();
  std::map<std::pair<bool, Op>, unsigned> seen[2];  // by phase: background, operation
  for (std::uint64_t i = 0; i < workload.size; ++i) {
    const PackedAccess access = workload.at(i);
    ++seen[i / 1024][{access.gva().value / kPage - first >= 256, access.op()}];
  }
  using Seen = std::map<std::pair<bool, Op>, unsigned>;
  CHECK(seen[0] == Seen{{{false, Op::Read}, 512}, {{true, Op::Write}, 512}});
  CHECK(seen[1] == Seen{{{false, Op::Write}, 512}, {{true, Op::Write}, 512}});
}

TEST_CASE("phases: every page that is touched is listed", "[phases]") {
  PhaseConfig config;
  config.array_mib = 1;
  config.background_mib = 0;
  config.rate = 700;
  config.seconds = 1;
  const auto made = phases("W", config);
  const Workload& workload = std::get<Workload>(made);
  for (std::uint64_t i = 0; i < workload.size; ++i) {
    const std::uint64_t page = workload.at(i).gva().value / kPage;
    REQUIRE(std::find(workload.pages.begin(), workload.pages.end(), page) != workload.pages.end());
  }
}

TEST_CASE("phases: words of other letters, none or too many are refused", "[phases]") {
  for (const std::string& word : {std::string(), std::string("RX"), std::string("rw"), std::string(65, 'R')}) {
    CAPTURE(word);
    const auto made = phases(word, {});
    REQUIRE(std::holds_alternative<std::string>(made));
    CHECK(std::get<std::string>(made).find("expected 1 to 64 letters R or W") != std::string::npos);
  }
}

TEST_CASE("workload: a trace by number", "[phases]") {
  Trace trace;
  trace.accesses = {{GuestVirt{0x5000}, Op::Read}, {GuestVirt{0x7008}, Op::Write}, {GuestVirt{0x5010}, Op::Fetch}};
  const Workload workload = workload_of("name", trace);
  CHECK(workload.name == "name");
  CHECK(workload.size == 3);
  CHECK(workload.pages == std::vector<std::uint64_t>{5, 7});
  CHECK(workload.at(1) == PackedAccess(GuestVirt{0x7008}, Op::Write));
}
