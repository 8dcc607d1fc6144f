// Bus errors on every memory access of a walk.
#include "world.hpp"

namespace vmmu::test {
namespace {

struct NestedPage : World {
  explicit NestedPage(const TableConfig& config = nested()) : World(config) { map(); }
};

}  // namespace

TEST_CASE("bus error: on each of the 24 references, with its address and nothing after it", "[bus]") {
  NestedPage good;
  CHECK(succeeds(good.user(Op::Read)));
  const std::vector<Step> reads = good.trace.of(Step::What::Read);
  REQUIRE(reads.size() == 24);

  for (unsigned n = 0; n < 24; ++n) {
    INFO("reference " << n);
    NestedPage world;
    for (unsigned level = 4; level >= 1; --level) world.edit_guest(level, 0, pt::A);
    world.mem.fail_after(n);
    CHECK(answer(world.user(Op::Read)) == bus_error(reads[n].addr));
    CHECK(world.trace.reads() == n);
    CHECK(world.trace.swaps() == 0);
    CHECK(succeeds(world.user(Op::Read)));
  }
}

TEST_CASE("bus error: on each swap, with its address; earlier flags stay", "[bus]") {
  NestedPage good(nested_with_flags());
  CHECK(succeeds(good.user(Op::Write)));
  const std::vector<Step> swaps = good.trace.of(Step::What::Swap);
  REQUIRE(swaps.size() > 8);

  std::size_t swap = 0;
  for (unsigned n = 0; n < good.trace.steps.size(); ++n) {
    if (good.trace.steps[n].what != Step::What::Swap) continue;
    INFO("swap " << swap);
    NestedPage world(nested_with_flags());
    world.mem.fail_after(n);
    CHECK(answer(world.user(Op::Write)) == bus_error(swaps[swap].addr));
    CHECK(world.trace.swaps() == swap);
    for (std::size_t i = 0; i < swap; ++i) CHECK((world.mem.peek(swaps[i].addr) & swaps[i].word) == swaps[i].word);
    ++swap;
  }
}

TEST_CASE("bus error: carries no code, the fault target and the linear address", "[bus]") {
  World world(native());
  world.map();
  world.mem.fail_next(world.guest_entry(2));
  const GuestVirt gva{kPage.value + 0x10};
  const Fault expected{FaultKind::BusError, 0, world.regs.fault_target, gva, true, world.guest_entry(2).value};
  CHECK(fault(world.kernel(Op::Write, gva)) == expected);
}

}  // namespace vmmu::test
