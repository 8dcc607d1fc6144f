// The TLB in front of the model.
#include "track/tlb_filter.hpp"

#include "catch.hpp"

using namespace vmmu;
using namespace vmmu::tb;
using Hit = TlbFilter::Hit;

TEST_CASE("tlb filter: what was inserted by a read does not answer a write", "[tlb]") {
  TlbFilter filter(Preset::Server);
  CHECK(filter.look_up(5, Op::Read) == Hit::No);
  filter.insert(5, Op::Read);
  CHECK(filter.look_up(5, Op::Read) == Hit::Yes);
  CHECK(filter.look_up(5, Op::Fetch) == Hit::Yes);
  CHECK(filter.look_up(5, Op::Write) == Hit::Held);
  filter.insert(5, Op::Write);
  CHECK(filter.look_up(5, Op::Write) == Hit::Yes);
  filter.insert(5, Op::Read);  // knows no less than before
  CHECK(filter.look_up(5, Op::Write) == Hit::Yes);
  filter.flush();
  CHECK(filter.look_up(5, Op::Read) == Hit::No);
}

TEST_CASE("page cache: the least recently used way of a full set goes", "[tlb]") {
  PageCache cache(16, 4);
  for (std::uint64_t page = 0; page < 64; page += 16) cache.insert(page, false);
  CHECK(cache.find(0) != nullptr);
  cache.insert(64, false);
  CHECK(cache.find(16) == nullptr);
  CHECK(cache.find(0) != nullptr);
  CHECK(cache.find(64) != nullptr);
  cache.insert(1, false);  // another set
  CHECK(cache.find(0) != nullptr);
}

TEST_CASE("page cache: without sets nothing is held", "[tlb]") {
  PageCache cache(0, 4);
  cache.insert(0, true);
  CHECK(cache.find(0) == nullptr);
}

TEST_CASE("tlb filter: the L2 of paper holds what its L1 has lost, write knowledge too", "[tlb]") {
  TlbFilter filter(Preset::Paper);
  for (std::uint64_t page = 0; page < 512; ++page) filter.insert(page, page % 2 == 0 ? Op::Write : Op::Read);
  for (std::uint64_t page = 0; page < 512; ++page) {
    CHECK(filter.look_up(page, Op::Read) == Hit::Yes);
    CHECK(filter.look_up(page, Op::Write) == (page % 2 == 0 ? Hit::Yes : Hit::Held));
  }
  filter.insert(512, Op::Read);  // the set of page 0 has four ways: 0, 128, 256, 384
  CHECK(filter.look_up(0, Op::Read) == Hit::No);
}
