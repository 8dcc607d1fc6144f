// Random lock step at the memory port (random_run.hpp tells how to reproduce a failure).
#include "random_run.hpp"

using namespace vmmu;
using namespace vmmu::tb;

TEST_CASE("random: one at a time, exact lists, with stale entries and invalidations", "[random]") {
  Mix mix;
  mix.name = "alone";
  mix.alone = 850;
  mix.poke = 70;
  mix.invalidate = 50;
  mix.commit = 15;
  mix.error = 10;
  mix.timing = timing(1, 1, false, 0);
  run_seeds(mix, 100, 4);
}

TEST_CASE("random: many in flight on tables that nobody changes, exact sums", "[random]") {
  Mix mix;
  mix.name = "quiet";
  mix.sync = 20;
  mix.invalidate = 10;
  mix.timing = timing(1, 40, true, 30);
  mix.response_stall = 20;
  run_seeds(mix, 200, 4);
}

TEST_CASE("random: many in flight on few pages, so that flag updates meet", "[random]") {
  Mix mix;
  mix.name = "meeting";
  mix.sync = 100;
  mix.invalidate = 30;
  mix.timing = timing(1, 30, true, 10);
  mix.same_page = true;
  run_seeds(mix, 300, 6);
}

TEST_CASE("random: software changes tables while many are in flight", "[random]") {
  Mix mix;
  mix.name = "changing";
  mix.sync = 20;
  mix.alone = 20;
  mix.poke = 40;
  mix.invalidate = 40;
  mix.timing = timing(1, 60, true, 20);
  mix.response_stall = 10;
  run_seeds(mix, 400, 4);
}

TEST_CASE("random: registers change and the bus fails while many are in flight", "[random]") {
  Mix mix;
  mix.name = "everything";
  mix.sync = 20;
  mix.alone = 20;
  mix.poke = 20;
  mix.invalidate = 20;
  mix.commit = 10;
  mix.error = 5;
  mix.timing = timing(1, 60, true, 20);
  run_seeds(mix, 500, 4);
}

TEST_CASE("random: invalidations are carried out while requests go on", "[random]") {
  Mix mix;
  mix.name = "overlap";
  mix.sync = 10;
  mix.poke = 40;
  mix.overlap = 40;
  mix.commit = 5;
  mix.timing = timing(1, 60, true, 20);
  mix.response_stall = 10;
  run_seeds(mix, 600, 4);
}
