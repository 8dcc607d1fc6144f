// Random lock step with every log on: small indices, watermarks, drains in time and too late, cleaned bitmaps, buses
// that fail (random_run.hpp tells how to reproduce a failure).
#include "random_run.hpp"

using namespace vmmu;
using namespace vmmu::tb;

TEST_CASE("random logs: one at a time, every record in its place", "[random][logs]") {
  Mix mix;
  mix.name = "logs alone";
  mix.alone = 850;
  mix.poke = 50;
  mix.invalidate = 50;
  mix.commit = 50;
  mix.timing = timing(1, 6, false, 0);
  mix.logs = true;
  mix.prl_double = true;
  run_seeds(mix, 1000, 6);
}

TEST_CASE("random logs: one at a time, with segments and their bitmaps", "[random][logs]") {
  Mix mix;
  mix.name = "logs and segments alone";
  mix.alone = 850;
  mix.poke = 50;
  mix.invalidate = 50;
  mix.commit = 50;
  mix.timing = timing(1, 3, false, 0);
  mix.segments = true;
  mix.logs = true;
  mix.prl_double = true;
  run_seeds(mix, 1100, 6);
}

TEST_CASE("random logs: many in flight, nothing lost and nothing twice", "[random][logs]") {
  Mix mix;
  mix.name = "logs in flight";
  mix.sync = 20;
  mix.invalidate = 20;
  mix.commit = 20;
  mix.timing = timing(1, 40, true, 20);
  mix.response_stall = 10;
  mix.segments = true;
  mix.logs = true;
  run_seeds(mix, 1200, 6);
}

TEST_CASE("random logs: tables, registers and bitmaps change, the bus fails", "[random][logs]") {
  Mix mix;
  mix.name = "logs and everything";
  mix.sync = 20;
  mix.alone = 20;
  mix.poke = 20;
  mix.invalidate = 20;
  mix.commit = 25;
  mix.error = 5;
  mix.timing = timing(1, 60, true, 20);
  mix.segments = true;
  mix.logs = true;
  run_seeds(mix, 1300, 6);
}
