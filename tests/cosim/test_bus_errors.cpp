// A memory that refuses or never answers: the walk ends with a bus error, and nothing hangs.
#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

ContextRegs nested_tables(RigFixture& f, bool flags) {
  TableConfig config;
  config.nested = true;
  config.accessed_dirty = !flags;
  PageTables tables(config, f.rig.words());
  REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags ? flags_set() : GuestAttr{}) == MapError::None);
  if (flags) set_upper_flags(tables, kPage);
  return tables.regs(plain_regs());
}

const Fault& fault_of(const Response& response) {
  REQUIRE(std::holds_alternative<Fault>(response.result));
  return std::get<Fault>(response.result);
}

}  // namespace

TEST_CASE("bus error: each of the 24 references of a nested walk reports its own address", "[bus]") {
  for (const Preset preset : device_presets()) {
    for (unsigned n = 0; n < 24; ++n) {
      INFO("preset " << preset_name(preset) << " reference " << n);
      RigFixture f(preset, 3);
      f.commit(0, nested_tables(f, true));
      f.bypass(true);
      f.rig.memory().clear_log();
      f.rig.memory().fail_request(n);
      const Response refused = f.run(read_of(kPage));
      const auto log = f.rig.memory().log();
      REQUIRE(log.size() == n + 1);  // nothing is read after the fault
      CHECK(log.back().error);
      CHECK(fault_of(refused).kind == FaultKind::BusError);
      CHECK(fault_of(refused).address == log.back().addr.value);
      CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
    }
  }
}

TEST_CASE("bus error: a refused flag swap reports the entry's address and leaves later flags alone", "[bus]") {
  for (const Preset preset : device_presets()) {
    RigFixture f(preset, 3);
    f.commit(0, nested_tables(f, false));
    f.rig.memory().clear_log();
    std::size_t number = 0;
    {
      RigFixture clean(preset, 3);
      clean.commit(0, nested_tables(clean, false));
      clean.rig.memory().clear_log();
      clean.run(write_of(kPage));
      const auto& log = clean.rig.memory().log();
      while (log[number].op != MemOp::Cas) ++number;
    }
    f.rig.memory().fail_request(number);
    const Response refused = f.run(write_of(kPage));
    CHECK(fault_of(refused).kind == FaultKind::BusError);
    CHECK(fault_of(refused).address == f.rig.memory().log().back().addr.value);
    CHECK(f.rig.memory().log().size() == number + 1);
    CHECK(hpa_of(f.run(write_of(kPage)).result).value == kFrame.value);
  }
}

TEST_CASE("watchdog: a memory that never answers ends the walk, and the late reply is ignored", "[bus]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 3);
    f.commit(0, nested_tables(f, true));
    const std::uint64_t limit = f.rig.capability(reg::Cap::WatchdogCycles);
    REQUIRE(limit != 0);
    f.rig.memory().withhold(true);
    const Response expired = f.run(read_of(kPage));
    CHECK(fault_of(expired).kind == FaultKind::BusError);
    CHECK(f.cycles >= limit);
    CHECK(f.cycles <= limit + limit / 8 + 32);
    CHECK((f.rig.get(reg::host(0, reg::Host::Events)) >> static_cast<unsigned>(Event::Watchdog) & 1) == 1);

    // The late reply comes in the middle of the next walk.
    f.rig.memory().withhold(false);
    std::vector<Response> responses;
    f.rig.on_response = [&](const Response& r) { responses.push_back(r); };
    f.rig.send(read_of(kPage), 1);
    f.rig.cycles(4);
    f.rig.memory().release();
    f.rig.cycles(400);
    REQUIRE(responses.size() == 1);
    if (f.rig.capability(reg::Cap::NumWalks) > 1) {
      CHECK(hpa_of(responses[0].result).value == kFrame.value);
    } else {
      // The only id was still in quarantine, so this walk failed at once. The reply has freed it.
      CHECK(fault_of(responses[0]).kind == FaultKind::BusError);
      CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
    }
  }
}

TEST_CASE("watchdog: with every memory id withheld, walks fail and answer all the same", "[bus]") {
  const Preset preset = device_presets().back();
  RigFixture f(preset, 3);
  f.commit(0, nested_tables(f, true));
  f.rig.memory().withhold(true);
  for (unsigned i = 0; i < 40; ++i) {
    CHECK(fault_of(f.run(read_of(kPage))).kind == FaultKind::BusError);
  }
  f.rig.memory().release();
  f.rig.cycles(100);
  CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
}
