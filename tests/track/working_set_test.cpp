// The estimator alone: thresholds, when an estimate settles, and what happens after it has.
#include "track/working_set.hpp"

#include "catch.hpp"

using namespace vmmu::tb;

namespace {

void log_pages(WorkingSet& set, std::uint64_t pages, unsigned times) {
  for (unsigned i = 0; i < times; ++i) {
    for (std::uint64_t page = 0; page < pages; ++page) set.record(page);
  }
}

}  // namespace

TEST_CASE("working set: a page counts when it was logged more than tau times", "[wss]") {
  WorkingSet set({.tau = 3, .mu = 1, .omega = 2});
  log_pages(set, 10, 3);
  CHECK(set.iterate().pages == 0);
  set.record(4);
  const WorkingSet::Estimate estimate = set.iterate();
  CHECK(estimate.pages == 1);
  CHECK(estimate.logged == 10);
}

TEST_CASE("working set: counts go on over the iterations of one estimation", "[wss]") {
  WorkingSet set({.tau = 3, .mu = 1, .omega = 10});
  log_pages(set, 5, 2);
  CHECK(set.iterate().pages == 0);
  log_pages(set, 5, 2);
  CHECK(set.iterate().pages == 5);
}

TEST_CASE("working set: an estimate is an answer after omega seconds without a change", "[wss]") {
  WorkingSet set({.tau = 0, .mu = 30, .omega = 120});
  log_pages(set, 7, 1);
  // The first is at 30 s; it has stood for 120 s at 150 s.
  for (int i = 0; i < 4; ++i) {
    const WorkingSet::Estimate estimate = set.iterate();
    CHECK(estimate.pages == 7);
    CHECK_FALSE(estimate.settled);
    CHECK_FALSE(estimate.answer);
  }
  const WorkingSet::Estimate estimate = set.iterate();
  CHECK(estimate.settled);
  CHECK(estimate.answer == 7);
}

TEST_CASE("working set: a change starts the wait anew", "[wss]") {
  WorkingSet set({.tau = 0, .mu = 30, .omega = 60});
  log_pages(set, 7, 1);
  set.iterate();
  set.iterate();
  set.record(100);
  CHECK_FALSE(set.iterate().settled);
  CHECK_FALSE(set.iterate().settled);
  CHECK(set.iterate().answer == 8);
}

TEST_CASE("working set: after an answer the counts begin at zero, and the answer stands until the next", "[wss]") {
  WorkingSet set({.tau = 1, .mu = 1, .omega = 1});
  log_pages(set, 100, 2);
  set.iterate();
  CHECK(set.iterate().answer == 100);
  log_pages(set, 20, 1);
  const WorkingSet::Estimate before = set.iterate();
  CHECK(before.pages == 0);  // one record each is not more than tau
  CHECK(before.answer == 100);
  log_pages(set, 20, 1);
  CHECK(set.iterate().pages == 20);
  CHECK(set.iterate().answer == 20);
}

TEST_CASE("working set: no page above the threshold never is an answer", "[wss]") {
  WorkingSet set({.tau = 50, .mu = 1, .omega = 1});
  log_pages(set, 10, 1);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(set.iterate().answer);
}
