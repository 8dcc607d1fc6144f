// What the capability registers say is what the tools believe of a preset.
#include <algorithm>

#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

TEST_CASE("registers: every build parameter is readable and equals the preset's table", "[registers]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset);
    for (std::uint32_t i = 0; i < kNumParameters; ++i) {
      INFO("parameter " << kParameterNames[i]);
      CHECK(f.rig.capability(static_cast<reg::Cap>(i)) == preset_info(preset).values[i]);
    }
    f.saw_translation();
  }
}

TEST_CASE("registers: an undefined address gets an error reply and changes nothing", "[registers]") {
  RigFixture f(device_presets().front());
  constexpr std::uint32_t kUndefined = 0x00ff8;
  CHECK_FALSE(f.rig.read_register(kUndefined).has_value());
  CHECK_FALSE(f.rig.write_register(kUndefined, 1));
  const std::uint32_t beyond = reg::host(preset_info(device_presets().front()).num_contexts(), reg::Host::Ctrl);
  CHECK_FALSE(f.rig.read_register(beyond).has_value());
  f.saw_translation();
}

TEST_CASE("registers: what a build lacks of segments and shadow roots is undefined", "[registers]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset);
    const auto check = [&](std::uint32_t addr, bool exists) {
      INFO("address " << addr);
      CHECK(f.rig.read_register(addr).has_value() == exists);
      CHECK(f.rig.write_register(addr, 0) == exists);
    };
    const auto segments = f.rig.capability(reg::Cap::NumVmmSegments);
    for (unsigned n = 0; n < 8; ++n) {
      for (const reg::Seg r : {reg::Seg::Base, reg::Seg::Limit, reg::Seg::Offset, reg::Seg::Attr}) {
        check(reg::vseg(0, n, r), n < segments);
      }
    }
    for (unsigned lane = 0; lane < 8; ++lane) check(reg::vfilter(0, lane), lane < 4 && segments != 0);
    for (unsigned lane = 0; lane < 4; ++lane) check(reg::gfilter(0, lane), true);
    const bool shadow = f.rig.capability(reg::Cap::ShadowRoots) != 0;
    for (unsigned row = 0; row < 8; ++row) check(reg::shadow_row(0, row, reg::Shadow::Tag), shadow);
    check(reg::sync(0, reg::Sync::RootDone), shadow);
    CHECK(f.rig.read_register(reg::sync(0, reg::Sync::Op)).has_value() == shadow);
    // SHADOW is a reserved bit of CTRL where there is no buffer.
    ContextRegs regs = plain_regs();
    regs.virt = regs.shadow = true;
    Reject reject = Reject::None;
    REQUIRE(f.rig.commit(0, regs, &reject));
    CHECK((reject == Reject::None) == shadow);
    if (!shadow) CHECK(reject == Reject::Unsupported);
    f.saw_translation();
  }
}

TEST_CASE("registers: a build without a log has no registers of it and rejects its controls", "[registers]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset);
    const PresetInfo& info = preset_info(preset);
    CHECK(f.rig.read_register(reg::host(0, reg::Host::PrlIndex)).has_value() == info.has_prl());
    CHECK(f.rig.read_register(reg::host(0, reg::Host::PrlAddr)).has_value() == info.has_prl());
    CHECK(f.rig.read_register(reg::guest(0, reg::Guest::EpmlIndex)).has_value() == info.has_epml());
    CHECK(f.rig.read_register(reg::vseg(0, 0, reg::Seg::Bitmap)).has_value() == info.has_seg_log());
    for (const unsigned bit : {14u, 15u, 16u}) {
      ContextRegs regs = plain_regs();
      regs.prl_en = bit == 14;
      regs.prl_double = bit == 15;
      regs.seg_log_en = bit == 16;
      Reject reject = Reject::None;
      REQUIRE(f.rig.commit(0, regs, &reject));
      CHECK(reject == ((bit == 16 ? info.has_seg_log() : info.has_prl()) ? Reject::None : Reject::Unsupported));
    }
    f.saw_translation();
  }
}

TEST_CASE("registers: guest registers behind the register port are those from GUEST_EVENTS on", "[registers]") {
  const Preset preset = device_presets().front();
  RigFixture f(preset);
  for (std::uint32_t offset = 0; offset < 0x1000; offset += 8) {
    INFO("offset " << offset);
    const bool epml = offset >= 0x80 && offset < 0xa0 && preset_info(preset).has_epml();
    const bool exists = offset == 0x20 || offset == 0x28 || (offset >= 0x40 && offset < 0x80) || epml;
    CHECK(f.rig.read_register(reg::kHostBase + reg::kGuestPage + offset).has_value() == exists);
  }
  f.saw_translation();
}

TEST_CASE("registers: COMMIT is decided within 24 cycles, 7 more while segments are being judged",
          "[registers][commit]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset);
    PageTables tables({}, f.rig.words());
    const ContextRegs regs = tables.regs(plain_regs());
    f.commit(0, regs);
    f.commit(1, regs);
    // From the cycle in which the write is accepted to the one in which it is answered.
    const auto commit = [&](unsigned ctx) {
      const std::uint64_t before = f.rig.now();
      REQUIRE(f.rig.write_register(reg::host(ctx, reg::Host::Commit), 1));
      return f.rig.now() - before - 1;
    };
    std::uint64_t longest = 0, longest_judging = 0;
    for (unsigned i = 0; i < 8; ++i) {
      // They are judged anew after a write of theirs, and after another context was looked at.
      REQUIRE(f.rig.write_register(reg::host(0, reg::Host::Pkru), i));
      REQUIRE(f.rig.write_register(reg::gseg(0, reg::Seg::Limit), 0x1000 * i));
      longest_judging = std::max(longest_judging, commit(i & 1));
      f.commit(0, regs);
      for (unsigned n = 0; n < 3; ++n) REQUIRE(f.rig.write_register(reg::host(0, reg::Host::Pkru), i + n));
      longest = std::max(longest, commit(0));
    }
    CHECK(longest <= 24);
    CHECK(longest_judging <= 24 + 7);
    f.saw_translation();
  }
}

TEST_CASE("registers: what is staged reads back and is not active before COMMIT", "[registers]") {
  RigFixture f(device_presets().front());
  PageTables tables({}, f.rig.words());
  REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
  f.commit(0, tables.regs(plain_regs()));
  REQUIRE(f.rig.write_register(reg::host(0, reg::Host::Cr3), 0x7000));
  CHECK(f.rig.get(reg::host(0, reg::Host::Cr3)) == 0x7000);
  CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
}
