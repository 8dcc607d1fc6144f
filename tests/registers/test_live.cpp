// Registers that act at once and change by themselves: events, log index, counters, and their 64-bit reads.
#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

enum : std::uint32_t {
  kCommitRejected = 1,
  kPmlWatermark = 2,
  kPrlFull = 4,
  kPrlWatermark = 8,
  kLogError = 16,
  kWatchdog = 128
};
enum : std::uint32_t { kSecondInUse = 1, kFirstFull = 2, kSecondFull = 4 };  // PRL_STATUS
constexpr HostPhys kPrlPage{0x91000000};
constexpr HostPhys kPrlPage2{0x92000000};

// Context 0 logs; every page of it can be written once with one record for each table page before it.
struct LoggingWorld {
  LoggingWorld() : tables(tables_of(0, true), bench.words()) {
    regs = logging_regs(tables);
    regs.maxphyaddr = 46;
    bench.activate(0, regs);
  }

  // The first write to a page whose gPA has this number; its tables were logged before.
  void write_page(std::uint64_t number) {
    const GuestVirt gva{kPage.value + 0x1000 * ++pages_};
    REQUIRE(tables.map(gva, {number << 12}) == MapError::None);
    bench.translate(gva);
    bench.get(address_of("PML_INDEX"));
    CHECK_FALSE(bench.translate(gva, 0, Op::Write).fault);
    bench.get(address_of("PML_INDEX"));
  }
  // The same with an error reply to the record.
  void fail_record(std::uint64_t number) {
    const GuestVirt gva{kPage.value + 0x1000 * ++pages_};
    REQUIRE(tables.map(gva, {number << 12}) == MapError::None);
    bench.translate(gva);
    const std::uint32_t index = bench.get(address_of("PML_INDEX"));
    bench.memory().inject_error({kPmlPage.value + 8 * index}, 1);
    bench.translate(gva, 0, Op::Write);
    bench.cycles(100);
    CHECK(bench.get(address_of("EVENTS")) == kLogError);
    bench.put(address_of("EVENTS"), kLogError);
  }

  AxilBench bench;
  PageTables tables;
  ContextRegs regs;

 private:
  unsigned pages_ = 0;
};

// A native context with a page-reference log.
struct PrlWorld {
  PrlWorld() : tables(tables_of(0), bench.words()) {
    REQUIRE(tables.map(kPage, kFrame) == MapError::None);
    regs = tables.regs(plain_regs());
    regs.prl_en = true;
    regs.prl_addr = kPrlPage.value;
    regs.prl_addr2 = kPrlPage2.value;
    bench.activate(0, regs);
  }

  // So many reads of pages that were not read before.
  void refer(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      ++pages_;
      REQUIRE(tables.map(latest(), {referred(pages_ - 1)}) == MapError::None);
      CHECK_FALSE(bench.translate(latest()).fault);
    }
  }
  GuestVirt latest() const { return {kPage.value + 0x1000 * pages_}; }
  // What the log has to hold for such a read, from 0 on, and what a slot of a buffer holds.
  std::uint64_t referred(unsigned number) const { return 0x12340000 + 0x1000 * number; }
  std::uint64_t record(unsigned buffer, unsigned slot) {
    bench.get(address_of("PRL_INDEX"));  // waits until memory has it
    return bench.words().peek({(buffer == 0 ? kPrlPage : kPrlPage2).value + 8 * slot});
  }

  AxilBench bench;
  PageTables tables;
  ContextRegs regs;

 private:
  unsigned pages_ = 0;
};

}  // namespace

TEST_CASE("EVENTS: writing one clears that bit and no other, writing zero clears none", "[registers][events]") {
  LoggingWorld w;
  w.regs.pml_watermark = 200;
  w.bench.activate(0, w.regs);
  w.write_page(0x50000);
  w.bench.put(address_of("PML_INDEX"), 201);
  w.write_page(0x50001);
  w.bench.put(address_of("MAXPHYADDR"), 0);
  CHECK(w.bench.commit(0) == AxiResp::Okay);
  CHECK(w.bench.get(address_of("EVENTS")) == (kCommitRejected | kPmlWatermark));
  w.bench.put(address_of("EVENTS"), 0);
  CHECK(w.bench.get(address_of("EVENTS")) == (kCommitRejected | kPmlWatermark));
  w.bench.put(address_of("EVENTS"), ~std::uint32_t{kPmlWatermark});
  CHECK(w.bench.get(address_of("EVENTS")) == kPmlWatermark);
  CHECK(w.bench.irq_host());
  w.bench.put(address_of("EVENTS"), kPmlWatermark);
  CHECK(w.bench.get(address_of("EVENTS")) == 0);
  w.bench.cycle();
  CHECK_FALSE(w.bench.irq_host());
}

TEST_CASE("EVENTS: a refused record raises the log error, and LOG_ERROR_REC tells which", "[registers][events]") {
  LoggingWorld w;
  w.fail_record(0x61234);
  CHECK(w.bench.get(register_named("LOG_ERROR_REC"), 0) == 0x61234000);
}

TEST_CASE("EVENTS: a memory request that takes too long raises the watchdog event of its context",
          "[registers][events]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  bench.activate(1, tables.regs(plain_regs()));
  bench.memory().withhold(true);
  CHECK(bench.translate(kPage, 1).fault);
  CHECK(bench.get(address_of("EVENTS", 1)) == kWatchdog);
  CHECK(bench.get(address_of("EVENTS", 0)) == 0);
  bench.memory().withhold(false);
  bench.memory().release();
  bench.cycles(100);
}

TEST_CASE("PML_INDEX: a write acts without COMMIT and records go where it says", "[registers][pml]") {
  LoggingWorld w;
  w.bench.put(address_of("PML_INDEX"), 300);
  w.write_page(0x55555);
  const std::uint32_t index = w.bench.get(address_of("PML_INDEX"));
  REQUIRE(index < 300);
  CHECK(w.bench.words().peek({kPmlPage.value + 8 * (index + 1)}) == 0x55555000);
}

TEST_CASE("PRL: records go down from PRL_INDEX to 1, then they are dropped until PRL_INDEX is written",
          "[registers][prl]") {
  PrlWorld w;
  w.bench.put(address_of("PRL_INDEX"), 2);
  w.refer(4);
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 0);
  CHECK(w.bench.get(address_of("PRL_DROPS")) == 2);
  CHECK(w.bench.get(address_of("PRL_STATUS")) == kFirstFull);
  CHECK(w.bench.get(address_of("EVENTS")) == kPrlFull);
  CHECK(w.record(0, 2) == w.referred(0));
  CHECK(w.record(0, 1) == w.referred(1));
  CHECK(w.record(0, 0) == 0);
  w.bench.put(address_of("EVENTS"), kPrlFull);
  w.refer(1);
  CHECK(w.bench.get(address_of("EVENTS")) == 0);  // told once
  w.bench.put(address_of("PRL_INDEX"), 1);
  CHECK(w.bench.get(address_of("PRL_STATUS")) == 0);
  w.refer(2);
  CHECK(w.bench.get(address_of("EVENTS")) == kPrlFull);
  CHECK(w.record(0, 1) == w.referred(5));
  CHECK(w.bench.get(address_of("PRL_DROPS")) == 4);
  w.bench.put(address_of("PRL_DROPS"), 77);
  CHECK(w.bench.get(address_of("PRL_DROPS")) == 0);
}

TEST_CASE("PRL: two buffers in turn, all slots, and drops only while both are full", "[registers][prl]") {
  PrlWorld w;
  w.regs.prl_double = true;
  w.bench.activate(0, w.regs);
  w.bench.put(address_of("PRL_INDEX"), 1);
  w.refer(2);
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 511);
  CHECK(w.bench.get(address_of("PRL_STATUS")) == (kSecondInUse | kFirstFull));
  // The watermark as reset, FFFFh, is what the index counts down to after slot 0.
  CHECK(w.bench.get(address_of("EVENTS")) == (kPrlFull | kPrlWatermark));
  w.bench.put(address_of("EVENTS"), kPrlFull | kPrlWatermark);
  CHECK(w.record(0, 1) == w.referred(0));
  CHECK(w.record(0, 0) == w.referred(1));
  w.refer(1);
  CHECK(w.record(1, 511) == w.referred(2));
  w.bench.put(address_of("PRL_INDEX"), 0);  // arms nothing
  w.refer(3);
  CHECK(w.record(1, 0) == w.referred(3));
  CHECK(w.bench.get(address_of("PRL_STATUS")) == (kSecondInUse | kFirstFull | kSecondFull));
  CHECK(w.bench.get(address_of("PRL_DROPS")) == 2);
  CHECK(w.bench.get(address_of("EVENTS")) == (kPrlFull | kPrlWatermark));
  w.bench.put(address_of("PRL_STATUS"), kFirstFull);
  CHECK(w.bench.get(address_of("PRL_STATUS")) == kSecondFull);
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 511);
  w.refer(1);
  CHECK(w.record(0, 511) == w.referred(6));
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 510);
}

TEST_CASE("PRL: the watermark event comes when the index has counted down to it", "[registers][prl]") {
  PrlWorld w;
  w.regs.prl_watermark = 509;
  w.bench.activate(0, w.regs);
  w.refer(1);
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 510);
  CHECK(w.bench.get(address_of("EVENTS")) == 0);
  w.refer(1);
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 509);
  CHECK(w.bench.get(address_of("EVENTS")) == kPrlWatermark);
}

TEST_CASE("PRL: hits, faults and re-walks of a page that is still held leave no record", "[registers][prl]") {
  PrlWorld w;
  w.refer(1);
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 510);
  w.bench.translate(w.latest());
  CHECK(w.bench.translate({0x70000000}).fault);
  CHECK(w.bench.translate(w.latest(), 0, Op::Write).walked);  // the entry was made by a read of a clean page
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 510);
  REQUIRE(w.bench.invalidate({InvOp::All}));
  w.bench.translate(w.latest());
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 509);
}

TEST_CASE("PRL: a record that memory refuses raises the log error, and the log drops until that is cleared",
          "[registers][prl]") {
  PrlWorld w;
  w.bench.memory().inject_error({kPrlPage.value + 8 * 511}, 1);
  w.refer(3);
  CHECK(w.bench.get(address_of("PRL_INDEX")) == 511);
  CHECK(w.bench.get(address_of("EVENTS")) == kLogError);
  CHECK(w.bench.get(register_named("LOG_ERROR_REC"), 0) == w.referred(0));
  CHECK(w.bench.get(address_of("PRL_DROPS")) == 2);
  w.bench.put(address_of("EVENTS"), kLogError);
  w.refer(1);
  CHECK(w.record(0, 511) == w.referred(3));
}

TEST_CASE("GUEST_EVENTS: writing one clears that bit and no other", "[registers][events]") {
  AxilBench bench;
  for (unsigned tries = 0; tries < 2; ++tries) {
    bench.put(register_named("GSEG_LIMIT"), 0, ~std::uint64_t{0xfff});
    bench.put(register_named("GSEG_OFFSET"), 0, 0x2000);
    CHECK(bench.write(address_of("GCOMMIT"), 1) == AxiResp::Okay);
    bench.put(address_of("GUEST_EVENTS"), 3);
    CHECK(bench.get(address_of("GUEST_EVENTS")) == 4);
    bench.put(address_of("GUEST_EVENTS"), 4);
    CHECK(bench.get(address_of("GUEST_EVENTS")) == 0);
  }
}

TEST_CASE("counters: they count their own context, and FREEZE stops them all", "[registers][counters]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  REQUIRE(tables.map(kPage, kFrame) == MapError::None);
  bench.activate(2, tables.regs(plain_regs()));
  bench.translate(kPage, 2);
  bench.translate(kPage, 2);
  const auto count = [&](std::string_view name, unsigned ctx) { return bench.get(register_named(name), ctx); };
  CHECK(count("REQUESTS", 2) == 2);
  CHECK(count("L1_HITS", 2) == 1);
  CHECK(count("L1_MISSES", 2) == 1);
  CHECK(count("WALKS", 2) == 1);
  CHECK(count("GUEST_REFS", 2) == 4);
  CHECK(count("SWAPS", 2) == 4);
  CHECK(count("WALK_CYCLES", 2) > 8);
  CHECK(count("REQUESTS", 1) == 0);
  bench.put(address_of("GLOBAL_CTRL"), 2);
  const std::uint64_t cycles = count("CYCLES", 0);
  bench.translate(kPage, 2);
  CHECK(count("REQUESTS", 2) == 2);
  CHECK(count("CYCLES", 0) == cycles);
  bench.put(address_of("GLOBAL_CTRL"), 0);
  bench.translate({0x123000}, 2);
  CHECK(count("FAULTS", 2) == 1);
  CHECK(bench.get(register_named("FAULT_KIND"), 2, 1) == 1);
  CHECK(count("CYCLES", 0) > cycles);
}

TEST_CASE("GLOBAL_CTRL: CACHE_BYPASS makes every request walk", "[registers]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  REQUIRE(tables.map(kPage, kFrame) == MapError::None);
  bench.activate(0, tables.regs(plain_regs()));
  bench.translate(kPage);
  CHECK_FALSE(bench.translate(kPage).walked);
  bench.put(address_of("GLOBAL_CTRL"), 1);
  CHECK(bench.translate(kPage).walked);
  CHECK(bench.translate(kPage).walked);
}

TEST_CASE("live 64-bit registers: reading the low word latches the high one", "[registers][latch]") {
  LoggingWorld w;
  const std::uint32_t addr = address_of("LOG_ERROR_REC");
  w.fail_record(0x123'4567f);
  CHECK(w.bench.get(addr) == 0x4567f000);
  w.fail_record(0xabc'11111);  // changes both words
  CHECK(w.bench.get(addr + 4) == 0x123);
  CHECK(w.bench.get(addr + 4) == 0x123);
  // Writes, staged registers and guest pages do not disturb it.
  w.bench.put(address_of("CR3") + 4, 0x77);
  CHECK(w.bench.get(address_of("CR3")) == static_cast<std::uint32_t>(w.regs.cr3));
  CHECK(w.bench.get(address_of("CR3") + 4) == 0x77);
  w.bench.get(address_of("INV_ADDR"));
  w.bench.get(address_of("INV_ADDR") + 4);
  CHECK(w.bench.get(addr + 4) == 0x123);
  CHECK(w.bench.get(addr) == 0x11111000);
  CHECK(w.bench.get(addr + 4) == 0xabc);
}

TEST_CASE("live 64-bit registers: a high word whose low word was not the latest is read as it is now",
          "[registers][latch]") {
  LoggingWorld w;
  const std::uint32_t addr = address_of("LOG_ERROR_REC");
  w.fail_record(0x123'4567f);
  CHECK(w.bench.get(addr) == 0x4567f000);
  w.fail_record(0xabc'11111);
  w.bench.get(address_of("CYCLES"));
  CHECK(w.bench.get(addr + 4) == 0xabc);
}
