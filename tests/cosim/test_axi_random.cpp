// Random lock step behind the AXI4 master: reads, swaps and records are compared where they leave the MMU, their
// effects in a memory that only AXI reaches. random_run.hpp tells how to reproduce a failure.
#include "random_run.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

Mix behind_axi(const char* name) {
  Mix mix;
  mix.name = name;
  mix.axi = true;
  return mix;
}

}  // namespace

TEST_CASE("random axi: one at a time, exact lists, with races of software and bus errors", "[axi][random]") {
  Mix mix = behind_axi("alone");
  mix.alone = 850;
  mix.poke = 70;
  mix.invalidate = 50;
  mix.commit = 15;
  mix.error = 10;
  mix.timing = timing(1, 4, true, 20);
  run_seeds(mix, 1100, 3);
}

TEST_CASE("random axi: many in flight on tables that nobody changes, exact sums", "[axi][random]") {
  Mix mix = behind_axi("quiet");
  mix.sync = 20;
  mix.invalidate = 10;
  mix.timing = timing(1, 40, true, 30);
  mix.response_stall = 20;
  run_seeds(mix, 1200, 3);
}

TEST_CASE("random axi: many in flight on few pages, so that pairs meet", "[axi][random]") {
  Mix mix = behind_axi("meeting");
  mix.sync = 100;
  mix.invalidate = 30;
  mix.timing = timing(1, 30, true, 10);
  mix.same_page = true;
  run_seeds(mix, 1300, 3);
}

TEST_CASE("random axi: tables and registers change and the bus fails while many are in flight", "[axi][random]") {
  Mix mix = behind_axi("everything");
  mix.sync = 20;
  mix.alone = 20;
  mix.poke = 30;
  mix.invalidate = 30;
  mix.commit = 10;
  mix.error = 5;
  mix.timing = timing(1, 60, true, 30);
  mix.response_stall = 10;
  run_seeds(mix, 1400, 3);
}
