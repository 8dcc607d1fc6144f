// Random lock step over all modes: segments and escape filters come, go, grow and shrink while requests are in flight
// (random_run.hpp tells how to reproduce a failure).
#include "random_run.hpp"

using namespace vmmu;
using namespace vmmu::tb;

TEST_CASE("random modes: one at a time, exact lists and exact counts of checks", "[random][modes]") {
  Mix mix;
  mix.name = "modes alone";
  mix.alone = 850;
  mix.poke = 40;
  mix.invalidate = 50;
  mix.commit = 60;
  mix.timing = timing(1, 1, false, 0);
  mix.segments = true;
  run_seeds(mix, 700, 6);
}

TEST_CASE("random modes: modes change while many are in flight", "[random][modes]") {
  Mix mix;
  mix.name = "modes in flight";
  mix.sync = 20;
  mix.invalidate = 20;
  mix.commit = 40;
  mix.timing = timing(1, 40, true, 20);
  mix.response_stall = 10;
  mix.segments = true;
  run_seeds(mix, 800, 6);
}

TEST_CASE("random modes: tables, registers and segments change, the bus fails", "[random][modes]") {
  Mix mix;
  mix.name = "modes and everything";
  mix.sync = 20;
  mix.alone = 20;
  mix.poke = 20;
  mix.invalidate = 20;
  mix.overlap = 10;
  mix.commit = 25;
  mix.error = 5;
  mix.timing = timing(1, 60, true, 20);
  mix.segments = true;
  run_seeds(mix, 900, 6);
}
