// After a covering invalidation the new tables answer; invalid operands are refused.
#include "engine/lockstep_engine.hpp"
#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kOtherFrame = 0x50000000;

struct Setup {
  bool nested = false;
  bool global = false;
  PageSize guest = PageSize::k4K;
};

// One page, read once so that it is cached, then mapped elsewhere by software.
class Remapped {
 public:
  Remapped(Preset preset, const Setup& setup)
      : engine(options(preset)), tables(config(setup), [this](HostPhys a, std::uint64_t w) { engine.poke(a, w); }) {
    GuestAttr attr = flags_set();
    attr.global = setup.global;
    REQUIRE(tables.map(gva, kFrame, setup.guest, attr) == MapError::None);
    set_upper_flags(tables, gva);
    if (setup.nested) REQUIRE(tables.cover(GuestPhys{kOtherFrame}, page_bytes(setup.guest)) == MapError::None);
    regs = tables.regs(plain_regs());
    regs.pge = regs.pcide = true;
    regs.cr3 |= 5;  // PCID
    regs.virt = setup.nested;
    regs.vpid = setup.nested ? 9 : 0;
    REQUIRE(engine.commit(0, regs) == CommitStatus::Ok);
    CHECK(where() == kFrame.value);
    CHECK(where() == kFrame.value);
    const unsigned level = 1 + static_cast<unsigned>(setup.guest);
    (void)tables.edit_guest(gva, level, {kFrame.value, kOtherFrame});
  }
  ~Remapped() { CHECK(engine.mismatches() == 0); }

  std::uint64_t where() {
    const AccessRecord record = engine.access(read_of(GuestVirt{gva.value}));
    for (const std::string& d : record.differences) UNSCOPED_INFO(d);
    CHECK(record.differences.empty());
    return hpa_of(record.result).value;
  }

  const GuestVirt gva{0x80000000};
  LockstepEngine engine;
  PageTables tables;
  ContextRegs regs;

 private:
  static EngineOptions options(Preset preset) {
    EngineOptions o;
    o.preset = preset;
    o.memory_latency = 2;
    return o;
  }
  static TableConfig config(const Setup& setup) {
    TableConfig c;
    c.nested = setup.nested;
    return c;
  }
};

Invalidation inv(InvOp op, std::uint64_t addr = 0, std::uint16_t pcid = 0, std::uint16_t vpid = 0) {
  return {op, 0, addr, pcid, vpid};
}

}  // namespace

TEST_CASE("invalidation: a poke alone may leave the old translation, in every engine's eyes", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    Remapped r(preset, {});
    const std::uint64_t got = r.where();
    CHECK((got == kFrame.value || got == kOtherFrame));
  }
}

TEST_CASE("invalidation: every covering operation makes the new tables answer", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    const GuestVirt gva{0x80000000};
    const std::vector<Invalidation> native = {inv(InvOp::Invlpg, gva.value),
                                              inv(InvOp::Invpcid0, gva.value, 5),
                                              inv(InvOp::Invpcid1, 0, 5),
                                              inv(InvOp::Invpcid2),
                                              inv(InvOp::Invpcid3),
                                              inv(InvOp::Invctx),
                                              inv(InvOp::All)};
    for (const Invalidation& i : native) {
      INFO("preset " << preset_name(preset) << " native, operation " << static_cast<unsigned>(i.op));
      Remapped r(preset, {});
      REQUIRE(r.engine.invalidate(i));
      CHECK(r.where() == kOtherFrame);
    }
    for (const InvOp op : {InvOp::Invlpg, InvOp::Invpcid1, InvOp::Invvpid0, InvOp::Invvpid1, InvOp::Invvpid2,
                           InvOp::Invvpid3, InvOp::Invept1, InvOp::Invept2}) {
      INFO("preset " << preset_name(preset) << " nested, operation " << static_cast<unsigned>(op));
      Setup setup;
      setup.nested = true;
      Remapped r(preset, setup);
      REQUIRE(r.engine.invalidate(inv(op, op == InvOp::Invept1 ? r.regs.eptp : gva.value, 5, 9)));
      CHECK(r.where() == kOtherFrame);
    }
  }
}

TEST_CASE("invalidation: global pages go with INVLPG and INVPCID 2", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    for (const InvOp op : {InvOp::Invlpg, InvOp::Invpcid2, InvOp::Invctx}) {
      Setup setup;
      setup.global = true;
      Remapped r(preset, setup);
      REQUIRE(r.engine.invalidate(inv(op, r.gva.value)));
      CHECK(r.where() == kOtherFrame);
    }
  }
}

TEST_CASE("invalidation: a large page goes by any address inside it, fractured by small nested pages or not",
          "[invalidation]") {
  for (const Preset preset : device_presets()) {
    for (const bool nested : {false, true}) {
      Setup setup;
      setup.nested = nested;
      setup.guest = PageSize::k2M;
      Remapped r(preset, setup);
      REQUIRE(r.engine.invalidate(inv(InvOp::Invlpg, r.gva.value + 0x1ff000)));
      CHECK(r.where() == kOtherFrame);
    }
  }
}

TEST_CASE("invalidation: LOAD_CR3 drops what is not global of its PCID, and with bit 63 keeps it", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    Remapped r(preset, {});
    REQUIRE(r.engine.invalidate(inv(InvOp::LoadCr3, r.regs.cr3)));
    CHECK(r.where() == kOtherFrame);
    // Entries that stay are legal to drop, so only the roots can be told apart: the answer is checked in lock step.
    Remapped keeps(preset, {});
    REQUIRE(keeps.engine.invalidate(inv(InvOp::LoadCr3, keeps.regs.cr3 | bit(63))));
    const std::uint64_t got = keeps.where();
    CHECK((got == kFrame.value || got == kOtherFrame));
  }
}

TEST_CASE("invalidation: invalid operands get an error reply", "[invalidation]") {
  for (const Preset preset : device_presets()) {
    Remapped r(preset, {});
    const std::uint64_t not_canonical = std::uint64_t{1} << 62;
    CHECK_FALSE(r.engine.invalidate(inv(InvOp::Invvpid0, r.gva.value, 0, 0)));
    CHECK_FALSE(r.engine.invalidate(inv(InvOp::Invvpid1)));
    CHECK_FALSE(r.engine.invalidate(inv(InvOp::Invvpid3)));
    CHECK_FALSE(r.engine.invalidate(inv(InvOp::Invvpid0, not_canonical, 0, 9)));
    CHECK_FALSE(r.engine.invalidate(inv(InvOp::Invpcid0, not_canonical, 5)));
    CHECK(r.engine.invalidate(inv(InvOp::Invvpid2)));
  }
}

// Of a page, whose number stays in use, and of the whole context, whose numbers are retired.
TEST_CASE("invalidation: acknowledged only when no covered walk is live, and that walk inserts nothing",
          "[invalidation]") {
  const InvOp op = GENERATE(InvOp::Invlpg, InvOp::Invctx);
  INFO("operation " << static_cast<unsigned>(op));
  for (const Preset preset : device_presets()) {
    RigFixture f(preset, 20);
    PageTables tables({}, f.rig.words());
    REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables, kPage);
    f.commit(0, tables.regs(plain_regs()));
    std::uint64_t answered = 0;
    f.rig.on_response = [&](const Response& r) { answered = r.cycle; };
    f.rig.send(read_of(kPage), 1);
    f.rig.cycles(20);
    std::uint64_t acknowledged = 0;
    f.rig.on_invalidation_acknowledged = [&](std::uint8_t) { acknowledged = f.rig.now(); };
    CHECK(f.rig.invalidate({op, 0, kPage.value, 0, 0}));
    CHECK(answered != 0);
    CHECK(answered <= acknowledged);
    // And the walk that was in flight has inserted nothing: the new mapping answers.
    (void)tables.edit_guest(kPage, 1, {kFrame.value, kOtherFrame});
    const Response after = f.run(read_of(kPage));
    CHECK(after.source == Source::Walk);
    CHECK(hpa_of(after.result).value == kOtherFrame);
  }
}
