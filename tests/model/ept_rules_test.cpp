// What EPT judges: presence, misconfiguration, permissions, and the qualification of a violation.
#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr GuestVirt kGigabyteAligned{0x7f8000000000};
constexpr GuestPhys kGigabyteFrame{std::uint64_t{2} << 30};
// A page whose EPT entries share only the root with those of the guest's tables.
constexpr GuestPhys kFar{std::uint64_t{1} << 45};
constexpr unsigned kAllRights = ept::R | ept::W | ept::X;

struct NestedPage : World {
  explicit NestedPage(const TableConfig& config = nested()) : World(config) { map(); }
  void only(unsigned level, std::uint64_t rights) { edit_ept(kFrame, level, kAllRights | ept::XU, rights); }
};

// A large EPT leaf with additional bits under the final address.
Result large_leaf(PageSize size, std::uint64_t bits) {
  World world(nested());
  world.emap(kGigabyteFrame, {kHostOffset}, size);
  world.map(kGigabyteAligned, kGigabyteFrame);
  world.edit_ept(kGigabyteFrame, static_cast<unsigned>(size) + 1, 0, bits);
  return world.user(Op::Read, kGigabyteAligned);
}

// The qualification bits that tell which access it was.
unsigned access_bits(Op op) { return op == Op::Read ? qual::Read : op == Op::Write ? qual::Write : qual::Fetch; }
constexpr unsigned kFinal = qual::Linear | qual::Final;

}  // namespace

TEST_CASE("ept: a page that is not present is a violation, at each level", "[ept]") {
  for (unsigned level = 4; level >= 1; --level) {
    for (const Op op : {Op::Read, Op::Write, Op::Fetch}) {
      NestedPage world;
      world.map(kGigabyteAligned, kFar);
      world.edit_ept(kFar, level, kAllRights | ept::XU, 0);
      CHECK(answer(world.user(op, kGigabyteAligned)) == violation(access_bits(op) | kFinal, kFar));
      CHECK(world.trace.reads() == 20 + (5 - level));
    }
  }
}

TEST_CASE("ept: a violation reports the whole gPA, the gVA and the fault target", "[ept]") {
  NestedPage world;
  world.only(1, ept::R);
  const GuestVirt gva{kPage.value + 0xabc};
  const Fault expected{FaultKind::EptViolation, qual::Write | qual::R | kFinal, world.regs.fault_target, gva, true,
                       kFrame.value + 0xabc};
  CHECK(fault(world.user(Op::Write, gva)) == expected);
}

TEST_CASE("ept: reading needs R, writing W and fetching X", "[ept]") {
  NestedPage world;
  world.only(1, ept::X);
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::X | kFinal, kFrame));
  CHECK(answer(world.user(Op::Write)) == violation(qual::Write | qual::X | kFinal, kFrame));
  CHECK(succeeds(world.user(Op::Fetch)));
  world.only(1, ept::R);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(answer(world.user(Op::Write)) == violation(qual::Write | qual::R | kFinal, kFrame));
  CHECK(answer(world.user(Op::Fetch)) == violation(qual::Fetch | qual::R | kFinal, kFrame));
  world.only(1, ept::R | ept::W);
  CHECK(succeeds(world.user(Op::Write)));
}

TEST_CASE("ept: rights are the AND over all levels", "[ept]") {
  for (unsigned level = 4; level >= 1; --level) {
    NestedPage world;
    world.map(kGigabyteAligned, kFar);
    world.edit_ept(kFar, level, ept::X, 0);
    CHECK(answer(world.user(Op::Fetch, kGigabyteAligned)) == violation(qual::Fetch | qual::R | qual::W | kFinal, kFar));
    world.edit_ept(kFar, level, ept::W, ept::X);
    CHECK(answer(world.user(Op::Write, kGigabyteAligned)) == violation(qual::Write | qual::R | qual::X | kFinal, kFar));
  }
}

TEST_CASE("ept: execute-only pages are legal for data tables too, and not readable", "[ept]") {
  NestedPage world;
  world.edit_ept(world.guest_entry_gpa(1), 1, kAllRights, ept::X);
  CHECK(answer(world.user(Op::Fetch)) == violation(qual::Read | qual::X | qual::Linear, world.guest_entry_gpa(1)));
}

TEST_CASE("ept: the access's own write or fetch is not demanded of the guest's tables", "[ept]") {
  NestedPage world;
  GuestAttr warm;
  warm.accessed = warm.dirty = true;
  world.map({kPage.value + 0x1000}, {0x6000}, PageSize::k4K, warm);
  for (unsigned level = 4; level >= 2; --level) world.edit_guest(level, 0, pt::A);
  for (unsigned level = 4; level >= 1; --level) {
    world.edit_ept(world.guest_entry_gpa(level), 1, kAllRights, ept::R);
  }
  CHECK(succeeds(world.user(Op::Write, {kPage.value + 0x1000})));
  CHECK(succeeds(world.user(Op::Fetch, {kPage.value + 0x1000})));
}

TEST_CASE("ept: a violation on each guest table is a read with its own gPA", "[ept]") {
  for (unsigned level = 4; level >= 1; --level) {
    NestedPage world;
    const GuestPhys table = world.guest_entry_gpa(level);
    world.edit_ept(table, 1, kAllRights, 0);
    CHECK(answer(world.user(Op::Write)) == violation(qual::Read | qual::Linear, table));
    CHECK(world.trace.swaps() == 0);
  }
}

TEST_CASE("ept: with EPTP bit 6 a guest table needs R and W, reported as both", "[ept]") {
  NestedPage world(nested_with_flags());
  const GuestPhys table = world.guest_entry_gpa(1);
  world.edit_ept(table, 1, ept::W, 0);
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::Write | qual::R | qual::X | qual::Linear, table));
  world.edit_ept(table, 1, kAllRights, 0);
  CHECK(answer(world.user(Op::Fetch)) == violation(qual::Read | qual::Write | qual::Linear, table));
}

TEST_CASE("ept: a gPA at or above 2^48 is a violation without a reference", "[ept]") {
  for (const unsigned n : {48u, 50u}) {
    NestedPage world;
    world.regs.maxphyaddr = 52;
    world.regs.mbe = true;
    const GuestPhys beyond{kFrame.value | bit(n)};
    world.edit_guest(1, 0, bit(n));
    CHECK(answer(world.user(Op::Write)) == violation(qual::Write | kFinal, beyond));
    CHECK(world.trace.reads() == 20);
  }
}

TEST_CASE("ept: a root or table at or above 2^48 is a violation on a table access", "[ept]") {
  NestedPage world;
  world.regs.maxphyaddr = 52;
  const GuestPhys first = world.guest_entry_gpa(4);
  const GuestPhys second = world.guest_entry_gpa(3);
  world.edit_guest(4, 0, bit(48));
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::Linear, {second.value | bit(48)}));
  CHECK(world.trace.reads() == 5);
  world.regs.cr3 |= bit(48);
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::Linear, {first.value | bit(48)}));
  CHECK(world.trace.reads() == 0);
  world.regs.eptp |= eptp::kAccessedDirty;
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::Write | qual::Linear, {first.value | bit(48)}));
}

// ---------------------------------------------------------------- advanced information

TEST_CASE("advinfo: bits 11:9 of a final violation are the guest's U/S, R/W and NX", "[ept][advinfo]") {
  for (unsigned n = 0; n < 8; ++n) {
    GuestAttr attr;
    attr.user = (n & 1) != 0;
    attr.writable = (n & 2) != 0;
    attr.no_execute = (n & 4) != 0;
    World world(nested());
    world.map(kPage, kFrame, PageSize::k4K, attr);
    world.edit_ept(kFrame, 1, kAllRights, 0);
    CHECK(answer(world.kernel(Op::Read)) == violation(qual::Read | kFinal, kFrame));
    world.regs.advinfo = true;
    const unsigned info =
        (attr.user ? qual::User : 0) | (attr.writable ? qual::Writable : 0) | (attr.no_execute ? qual::NoExecute : 0);
    CHECK(answer(world.kernel(Op::Read)) == violation(qual::Read | kFinal | info, kFrame));
  }
}

TEST_CASE("advinfo: a violation on a guest table has none", "[ept][advinfo]") {
  NestedPage world;
  world.regs.advinfo = true;
  const GuestPhys table = world.guest_entry_gpa(2);
  world.edit_ept(table, 1, kAllRights, 0);
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::Linear, table));
}

TEST_CASE("advinfo: a gPA at or above 2^48 has it too", "[ept][advinfo]") {
  NestedPage world;
  world.regs.maxphyaddr = 52;
  world.regs.advinfo = true;
  world.edit_guest(1, 0, bit(48));
  CHECK(answer(world.user(Op::Read)) ==
        violation(qual::Read | kFinal | qual::User | qual::Writable, {kFrame.value | bit(48)}));
}

// ---------------------------------------------------------------- mode-based execute

TEST_CASE("mbe: the U/S of the linear address chooses the execute bit, not CPL", "[ept][mbe]") {
  for (const bool user_page : {false, true}) {
    for (const bool user_bit : {false, true}) {
      GuestAttr attr;
      attr.user = user_page;
      World world(nested());
      world.map(kPage, kFrame, PageSize::k4K, attr);
      world.regs.mbe = true;
      world.edit_ept(kFrame, 1, ept::X | ept::XU, user_bit ? ept::XU : ept::X);
      const bool allowed = user_page == user_bit;
      const Result result = world.kernel(Op::Fetch);
      CHECK(succeeds(result) == allowed);
      if (!allowed) {
        const unsigned rights = qual::R | qual::W | (user_bit ? qual::XU : qual::X);
        CHECK(answer(result) == violation(qual::Fetch | rights | kFinal, kFrame));
      }
    }
  }
}

TEST_CASE("mbe: the U/S of the linear address is the AND over the guest levels", "[ept][mbe]") {
  for (unsigned level = 4; level >= 1; --level) {
    NestedPage world;
    world.regs.mbe = true;
    world.only(1, kAllRights);
    CHECK_FALSE(succeeds(world.kernel(Op::Fetch)));
    world.edit_guest(level, pt::U, 0);
    CHECK(succeeds(world.kernel(Op::Fetch)));
  }
}

TEST_CASE("mbe: bit 10 alone makes an entry present", "[ept][mbe]") {
  NestedPage world;
  world.only(1, ept::XU);
  CHECK(answer(world.user(Op::Fetch)) == violation(qual::Fetch | kFinal, kFrame));
  world.edit_ept(kFrame, 1, 0, bit(51));  // judged only in an entry that is present
  CHECK(answer(world.user(Op::Fetch)) == violation(qual::Fetch | kFinal, kFrame));
  world.regs.mbe = true;
  CHECK(answer(world.user(Op::Fetch)) == misconfig(kFrame));
  world.edit_ept(kFrame, 1, bit(51), 0);
  CHECK(succeeds(world.user(Op::Fetch)));
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | qual::XU | kFinal, kFrame));
}

TEST_CASE("mbe: bit 6 of the qualification is the AND of bit 10, and 0 without MBE", "[ept][mbe]") {
  for (unsigned level = 4; level >= 1; --level) {
    NestedPage world;
    world.map(kGigabyteAligned, kFar);
    world.edit_ept(kFar, 1, ept::W, ept::XU);
    const unsigned base = qual::Write | qual::R | qual::X | kFinal;
    CHECK(answer(world.user(Op::Write, kGigabyteAligned)) == violation(base, kFar));
    world.regs.mbe = true;
    CHECK(answer(world.user(Op::Write, kGigabyteAligned)) == violation(base | qual::XU, kFar));
    world.edit_ept(kFar, level, ept::XU, 0);
    CHECK(answer(world.user(Op::Write, kGigabyteAligned)) == violation(base, kFar));
  }
}

TEST_CASE("mbe: without it the supervisor's X serves user fetches", "[ept][mbe]") {
  NestedPage world;
  world.only(1, ept::R | ept::X);
  CHECK(succeeds(world.user(Op::Fetch)));
}

// ---------------------------------------------------------------- misconfiguration

TEST_CASE("misconfig: W without R, with and without X", "[ept][misconfig]") {
  for (const unsigned rights : {unsigned{ept::W}, unsigned{ept::W | ept::X}}) {
    for (unsigned level = 4; level >= 1; --level) {
      NestedPage world;
      world.map(kGigabyteAligned, kFar);
      world.edit_ept(kFar, level, kAllRights, rights);
      CHECK(answer(world.user(Op::Read, kGigabyteAligned)) == misconfig(kFar));
      CHECK(world.trace.reads() == 20 + (5 - level));
    }
  }
}

TEST_CASE("misconfig: reports the whole gPA and no code", "[ept][misconfig]") {
  NestedPage world;
  world.only(1, ept::W);
  const GuestVirt gva{kPage.value + 0x321};
  const Fault expected{FaultKind::EptMisconfig, 0, world.regs.fault_target, gva, true, kFrame.value + 0x321};
  CHECK(fault(world.user(Op::Read, gva)) == expected);
}

TEST_CASE("misconfig: under a guest table it reports the entry's gPA", "[ept][misconfig]") {
  for (unsigned level = 4; level >= 1; --level) {
    NestedPage world;
    const GuestPhys table = world.guest_entry_gpa(level);
    world.edit_ept(table, 1, kAllRights, ept::W);
    CHECK(answer(world.user(Op::Fetch)) == misconfig(table));
  }
}

TEST_CASE("misconfig: address bits at and above MAXPHYADDR at every level", "[ept][misconfig]") {
  for (unsigned level = 4; level >= 1; --level) {
    for (const unsigned n : {46u, 51u}) {
      NestedPage world;
      world.map(kGigabyteAligned, kFar);
      world.edit_ept(kFar, level, 0, bit(n));
      CHECK(answer(world.user(Op::Read, kGigabyteAligned)) == misconfig(kFar));
      CHECK(world.trace.reads() == 20 + (5 - level));
    }
  }
}

TEST_CASE("misconfig: bits 63:52 are free", "[ept][misconfig]") {
  for (unsigned level = 4; level >= 1; --level) {
    NestedPage world;
    world.edit_ept(kFrame, level, 0, bit_range(63, 52));
    CHECK(succeeds(world.user(Op::Read)));
  }
}

TEST_CASE("misconfig: bits 7:3 of a PML4E and 6:3 of a pointer below", "[ept][misconfig]") {
  for (unsigned level = 4; level >= 2; --level) {
    for (unsigned n = 3; n <= (level == 4 ? 7u : 6u); ++n) {
      NestedPage world;
      world.edit_ept(kFrame, level, 0, bit(n));
      CHECK(answer(world.user(Op::Read)).kind == FaultKind::EptMisconfig);
    }
  }
}

TEST_CASE("misconfig: address bits below a large leaf, bit 12 too", "[ept][misconfig]") {
  for (unsigned n = 12; n <= 20; ++n) CHECK(answer(large_leaf(PageSize::k2M, bit(n))) == misconfig(kGigabyteFrame));
  for (unsigned n = 12; n <= 29; ++n) CHECK(answer(large_leaf(PageSize::k1G, bit(n))) == misconfig(kGigabyteFrame));
  CHECK(succeeds(large_leaf(PageSize::k2M, 0)));
  CHECK(succeeds(large_leaf(PageSize::k1G, 0)));
}

TEST_CASE("misconfig: memory types 2, 3 and 7 of a leaf of any size", "[ept][misconfig]") {
  for (const PageSize size : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
    for (unsigned type = 0; type < 8; ++type) {
      World world(nested());
      EptAttr attr;
      attr.memory_type = static_cast<std::uint8_t>(type);
      world.emap(kGigabyteFrame, {kHostOffset}, size, attr);
      world.map(kGigabyteAligned, kGigabyteFrame);
      const Result result = world.user(Op::Read, kGigabyteAligned);
      if (type == 2 || type == 3 || type == 7) {
        CHECK(answer(result) == misconfig(kGigabyteFrame));
      } else {
        CHECK(translation(result).emt == type);
      }
    }
  }
}

TEST_CASE("misconfig: is judged only in an entry that is present", "[ept][misconfig]") {
  NestedPage world;
  world.edit_ept(kFrame, 1, kAllRights, bit(51) | bit_range(5, 3));
  CHECK(answer(world.user(Op::Read)) == violation(qual::Read | kFinal, kFrame));
}

TEST_CASE("misconfig: comes before permissions of the levels above", "[ept][misconfig]") {
  NestedPage world;
  world.map(kGigabyteAligned, kFar);
  world.edit_ept(kFar, 3, ept::W, 0);
  world.edit_ept(kFar, 1, ept::R, 0);
  CHECK(answer(world.user(Op::Write, kGigabyteAligned)) == misconfig(kFar));
}

TEST_CASE("ept: 1 GiB pages do not depend on the guest having them", "[ept]") {
  World world(nested(PageSize::k1G));
  world.map();
  world.regs.page1g = false;
  CHECK(succeeds(world.user(Op::Read)));
}

}  // namespace vmmu::test
