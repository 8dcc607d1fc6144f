// What COMMIT accepts and rejects.
#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr std::uint64_t kGoodEptp = 0x200000 | eptp::kWriteBack | eptp::kWalkLengthFour;

ContextRegs nested_regs() {
  ContextRegs regs;
  regs.virt = regs.ept_en = true;
  regs.eptp = kGoodEptp;
  return regs;
}

Reject commit(const ContextRegs& regs, unsigned pa_bits = 52) {
  SparseMem memory;
  BuildParams params;
  params.pa_bits = pa_bits;
  Mmu mmu(params, memory);
  const Reject reject = mmu.commit(0, regs);
  CHECK(mmu.event(0, Event::CommitRejected) == (reject != Reject::None));
  CHECK((mmu.active(0) == regs) == (reject == Reject::None));
  return reject;
}

Reject commit_eptp(std::uint64_t eptp) {
  ContextRegs regs = nested_regs();
  regs.eptp = eptp;
  return commit(regs);
}

}  // namespace

TEST_CASE("commit: the usual registers are accepted", "[commit]") {
  ContextRegs regs;
  regs.nxe = true;
  CHECK(commit(regs) == Reject::None);
  CHECK(commit(nested_regs()) == Reject::None);
}

TEST_CASE("commit: a rejection keeps the old registers and raises an event that software clears", "[commit]") {
  SparseMem memory;
  Mmu mmu({}, memory);
  const ContextRegs good = nested_regs();
  REQUIRE(mmu.commit(2, good) == Reject::None);
  ContextRegs bad = good;
  bad.virt = false;
  CHECK(mmu.commit(2, bad) == Reject::Virt);
  CHECK(mmu.active(2) == good);
  CHECK(mmu.event(2, Event::CommitRejected));
  CHECK_FALSE(mmu.event(1, Event::CommitRejected));
  mmu.clear_event(2, Event::CommitRejected);
  CHECK_FALSE(mmu.event(2, Event::CommitRejected));
}

TEST_CASE("commit: EPT needs virtualization", "[commit]") {
  ContextRegs regs = nested_regs();
  regs.virt = false;
  CHECK(commit(regs) == Reject::Virt);
  regs.ept_en = false;
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("commit: MAXPHYADDR is 32 .. width of the build", "[commit]") {
  for (const unsigned pa_bits : {36u, 40u, 52u}) {
    for (unsigned width = 0; width < 64; ++width) {
      ContextRegs regs;
      regs.maxphyaddr = static_cast<std::uint8_t>(width);
      const bool legal = width >= 32 && width <= pa_bits;
      CHECK(commit(regs, pa_bits) == (legal ? Reject::None : Reject::MaxPhyAddr));
    }
  }
}

TEST_CASE("commit: EPTP has memory type 0 or 6", "[commit]") {
  for (unsigned type = 0; type < 8; ++type) {
    const bool legal = type == 0 || type == 6;
    CHECK(commit_eptp(0x200000 | eptp::kWalkLengthFour | type) == (legal ? Reject::None : Reject::Eptp));
  }
}

TEST_CASE("commit: EPTP has walk length 4", "[commit]") {
  for (unsigned length = 0; length < 8; ++length) {
    CHECK(commit_eptp(0x200000 | eptp::kWriteBack | length << 3) == (length == 3 ? Reject::None : Reject::Eptp));
  }
}

TEST_CASE("commit: EPTP's reserved bits are clear, and bit 6 is not one", "[commit]") {
  CHECK(commit_eptp(kGoodEptp | eptp::kAccessedDirty) == Reject::None);
  for (unsigned n = 7; n <= 11; ++n) CHECK(commit_eptp(kGoodEptp | bit(n)) == Reject::Eptp);
  CHECK(commit_eptp(kGoodEptp | bit(45)) == Reject::None);
  for (unsigned n = 46; n <= 63; ++n) CHECK(commit_eptp(kGoodEptp | bit(n)) == Reject::Eptp);
}

TEST_CASE("commit: EPTP is not looked at without EPT", "[commit]") {
  ContextRegs regs;
  regs.virt = true;
  regs.eptp = ~std::uint64_t{0};
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("commit: CR3 has no bit at or above MAXPHYADDR", "[commit]") {
  for (unsigned n = 0; n <= 63; ++n) {
    ContextRegs regs;
    regs.cr3 = bit(n);
    CHECK(commit(regs) == (n < 46 ? Reject::None : Reject::Cr3));
  }
}

TEST_CASE("commit: the PML address is aligned and below MAXPHYADDR, when PML is on", "[commit]") {
  for (unsigned n = 0; n <= 63; ++n) {
    ContextRegs regs = nested_regs();
    regs.pml_addr = bit(n);
    CHECK(commit(regs) == Reject::None);
    regs.pml_en = true;
    CHECK(commit(regs) == (n >= 12 && n < 46 ? Reject::None : Reject::PmlAddr));
  }
}

TEST_CASE("commit: PML without EPT is legal", "[commit]") {
  ContextRegs regs;
  regs.pml_en = true;
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("commit: the first reason is reported", "[commit]") {
  ContextRegs regs = nested_regs();
  regs.virt = false;
  regs.maxphyaddr = 31;
  regs.eptp = 0;
  regs.cr3 = bit(60);
  regs.pml_en = true;
  regs.pml_addr = 1;
  CHECK(commit(regs) == Reject::Virt);
  regs.virt = true;
  CHECK(commit(regs) == Reject::MaxPhyAddr);
  regs.maxphyaddr = 46;
  CHECK(commit(regs) == Reject::Eptp);
  regs.eptp = kGoodEptp;
  CHECK(commit(regs) == Reject::Cr3);
  regs.cr3 = 0;
  CHECK(commit(regs) == Reject::PmlAddr);
  regs.pml_addr = 0;
  CHECK(commit(regs) == Reject::None);
}

TEST_CASE("commit: the PML index is live and survives it", "[commit]") {
  SparseMem memory;
  Mmu mmu({}, memory);
  CHECK(mmu.pml_index(0) == 0x1ff);
  mmu.set_pml_index(0, 17);
  REQUIRE(mmu.commit(0, nested_regs()) == Reject::None);
  CHECK(mmu.pml_index(0) == 17);
  CHECK(mmu.pml_index(1) == 0x1ff);
}

}  // namespace vmmu::test
