// What is judged on the guest's side before permissions: canonical addresses, present, reserved bits.
#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr GuestVirt kGigabyteAligned{0x7f8000000000};
constexpr GuestPhys kGigabyteFrame{std::uint64_t{2} << 30};

GuestVirt address(std::uint64_t value) { return {value}; }

Answer reserved_fault(unsigned level, std::uint64_t bits, PageSize size, bool la57 = false) {
  World world(native(la57 ? 5 : 4));
  world.map(kGigabyteAligned, kGigabyteFrame, size);
  world.edit_guest(level, 0, bits, kGigabyteAligned);
  return answer(world.user(Op::Read, kGigabyteAligned));
}

bool reserved_is_ignored(unsigned level, std::uint64_t bits, PageSize size) {
  World world(native());
  world.map(kGigabyteAligned, kGigabyteFrame, size);
  world.edit_guest(level, 0, bits, kGigabyteAligned);
  return succeeds(world.user(Op::Read, kGigabyteAligned));
}

}  // namespace

TEST_CASE("canonical: bits 63:47 must be equal", "[canonical]") {
  World world(native());
  world.map();
  for (const unsigned n : {47u, 48u, 56u, 63u}) {
    CHECK(fault(world.user(Op::Read, address(kPage.value ^ bit(n)))).kind == FaultKind::NonCanonical);
    CHECK(world.trace.reads() == 0);
  }
  world.map(address(bit_range(63, 47)), {0x8000});
  CHECK(translation(world.user(Op::Read, address(bit_range(63, 47)))).hpa.value == 0x8000);
}

TEST_CASE("canonical: with LA57 bits 63:56 must be equal", "[canonical]") {
  World world(native(5));
  world.map(address(bit(47)));
  world.map(address(bit_range(63, 56)), {0x8000});
  CHECK(succeeds(world.user(Op::Read, address(bit(47)))));
  CHECK(succeeds(world.user(Op::Read, address(bit_range(63, 56)))));
  for (const unsigned n : {56u, 57u, 63u}) {
    CHECK(fault(world.user(Op::Read, address(bit(n)))).kind == FaultKind::NonCanonical);
  }
}

TEST_CASE("canonical: the fault has code 0 and carries the address and the fault target", "[canonical]") {
  World world(nested());
  const GuestVirt bad{bit(63)};
  const Fault expected{FaultKind::NonCanonical, 0, world.regs.fault_target, bad, true, 0};
  CHECK(fault(world.kernel(Op::Write, bad)) == expected);
}

TEST_CASE("page fault: not present at each level, after the references down to it", "[page-fault]") {
  for (unsigned level = 4; level >= 1; --level) {
    World world(nested());
    world.map();
    world.edit_guest(level, pt::P, 0);
    CHECK(answer(world.user(Op::Write)) == page_fault(code::W | code::U));
    CHECK(world.trace.reads() == 5 * (5 - level));
    CHECK(world.trace.swaps() == 0);
  }
}

TEST_CASE("page fault: carries the fault target and the whole linear address", "[page-fault]") {
  World world(native());
  const GuestVirt gva{kPage.value + 0x123};
  const Fault expected{FaultKind::PageFault, code::U, world.regs.fault_target, gva, true, 0};
  CHECK(fault(world.user(Op::Read, gva)) == expected);
}

TEST_CASE("page fault: the code of a not-present page describes the access", "[page-fault]") {
  World world(native());
  world.regs.nxe = false;
  CHECK(answer(world.kernel(Op::Read)) == page_fault(0));
  CHECK(answer(world.kernel(Op::Write)) == page_fault(code::W));
  CHECK(answer(world.user(Op::Read)) == page_fault(code::U));
  CHECK(answer(world.user(Op::Fetch)) == page_fault(code::U));
  world.regs.nxe = true;
  CHECK(answer(world.user(Op::Fetch)) == page_fault(code::U | code::I));
  world.regs.nxe = false;
  world.regs.smep = true;
  CHECK(answer(world.kernel(Op::Fetch)) == page_fault(code::I));
}

TEST_CASE("page fault: not present is judged before reserved bits", "[page-fault]") {
  World world(native());
  world.map();
  world.edit_guest(1, pt::P, bit(51));
  CHECK(answer(world.user(Op::Read)) == page_fault(code::U));
}

TEST_CASE("page fault: reserved bits of an entry are judged before the level below is read", "[page-fault]") {
  World world(native());
  world.map();
  world.edit_guest(1, pt::P, 0);
  world.edit_guest(3, 0, bit(51));
  CHECK(answer(world.user(Op::Read)) == page_fault(code::P | code::U | code::RSVD));
  CHECK(world.trace.reads() == 2);
}

TEST_CASE("page fault: reserved bits are judged before permissions", "[page-fault]") {
  World world(native());
  world.map();
  world.edit_guest(1, pt::U, bit(51));
  CHECK(answer(world.user(Op::Read)) == page_fault(code::P | code::U | code::RSVD));
}

TEST_CASE("reserved: address bits at and above MAXPHYADDR at every level", "[reserved]") {
  const Answer expected = page_fault(code::P | code::U | code::RSVD);
  for (unsigned level = 4; level >= 1; --level) {
    CHECK(reserved_fault(level, bit(46), PageSize::k4K) == expected);
    CHECK(reserved_fault(level, bit(51), PageSize::k4K) == expected);
    CHECK(reserved_is_ignored(level, bit_range(58, 52), PageSize::k4K));
  }
  CHECK(reserved_fault(5, bit(46), PageSize::k4K, true) == expected);
}

TEST_CASE("reserved: MAXPHYADDR is the run-time width", "[reserved]") {
  for (const unsigned width : {32u, 36u, 51u}) {
    World world(native());
    world.regs.maxphyaddr = static_cast<std::uint8_t>(width);
    world.map();
    world.edit_guest(1, 0, bit(width));
    CHECK(answer(world.user(Op::Read)) == page_fault(code::P | code::U | code::RSVD));
    world.regs.maxphyaddr = static_cast<std::uint8_t>(width + 1);
    CHECK(translation(world.user(Op::Read)).hpa.value == (kFrame.value | bit(width)));
  }
}

TEST_CASE("reserved: NX at every level when NXE is off", "[reserved]") {
  for (unsigned level = 4; level >= 1; --level) {
    World world(native());
    world.map();
    world.edit_guest(level, 0, pt::NX);
    CHECK(succeeds(world.user(Op::Read)));
    world.regs.nxe = false;
    CHECK(answer(world.user(Op::Read)) == page_fault(code::P | code::U | code::RSVD));
  }
}

TEST_CASE("reserved: PS above the levels that can map a page", "[reserved]") {
  const Answer expected = page_fault(code::P | code::U | code::RSVD);
  CHECK(reserved_fault(4, pt::PS, PageSize::k4K) == expected);
  CHECK(reserved_fault(4, pt::PS, PageSize::k4K, true) == expected);
  CHECK(reserved_fault(5, pt::PS, PageSize::k4K, true) == expected);
}

TEST_CASE("reserved: PS in a PDPTE without 1 GiB pages", "[reserved]") {
  World world(native());
  world.map(kGigabyteAligned, kGigabyteFrame, PageSize::k1G);
  CHECK(succeeds(world.user(Op::Read, kGigabyteAligned)));
  world.regs.page1g = false;
  CHECK(answer(world.user(Op::Read, kGigabyteAligned)) == page_fault(code::P | code::U | code::RSVD));
}

TEST_CASE("reserved: the address bits below a large guest page, but not its PAT bit", "[reserved]") {
  const Answer expected = page_fault(code::P | code::U | code::RSVD);
  for (unsigned n = 13; n <= 20; ++n) CHECK(reserved_fault(2, bit(n), PageSize::k2M) == expected);
  for (unsigned n = 13; n <= 29; ++n) CHECK(reserved_fault(3, bit(n), PageSize::k1G) == expected);
  CHECK(reserved_is_ignored(2, pt::PAT_LARGE, PageSize::k2M));
  CHECK(reserved_is_ignored(3, pt::PAT_LARGE, PageSize::k1G));
}

TEST_CASE("reserved: bit 7 of a PTE is PAT and bits 11:8 are free", "[reserved]") {
  CHECK(reserved_is_ignored(1, pt::PAT | bit_range(11, 8), PageSize::k4K));
  CHECK(reserved_is_ignored(4, bit(6) | bit_range(11, 8), PageSize::k4K));
}

TEST_CASE("reserved: a write fault on a reserved bit says so", "[reserved]") {
  World world(native());
  world.map();
  world.edit_guest(2, 0, bit(51));
  CHECK(answer(world.kernel(Op::Write)) == page_fault(code::P | code::W | code::RSVD));
  CHECK(answer(world.kernel(Op::Fetch)) == page_fault(code::P | code::I | code::RSVD));
}

}  // namespace vmmu::test
