// The guest page: its own invalidations and CR3, and nothing else.
#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

enum : std::uint32_t { kInvlpg, kInvpcid0, kInvpcid1, kInvpcid2, kInvpcid3, kLoadCr3 };
enum : std::uint32_t { kBusy = 1, kError = 2 };

// Every context has one page mapped, at an address of its own and in a set of its own: the TLBs may drop a page of all
// contexts together.
struct Guests {
  Guests() {
    for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
      tables.emplace_back(tables_of(ctx), bench.words());
      REQUIRE(tables[ctx].map(page(ctx), frame(ctx), PageSize::k4K, flags_set()) == MapError::None);
      ContextRegs regs = tables[ctx].regs(plain_regs());
      regs.pcide = true;
      bench.activate(ctx, regs);
      CHECK(bench.translate(page(ctx), ctx).hpa == frame(ctx).value);
    }
  }
  static GuestVirt page(unsigned ctx) { return {kPage.value + 0x101000 * ctx}; }
  static GuestPhys frame(unsigned ctx) { return {kFrame.value + 0x100000 * (ctx + 1)}; }

  std::uint32_t at(std::string_view name, unsigned ctx) { return address_of(name, ctx); }
  AxiResp start(unsigned ctx, std::uint32_t op) { return bench.write(at("INV_COMMAND", ctx), op); }
  std::uint32_t status(unsigned ctx) { return bench.get(at("INV_STATUS", ctx)); }
  // A command to its end; the status without BUSY.
  std::uint32_t command(unsigned ctx, std::uint32_t op, std::uint64_t addr = 0, std::uint32_t pcid = 0) {
    bench.put(register_named("INV_ADDR"), ctx, addr);
    bench.put(at("INV_PCID", ctx), pcid);
    CHECK(start(ctx, op) == AxiResp::Okay);
    std::uint32_t s = status(ctx);
    for (unsigned i = 0; (s & kBusy) != 0 && i < 1000; ++i) s = status(ctx);
    return s;
  }
  // Whether the page is still in the TLB.
  bool cached(unsigned ctx) { return !bench.translate(page(ctx), ctx).walked; }

  AxilBench bench;
  std::vector<PageTables> tables;
};

}  // namespace

TEST_CASE("guest page: each invalidation reaches its own context and no other", "[registers][guest]") {
  for (const std::uint32_t op : {kInvlpg, kInvpcid0, kInvpcid1, kInvpcid2, kInvpcid3}) {
    for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
      INFO("operation " << op << " of context " << ctx);
      Guests g;
      CHECK(g.command(ctx, op, Guests::page(ctx).value) == 0);
      CHECK(g.bench.get(g.at("INV_COMMAND", ctx)) == op);
      for (unsigned other = 0; other < contexts(); ++other) {
        INFO("entry of context " << other);
        CHECK(g.cached(other) == (other != ctx));
      }
    }
  }
}

TEST_CASE("guest page: INVPCID takes the PCID of its operand", "[registers][guest]") {
  Guests g;
  CHECK(g.command(1, kInvpcid1, 0, 5) == 0);
  CHECK(g.cached(1));
  CHECK(g.command(1, kInvpcid0, Guests::page(1).value + 0x1000, 0) == 0);
  CHECK(g.cached(1));
  CHECK(g.command(1, kInvpcid1, 0, 0) == 0);
  CHECK_FALSE(g.cached(1));
}

TEST_CASE("guest page: LOAD_CR3 replaces the active and the staged CR3 of its own context", "[registers][guest]") {
  Guests g;
  CHECK(g.command(2, kLoadCr3, g.tables[0].cr3()) == 0);
  CHECK(g.bench.translate(Guests::page(0), 2).hpa == Guests::frame(0).value);
  CHECK(g.bench.get(register_named("CR3"), 2) == g.tables[0].cr3());
  CHECK(g.cached(1));
  CHECK(g.bench.get(register_named("CR3"), 1) == g.tables[1].cr3());
}

TEST_CASE("guest page: invalid operands set ERROR, change nothing, and the next command clears it",
          "[registers][guest]") {
  Guests g;
  constexpr std::uint64_t kNonCanonical = 0x8000'0000'0000;
  CHECK(g.command(1, kInvlpg, kNonCanonical) == kError);
  CHECK(g.command(1, kLoadCr3, std::uint64_t{1} << 45) == kError);
  CHECK(g.bench.get(register_named("CR3"), 1) == g.tables[1].cr3());
  CHECK(g.cached(1));
  CHECK(g.status(0) == 0);
  CHECK(g.command(1, kInvlpg, Guests::page(1).value) == 0);
}

TEST_CASE("guest page: numbers of operations that reach beyond the context are refused", "[registers][guest]") {
  Guests g;
  for (std::uint32_t op = kLoadCr3 + 1; op < 64; ++op) {
    INFO("operation " << op);
    CHECK(g.start(1, op) == AxiResp::SlvErr);
  }
  CHECK(g.start(1, 0x80000000) == AxiResp::SlvErr);
  CHECK(g.status(1) == 0);
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) CHECK(g.cached(ctx));
}

TEST_CASE("guest page: while a command runs, its operands and further commands are refused", "[registers][guest]") {
  Guests g;
  g.bench.memory().withhold(true);
  g.bench.send({kPage.value + 0x1000}, 1);  // a walk that the command must wait for
  g.bench.cycles(20);
  g.bench.put(register_named("INV_ADDR"), 1, kPage.value + 0x1000);
  CHECK(g.start(1, kInvlpg) == AxiResp::Okay);
  g.bench.cycles(50);
  CHECK(g.status(1) == kBusy);
  CHECK(g.start(1, kInvpcid2) == AxiResp::SlvErr);
  CHECK(g.bench.write(g.at("INV_ADDR", 1), 1) == AxiResp::SlvErr);
  CHECK(g.bench.write(g.at("INV_ADDR", 1) + 4, 1) == AxiResp::SlvErr);
  CHECK(g.bench.write(g.at("INV_PCID", 1), 1) == AxiResp::SlvErr);
  CHECK(g.bench.get(g.at("INV_COMMAND", 1)) == kInvlpg);
  CHECK(g.bench.get(register_named("INV_ADDR"), 1) == kPage.value + 0x1000);
  // Another guest's registers are free meanwhile, and its command waits for its turn.
  CHECK(g.bench.write(g.at("INV_PCID", 2), 9) == AxiResp::Okay);
  CHECK(g.start(2, kInvpcid2) == AxiResp::Okay);
  CHECK(g.status(2) == kBusy);
  g.bench.memory().withhold(false);
  g.bench.memory().release();
  g.bench.wait_answers();
  g.bench.cycles(100);
  CHECK(g.status(1) == 0);
  CHECK(g.status(2) == 0);
  CHECK(g.cached(1));
  CHECK_FALSE(g.cached(2));
}

TEST_CASE("guest page: the commands of all guests and the system's port take turns", "[registers][guest]") {
  Guests g;
  unsigned system_done = 0;
  // The system's port always has one more; every guest gets through nevertheless.
  for (unsigned round = 0; round < 4; ++round) {
    std::vector<bool> busy(contexts(), true);
    for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
      g.bench.queue_write(g.at("INV_COMMAND", ctx), kInvpcid2,
                          [](const AxilReply& r) { CHECK(r.resp == AxiResp::Okay); });
    }
    unsigned guests_left = contexts();
    for (unsigned i = 0; guests_left != 0 && i < 3000; ++i) {
      if (!g.bench.invalidation_pending()) {
        g.bench.start_invalidation({InvOp::Invlpg, 0, 0x1000});
        ++system_done;
      }
      g.bench.cycle();
      if (!g.bench.axi_idle()) continue;
      for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
        if (!busy[ctx]) continue;
        g.bench.queue_read(g.at("INV_STATUS", ctx), [&, ctx](const AxilReply& r) {
          if (busy[ctx] && (r.data & kBusy) == 0) {
            busy[ctx] = false;
            --guests_left;
          }
        });
      }
    }
    g.bench.wait_axi();
    REQUIRE(guests_left == 0);
  }
  while (g.bench.invalidation_pending()) g.bench.cycle();
  CHECK(system_done > 4);
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) CHECK_FALSE(g.cached(ctx));
}

TEST_CASE("guest page: a rejected COMMIT of the host is no event of the guest", "[registers][guest]") {
  Guests g;
  g.bench.put(address_of("MAXPHYADDR", 1), 0);
  CHECK(g.bench.commit(1) == AxiResp::Okay);
  CHECK(g.bench.irq_host());
  CHECK(g.bench.irq_guest() == 0);
  CHECK(g.bench.get(g.at("GUEST_EVENTS", 1)) == 0);
  CHECK(g.bench.write(g.at("GUEST_EVENTS", 1), 0xff) == AxiResp::Okay);
  CHECK(g.bench.get(g.at("GUEST_EVENTS", 1)) == 0);
  CHECK(g.bench.get(address_of("EVENTS", 1)) == 1);
}

TEST_CASE("guest page: no hPA and nothing of another context can be read there", "[registers][guest]") {
  Guests g;
  AxilBench& bench = g.bench;
  // Active, staged and live host registers of every context are full, and so are the other guests' operands.
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
    for (const RegisterInfo& info : kRegisterTable) {
      if (info.page != RegisterPage::Host || info.writable == 0 || info.kind == RegisterKind::Command) continue;
      bench.put(info, ctx, 0xdead0001beef0001 * (ctx + 1));
    }
  }
  constexpr std::uint32_t kPageWords = 1024;
  constexpr std::uint64_t kBase = 0xdead'beef'9000;
  for (unsigned guest = 0; guest < contexts(); ++guest) {
    for (unsigned other = 0; other < contexts(); ++other) {
      bench.put(register_named("INV_ADDR"), other, other == guest ? 0 : ~std::uint64_t{0});
      bench.put(address_of("INV_PCID", other), other == guest ? 0 : 0xfff);
      for (const std::string_view name : {"GSEG_BASE", "GSEG_LIMIT", "GSEG_OFFSET", "GSEG_ATTR", "GFILTER"}) {
        const RegisterInfo& info = register_named(name);
        const std::uint64_t word = name == "GSEG_BASE" ? kBase : name == "GSEG_OFFSET" ? ~kBase : ~std::uint64_t{0};
        for (unsigned i = 0; i < info.count; ++i) bench.put(info, other, other == guest ? 0 : word, i);
      }
      if (other == guest) continue;
      CHECK((g.command(other, kInvlpg, ~std::uint64_t{0xfff}, 0xfff) & kBusy) == 0);
      // The segment of the other guest wraps.
      CHECK(bench.write(address_of("GCOMMIT", other), 1) == AxiResp::Okay);
      CHECK(bench.get(address_of("GCOMMIT", other)) != 0);
    }
    // What this guest was told in an earlier round is its own.
    bench.put(address_of("GUEST_EVENTS", guest), ~0u);
    bench.write(address_of("GCOMMIT", guest), 1);
    unsigned readable = 0;
    for (std::uint32_t word = 0; word < kPageWords; ++word) {
      // The host's latched word and read data are in the bridge when the guest reads.
      bench.get(address_of("CYCLES", guest));
      bench.get(address_of("EPTP", guest) + 4);
      AxilReply reply;
      bench.queue_read(address_of("PML_ADDR", guest), [](const AxilReply& r) { CHECK(r.data != 0); });
      bench.queue_read(address_of("INV_ADDR", guest) + 4 * word, [&](const AxilReply& r) { reply = r; });
      bench.queue_read(address_of("EPTP", guest), [](const AxilReply& r) { CHECK(r.data != 0); });
      bench.wait_axi();
      INFO("guest " << guest << " word " << word);
      // EPML_INDEX and EPML_WATERMARK hold their values after reset, in every guest.
      CHECK(reply.data == (word == 0x90 / 4 ? 511u : word == 0x98 / 4 ? 0xffffu : 0u));
      readable += reply.resp == AxiResp::Okay;
    }
    CHECK(readable == 6 + 16 + 5);
  }
}
