// Accessed and dirty flags: which are set, in which order, and what a faulting access leaves behind.
#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr unsigned kAllRights = ept::R | ept::W | ept::X;

Step guest_swap(const World& world, unsigned level, std::uint64_t flags) {
  const EntryPlace entry = *world.tables.guest_entry(kPage, level);
  return {Step::What::Swap, Table::Guest, level, entry.hpa, entry.word | flags, entry.word};
}
Step ept_swap(const World& world, GuestPhys gpa, unsigned level, std::uint64_t flags) {
  const EntryPlace entry = *world.tables.ept_entry(gpa, level);
  return {Step::What::Swap, Table::Nested, level, entry.hpa, entry.word | flags, entry.word};
}

struct NativePage : World {
  NativePage() : World(native()) { map(); }
};

struct NestedPage : World {
  explicit NestedPage(const TableConfig& config) : World(config) { map(); }
  std::uint64_t guest_word(unsigned level) const { return mem.peek(guest_entry(level)); }
  std::uint64_t ept_word(GuestPhys gpa, unsigned level) const { return mem.peek(ept_entry(gpa, level)); }
};

}  // namespace

TEST_CASE("flags: a read sets A top down, a write D with the leaf's A in one swap", "[flags]") {
  NativePage read;
  CHECK(succeeds(read.user(Op::Read)));
  CHECK(read.trace.of(Step::What::Swap) == std::vector<Step>{guest_swap(read, 4, pt::A), guest_swap(read, 3, pt::A),
                                                             guest_swap(read, 2, pt::A), guest_swap(read, 1, pt::A)});
  NativePage write;
  CHECK(succeeds(write.user(Op::Write)));
  CHECK(write.trace.of(Step::What::Swap) == std::vector<Step>{guest_swap(write, 4, pt::A), guest_swap(write, 3, pt::A),
                                                              guest_swap(write, 2, pt::A),
                                                              guest_swap(write, 1, pt::A | pt::D)});
}

TEST_CASE("flags: a fetch sets no D", "[flags]") {
  NativePage world;
  CHECK(succeeds(world.user(Op::Fetch)));
  CHECK((world.mem.peek(world.guest_entry(1)) & (pt::A | pt::D)) == pt::A);
}

TEST_CASE("flags: swaps come after all references of the guest walk", "[flags]") {
  NativePage world;
  CHECK(succeeds(world.user(Op::Write)));
  REQUIRE(world.trace.steps.size() == 8);
  for (unsigned i = 0; i < 8; ++i) {
    CHECK((world.trace.steps[i].what == Step::What::Read) == (i < 4));
  }
}

TEST_CASE("flags: no swap is made when all wanted flags are set", "[flags]") {
  NestedPage world(nested_with_flags());
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.swaps() > 0);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.swaps() == 0);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.swaps() == 0);
}

TEST_CASE("flags: only the flags that lack are set", "[flags]") {
  NativePage world;
  for (const unsigned level : {4u, 2u}) world.edit_guest(level, 0, pt::A);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.of(Step::What::Swap) ==
        std::vector<Step>{guest_swap(world, 3, pt::A), guest_swap(world, 1, pt::A)});
  world.edit_guest(1, 0, pt::A);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Step::What::Swap) == std::vector<Step>{guest_swap(world, 1, pt::D)});
}

TEST_CASE("flags: a large leaf has A and D, and D of a pointer is left alone", "[flags]") {
  World world(native());
  constexpr GuestVirt aligned{0x7f8000000000};
  world.map(aligned, {std::uint64_t{1} << 31}, PageSize::k2M);
  CHECK(succeeds(world.user(Op::Write, aligned)));
  CHECK((world.mem.peek(world.guest_entry(2, aligned)) & (pt::A | pt::D)) == (pt::A | pt::D));
  CHECK((world.mem.peek(world.guest_entry(3, aligned)) & (pt::A | pt::D)) == pt::A);
}

TEST_CASE("flags: without EPTP bit 6 no EPT flag is set", "[flags][ept]") {
  NestedPage world(nested());
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.swaps() == 4);
  for (const Step& swap : world.trace.of(Step::What::Swap)) CHECK(swap.table == Table::Guest);
}

TEST_CASE("flags: with EPTP bit 6 each gPA access sets its EPT flags before the next reference", "[flags][ept]") {
  NestedPage world(nested_with_flags());
  CHECK(succeeds(world.user(Op::Read)));
  // The guest's root: four EPT references, A top down, A and D of the leaf in one swap, then the guest entry.
  const GuestPhys root = world.guest_entry_gpa(4);
  REQUIRE(world.trace.steps.size() > 9);
  for (unsigned i = 0; i < 4; ++i) CHECK(world.trace.steps[i].what == Step::What::Read);
  CHECK(world.trace.steps[4] == ept_swap(world, root, 4, ept::A));
  CHECK(world.trace.steps[5] == ept_swap(world, root, 3, ept::A));
  CHECK(world.trace.steps[6] == ept_swap(world, root, 2, ept::A));
  CHECK(world.trace.steps[7] == ept_swap(world, root, 1, ept::A | ept::D));
  CHECK(world.trace.steps[8].what == Step::What::Read);
  CHECK(world.trace.steps[8].table == Table::Guest);
}

TEST_CASE("flags: reading a guest table dirties its EPT leaf, reading the final page does not", "[flags][ept]") {
  NestedPage world(nested_with_flags());
  CHECK(succeeds(world.user(Op::Read)));
  for (unsigned level = 4; level >= 1; --level) {
    CHECK((world.ept_word(world.guest_entry_gpa(level), 1) & (ept::A | ept::D)) == (ept::A | ept::D));
  }
  CHECK((world.ept_word(kFrame, 1) & (ept::A | ept::D)) == ept::A);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK((world.ept_word(kFrame, 1) & (ept::A | ept::D)) == (ept::A | ept::D));
}

TEST_CASE("flags: the final gPA is translated after the guest's flags are written", "[flags][ept]") {
  NestedPage world(nested_with_flags());
  world.edit_ept(kFrame, 1, kAllRights, 0);
  CHECK(fault(world.user(Op::Write)).kind == FaultKind::EptViolation);
  CHECK((world.guest_word(1) & (pt::A | pt::D)) == (pt::A | pt::D));
  CHECK((world.guest_word(4) & pt::A) != 0);
  CHECK((world.ept_word(kFrame, 1) & (ept::A | ept::D)) == 0);
}

TEST_CASE("flags: a guest fault leaves EPT flags of the tables and no guest flag", "[flags][ept]") {
  NestedPage world(nested_with_flags());
  world.edit_guest(1, pt::W, 0);
  CHECK(fault(world.user(Op::Write)).kind == FaultKind::PageFault);
  for (unsigned level = 4; level >= 1; --level) {
    CHECK((world.guest_word(level) & (pt::A | pt::D)) == 0);
    CHECK((world.ept_word(world.guest_entry_gpa(level), 1) & ept::D) != 0);
  }
}

TEST_CASE("flags: an EPT walk that faults writes no EPT flag of its own", "[flags][ept]") {
  NestedPage world(nested_with_flags());
  const GuestPhys far{std::uint64_t{1} << 45};
  world.map({0x7f8000000000}, far);
  world.edit_ept(far, 1, ept::W, 0);
  CHECK(fault(world.user(Op::Write, {0x7f8000000000})).kind == FaultKind::EptViolation);
  for (const unsigned level : {3u, 2u, 1u}) CHECK((world.ept_word(far, level) & ept::A) == 0);
}

// ---------------------------------------------------------------- guest flags in pages that EPT protects

TEST_CASE("flags: without EPTP bit 6 a guest flag needs EPT write permission for its page", "[flags][ept]") {
  for (unsigned level = 4; level >= 1; --level) {
    NestedPage world(nested());
    const GuestPhys entry = world.guest_entry_gpa(level);
    world.edit_ept(entry, 1, ept::W, 0);
    CHECK(answer(world.user(Op::Read)) ==
          violation(qual::Read | qual::Write | qual::R | qual::X | qual::Linear, entry));
    // All references of the guest walk were made, and the flags above stay.
    CHECK(world.trace.reads() == 20);
    CHECK(world.trace.swaps() == 4 - level);
    for (unsigned above = 4; above > level; --above) CHECK((world.guest_word(above) & pt::A) != 0);
    CHECK((world.guest_word(level) & pt::A) == 0);
  }
}

TEST_CASE("flags: EPT write permission is not needed where no flag is written", "[flags][ept]") {
  NestedPage world(nested());
  for (unsigned level = 4; level >= 1; --level) {
    world.edit_ept(world.guest_entry_gpa(level), 1, ept::W, 0);
    world.edit_guest(level, 0, pt::A);
  }
  CHECK(succeeds(world.user(Op::Read)));
  const GuestPhys leaf = world.guest_entry_gpa(1);
  CHECK(answer(world.user(Op::Write)) == violation(qual::Read | qual::Write | qual::R | qual::X | qual::Linear, leaf));
}

TEST_CASE("flags: the violation of a flag write has bit 6 with MBE and never bits 11:9", "[flags][ept][mbe]") {
  NestedPage world(nested());
  world.regs.mbe = world.regs.advinfo = true;
  const GuestPhys root = world.guest_entry_gpa(4);
  world.edit_ept(root, 1, ept::W | ept::X, ept::XU);
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::Write | qual::R | qual::XU | qual::Linear, root));
}

TEST_CASE("flags: the rights of a flag write's violation are the AND of all EPT levels", "[flags][ept]") {
  NestedPage world(nested());
  const GuestPhys leaf = world.guest_entry_gpa(1);
  world.edit_ept(leaf, 1, ept::W, 0);
  world.edit_ept(leaf, 2, ept::X, 0);
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::Write | qual::R | qual::Linear, leaf));
}

}  // namespace vmmu::test
