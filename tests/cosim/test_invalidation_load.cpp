// Invalidations under load: hits of what they do not cover go on at one per cycle, misses are not held up, numbers are
// recycled in the background, and bursts are carried out together.
#include <array>
#include <random>
#include <vector>

#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kOtherFrame = 0x50000000;
constexpr std::uint16_t kGuestVpid = 9;

Invalidation inv(InvOp op, unsigned ctx, std::uint64_t addr = 0, std::uint16_t pcid = 0, std::uint16_t vpid = 0) {
  return {op, ctx, addr, pcid, vpid};
}

// Context 0 is native and has a global page; context 1 is a guest. Both map the same pages.
class TwoContexts : public RigFixture {
 public:
  explicit TwoContexts(Preset preset, unsigned latency = 10, bool ept = true)
      : RigFixture(preset, latency), host(make(false, false)), guest(make(true, ept)) {
    regs[0] = host.regs(plain_regs());
    regs[0].pge = regs[0].pcide = true;
    regs[0].cr3 |= 5;
    regs[1] = guest.regs(plain_regs());
    regs[1].virt = regs[1].pcide = true;
    regs[1].cr3 |= 6;
    regs[1].vpid = kGuestVpid;
    for (unsigned ctx = 0; ctx < 2; ++ctx) commit(ctx, regs[ctx]);
  }
  PageTables make(bool of_guest, bool ept) {
    TableConfig config;
    config.nested = ept;
    if (!of_guest) config.guest_tables = GuestPhys{0x7000'0000};
    PageTables tables(config, rig.words());
    for (unsigned i = 0; i < kPages; ++i) {
      GuestAttr attr = flags_set();
      attr.global = !of_guest && i == 0;
      const std::uint64_t frame = kFrame.value + (of_guest ? kOtherFrame : 0) + 0x1000 * i;
      REQUIRE(tables.map(page(i), {frame}, PageSize::k4K, attr) == MapError::None);
      set_upper_flags(tables, page(i));
    }
    return tables;
  }
  static GuestVirt page(unsigned i) { return {kPage.value + 0x1000 * i}; }
  Response read(unsigned i, unsigned ctx = 0) {
    Access access = read_of(page(i));
    access.ctx = ctx;
    return run(access);
  }

  static constexpr unsigned kPages = 20;
  PageTables host, guest;
  ContextRegs regs[2];
};

// Presents the same operation again and again while it lives.
class Storm {
 public:
  Storm(Rig& rig, const Invalidation& inv) : rig_(rig) {
    rig.on_invalidation_accepted = [this, inv](std::uint8_t) {
      ++accepted;
      if (on_) rig_.start_invalidation(inv);
    };
    rig.on_invalidation_acknowledged = [this](std::uint8_t) { ++acknowledged; };
    rig.start_invalidation(inv);
  }
  ~Storm() {
    on_ = false;
    while (rig_.invalidation_pending()) rig_.cycle();
    rig_.on_invalidation_accepted = nullptr;
    rig_.on_invalidation_acknowledged = nullptr;
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

  unsigned accepted = 0;
  unsigned acknowledged = 0;

 private:
  Rig& rig_;
  bool on_ = true;
};

// Operations that do not cover page 0 of context 0, which is global.
std::vector<Invalidation> harmless(const ContextRegs& guest) {
  return {inv(InvOp::Invlpg, 0, TwoContexts::page(1).value),
          inv(InvOp::Invpcid0, 0, TwoContexts::page(1).value, 5),
          inv(InvOp::Invpcid1, 0, 0, 5),
          inv(InvOp::Invpcid3, 0),
          inv(InvOp::LoadCr3, 1, guest.cr3),
          inv(InvOp::Invlpg, 1, TwoContexts::page(1).value),
          inv(InvOp::Invpcid1, 1, 0, 6),
          inv(InvOp::Invpcid2, 1),
          inv(InvOp::Invpcid3, 1),
          inv(InvOp::Invvpid0, 1, TwoContexts::page(1).value, 0, kGuestVpid),
          inv(InvOp::Invvpid1, 1, 0, 0, kGuestVpid),
          inv(InvOp::Invvpid2, 1),
          inv(InvOp::Invvpid3, 1, 0, 0, kGuestVpid),
          inv(InvOp::Invept1, 1, guest.eptp),
          inv(InvOp::Invept2, 1),
          inv(InvOp::Invctx, 1)};
}

}  // namespace

TEST_CASE("invalidation: what it does not cover goes on hitting at one per cycle", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    TwoContexts f(preset);
    for (const Invalidation& operation : harmless(f.regs[1])) {
      INFO("preset " << preset_name(preset) << " operation " << static_cast<unsigned>(operation.op) << " of context "
                     << operation.ctx);
      f.read(0);
      f.read(0, 1);
      REQUIRE(f.read(0).source == Source::L1);
      unsigned hits = 0;
      std::array<std::uint64_t, 256> accepted{};
      f.rig.on_response = [&](const Response& r) {
        if (r.source == Source::L1 && r.cycle == accepted[r.id] + 1) ++hits;
      };
      constexpr unsigned kHits = 600;
      std::uint64_t last = 0;
      {
        const Storm storm(f.rig, operation);
        for (unsigned i = 0; i < kHits; ++i) {
          const auto id = static_cast<std::uint8_t>(i % 200);
          accepted[id] = f.rig.now();
          const std::uint64_t cycle = f.rig.send(read_of(TwoContexts::page(0)), id);
          if (i != 0) CHECK(cycle == last + 1);
          last = cycle;
        }
        f.rig.cycles(2);
        CHECK(hits == kHits);
        CHECK(storm.acknowledged > 3);  // the others wait for the sweep
      }
      f.rig.on_response = nullptr;
    }
  }
}

TEST_CASE("invalidation: a miss that it does not cover takes at most 4 cycles more", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    TwoContexts f(preset);
    for (const Invalidation& operation : harmless(f.regs[1])) {
      f.read(0);
      for (unsigned offset = 0; offset < 24; ++offset) {
        INFO("preset " << preset_name(preset) << " operation " << static_cast<unsigned>(operation.op) << " of context "
                       << operation.ctx << " " << offset << " cycles before");
        REQUIRE(f.rig.invalidate(inv(InvOp::Invlpg, 0, TwoContexts::page(2).value)));
        f.rig.start_invalidation(operation);
        f.rig.cycles(offset);
        const Response walk = f.read(2);
        CHECK(walk.source == Source::Walk);
        CHECK(hpa_of(walk.result).value == kFrame.value + 0x2000);
        CHECK(f.cycles <= walk_cycles(preset, 4, 10) + 4);
        while (f.rig.invalidation_pending()) f.rig.cycle();
      }
    }
  }
}

TEST_CASE("invalidation: a burst of pages is taken at one per cycle and acknowledged in its order", "[invalidation]") {
  constexpr unsigned kBurst = 8;
  constexpr unsigned kBad = 5;
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    TwoContexts f(preset);
    for (unsigned i = 0; i <= kBurst; ++i) f.read(i);
    std::vector<std::uint64_t> accepted;
    std::vector<std::uint8_t> ids;
    std::vector<bool> failed;
    const auto present = [&] {
      const unsigned i = static_cast<unsigned>(ids.size());
      if (i == kBurst) return;
      const std::uint64_t addr = i == kBad ? bit(62) : TwoContexts::page(i).value;
      ids.push_back(f.rig.start_invalidation(inv(InvOp::Invlpg, 0, addr)));
    };
    f.rig.on_invalidation_accepted = [&](std::uint8_t) {
      accepted.push_back(f.rig.now());
      present();
    };
    std::uint64_t last = 0;
    f.rig.on_invalidation_acknowledged = [&](std::uint8_t id) {
      CHECK(id == ids[failed.size()]);
      failed.push_back(f.rig.invalidation_failed());
      last = f.rig.now();
    };
    present();
    f.rig.cycles(60);
    REQUIRE(accepted.size() == kBurst);
    for (unsigned i = 1; i < kBurst; ++i) CHECK(accepted[i] == accepted[0] + i);
    REQUIRE(failed.size() == kBurst);
    for (unsigned i = 0; i < kBurst; ++i) CHECK(failed[i] == (i == kBad));
    CHECK(last <= accepted.back() + 14);
    f.rig.on_invalidation_accepted = nullptr;
    f.rig.on_invalidation_acknowledged = nullptr;
    for (unsigned i = 0; i <= kBurst; ++i) {
      INFO("page " << i);
      CHECK((f.read(i).source == Source::Walk) == (i < kBurst && i != kBad));
    }
  }
}

TEST_CASE("invalidation: a thousand of a whole context leave the entries of the other one, and no stale one",
          "[invalidation]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    TwoContexts f(preset, 1);
    std::mt19937_64 random(seed_or(1));
    constexpr unsigned kKept[] = {4, 5};  // pages of context 0, in sets of their own where there are sets
    for (const unsigned i : kKept) f.read(i);
    std::array<std::uint64_t, TwoContexts::kPages> frame{};
    for (unsigned i = 0; i < TwoContexts::kPages; ++i) frame[i] = kFrame.value + kOtherFrame + 0x1000 * i;
    for (unsigned n = 0; n < 1000; ++n) {
      // A page of the guest moves to another frame of it; before that it was in the caches.
      const unsigned i = static_cast<unsigned>(random() % 3);
      f.read(i, 1);
      const std::uint64_t flip = frame[i] ^ 0x8000;
      REQUIRE(f.guest.edit_guest(TwoContexts::page(i), 1, {frame[i] & ~flip, flip & ~frame[i]}));
      frame[i] = flip;
      const InvOp op = n % 2 == 0 ? InvOp::Invctx : InvOp::Invpcid2;
      REQUIRE(f.rig.invalidate(inv(op, 1)));
      const Response moved = f.read(i, 1);
      REQUIRE(hpa_of(moved.result).value == frame[i]);
      REQUIRE(moved.source == Source::Walk);
      for (const unsigned k : kKept) REQUIRE(f.read(k).source == Source::L1);
    }
  }
}

TEST_CASE("invalidation: a walk under a number that was handed out again inserts nothing", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    if (preset_info(preset).num_walks() < 2) continue;
    INFO("preset " << preset_name(preset));
    constexpr unsigned kSlow = 1500;
    TwoContexts f(preset, kSlow, false);
    bool answered = false;
    f.rig.on_response = [&](const Response& r) { answered = answered || r.id == 7; };
    f.rig.send(read_of(TwoContexts::page(1)), 7);
    f.rig.cycles(10);
    // Its registers change, and so its number is retired; those of the other context go through all that there are,
    // and the lowest that is fresh comes first.
    f.regs[0].pkru = 4;
    f.commit(0, f.regs[0]);
    while (!answered) REQUIRE(f.rig.invalidate(inv(InvOp::Invctx, 1)));
    f.rig.cycles(20);
    for (unsigned n = 0; n < 20; ++n) {
      const Response r = f.read(1, 1);
      REQUIRE(hpa_of(r.result).value == kFrame.value + kOtherFrame + 0x1000);
      REQUIRE(r.source == Source::Walk);
      REQUIRE(f.rig.invalidate(inv(InvOp::Invctx, 1)));
    }
    f.rig.on_response = nullptr;
  }
}

TEST_CASE("invalidation: more PCIDs than there are numbers, each with its own page", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 1);
    std::mt19937_64 random(seed_or(1));
    constexpr unsigned kPcids = 20;
    std::vector<std::uint64_t> roots;
    for (unsigned p = 0; p < kPcids; ++p) {
      TableConfig config;
      config.guest_tables = GuestPhys{0x7000'0000 + 0x10'0000 * p};
      PageTables tables(config, f.rig.words());
      REQUIRE(tables.map(kPage, {kFrame.value + 0x1000 * p}, PageSize::k4K, flags_set()) == MapError::None);
      set_upper_flags(tables, kPage);
      roots.push_back(tables.regs(plain_regs()).cr3);
    }
    ContextRegs regs = plain_regs();
    regs.pcide = true;
    regs.cr3 = roots[0];
    f.commit(0, regs);
    f.commit(1, regs);
    unsigned kept = 0;
    for (unsigned n = 0; n < 2000; ++n) {
      const auto ctx = static_cast<unsigned>(random() % 2);
      // Mostly few of them, so that some are still there when they come back.
      const auto p = static_cast<unsigned>(random() % (n % 4 == 0 ? kPcids : 3));
      REQUIRE(f.rig.invalidate(inv(InvOp::LoadCr3, ctx, bit(63) | roots[p] | p)));
      if (random() % 16 == 0) REQUIRE(f.rig.invalidate(inv(InvOp::Invpcid1, ctx, 0, static_cast<std::uint16_t>(p))));
      Access access = read_of(kPage);
      access.ctx = ctx;
      const Response r = f.run(access);
      REQUIRE(hpa_of(r.result).value == kFrame.value + 0x1000 * p);
      if (r.source != Source::Walk) ++kept;
    }
    CHECK(kept > 200);
  }
}
