// COMMIT: every reason of rejection, and a COMMIT that comes too early.
#include "device/register_map.hpp"
#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint32_t kCommitRejected = 1;

// Two translations that tell whether the registers of the world are still active.
class World {
 public:
  World() : tables_(tables_of(0, true), bench.words()) {
    REQUIRE(tables_.map(kPage, kFrame) == MapError::None);
    good = tables_.regs(plain_regs());
    good.vpid = 3;
    good.fault_target = 77;
    bench.activate(0, good);
  }

  // COMMIT of `bad` is rejected for this reason, tells it, keeps what is staged and what is active.
  void check_rejected(const ContextRegs& bad, Reject reason) {
    bench.stage(0, bad);
    check_commit(reason);
    CHECK(bench.get(register_named("CR3"), 0) == bad.cr3);
    CHECK(bench.get(register_named("EPTP"), 0) == bad.eptp);
    CHECK(bench.get(address_of("MAXPHYADDR")) == bad.maxphyaddr);
    CHECK(bench.get(register_named("PML_ADDR"), 0) == bad.pml_addr);
    check_still_good();
  }

  // COMMIT of what is staged is rejected for this reason, with an event of this context only.
  void check_commit(Reject reason) {
    CHECK(bench.commit(0) == AxiResp::Okay);
    CHECK(bench.reason(0) == reason);
    CHECK(bench.get(address_of("EVENTS")) == kCommitRejected);
    CHECK(bench.irq_host());
    CHECK(bench.get(address_of("EVENTS", 1)) == 0);
    bench.put(address_of("EVENTS"), kCommitRejected);
    CHECK_FALSE(bench.irq_host());
  }

  // The registers before are active, and a good COMMIT is accepted and clears the reason.
  void check_still_good() {
    REQUIRE(bench.invalidate({InvOp::All}));
    CHECK(bench.translate(kPage).hpa == kFrame.value);
    CHECK(bench.translate({0x7000000}).target == good.fault_target);
    bench.activate(0, good);
  }

  AxilBench bench;
  ContextRegs good;

 private:
  PageTables tables_;
};

}  // namespace

TEST_CASE("COMMIT rejects a page of the page-reference log beyond MAXPHYADDR if it is used", "[registers][commit]") {
  World w;
  for (const unsigned bit : {40u, 52u, 63u}) {
    ContextRegs bad = w.good;
    bad.prl_en = true;
    bad.prl_addr = std::uint64_t{1} << bit;
    w.check_rejected(bad, Reject::PrlAddr);
    bad.prl_addr = 0;
    bad.prl_addr2 = std::uint64_t{1} << bit;
    w.bench.activate(0, bad);
    bad.prl_double = true;
    w.check_rejected(bad, Reject::PrlAddr);
    bad.prl_en = false;
    w.bench.activate(0, bad);
  }
}

TEST_CASE("COMMIT rejects a dirty bitmap of which a word lies beyond MAXPHYADDR", "[registers][commit]") {
  World w;
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 40;  // good.maxphyaddr
  ContextRegs bad = w.good;
  bad.seg_log_en = true;
  w.bench.stage(0, bad);
  // 512 words of 64 pages are one page of bitmap; one page more needs a word of the next.
  constexpr std::uint64_t kOneBitmapPage = 512 * 64 * 4096;
  const auto segment = [&](std::uint64_t bytes, std::uint64_t bitmap) {
    w.bench.put(register_named("VSEG_BASE"), 0, 0x8000000, 2);
    w.bench.put(register_named("VSEG_LIMIT"), 0, 0x8000000 + bytes, 2);
    w.bench.put(register_named("VSEG_BITMAP"), 0, bitmap, 2);
  };
  const auto accepted = [&] {
    CHECK(w.bench.commit(0) == AxiResp::Okay);
    CHECK(w.bench.reason(0) == Reject::None);
  };
  for (const std::uint64_t far : {kLimit, std::uint64_t{1} << 63, std::uint64_t{0} - 4096}) {
    segment(0x1000, far);
    w.check_commit(Reject::Bitmap);
  }
  segment(kOneBitmapPage, kLimit - 4096);
  accepted();
  segment(kOneBitmapPage + 4096, kLimit - 4096);
  w.check_commit(Reject::Bitmap);
  segment(kOneBitmapPage + 4096, kLimit - 8192);
  accepted();
  segment(0, kLimit);  // an empty segment has no bitmap
  accepted();
  segment(0x1000, kLimit);
  w.check_commit(Reject::Bitmap);
  bad.seg_log_en = false;
  w.bench.put(register_named("CTRL"), 0, reg::ctrl_word(bad));
  accepted();
}

TEST_CASE("COMMIT rejects EPT without virtualization", "[registers][commit]") {
  World w;
  ContextRegs bad = w.good;
  bad.virt = false;
  w.check_rejected(bad, Reject::Virt);
}

TEST_CASE("COMMIT rejects a MAXPHYADDR below 32", "[registers][commit]") {
  World w;
  ContextRegs bad = w.good;
  bad.maxphyaddr = 31;
  w.check_rejected(bad, Reject::MaxPhyAddr);
}

TEST_CASE("COMMIT rejects a MAXPHYADDR above the build's width", "[registers][commit]") {
  World w;
  ContextRegs bad = w.good;
  bad.maxphyaddr = static_cast<std::uint8_t>(w.bench.get(address_of("PaBits")) + 1);
  w.check_rejected(bad, Reject::MaxPhyAddr);
}

TEST_CASE("COMMIT rejects an EPTP with another walk length than 4", "[registers][commit]") {
  World w;
  for (const std::uint64_t length : {0, 2, 4, 7}) {
    ContextRegs bad = w.good;
    bad.eptp = (bad.eptp & ~std::uint64_t{7 << 3}) | length << 3;
    w.check_rejected(bad, Reject::Eptp);
  }
}

TEST_CASE("COMMIT rejects an EPTP with a memory type other than 0 and 6", "[registers][commit]") {
  World w;
  for (const std::uint64_t type : {1, 2, 3, 4, 5, 7}) {
    ContextRegs bad = w.good;
    bad.eptp = (bad.eptp & ~std::uint64_t{7}) | type;
    w.check_rejected(bad, Reject::Eptp);
  }
}

TEST_CASE("COMMIT rejects an EPTP with a reserved bit", "[registers][commit]") {
  World w;
  for (const unsigned bit : {7u, 8u, 9u, 10u, 11u, 40u, 63u}) {
    ContextRegs bad = w.good;
    bad.eptp |= std::uint64_t{1} << bit;
    w.check_rejected(bad, Reject::Eptp);
  }
}

TEST_CASE("COMMIT rejects a CR3 with a bit at or above MAXPHYADDR", "[registers][commit]") {
  World w;
  for (const unsigned bit : {40u, 51u, 52u, 63u}) {
    ContextRegs bad = w.good;
    bad.cr3 |= std::uint64_t{1} << bit;
    w.check_rejected(bad, Reject::Cr3);
  }
}

TEST_CASE("COMMIT rejects a PML address beyond MAXPHYADDR or inside of a page", "[registers][commit]") {
  World w;
  for (const std::uint64_t addr : {std::uint64_t{1} << 40, std::uint64_t{1} << 63, kPmlPage.value + 8}) {
    ContextRegs bad = w.good;
    bad.pml_en = true;
    bad.pml_addr = addr;
    w.check_rejected(bad, Reject::PmlAddr);
  }
}

TEST_CASE("COMMIT does not judge EPTP without EPT nor the PML address without PML", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  REQUIRE(tables.map(kPage, kFrame) == MapError::None);
  ContextRegs regs = tables.regs(plain_regs());
  regs.eptp = ~std::uint64_t{0};
  regs.pml_addr = ~std::uint64_t{0};
  bench.activate(0, regs);
  CHECK(bench.translate(kPage).hpa == kFrame.value);
}

TEST_CASE("COMMIT while an earlier one has requests under the old registers gets SLVERR and changes nothing",
          "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  ContextRegs regs = tables.regs(plain_regs());
  regs.fault_target = 1;
  bench.activate(0, regs);
  bench.memory().withhold(true);
  bench.send(kPage);  // under target 1, until memory answers
  regs.fault_target = 2;
  bench.activate(0, regs);
  bench.send({kPage.value + 0x1000});
  regs.fault_target = 3;
  bench.stage(0, regs);
  for (unsigned i = 0; i < 3; ++i) CHECK(bench.commit(0) == AxiResp::SlvErr);
  CHECK(bench.reason(0) == Reject::None);
  CHECK(bench.get(address_of("EVENTS")) == 0);
  CHECK(bench.get(address_of("FAULT_TARGET")) == 3);
  bench.memory().withhold(false);
  bench.memory().release();
  bench.wait_answers();
  CHECK(bench.translate(kPage).target == 2);
  CHECK(bench.commit(0) == AxiResp::Okay);
  CHECK(bench.translate(kPage).target == 3);
}
