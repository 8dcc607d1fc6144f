// What the capability registers say is what the tools believe of a preset.
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

TEST_CASE("registers: what is staged reads back and is not active before COMMIT", "[registers]") {
  RigFixture f(device_presets().front());
  PageTables tables({}, f.rig.words());
  REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
  f.commit(0, tables.regs(plain_regs()));
  REQUIRE(f.rig.write_register(reg::host(0, reg::Host::Cr3), 0x7000));
  CHECK(f.rig.get(reg::host(0, reg::Host::Cr3)) == 0x7000);
  CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
}
