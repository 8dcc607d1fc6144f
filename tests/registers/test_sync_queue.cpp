// Invalidations of a context under shadow paging: queued, shown, and done when software says so.
#include "shadow_world.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint32_t kPending = 1u << 8;
constexpr unsigned kQueue = 8;

struct World : ShadowWorld {
  World() {
    set_row(0, kGuestRoot);
    activate(kGuestRoot);
    for (unsigned i = 0; i < kPages; ++i) bench.translate(page(i), kCtx);
  }
  bool cached(unsigned i) { return !bench.translate(page(i), kCtx).walked; }
  // A synchronized operation, presented until the port takes it.
  unsigned start(InvOp op, std::uint64_t addr = 0, std::uint16_t pcid = kPcid, unsigned ctx = kCtx) {
    const unsigned id = bench.start_invalidation({op, ctx, addr, pcid});
    bench.cycles(100);
    return id;
  }
  unsigned invlpg(unsigned i) { return start(InvOp::Invlpg, page(i).value); }
  std::uint32_t shown_op(unsigned ctx = kCtx) { return bench.get(address_of("SYNC_OP", ctx)); }
  std::uint64_t shown_addr() { return bench.get(register_named("SYNC_ADDR"), kCtx); }
  AxiResp done(unsigned ctx = kCtx) {
    const AxiResp resp = bench.write(address_of("SYNC_DONE", ctx), 1);
    bench.cycles(100);
    return resp;
  }
};

}  // namespace

TEST_CASE("synchronization: INVLPG raises an event and reaches the TLB only after SYNC_DONE", "[registers][shadow]") {
  World w;
  const unsigned id = w.invlpg(2);
  CHECK(w.events() == kSyncPendingEvent);
  CHECK(w.bench.irq_host());
  w.bench.cycles(1000);
  CHECK(w.bench.invalidation_pending(id));
  CHECK(w.cached(2));
  CHECK(w.shown_op() == kPending);
  CHECK(w.shown_addr() == World::page(2).value);
  w.clear_events();
  CHECK(w.done() == AxiResp::Okay);
  CHECK_FALSE(w.bench.invalidation_pending(id));
  CHECK_FALSE(w.cached(2));
  CHECK(w.cached(3));
  CHECK(w.shown_op() == 0);
  CHECK(w.shown_addr() == 0);
  CHECK(w.events() == 0);
}

TEST_CASE("synchronization: each type of INVPCID is shown with its operands", "[registers][shadow]") {
  World w;
  constexpr InvOp kOps[] = {InvOp::Invpcid0, InvOp::Invpcid1, InvOp::Invpcid2, InvOp::Invpcid3};
  for (std::uint32_t type = 0; type < 4; ++type) {
    INFO("type " << type);
    const unsigned id = w.start(kOps[type], World::page(type).value, static_cast<std::uint16_t>(0x10 + type));
    CHECK(w.shown_op() == (kPending | (type + 1)));
    CHECK(w.shown_addr() == World::page(type).value);
    CHECK(w.bench.get(address_of("SYNC_PCID", World::kCtx)) == 0x10 + type);
    CHECK(w.bench.get(address_of("SYNC_PCID", 0)) == 0);
    CHECK(w.done() == AxiResp::Okay);
    CHECK_FALSE(w.bench.invalidation_pending(id));
  }
}

TEST_CASE("synchronization: illegal operands are refused at once", "[registers][shadow]") {
  World w;
  CHECK_FALSE(w.bench.invalidate({InvOp::Invlpg, World::kCtx, 0x8000'0000'0000}));
  CHECK(w.events() == 0);
  CHECK(w.shown_op() == 0);
}

TEST_CASE("synchronization: LOAD_CR3 and the hypervisor's own invalidations do not wait", "[registers][shadow]") {
  World w;
  w.invlpg(0);
  for (const InvOp op : {InvOp::LoadCr3, InvOp::Invvpid0, InvOp::Invvpid1, InvOp::Invvpid2, InvOp::Invvpid3,
                         InvOp::Invept1, InvOp::Invept2, InvOp::Invctx, InvOp::All}) {
    INFO("operation " << static_cast<unsigned>(op));
    const std::uint64_t addr = op == InvOp::LoadCr3 ? World::kGuestRoot | World::kPcid : World::page(0).value;
    CHECK(w.bench.invalidate({op, World::kCtx, addr, World::kPcid, World::kVpid}));
  }
  CHECK(w.bench.invalidate({InvOp::Invlpg, World::kNativeCtx, World::page(0).value}));
  CHECK(w.shown_op() == kPending);
  CHECK(w.done() == AxiResp::Okay);
}

TEST_CASE("synchronization: those of a context are done in their order", "[registers][shadow]") {
  World w;
  std::vector<unsigned> ids;
  for (unsigned i = 0; i < 5; ++i) ids.push_back(w.invlpg(i));
  for (unsigned i = 0; i < 5; ++i) {
    CHECK(w.shown_addr() == World::page(i).value);
    CHECK(w.done() == AxiResp::Okay);
    for (unsigned j = 0; j < 5; ++j) CHECK(w.bench.invalidation_pending(ids[j]) == (j > i));
    CHECK_FALSE(w.cached(i));
  }
  CHECK(w.shown_op() == 0);
}

TEST_CASE("synchronization: several SYNC_DONE in a row release one operation each", "[registers][shadow]") {
  World w;
  std::vector<unsigned> ids;
  for (unsigned i = 0; i < 4; ++i) ids.push_back(w.invlpg(i));
  for (unsigned i = 0; i < 3; ++i) CHECK(w.bench.write(address_of("SYNC_DONE", World::kCtx), 1) == AxiResp::Okay);
  CHECK(w.shown_addr() == World::page(3).value);
  w.bench.cycles(300);
  for (unsigned i = 0; i < 4; ++i) CHECK(w.bench.invalidation_pending(ids[i]) == (i == 3));
}

TEST_CASE("synchronization: contexts do not wait for one another", "[registers][shadow]") {
  World w;
  // Context 3 is under shadow paging, too; no root is needed for invalidations.
  constexpr unsigned kThird = 3;
  constexpr std::uint32_t kVirtAndShadow = 1u | 1u << 12;
  w.bench.put(address_of("CTRL", kThird), kVirtAndShadow);
  REQUIRE(w.bench.commit(kThird) == AxiResp::Okay);
  REQUIRE(w.bench.get(address_of("COMMIT", kThird)) == 0);
  const unsigned first = w.invlpg(0);
  const unsigned second = w.start(InvOp::Invpcid2, 0, 0, kThird);
  const unsigned third = w.invlpg(1);
  CHECK(w.shown_op(kThird) == (kPending | 3));
  CHECK(w.done(kThird) == AxiResp::Okay);
  CHECK_FALSE(w.bench.invalidation_pending(second));
  CHECK(w.bench.invalidation_pending(first));
  CHECK(w.shown_addr() == World::page(0).value);
  CHECK(w.done() == AxiResp::Okay);
  CHECK(w.shown_addr() == World::page(1).value);
  CHECK_FALSE(w.bench.invalidation_pending(first));
  CHECK(w.bench.invalidation_pending(third));
}

TEST_CASE("synchronization: SYNC_DONE with nothing to release is refused", "[registers][shadow]") {
  World w;
  CHECK(w.done() == AxiResp::SlvErr);
  w.invlpg(0);
  CHECK(w.done(0) == AxiResp::SlvErr);
  CHECK(w.done(World::kNativeCtx) == AxiResp::SlvErr);
  CHECK(w.shown_op() == kPending);
  CHECK(w.done() == AxiResp::Okay);
  CHECK(w.done() == AxiResp::SlvErr);
}

TEST_CASE("synchronization: a full queue keeps away what would go into it, and nothing else", "[registers][shadow]") {
  World w;
  for (unsigned i = 0; i < kQueue; ++i) w.invlpg(i % World::kPages);
  CHECK_FALSE(w.bench.invalidation_presented());
  const unsigned ninth = w.start(InvOp::Invlpg, 0x123000);
  CHECK(w.bench.invalidation_presented());
  // Translations, and the commands of guests that need no synchronization, go on.
  for (unsigned i = 0; i < World::kPages; ++i) CHECK(w.cached(i));
  CHECK(w.bench.translate({0x5000000}, World::kNativeCtx).fault);
  constexpr std::uint32_t kInvpcid2 = 3;
  w.bench.put(address_of("INV_COMMAND", World::kNativeCtx), kInvpcid2);
  w.bench.cycles(400);
  CHECK(w.bench.get(address_of("INV_STATUS", World::kNativeCtx)) == 0);
  CHECK(w.bench.invalidation_presented());
  CHECK(w.done() == AxiResp::Okay);
  w.bench.cycles(400);
  CHECK_FALSE(w.bench.invalidation_presented());
  CHECK(w.bench.invalidation_pending(ninth));
  for (unsigned i = 0; i < kQueue; ++i) CHECK(w.done() == AxiResp::Okay);
  CHECK_FALSE(w.bench.invalidation_pending());
}

TEST_CASE("synchronization: a command of the guest page is busy until SYNC_DONE", "[registers][shadow][guest]") {
  World w;
  constexpr std::uint32_t kInvlpg = 0, kBusy = 1;
  w.bench.put(register_named("INV_ADDR"), World::kCtx, World::page(4).value);
  w.bench.put(address_of("INV_COMMAND", World::kCtx), kInvlpg);
  w.bench.cycles(200);
  CHECK(w.bench.get(address_of("INV_STATUS", World::kCtx)) == kBusy);
  CHECK(w.shown_addr() == World::page(4).value);
  // Meanwhile other guests and the system have their turns.
  w.bench.put(address_of("INV_COMMAND", 0), kInvlpg);
  w.bench.cycles(200);
  CHECK(w.bench.get(address_of("INV_STATUS", 0)) == 0);
  CHECK(w.bench.invalidate({InvOp::Invctx, World::kNativeCtx}));
  CHECK(w.bench.get(address_of("INV_STATUS", World::kCtx)) == kBusy);
  CHECK(w.done() == AxiResp::Okay);
  CHECK(w.bench.get(address_of("INV_STATUS", World::kCtx)) == 0);
  CHECK_FALSE(w.cached(4));
}
