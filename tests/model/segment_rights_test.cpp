// Architecture 5: ATTR stands in for a page-table entry, at both levels.
#include "segment_world.hpp"

namespace vmmu::test {
namespace {

constexpr Op kOps[] = {Op::Read, Op::Write, Op::Fetch};

unsigned what(Op op) { return op == Op::Read ? qual::Read : op == Op::Write ? qual::Write : qual::Fetch; }
std::uint8_t right(Op op) { return op == Op::Read ? seg::R : op == Op::Write ? seg::W : seg::X; }

// The table that a page with the same bits has: SDM 4.6.
struct Controls {
  bool wp = true, smep = false, smap = false, pke = false, mbe = false;
  std::uint32_t pkru = 0;
};
void apply(ContextRegs& regs, const Controls& c) {
  regs.wp = c.wp;
  regs.smep = c.smep;
  regs.smap = c.smap;
  regs.pke = c.pke;
  regs.pkru = c.pkru;
}

Access request(Op op, bool user, bool ac = false, bool implicit = false) { return {kPage, op, user, ac, implicit, 0}; }

SegmentWorld& with_guest(SegmentWorld& world, std::uint8_t attr) {
  world.regs.gseg = guest_segment(attr);
  return world;
}

// A guest walk through VMM segments alone.
void compromise(SegmentWorld& world, std::uint8_t attr) {
  world.map();
  world.regs.virt = world.regs.vseg_miss = true;
  world.regs.vseg[0] = segment(0, bit(40), 0, attr);
}

}  // namespace

TEST_CASE("segment rights: a guest segment permits what a page with the same bits does", "[segment][rights]") {
  for (unsigned attr = 0; attr < 16; ++attr) {
    if ((attr & seg::R) == 0) continue;  // no page is like that
    for (unsigned controls = 0; controls < 64; ++controls) {
      Controls c;
      c.wp = (controls & 1) != 0;
      c.smep = (controls & 2) != 0;
      c.smap = (controls & 4) != 0;
      c.pke = (controls & 8) != 0;
      c.pkru = controls >> 4;
      SegmentWorld page(native());
      GuestAttr like;
      like.writable = (attr & seg::W) != 0;
      like.user = (attr & seg::U) != 0;
      like.no_execute = (attr & seg::X) == 0;
      page.map(kPage, kFrame, PageSize::k4K, like);
      apply(page.regs, c);
      SegmentWorld world(native());
      with_guest(world, static_cast<std::uint8_t>(attr));
      apply(world.regs, c);
      for (const Op op : kOps) {
        for (unsigned who = 0; who < 5; ++who) {
          const Access access = request(op, who == 1, who >= 2 && (who & 1) != 0, who == 4);
          INFO("attr " << attr << " controls " << controls << " op " << static_cast<int>(op) << " who " << who);
          CHECK(world.run(access) == page.run(access));
        }
      }
    }
  }
}

TEST_CASE("segment rights: a read of a guest segment needs R, at any privilege", "[segment][rights]") {
  SegmentWorld world(native());
  with_guest(world, kAllRights & ~seg::R);
  CHECK(answer(world.user(Op::Read)) == page_fault(code::P | code::U));
  CHECK(answer(world.kernel(Op::Read)) == page_fault(code::P));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(succeeds(world.user(Op::Fetch)));
}

TEST_CASE("segment rights: X of a guest segment is enforced without NXE, with the I flag of SMEP or NXE only",
          "[segment][rights]") {
  SegmentWorld world(native());
  with_guest(world, kAllRights & ~seg::X);
  CHECK(answer(world.user(Op::Fetch)) == page_fault(code::P | code::U | code::I));
  world.regs.nxe = false;
  CHECK(answer(world.user(Op::Fetch)) == page_fault(code::P | code::U));
  CHECK(answer(world.kernel(Op::Fetch)) == page_fault(code::P));
  world.regs.smep = true;
  CHECK(answer(world.user(Op::Fetch)) == page_fault(code::P | code::U | code::I));
}

TEST_CASE("segment rights: key 0 of PKRU applies to a user segment", "[segment][rights]") {
  SegmentWorld world(native());
  with_guest(world, kAllRights);
  world.regs.pke = true;
  world.regs.pkru = 1;
  CHECK(answer(world.user(Op::Read)) == page_fault(code::P | code::U | code::PK));
  world.regs.pkru = bit(2);  // key 1
  CHECK(succeeds(world.user(Op::Read)));
}

TEST_CASE("segment rights: a VMM segment denies with a violation that carries ATTR", "[segment][rights]") {
  for (unsigned attr = 0; attr < 8; ++attr) {
    for (const Op op : kOps) {
      SegmentWorld world;
      world.regs.gseg = guest_segment();
      world.regs.vseg[0] = vmm_segment(bit(32), static_cast<std::uint8_t>(attr));
      const unsigned bits =
          ((attr & seg::R) ? qual::R : 0) | ((attr & seg::W) ? qual::W : 0) | ((attr & seg::X) ? qual::X : 0);
      INFO("attr " << attr << " op " << static_cast<int>(op));
      const Result result = world.user(op);
      if ((attr & right(op)) != 0) {
        CHECK(translation(result).hpa.value == kHostOffset + kFrame.value);
      } else {
        CHECK(answer(result) == violation(what(op) | bits | qual::Linear | qual::Final, kFrame));
      }
    }
  }
}

TEST_CASE("segment rights: X of a VMM segment counts for both modes of MBE and shows in bit 6", "[segment][rights]") {
  for (const bool user : {false, true}) {
    SegmentWorld world;
    world.regs.mbe = true;
    world.regs.gseg = guest_segment(user ? kAllRights : kAllRights & ~seg::U);
    world.regs.vseg[0] = vmm_segment();
    CHECK(succeeds(user ? world.user(Op::Fetch) : world.kernel(Op::Fetch)));
    world.regs.vseg[0].attr = seg::X;
    CHECK(answer(user ? world.user(Op::Read) : world.kernel(Op::Read)) ==
          violation(qual::Read | qual::X | qual::XU | qual::Linear | qual::Final, kFrame));
    world.regs.mbe = false;
    CHECK(answer(user ? world.user(Op::Read) : world.kernel(Op::Read)) ==
          violation(qual::Read | qual::X | qual::Linear | qual::Final, kFrame));
  }
}

TEST_CASE("segment rights: with MBE the U bit of a guest segment chooses the execute bit of EPT", "[segment][rights]") {
  for (const bool user : {false, true}) {
    SegmentWorld world;
    world.regs.mbe = true;
    world.map();
    world.edit_ept(kFrame, 1, ept::X, ept::XU);  // leaf: user execute only
    world.edit_ept(kFrame, 2, 0, ept::XU);
    world.edit_ept(kFrame, 3, 0, ept::XU);
    world.edit_ept(kFrame, 4, 0, ept::XU);
    world.regs.gseg = guest_segment(user ? kAllRights : kAllRights & ~seg::U);
    CHECK(succeeds(world.kernel(Op::Fetch)) == user);
  }
}

TEST_CASE("segment rights: ADVINFO reports U, W and no-X of a guest segment, whatever NXE is", "[segment][rights]") {
  for (const bool nxe : {false, true}) {
    for (unsigned attr = 0; attr < 16; ++attr) {
      if ((attr & seg::R) == 0) continue;
      SegmentWorld world;
      world.regs.nxe = nxe;
      world.regs.advinfo = true;
      world.regs.gseg = guest_segment(static_cast<std::uint8_t>(attr));
      const unsigned info = ((attr & seg::U) ? qual::User : 0) | ((attr & seg::W) ? qual::Writable : 0) |
                            ((attr & seg::X) ? 0 : qual::NoExecute);
      INFO("attr " << attr);
      CHECK(answer(world.kernel(Op::Read)) == violation(qual::Read | qual::Linear | qual::Final | info, kFrame));
    }
  }
}

TEST_CASE("segment rights: a table access through a VMM segment needs R, and W too with EPT flags",
          "[segment][rights]") {
  for (const bool flags : {false, true}) {
    SegmentWorld world(flags ? nested_with_flags() : nested());
    world.map();
    const GuestPhys root{world.guest_entry_gpa(4)};
    world.regs.vseg[0] = vmm_segment(bit(32), seg::W | seg::X);
    const unsigned tried = qual::Read | (flags ? qual::Write : 0);
    CHECK(answer(world.user(Op::Read)) == violation(tried | qual::W | qual::X | qual::Linear, root));
    world.regs.vseg[0].attr = seg::R | seg::X;
    const Answer denied = violation(qual::Read | qual::Write | qual::R | qual::X | qual::Linear, root);
    CHECK(answer(world.user(Op::Read)) == denied);
    // With EPT flags the read itself is judged as a write, otherwise the accessed flag is.
    CHECK(world.trace.reads() == (flags ? 0 : 4));
  }
}

TEST_CASE("segment rights: a guest flag write into a VMM segment needs W, and none needs none", "[segment][rights]") {
  SegmentWorld world(native());
  compromise(world, seg::R | seg::X);
  CHECK(answer(world.user(Op::Read)) ==
        violation(qual::Read | qual::Write | qual::R | qual::X | qual::Linear, world.guest_entry_gpa(4)));
  CHECK(world.trace.swaps() == 0);
  for (unsigned level = 1; level <= 4; ++level) world.edit_guest(level, 0, pt::A);
  CHECK(succeeds(world.user(Op::Read)));
  world.regs.vseg[0].attr = seg::R | seg::W | seg::X;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.swaps() == 1);
}

TEST_CASE("segment rights: EPTP bit 6 counts only while EPT is on", "[segment][rights]") {
  SegmentWorld world(native());
  compromise(world, seg::R | seg::X);
  world.regs.eptp = eptp::kAccessedDirty | eptp::kWriteBack | eptp::kWalkLengthFour;
  for (unsigned level = 1; level <= 4; ++level) world.edit_guest(level, 0, pt::A);
  CHECK(succeeds(world.user(Op::Read)));
}

TEST_CASE("segment rights: under VMM Direct the result is guest table AND ATTR", "[segment][rights]") {
  SegmentWorld world(native());
  compromise(world, seg::kVmmMask);
  world.regs.vseg[0] = segment(0x100000, 0x200000, 0x100000, seg::kVmmMask);                   // tables
  world.regs.vseg[1] = segment(kFrame.value, kFrame.value + 0x1000, 0x9000, seg::R | seg::X);  // data
  world.edit_guest(1, pt::W, 0);
  CHECK(answer(world.user(Op::Write)) == page_fault(code::P | code::W | code::U));
  world.edit_guest(1, 0, pt::W);
  CHECK(answer(world.user(Op::Write)) ==
        violation(qual::Write | qual::R | qual::X | qual::Linear | qual::Final, kFrame));
  CHECK(translation(world.user(Op::Read)).hpa.value == 0x9000);
}

}  // namespace vmmu::test
