// Swaps that another writer wins: architecture 6, rule 5.
#include "world.hpp"

namespace vmmu::test {
namespace {

struct NestedPage : World {
  NestedPage() : World(nested_with_flags()) { map(); }
};

struct NativePage : World {
  explicit NativePage(BuildParams params = {}) : World(native(), params) { map(); }
  std::uint64_t leaf() const { return tables.guest_entry(kPage, 1)->word; }
};

// All swaps of that entry, in order.
std::vector<Step> swaps_of(const World& world, HostPhys addr) {
  std::vector<Step> found;
  for (const Step& swap : world.trace.of(Step::What::Swap)) {
    if (swap.addr == addr) found.push_back(swap);
  }
  return found;
}

}  // namespace

TEST_CASE("race: a word that differs in a flag and lacks a wanted one is swapped again", "[race]") {
  NativePage world;
  const HostPhys addr = world.guest_entry(1);
  world.mem.race(addr, world.leaf() | pt::A);
  CHECK(succeeds(world.user(Op::Write)));
  const std::vector<Step> swaps = swaps_of(world, addr);
  REQUIRE(swaps.size() == 2);
  CHECK(swaps[0].found == (world.leaf() | pt::A));
  CHECK(swaps[1].word == (world.leaf() | pt::A | pt::D));
  CHECK(swaps[1].found == (world.leaf() | pt::A));
  CHECK(world.trace.restarts() == 0);
  CHECK(world.trace.reads() == 4);
}

TEST_CASE("race: a word that has every wanted flag by now needs no further swap", "[race]") {
  NativePage world;
  const HostPhys addr = world.guest_entry(1);
  world.mem.race(addr, world.leaf() | pt::A | pt::D);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(swaps_of(world, addr).size() == 1);
  CHECK(world.trace.restarts() == 0);
  CHECK(world.mem.peek(addr) == (world.leaf() | pt::A | pt::D));
}

TEST_CASE("race: a flag taken back by the other writer is no reason to restart", "[race]") {
  NativePage world;
  const HostPhys addr = world.guest_entry(1);
  world.edit_guest(1, 0, pt::A);
  world.mem.race(addr, world.leaf() & ~pt::A);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(swaps_of(world, addr).size() == 2);
  CHECK(world.mem.peek(addr) == (world.leaf() | pt::A | pt::D));
  CHECK(world.trace.restarts() == 0);
}

TEST_CASE("race: any other difference restarts the walk from the root", "[race]") {
  NativePage world;
  const HostPhys addr = world.guest_entry(1);
  const GuestPhys elsewhere{0x9000};
  world.mem.race(addr, elsewhere.value | pt::P | pt::W | pt::U);
  CHECK(translation(world.user(Op::Read)).hpa.value == elsewhere.value);
  CHECK(world.trace.restarts() == 1);
  CHECK(world.trace.reads() == 8);
  // Flags already set stay, so the second walk sets only the leaf's.
  CHECK(world.trace.swaps() == 5);
}

TEST_CASE("race: a difference in a flag and in another bit restarts", "[race]") {
  NativePage world;
  world.mem.race(world.guest_entry(1), world.leaf() | pt::A | pt::G);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.restarts() == 1);
}

TEST_CASE("race: bits 8 and 9 are no flags of a guest entry", "[race]") {
  NativePage world;
  world.mem.race(world.guest_entry(1), world.leaf() | ept::D);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.restarts() == 1);
}

TEST_CASE("race: bits 5 and 6 are no flags of an EPT entry", "[race][ept]") {
  NestedPage world;
  const EntryPlace leaf = *world.tables.ept_entry(kFrame, 1);
  world.mem.race(leaf.hpa, leaf.word | ept::IPAT);
  CHECK(translation(world.user(Op::Read)).ipat);
  CHECK(world.trace.restarts() == 1);
}

TEST_CASE("race: a restart reads CR3's table again and can end in a fault", "[race]") {
  NativePage world;
  const EntryPlace root = *world.tables.guest_entry(kPage, 4);
  world.mem.race(root.hpa, root.word & ~pt::P);
  CHECK(answer(world.user(Op::Read)) == page_fault(code::U));
  CHECK(world.trace.restarts() == 1);
  CHECK(world.trace.reads() == 5);
}

TEST_CASE("race: each guest level", "[race]") {
  for (unsigned level = 4; level >= 1; --level) {
    NativePage again;
    const EntryPlace entry = *again.tables.guest_entry(kPage, level);
    again.mem.race(entry.hpa, entry.word | pt::D);
    CHECK(succeeds(again.user(Op::Read)));
    CHECK(again.trace.restarts() == 0);
    CHECK(again.mem.peek(entry.hpa) == (entry.word | pt::A | pt::D));

    NativePage restart;
    restart.mem.race(entry.hpa, entry.word | bit(11));
    CHECK(succeeds(restart.user(Op::Read)));
    CHECK(restart.trace.restarts() == 1);
    CHECK(restart.mem.peek(entry.hpa) == (entry.word | bit(11) | pt::A));
  }
}

TEST_CASE("race: each EPT level of the final address", "[race][ept]") {
  constexpr GuestVirt gva{0x7f8000000000};
  constexpr GuestPhys far{std::uint64_t{1} << 45};
  for (unsigned level = 3; level >= 1; --level) {
    NestedPage again;
    again.map(gva, far);
    const EntryPlace entry = *again.tables.ept_entry(far, level);
    again.mem.race(entry.hpa, entry.word | ept::D);
    CHECK(succeeds(again.user(Op::Write, gva)));
    CHECK(again.trace.restarts() == 0);
    CHECK(again.mem.peek(entry.hpa) == (entry.word | ept::A | ept::D));

    NestedPage restart;
    restart.map(gva, far);
    restart.mem.race(entry.hpa, entry.word | bit(11));
    CHECK(succeeds(restart.user(Op::Write, gva)));
    CHECK(restart.trace.restarts() == 1);
  }
}

TEST_CASE("race: EPT flags set meanwhile need no further swap", "[race][ept]") {
  NestedPage world;
  const EntryPlace leaf = *world.tables.ept_entry(kFrame, 1);
  world.mem.race(leaf.hpa, leaf.word | ept::A | ept::D);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(swaps_of(world, leaf.hpa).size() == 1);
}

TEST_CASE("race: a walk that is restarted too often is a bus error at the word that it lost", "[race]") {
  BuildParams params;
  params.max_restarts = 2;
  NativePage patient(params);
  const HostPhys addr = patient.guest_entry(1);
  for (unsigned n = 0; n < 2; ++n) patient.mem.race(addr, patient.leaf() | (n == 0 ? pt::G : bit(9)));
  CHECK(succeeds(patient.user(Op::Read)));
  CHECK(patient.trace.restarts() == 2);

  NativePage exhausted(params);
  for (unsigned n = 0; n < 3; ++n) exhausted.mem.race(addr, exhausted.leaf() | (n % 2 == 0 ? pt::G : bit(9)));
  CHECK(answer(exhausted.user(Op::Read)) == bus_error(addr));
  CHECK(exhausted.trace.restarts() == 2);
}

TEST_CASE("race: flags taken back for ever end in a bus error", "[race]") {
  BuildParams params;
  params.max_restarts = 3;
  NativePage world(params);
  const HostPhys addr = world.guest_entry(1);
  for (unsigned n = 0; n < 4; ++n) world.mem.race(addr, n % 2 == 0 ? world.leaf() | pt::D : world.leaf());
  CHECK(answer(world.user(Op::Read)) == bus_error(addr));
}

}  // namespace vmmu::test
