// Page-modification logging: SDM 28.3.6, architecture 10.
#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr HostPhys kLog{0x7000};

struct Logged : World {
  Logged() : World(nested_with_flags()) {
    map();
    regs.pml_en = true;
    regs.pml_addr = kLog.value;
    regs.pml_watermark = 0x8000;  // never reached unless a test says so
  }
  std::vector<std::uint64_t> records() const {
    std::vector<std::uint64_t> pages;
    for (const Step& step : trace.of(Step::What::Record)) pages.push_back(step.word);
    return pages;
  }
  // Leaves nothing to log but the final page.
  void warm_up() {
    REQUIRE(succeeds(user(Op::Read)));
    mmu.set_pml_index(0, 511);
  }
};

GuestPhys page_of(GuestPhys gpa) { return {gpa.value & ~std::uint64_t{0xfff}}; }

}  // namespace

TEST_CASE("pml: a cold write logs the four table pages and the page itself, from index 511 down", "[pml]") {
  Logged world;
  CHECK(succeeds(world.user(Op::Write, {kPage.value + 0x123})));
  std::vector<std::uint64_t> expected;
  for (unsigned level = 4; level >= 1; --level) expected.push_back(page_of(world.guest_entry_gpa(level)).value);
  expected.push_back(kFrame.value);
  CHECK(world.records() == expected);
  for (unsigned i = 0; i < 5; ++i) {
    CHECK(world.mem.peek({kLog.value + 8 * (511 - i)}) == expected[i]);
    CHECK(world.trace.of(Step::What::Record)[i].addr.value == kLog.value + 8 * (511 - i));
  }
  CHECK(world.mmu.pml_index(0) == 506);
}

TEST_CASE("pml: a cold read logs the table pages only, and a second access nothing", "[pml]") {
  Logged world;
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.records().size() == 4);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.records().empty());
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.records() == std::vector<std::uint64_t>{kFrame.value});
}

TEST_CASE("pml: each record follows its own dirty flag at once", "[pml]") {
  Logged world;
  CHECK(succeeds(world.user(Op::Write)));
  for (std::size_t i = 0; i < world.trace.steps.size(); ++i) {
    const Step& step = world.trace.steps[i];
    if (step.what != Step::What::Record) continue;
    REQUIRE(i > 0);
    const Step& before = world.trace.steps[i - 1];
    CHECK(before.what == Step::What::Swap);
    CHECK(before.table == Table::Nested);
    CHECK(before.addr == world.ept_entry({step.word}, 1));
    CHECK((before.word & ept::D) != 0);
  }
}

TEST_CASE("pml: the record of a large page is the 4 KiB page accessed", "[pml]") {
  World world(nested_with_flags(PageSize::k2M));
  world.map(kPage, {0x765000});
  world.regs.pml_en = true;
  world.regs.pml_addr = kLog.value;
  CHECK(succeeds(world.user(Op::Write, {kPage.value + 8})));
  CHECK(world.trace.of(Step::What::Record).back().word == 0x765000);
}

TEST_CASE("pml: the last record goes to index 0 and the index wraps to 16 ones", "[pml]") {
  Logged world;
  world.warm_up();
  world.mmu.set_pml_index(0, 0);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.mem.peek(kLog) == kFrame.value);
  CHECK(world.mmu.pml_index(0) == 0xffff);
}

TEST_CASE("pml: a full log faults before any flag of that gPA access is set", "[pml]") {
  Logged world;
  world.warm_up();
  for (const std::uint16_t index : {std::uint16_t{0xffff}, std::uint16_t{512}, std::uint16_t{0x8000}}) {
    world.mmu.set_pml_index(0, index);
    const Fault expected{FaultKind::PmlFull, 0, world.regs.fault_target, kPage, true, 0};
    CHECK(fault(world.user(Op::Write)) == expected);
    CHECK((world.mem.peek(world.ept_entry(kFrame, 1)) & ept::D) == 0);
    CHECK(world.mmu.pml_index(0) == index);
  }
  world.mmu.set_pml_index(0, 511);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.records().size() == 1);
}

TEST_CASE("pml: accessed flags alone need room as well", "[pml]") {
  Logged world;
  world.warm_up();
  const EntryPlace leaf = *world.tables.ept_entry(kFrame, 1);
  world.edit_ept(kFrame, 1, ept::A, 0);
  world.mmu.set_pml_index(0, 0xffff);
  CHECK(fault(world.user(Op::Read)).kind == FaultKind::PmlFull);
  CHECK(world.mem.peek(leaf.hpa) == (leaf.word & ~ept::A));
  world.mmu.set_pml_index(0, 511);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.records().empty());
}

TEST_CASE("pml: an accessed flag that a pointer lacks needs room too", "[pml]") {
  Logged world;
  const GuestPhys far{std::uint64_t{1} << 45};
  GuestAttr warm;
  warm.accessed = true;
  world.map({kPage.value + 0x1000}, far, PageSize::k4K, warm);
  world.warm_up();
  world.edit_ept(far, 1, 0, ept::A | ept::D);
  world.mmu.set_pml_index(0, 0xffff);
  CHECK(fault(world.user(Op::Write, {kPage.value + 0x1000})).kind == FaultKind::PmlFull);
}

TEST_CASE("pml: a full log does not matter when there is nothing to set", "[pml]") {
  Logged world;
  CHECK(succeeds(world.user(Op::Write)));
  world.mmu.set_pml_index(0, 0xffff);
  CHECK(succeeds(world.user(Op::Write)));
}

TEST_CASE("pml: a log that fills during a walk keeps flags and records of the earlier steps", "[pml]") {
  Logged world;
  world.mmu.set_pml_index(0, 1);  // room for two
  CHECK(fault(world.user(Op::Write)).kind == FaultKind::PmlFull);
  CHECK(world.records().size() == 2);
  const GuestPhys third = world.guest_entry_gpa(2);
  CHECK((world.mem.peek(world.ept_entry(world.guest_entry_gpa(3), 1)) & ept::D) != 0);
  CHECK((world.mem.peek(world.ept_entry(third, 1)) & (ept::A | ept::D)) == 0);
  CHECK((world.mem.peek(world.guest_entry(4)) & pt::A) == 0);

  world.mmu.set_pml_index(0, 511);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.records().size() == 3);  // nothing is logged twice
}

TEST_CASE("pml: permission is judged before room", "[pml]") {
  Logged world;
  world.warm_up();
  world.mmu.set_pml_index(0, 0xffff);
  world.edit_ept(kFrame, 1, ept::W, 0);
  CHECK(fault(world.user(Op::Write)).kind == FaultKind::EptViolation);
}

TEST_CASE("pml: an access that faults elsewhere keeps the records of its tables", "[pml]") {
  Logged world;
  world.edit_guest(1, pt::P, 0);
  CHECK(fault(world.user(Op::Write)).kind == FaultKind::PageFault);
  CHECK(world.records().size() == 4);
}

TEST_CASE("pml: has no effect without EPTP bit 6, without EPT or switched off", "[pml]") {
  Logged no_flags;
  no_flags.regs.eptp &= ~eptp::kAccessedDirty;
  no_flags.mmu.set_pml_index(0, 0xffff);
  CHECK(succeeds(no_flags.user(Op::Write)));
  CHECK(no_flags.records().empty());

  Logged off;
  off.regs.pml_en = false;
  off.mmu.set_pml_index(0, 0xffff);
  CHECK(succeeds(off.user(Op::Write)));
  CHECK(off.records().empty());

  World no_ept(native());
  no_ept.map();
  no_ept.regs.pml_en = true;
  no_ept.regs.eptp = eptp::kAccessedDirty;
  no_ept.mmu.set_pml_index(0, 0xffff);
  CHECK(succeeds(no_ept.user(Op::Write)));
}

TEST_CASE("pml: the watermark event comes when the decremented index equals the watermark", "[pml]") {
  Logged world;
  world.warm_up();
  world.regs.pml_watermark = 510;
  CHECK_FALSE(world.mmu.event(0, Event::PmlWatermark));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.mmu.event(0, Event::PmlWatermark));
  world.mmu.clear_event(0, Event::PmlWatermark);
  CHECK_FALSE(world.mmu.event(0, Event::PmlWatermark));

  Logged other;
  other.warm_up();
  other.regs.pml_watermark = 511;
  CHECK(succeeds(other.user(Op::Write)));
  CHECK_FALSE(other.mmu.event(0, Event::PmlWatermark));
}

TEST_CASE("pml: a record that memory refuses raises an event and fills the log until it is cleared", "[pml]") {
  Logged world;
  world.warm_up();
  world.mem.fail_next({kLog.value + 8 * 511});
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.records().empty());
  CHECK(world.mmu.event(0, Event::LogError));
  CHECK_FALSE(world.mmu.event(1, Event::LogError));
  CHECK(world.mmu.pml_index(0) == 511);
  CHECK((world.mem.peek(world.ept_entry(kFrame, 1)) & ept::D) != 0);

  world.map({kPage.value + 0x1000}, {0x6000});
  CHECK(fault(world.user(Op::Write, {kPage.value + 0x1000})).kind == FaultKind::PmlFull);
  world.mmu.clear_event(0, Event::LogError);
  CHECK(succeeds(world.user(Op::Write, {kPage.value + 0x1000})));
  CHECK(world.records() == std::vector<std::uint64_t>{0x6000});
  CHECK(world.mem.peek({kLog.value + 8 * 511}) == 0x6000);
}

TEST_CASE("pml: a log error in the middle of a walk stops the next gPA access that needs a flag", "[pml]") {
  Logged world;
  world.mem.fail_next({kLog.value + 8 * 511});
  CHECK(fault(world.user(Op::Write)).kind == FaultKind::PmlFull);
  CHECK(world.records().empty());
  CHECK((world.mem.peek(world.ept_entry(world.guest_entry_gpa(4), 1)) & ept::D) != 0);
}

TEST_CASE("pml: a dirty flag that another writer set is not logged", "[pml][race]") {
  Logged both;
  both.warm_up();
  const EntryPlace leaf = *both.tables.ept_entry(kFrame, 1);
  both.mem.race(leaf.hpa, leaf.word | ept::A | ept::D);
  CHECK(succeeds(both.user(Op::Write)));
  CHECK(both.records().empty());

  Logged dirty_only;
  dirty_only.warm_up();
  dirty_only.mem.race(leaf.hpa, leaf.word | ept::D);  // A lacks: a second swap, but not of D
  CHECK(succeeds(dirty_only.user(Op::Write)));
  CHECK(dirty_only.trace.swaps() == 2 + 1);  // the guest leaf's D, and the two tries
  CHECK(dirty_only.records().empty());
}

TEST_CASE("pml: a swap tried again that sets the dirty flag is logged once", "[pml][race]") {
  Logged world;
  const EntryPlace leaf = *world.tables.ept_entry(kFrame, 1);
  world.mem.race(leaf.hpa, leaf.word | ept::A);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.records().size() == 5);
}

}  // namespace vmmu::test
