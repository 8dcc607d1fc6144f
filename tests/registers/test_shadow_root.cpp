// The shadow-root buffer: what a search finds, whose misses wait, and for how long.
#include "shadow_world.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

using World = ShadowWorld;
constexpr unsigned kRows = 8;

}  // namespace

TEST_CASE("shadow root: a row for the root is found at COMMIT, in each place of the buffer", "[registers][shadow]") {
  for (unsigned row = 0; row < kRows; ++row) {
    INFO("row " << row);
    World w;
    w.set_row(row, World::kGuestRoot);
    w.activate(World::kGuestRoot);
    CHECK(w.events() == 0);
    CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
  }
}

TEST_CASE("shadow root: a miss that comes during the search waits for its end", "[registers][shadow]") {
  World w;
  w.set_row(kRows - 1, World::kGuestRoot);
  w.commit(World::kGuestRoot);
  w.bench.send(World::page(0), World::kCtx);
  w.bench.wait_answers();
  CHECK(w.bench.last().hpa == World::frame(0).value);
  CHECK(w.events() == 0);
}

TEST_CASE("shadow root: without a row there is an event, and the misses wait for ROOT_DONE", "[registers][shadow]") {
  World w;
  w.activate(World::kGuestRoot);
  CHECK(w.events() == kShadowRootEvent);
  CHECK(w.bench.irq_host());
  w.clear_events();
  w.check_held(0);
  w.root_done();  // there is still no row
  CHECK(w.events() == kShadowRootEvent);
  w.clear_events();
  w.check_held(1);
  w.set_row(3, World::kGuestRoot);
  w.bench.cycles(500);
  CHECK(w.bench.outstanding() == 2);  // the buffer alone releases nothing
  w.root_done();
  w.bench.wait_answers();
  CHECK(w.events() == 0);
  CHECK(w.bench.translate(World::page(1), World::kCtx).hpa == World::frame(1).value);
}

TEST_CASE("shadow root: a row must be valid and have the guest root, the VPID and the PCID", "[registers][shadow]") {
  const std::uint32_t good = World::tag(World::kVpid, World::kPcid);
  const auto refused = [&](std::uint64_t guest_root, std::uint32_t tag, bool valid) {
    World w;
    w.set_row(5, guest_root, w.shadow.cr3(), tag, valid);
    w.activate(World::kGuestRoot);
    CHECK(w.events() == kShadowRootEvent);
    w.set_row(5, World::kGuestRoot, w.shadow.cr3(), good);
    w.root_done();
    w.clear_events();
    CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
  };
  refused(World::kGuestRoot, good, false);
  refused(World::kOtherRoot, good, true);
  refused(World::kGuestRoot + (std::uint64_t{1} << 51), good, true);
  refused(World::kGuestRoot, World::tag(World::kVpid + 1, World::kPcid), true);
  refused(World::kGuestRoot, World::tag(World::kVpid, World::kPcid ^ 0x800), true);
  refused(World::kGuestRoot, World::tag(World::kVpid, 0), true);
}

TEST_CASE("shadow root: without PCIDE the PCID of the tag is 0", "[registers][shadow]") {
  World w;
  w.set_row(0, World::kGuestRoot, w.shadow.cr3(), World::tag(World::kVpid, 0));
  w.activate(World::kGuestRoot, false);
  CHECK(w.events() == 0);
  CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
}

TEST_CASE("shadow root: the walk starts at the shadow root of the lowest row that matches", "[registers][shadow]") {
  World w;
  PageTables other(tables_of(3), w.bench.words());
  REQUIRE(other.map(World::page(0), GuestPhys{0x55000}, PageSize::k4K, flags_set()) == MapError::None);
  const std::uint32_t tag = World::tag(World::kVpid, World::kPcid);
  w.set_row(2, World::kGuestRoot, w.shadow.cr3(), tag);
  w.set_row(6, World::kGuestRoot, other.cr3(), tag);
  w.activate(World::kGuestRoot);
  CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
  w.set_row(2, World::kGuestRoot, false);
  w.root_done();
  REQUIRE(w.bench.invalidate({InvOp::Invctx, World::kCtx}));
  CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == 0x55000);
}

TEST_CASE("shadow root: rows of another context do not count", "[registers][shadow]") {
  World w;
  w.bench.put(register_named("GUEST_ROOT"), 0, World::kGuestRoot);
  w.bench.put(register_named("SHADOW_ROOT"), 0, w.shadow.cr3());
  w.bench.put(register_named("ROOT_TAG"), 0, World::tag(World::kVpid, World::kPcid));
  w.bench.put(register_named("ROOT_VALID"), 0, 1);
  w.activate(World::kGuestRoot);
  CHECK(w.events() == kShadowRootEvent);
  CHECK(w.bench.get(address_of("EVENTS", 0)) == 0);
}

TEST_CASE("shadow root: a change of the buffer acts at the next search only", "[registers][shadow]") {
  World w;
  w.set_row(0, World::kGuestRoot);
  w.activate(World::kGuestRoot);
  w.set_row(0, World::kGuestRoot, false);
  CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
  CHECK(w.bench.translate(World::page(1), World::kCtx).walked);
  CHECK(w.events() == 0);
  w.root_done();
  CHECK(w.events() == kShadowRootEvent);
}

TEST_CASE("shadow root: while misses wait, hits of the context and everything of others go on", "[registers][shadow]") {
  World w;
  w.set_row(0, World::kGuestRoot);
  w.activate(World::kGuestRoot);
  CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
  w.set_row(0, World::kGuestRoot, false);
  w.root_done();
  for (unsigned i = 1; i <= 5; ++i) w.check_held(i);
  const unsigned held = w.bench.outstanding();
  for (unsigned i = 0; i < World::kPages; ++i) {
    w.bench.send(World::page(i), World::kNativeCtx);
    w.bench.cycles(200);
    CHECK(w.bench.outstanding() == held);
  }
  w.bench.send(World::page(0), World::kCtx);
  w.bench.cycles(5);
  CHECK(w.bench.outstanding() == held);
  w.set_row(0, World::kGuestRoot);
  w.root_done();
  w.bench.wait_answers();
}

TEST_CASE("shadow root: LOAD_CR3 of a root that is in the buffer raises no event, of another one it does",
          "[registers][shadow]") {
  World w;
  w.set_row(0, World::kGuestRoot);
  w.set_row(1, World::kOtherRoot);
  w.activate(World::kGuestRoot);
  REQUIRE(w.bench.invalidate({InvOp::LoadCr3, World::kCtx, World::kOtherRoot | World::kPcid}));
  w.search();
  CHECK(w.events() == 0);
  CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
  REQUIRE(w.bench.invalidate({InvOp::LoadCr3, World::kCtx, 0x9999000 | World::kPcid}));
  w.search();
  CHECK(w.events() == kShadowRootEvent);
  CHECK(w.bench.get(register_named("CR3"), World::kCtx) == (0x9999000 | World::kPcid));
  w.check_held(0);
  w.set_row(2, 0x9999000);
  w.root_done();
  w.bench.wait_answers();
}

TEST_CASE("shadow root: a LOAD_CR3 waits while misses wait for the root that CR3 names", "[registers][shadow]") {
  World w;
  w.activate(World::kGuestRoot);
  w.check_held(0);
  const unsigned id = w.bench.start_invalidation({InvOp::LoadCr3, World::kCtx, World::kOtherRoot | World::kPcid});
  w.bench.cycles(300);
  CHECK(w.bench.invalidation_pending(id));
  CHECK(w.bench.get(register_named("CR3"), World::kCtx) == (World::kGuestRoot | World::kPcid));
  w.set_row(0, World::kGuestRoot);
  w.set_row(1, World::kOtherRoot);
  w.root_done();
  w.bench.wait_answers();
  w.bench.cycles(200);
  CHECK_FALSE(w.bench.invalidation_pending(id));
  CHECK(w.bench.get(register_named("CR3"), World::kCtx) == (World::kOtherRoot | World::kPcid));
  CHECK(w.bench.translate(World::page(1), World::kCtx).hpa == World::frame(1).value);
}

TEST_CASE("shadow root: after a COMMIT, ROOT_DONE also finds the root of the misses that wait under the old registers",
          "[registers][shadow]") {
  World w;
  w.activate(World::kGuestRoot);
  w.check_held(0);
  w.set_row(1, World::kOtherRoot);
  w.activate(World::kOtherRoot);
  // Those accepted since have their root.
  w.bench.send(World::page(1), World::kCtx);
  w.bench.cycles(200);
  CHECK(w.bench.outstanding() == 1);
  w.set_row(0, World::kGuestRoot);
  w.root_done();
  w.bench.wait_answers();
}

TEST_CASE("shadow root: GCOMMIT searches nothing", "[registers][shadow]") {
  World w;
  w.set_row(0, World::kGuestRoot);
  w.activate(World::kGuestRoot);
  w.set_row(0, World::kGuestRoot, false);
  w.bench.put(register_named("GFILTER"), World::kCtx, 1);
  CHECK(w.bench.write(address_of("GCOMMIT", World::kCtx), 1) == AxiResp::Okay);
  CHECK(w.bench.get(address_of("GCOMMIT", World::kCtx)) == 0);
  w.search();
  CHECK(w.events() == 0);
  CHECK(w.bench.translate(World::page(0), World::kCtx).hpa == World::frame(0).value);
}

TEST_CASE("shadow root: GCOMMIT releases no miss that waits for a root", "[registers][shadow]") {
  World w;
  w.activate(World::kGuestRoot);
  w.clear_events();
  w.bench.put(register_named("GFILTER"), World::kCtx, 1);
  CHECK(w.bench.write(address_of("GCOMMIT", World::kCtx), 1) == AxiResp::Okay);
  w.search();
  CHECK(w.events() == 0);
  w.check_held(0);
  w.set_row(0, World::kGuestRoot);
  w.root_done();
  w.bench.wait_answers();
}

TEST_CASE("shadow root: ROOT_DONE has no effect on a context without SHADOW", "[registers][shadow]") {
  World w;
  w.bench.put(address_of("ROOT_DONE", World::kNativeCtx), 1);
  w.search();
  CHECK(w.bench.get(address_of("EVENTS", World::kNativeCtx)) == 0);
  w.check_native_goes_on();
}
