// What is staged waits for COMMIT: each staged register is seen to act after it and not before.
#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

// Stages `after` while `before` is active, and checks what is seen before and after COMMIT.
template <class Look, class Seen>
void check_staged(AxilBench& bench, const ContextRegs& before, const ContextRegs& after, Look look, Seen old_view,
                  Seen new_view) {
  bench.activate(0, before);
  CHECK(look() == old_view);
  bench.stage(0, after);
  CHECK(look() == old_view);
  CHECK(bench.commit(0) == AxiResp::Okay);
  CHECK(bench.reason(0) == Reject::None);
  CHECK(look() == new_view);
}

}  // namespace

TEST_CASE("staging: CR3 waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables first(tables_of(0), bench.words());
  PageTables second(tables_of(1), bench.words());
  REQUIRE(first.map(kPage, kFrame) == MapError::None);
  REQUIRE(second.map(kPage, GuestPhys{kFrame.value + 0x1000}) == MapError::None);
  // COMMIT invalidates nothing, so each look begins with an empty TLB.
  const auto look = [&] {
    REQUIRE(bench.invalidate({InvOp::All}));
    return bench.translate(kPage).hpa;
  };
  check_staged(bench, first.regs(plain_regs()), second.regs(plain_regs()), look, kFrame.value, kFrame.value + 0x1000);
}

TEST_CASE("staging: CTRL waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  GuestAttr attr = flags_set();
  attr.no_execute = true;
  REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, attr) == MapError::None);
  ContextRegs without = tables.regs(plain_regs());
  without.nxe = false;  // bit 63 of an entry is reserved
  check_staged(
      bench, tables.regs(plain_regs()), without, [&] { return bench.translate(kPage).fault; }, false, true);
}

TEST_CASE("staging: PKRU waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  GuestAttr attr = flags_set();
  attr.key = 5;
  REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, attr) == MapError::None);
  ContextRegs before = tables.regs(plain_regs());
  before.pke = true;
  ContextRegs after = before;
  after.pkru = std::uint32_t{1} << (2 * attr.key);
  check_staged(
      bench, before, after, [&] { return bench.translate(kPage).fault; }, false, true);
}

TEST_CASE("staging: MAXPHYADDR waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  REQUIRE(tables.map(kPage, GuestPhys{std::uint64_t{1} << 38}, PageSize::k4K, flags_set()) == MapError::None);
  const ContextRegs before = tables.regs(plain_regs());
  ContextRegs after = before;
  after.maxphyaddr = 38;
  check_staged(
      bench, before, after, [&] { return bench.translate(kPage).fault; }, false, true);
}

TEST_CASE("staging: FAULT_TARGET waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  ContextRegs before = tables.regs(plain_regs());
  before.fault_target = 0x11111111;
  ContextRegs after = before;
  after.fault_target = 0x22222222;
  check_staged(
      bench, before, after, [&] { return bench.translate(kPage).target; }, 0x11111111u, 0x22222222u);
}

TEST_CASE("staging: EPTP waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  TableConfig config = tables_of(0, true);
  PageTables first(config, bench.words());
  REQUIRE(first.map(kPage, kFrame) == MapError::None);
  // The same guest tables behind another nested table that puts the data page elsewhere.
  config.ept_tables = HostPhys{0x3000000};
  PageTables second(config, bench.words());
  REQUIRE(second.emap(kFrame, HostPhys{kFrame.value + 0x5000}) == MapError::None);
  REQUIRE(second.map(kPage, kFrame) == MapError::None);
  ContextRegs before = first.regs(plain_regs());
  before.vpid = 1;
  ContextRegs after = before;
  after.eptp = second.eptp();
  const auto look = [&] { return bench.translate(kPage).hpa; };
  check_staged(bench, before, after, look, kFrame.value, kFrame.value + 0x5000);
}

TEST_CASE("staging: VPID waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0, true), bench.words());
  REQUIRE(tables.map(kPage, kFrame) == MapError::None);
  ContextRegs before = tables.regs(plain_regs());
  before.vpid = 7;
  ContextRegs after = before;
  after.vpid = 8;
  // Is the entry of the page tagged with VPID 8?
  const auto look = [&] {
    bench.translate(kPage);
    REQUIRE(bench.invalidate({InvOp::Invvpid1, 0, 0, 0, 8}));
    return bench.translate(kPage).walked;
  };
  check_staged(bench, before, after, look, false, true);
}

TEST_CASE("staging: PML_ADDR waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0, true), bench.words());
  const ContextRegs before = logging_regs(tables);
  ContextRegs after = before;
  after.pml_addr = kPmlPage.value + 0x1000;
  unsigned page = 0;
  // The log page that the record of a write to a new page goes to.
  const auto look = [&] {
    ++page;
    REQUIRE(tables.map({kPage.value + 0x1000 * page}, {kFrame.value + 0x1000 * page}) == MapError::None);
    bench.memory().clear_log();
    CHECK_FALSE(bench.translate({kPage.value + 0x1000 * page}, 0, Op::Write).fault);
    bench.get(address_of("PML_INDEX"));  // waits for the records
    std::uint64_t log_page = 0;
    for (const Transaction& t : bench.memory().log()) {
      if (t.op == MemOp::Write) log_page = t.addr.value & ~std::uint64_t{0xfff};
    }
    return log_page;
  };
  check_staged(bench, before, after, look, kPmlPage.value, kPmlPage.value + 0x1000);
}

TEST_CASE("staging: PML_WATERMARK waits for COMMIT", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0, true), bench.words());
  const ContextRegs before = logging_regs(tables);
  ContextRegs after = before;
  after.pml_watermark = 99;
  unsigned page = 0;
  // Does counting down from 100 raise the event?
  const auto look = [&] {
    ++page;
    REQUIRE(tables.map({kPage.value + 0x1000 * page}, {kFrame.value + 0x1000 * page}) == MapError::None);
    bench.translate({kPage.value + 0x1000 * page});  // logs the tables
    bench.get(address_of("PML_INDEX"));
    bench.put(address_of("PML_INDEX"), 100);
    CHECK_FALSE(bench.translate({kPage.value + 0x1000 * page}, 0, Op::Write).fault);
    CHECK(bench.get(address_of("PML_INDEX")) == 99);
    const std::uint32_t events = bench.get(address_of("EVENTS"));
    bench.put(address_of("EVENTS"), events);
    return events;
  };
  check_staged(bench, before, after, look, 0u, 2u);
}

TEST_CASE("staging: COMMIT of one context leaves the others as they are", "[registers][commit]") {
  AxilBench bench;
  PageTables tables(tables_of(0), bench.words());
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
    ContextRegs regs = tables.regs(plain_regs());
    regs.fault_target = 100 + ctx;
    bench.activate(ctx, regs);
    regs.fault_target = 200 + ctx;
    bench.stage(ctx, regs);
  }
  CHECK(bench.commit(2) == AxiResp::Okay);
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
    CHECK(bench.translate(kPage, ctx).target == (ctx == 2 ? 200 : 100) + ctx);
    CHECK(bench.get(address_of("FAULT_TARGET", ctx)) == 200 + ctx);
  }
}

TEST_CASE("staging: LOAD_CR3 keeps staged and active CR3 equal", "[registers][commit]") {
  AxilBench bench;
  PageTables first(tables_of(0), bench.words());
  PageTables second(tables_of(1), bench.words());
  bench.activate(0, first.regs(plain_regs()));
  REQUIRE(bench.invalidate({InvOp::LoadCr3, 0, second.cr3()}));
  CHECK(bench.get(register_named("CR3"), 0) == second.cr3());
}

TEST_CASE("staging: a LOAD_CR3 and a write of a staged register in the same cycles lose nothing",
          "[registers][commit]") {
  AxilBench bench;
  PageTables first(tables_of(0), bench.words());
  PageTables second(tables_of(1), bench.words());
  bench.activate(0, first.regs(plain_regs()));
  // A switch of CR3 takes some 60 cycles; the write comes in each of them.
  for (unsigned delay = 0; delay < 96; ++delay) {
    REQUIRE(bench.invalidate({InvOp::LoadCr3, 0, first.cr3()}));
    bench.start_invalidation({InvOp::LoadCr3, 0, second.cr3()});
    bench.cycles(delay);
    bench.put(address_of("PKRU"), 1000 + delay);
    while (bench.invalidation_pending()) bench.cycle();
    CHECK(bench.get(register_named("CR3"), 0) == second.cr3());
    CHECK(bench.get(address_of("PKRU")) == 1000 + delay);
  }
}
