// Architecture 11: shadow paging.
#include "segment_world.hpp"

namespace vmmu::test {
namespace {

constexpr std::uint64_t kGuestRoot = 0x7700000;  // nothing lies there
constexpr std::uint16_t kVpid = 3;

// Shadow tables that map kPage, for the guest root above.
struct ShadowWorld : SegmentWorld {
  ShadowWorld() : SegmentWorld(native()), root(regs.cr3) {
    map();
    regs.virt = regs.shadow = true;
    regs.vpid = kVpid;
    regs.cr3 = kGuestRoot;
  }
  void set_row(unsigned row, std::uint64_t guest_root, std::uint64_t tag, bool valid = true) {
    mmu.set_shadow_row(0, row, {guest_root, root, tag, valid});
  }
  bool commit_holds() {
    REQUIRE(mmu.commit(0, regs) == Reject::None);
    return mmu.held(0);
  }

  std::uint64_t root;
};

}  // namespace

TEST_CASE("shadow: the walk starts at the shadow root and sets flags there as a native walk does", "[shadow]") {
  ShadowWorld world;
  world.set_row(0, kGuestRoot, std::uint64_t{kVpid} << 12);
  CHECK(translation(world.user(Op::Write)).hpa.value == kFrame.value);
  CHECK(world.trace.reads() == 4);
  CHECK(world.trace.swaps() == 4);
  CHECK_FALSE(world.mmu.event(0, Event::ShadowRoot));
  CHECK(world.mmu.active(0).cr3 == kGuestRoot);
}

TEST_CASE("shadow: every page fault is a shadow miss with the code that it would have had", "[shadow]") {
  ShadowWorld world;
  world.set_row(0, kGuestRoot, std::uint64_t{kVpid} << 12);
  const auto miss = [](unsigned error_code) { return Answer{FaultKind::ShadowMiss, error_code, 0}; };
  CHECK(answer(world.user(Op::Read, GuestVirt{0x1000})) == miss(code::U));
  world.edit_guest(1, pt::W, 0);
  CHECK(answer(world.user(Op::Write)) == miss(code::P | code::W | code::U));
  world.edit_guest(1, 0, bit(51));
  const Result reserved = world.user(Op::Fetch);
  CHECK(answer(reserved) == miss(code::P | code::RSVD | code::U | code::I));
  CHECK(fault(reserved).gva == kPage);
}

TEST_CASE("shadow: a non-canonical address and a bus error stay what they are", "[shadow]") {
  ShadowWorld world;
  world.set_row(0, kGuestRoot, std::uint64_t{kVpid} << 12);
  CHECK(fault(world.user(Op::Read, GuestVirt{bit(60)})).kind == FaultKind::NonCanonical);
  world.mem.fail_after(0);
  CHECK(fault(world.user(Op::Read)).kind == FaultKind::BusError);
}

TEST_CASE("shadow: VSEG_MISS has no effect", "[shadow]") {
  ShadowWorld world;
  world.regs.vseg_miss = true;
  world.set_row(0, kGuestRoot, std::uint64_t{kVpid} << 12);
  CHECK(succeeds(world.user(Op::Read)));
}

TEST_CASE("shadow: a root that no row has raises an event and holds the context until ROOT_DONE finds it", "[shadow]") {
  ShadowWorld world;
  CHECK(world.commit_holds());
  CHECK(world.mmu.event(0, Event::ShadowRoot));
  CHECK_FALSE(world.mmu.held(1));
  world.mmu.clear_event(0, Event::ShadowRoot);
  world.mmu.root_done(0);
  CHECK(world.mmu.held(0));
  CHECK(world.mmu.event(0, Event::ShadowRoot));
  world.set_row(7, kGuestRoot, std::uint64_t{kVpid} << 12);
  CHECK(world.mmu.held(0));  // a row counts at the next search
  world.mmu.root_done(0);
  CHECK_FALSE(world.mmu.held(0));
  CHECK(translation(world.mmu.access({kPage, Op::Read, true, false, false, 0})).hpa.value == kFrame.value);
}

TEST_CASE("shadow: a row fits by guest root, VPID and PCID, and only while it is valid", "[shadow]") {
  ShadowWorld world;
  const std::uint64_t tag = std::uint64_t{kVpid} << 12;
  world.set_row(0, kGuestRoot + 0x1000, tag);
  CHECK(world.commit_holds());
  world.set_row(0, kGuestRoot, tag | 1);
  CHECK(world.commit_holds());
  world.set_row(0, kGuestRoot, (kVpid + 1) << 12);
  CHECK(world.commit_holds());
  world.set_row(0, kGuestRoot, tag, false);
  CHECK(world.commit_holds());
  world.set_row(0, kGuestRoot | 0xfff, tag);  // low bits of a root do not count
  CHECK_FALSE(world.commit_holds());
  world.regs.cr3 |= 5;
  CHECK_FALSE(world.commit_holds());  // no PCID without PCIDE
  world.regs.pcide = true;
  CHECK(world.commit_holds());
  world.set_row(3, kGuestRoot, tag | 5);
  CHECK_FALSE(world.commit_holds());
}

TEST_CASE("shadow: the lowest row wins", "[shadow]") {
  ShadowWorld world;
  const std::uint64_t tag = std::uint64_t{kVpid} << 12;
  world.mmu.set_shadow_row(0, 5, {kGuestRoot, 0x5000, tag, true});
  world.mmu.set_shadow_row(0, 2, {kGuestRoot, 0x2000, tag, true});
  CHECK_FALSE(world.commit_holds());
  CHECK(world.mmu.shadow_root(0) == 0x2000);
  CHECK(world.mmu.shadow_row(0, 5).shadow_root == 0x5000);
}

TEST_CASE("shadow: LOAD_CR3 looks the guest root up and switches without an event", "[shadow]") {
  ShadowWorld world;
  const std::uint64_t tag = std::uint64_t{kVpid} << 12;
  world.set_row(0, kGuestRoot, tag);
  world.mmu.set_shadow_row(0, 1, {kGuestRoot + 0x1000, 0x9000, tag, true});
  CHECK_FALSE(world.commit_holds());
  world.mmu.load_cr3(0, kGuestRoot + 0x1000);
  CHECK_FALSE(world.mmu.held(0));
  CHECK(world.mmu.shadow_root(0) == 0x9000);
  CHECK_FALSE(world.mmu.event(0, Event::ShadowRoot));
  world.mmu.load_cr3(0, kGuestRoot + 0x2000);
  CHECK(world.mmu.held(0));
  world.mmu.load_cr3(0, kGuestRoot);
  CHECK_FALSE(world.mmu.held(0));
}

TEST_CASE("shadow: leaving SHADOW ends the hold", "[shadow]") {
  ShadowWorld world;
  CHECK(world.commit_holds());
  world.regs.shadow = false;
  world.regs.cr3 = world.root;
  CHECK_FALSE(world.commit_holds());
  CHECK(succeeds(world.user(Op::Read)));
}

TEST_CASE("shadow: a row that changes under way counts at the next search only", "[shadow]") {
  ShadowWorld world;
  const std::uint64_t tag = std::uint64_t{kVpid} << 12;
  world.set_row(0, kGuestRoot, tag);
  CHECK_FALSE(world.commit_holds());
  world.set_row(0, kGuestRoot, tag, false);
  CHECK(succeeds(world.mmu.access({kPage, Op::Read, true, false, false, 0})));
}

TEST_CASE("shadow: guest invalidations wait in order of their context until SYNC_DONE", "[shadow]") {
  ShadowWorld world;
  Mmu& mmu = world.mmu;
  const SyncRequest first{0, SyncOp::Invlpg, 0x1000, 0};
  const SyncRequest other{1, SyncOp::Invpcid1, 0, 7};
  const SyncRequest second{0, SyncOp::Invpcid3, 0, 0};
  CHECK(mmu.queue_sync(first));
  CHECK(mmu.queue_sync(other));
  CHECK(mmu.queue_sync(second));
  CHECK(mmu.event(0, Event::SyncPending));
  CHECK(mmu.event(1, Event::SyncPending));
  CHECK_FALSE(mmu.event(2, Event::SyncPending));
  CHECK(mmu.sync_queue().oldest(0) == first);
  CHECK(mmu.sync_queue().oldest(1) == other);
  CHECK_FALSE(mmu.sync_queue().oldest(2).has_value());
  CHECK(mmu.sync_done(0) == first);
  CHECK(mmu.sync_done(0) == second);
  CHECK_FALSE(mmu.sync_done(0).has_value());
  CHECK(mmu.sync_done(1) == other);
}

TEST_CASE("shadow: eight invalidations wait in one MMU, a ninth is not taken", "[shadow]") {
  ShadowWorld world;
  for (unsigned i = 0; i < 8; ++i) CHECK(world.mmu.queue_sync({i % 2, SyncOp::Invlpg, i, 0}));
  CHECK(world.mmu.sync_queue().full());
  CHECK_FALSE(world.mmu.queue_sync({0, SyncOp::Invlpg, 8, 0}));
  CHECK(world.mmu.sync_done(1)->gva == 1);
  CHECK(world.mmu.queue_sync({0, SyncOp::Invlpg, 8, 0}));
}

TEST_CASE("shadow: a checker restores registers and root without a search", "[shadow]") {
  ShadowWorld world;
  world.mmu.restore(0, world.regs, world.root);
  CHECK_FALSE(world.mmu.held(0));
  CHECK_FALSE(world.mmu.event(0, Event::ShadowRoot));
  CHECK(succeeds(world.mmu.access({kPage, Op::Read, true, false, false, 0})));
}

}  // namespace vmmu::test
