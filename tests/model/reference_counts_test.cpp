// Architecture 3: how many references a full walk makes, exactly.
#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr PageSize kSizes[] = {PageSize::k4K, PageSize::k2M, PageSize::k1G};
constexpr GuestVirt kGigabyteAligned{0x7f8000000000};
constexpr GuestPhys kGigabyteFrame{std::uint64_t{2} << 30};

std::size_t references(const TableConfig& config, PageSize guest_page) {
  World world(config);
  world.map(kGigabyteAligned, kGigabyteFrame, guest_page);
  const Translation done = translation(world.user(Op::Read, kGigabyteAligned));
  CHECK(done.hpa.value == kGigabyteFrame.value + (config.nested ? kHostOffset : 0));
  return world.trace.reads();
}

}  // namespace

TEST_CASE("walk: a nested walk makes g + (g + 1) * h references for each of the nine page-size pairs", "[walk]") {
  const std::size_t expected[3][3] = {{24, 19, 14}, {19, 15, 11}, {14, 11, 8}};
  for (const PageSize guest : kSizes) {
    for (const PageSize host : kSizes) {
      INFO("guest page " << page_bytes(guest) << ", nested page " << page_bytes(host));
      CHECK(references(nested(host), guest) == expected[static_cast<int>(guest)][static_cast<int>(host)]);
    }
  }
}

TEST_CASE("walk: a five-level guest makes 29 references", "[walk]") {
  CHECK(references(nested(PageSize::k4K, 5), PageSize::k4K) == 29);
}

TEST_CASE("walk: a native walk makes 4, 3 or 2 references, and 5 with LA57", "[walk]") {
  CHECK(references(native(), PageSize::k4K) == 4);
  CHECK(references(native(), PageSize::k2M) == 3);
  CHECK(references(native(), PageSize::k1G) == 2);
  CHECK(references(native(5), PageSize::k4K) == 5);
}

TEST_CASE("walk: virtualized without EPT is the native walk", "[walk]") {
  World world(native());
  world.map();
  world.regs.virt = true;
  CHECK(translation(world.user(Op::Read)).hpa.value == kFrame.value);
  CHECK(world.trace.reads() == 4);
}

TEST_CASE("walk: references come in the order of the two-dimensional walk", "[walk]") {
  World world(nested());
  world.map();
  CHECK(succeeds(world.user(Op::Read)));
  const std::vector<Step> reads = world.trace.of(Step::What::Read);
  REQUIRE(reads.size() == 24);
  for (unsigned i = 0; i < 24; ++i) {
    const bool guest = i % 5 == 4;
    INFO("reference " << i);
    CHECK((reads[i].table == Table::Guest) == guest);
    CHECK(reads[i].level == (guest ? 4 - i / 5 : 4 - i % 5));
    if (guest) CHECK(reads[i].addr == world.guest_entry(4 - i / 5));
  }
}

TEST_CASE("walk: the size of a translation is the smaller of the guest's and the nested page", "[walk]") {
  for (const PageSize guest : kSizes) {
    for (const PageSize host : kSizes) {
      World world(nested(host));
      world.map(kGigabyteAligned, kGigabyteFrame, guest);
      const GuestVirt inside{kGigabyteAligned.value + 0xabc};
      const Translation done = translation(world.user(Op::Read, inside));
      CHECK(done.size == std::min(guest, host));
      CHECK(done.hpa.value == kGigabyteFrame.value + kHostOffset + 0xabc);
    }
  }
}

TEST_CASE("walk: the middle address bits come from the level whose page is larger", "[walk]") {
  // An offset that reaches through all of the guest's large page.
  const std::uint64_t inside = page_bytes(PageSize::k2M) - 0x1238;
  World small_host(nested(PageSize::k4K));
  // Neighbouring guest frames lie in host frames that are not neighbours.
  const GuestPhys last{kGigabyteFrame.value + (inside & ~std::uint64_t{0xfff})};
  const HostPhys elsewhere{0x987654321000};
  small_host.regs.maxphyaddr = 52;
  small_host.emap(last, elsewhere);
  small_host.map(kGigabyteAligned, kGigabyteFrame, PageSize::k2M);
  CHECK(translation(small_host.user(Op::Read, {kGigabyteAligned.value + inside})).hpa.value ==
        elsewhere.value + (inside & 0xfff));

  World large_host(nested(PageSize::k1G));
  const GuestPhys odd_frame{kGigabyteFrame.value + 0x12345000};
  large_host.map(kPage, odd_frame);
  CHECK(translation(large_host.user(Op::Read, {kPage.value + 8})).hpa.value == odd_frame.value + kHostOffset + 8);
}

TEST_CASE("walk: a translation carries PAT index, EPT memory type and ignore-PAT of the leaves", "[walk]") {
  for (const PageSize guest : kSizes) {
    for (unsigned pat = 0; pat < 8; ++pat) {
      World world(nested());
      EptAttr host;
      host.memory_type = 1;
      host.ignore_pat = true;
      world.emap(kGigabyteFrame, {kHostOffset}, PageSize::k1G, host);
      GuestAttr attr;
      attr.pat = static_cast<std::uint8_t>(pat);
      world.map(kGigabyteAligned, kGigabyteFrame, guest, attr);
      const Translation done = translation(world.user(Op::Read, kGigabyteAligned));
      CHECK(done.pat == pat);
      CHECK(done.emt == 1);
      CHECK(done.ipat);
    }
  }
}

TEST_CASE("walk: without EPT the memory type is write-back and PAT is not ignored", "[walk]") {
  World world(native());
  world.map();
  const Translation done = translation(world.user(Op::Read));
  CHECK(done.emt == 6);
  CHECK_FALSE(done.ipat);
}

TEST_CASE("walk: the low bits of CR3 are no part of the root", "[walk]") {
  World world(nested());
  world.map();
  const Translation plain = translation(world.user(Op::Read));
  world.regs.cr3 |= 0xfff;
  for (const bool pcide : {false, true}) {
    world.regs.pcide = pcide;
    CHECK(translation(world.user(Op::Read)) == plain);
  }
}

TEST_CASE("walk: a global page translates as any other", "[walk]") {
  World world(native());
  GuestAttr attr;
  attr.global = true;
  world.map(kPage, kFrame, PageSize::k4K, attr);
  for (const bool pge : {false, true}) {
    world.regs.pge = pge;
    CHECK(translation(world.user(Op::Read)).hpa.value == kFrame.value);
  }
}

TEST_CASE("walk: contexts have their own roots and registers", "[walk]") {
  World world(native());
  world.map();
  TableConfig other_config = native();
  other_config.guest_tables = {0x800000};
  PageTables other(other_config, [&world](HostPhys addr, std::uint64_t word) { world.mem.poke(addr, word); });
  REQUIRE(other.map(kPage, {0x9000}) == MapError::None);
  REQUIRE(world.mmu.commit(1, other.regs(usual_regs())) == Reject::None);
  CHECK(translation(world.user(Op::Read)).hpa.value == kFrame.value);
  CHECK(translation(world.mmu.access({kPage, Op::Read, true, false, false, 1})).hpa.value == 0x9000);
  CHECK(world.mmu.active(1).cr3 == other.cr3());
}

}  // namespace vmmu::test
