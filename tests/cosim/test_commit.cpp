// COMMIT: what it rejects, and requests in flight around it.
#include "engine/lockstep_engine.hpp"
#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

TEST_CASE("commit: RTL and model reject the same register sets for the same reason", "[commit]") {
  for (const Preset preset : device_presets()) {
    EngineOptions options;
    options.preset = preset;
    LockstepEngine engine(options);
    std::vector<ContextRegs> sets(12, plain_regs());
    sets[0].maxphyaddr = 31;
    sets[1].maxphyaddr = static_cast<std::uint8_t>(engine.pa_bits() + 1);
    sets[2].ept_en = true;
    sets[3].ept_en = sets[3].virt = true;
    sets[3].eptp = eptp::kWriteBack;  // walk length missing
    sets[4] = sets[3];
    sets[4].eptp = eptp::kWalkLengthFour | 3;
    sets[5] = sets[3];
    sets[5].eptp = eptp::kWalkLengthFour | bit(8);
    sets[6] = sets[3];
    sets[6].eptp = eptp::kWalkLengthFour | bit(40);
    sets[7].cr3 = bit(40);
    sets[8].pml_en = true;
    sets[8].pml_addr = 0x1008;
    sets[9].pml_en = true;
    sets[9].pml_addr = bit(45);
    sets[10].pml_addr = bit(45);  // legal: the log is off
    sets[11].pcide = true;
    sets[11].cr3 = 0xfff;
    for (std::size_t i = 0; i < sets.size(); ++i) {
      INFO("preset " << preset_name(preset) << " set " << i);
      const CommitStatus status = engine.commit(0, sets[i]);
      CHECK((status == CommitStatus::Rejected) == (i < 10));
      const auto raised = engine.events(0) & 1;
      CHECK(raised == (i < 10 ? 1u : 0u));
      engine.clear_events(0, 1);
      for (const std::string& d : engine.take_differences()) FAIL_CHECK(d);
    }
  }
}

TEST_CASE("commit: requests accepted before use the old registers, those after it the new, none is lost", "[commit]") {
  for (const Preset preset : device_presets()) {
    EngineOptions options;
    options.preset = preset;
    options.memory_latency = 30;
    LockstepEngine engine(options);
    TableConfig first;
    TableConfig second;
    second.guest_tables = GuestPhys{0x300000};
    const auto poke = [&](HostPhys a, std::uint64_t w) { engine.poke(a, w); };
    PageTables old_tables(first, poke);
    PageTables new_tables(second, poke);
    // Different pages: entries of the old CR3 stay valid for those that were walked.
    constexpr unsigned kPages = 4;
    for (unsigned i = 0; i < kPages; ++i) {
      const std::uint64_t offset = 0x1000 * i;
      REQUIRE(old_tables.map({kPage.value + offset}, {kFrame.value + offset}) == MapError::None);
      REQUIRE(new_tables.map({kPage.value + 0x10000 + offset}, {kFrame.value + 0x10000 + offset}) == MapError::None);
    }
    REQUIRE(engine.commit(0, old_tables.regs(plain_regs())) == CommitStatus::Ok);
    unsigned good = 0;
    engine.on_complete([&](const AccessRecord& record) {
      for (const std::string& d : record.differences) FAIL_CHECK(d);
      good += std::holds_alternative<Translation>(record.result);
    });
    for (unsigned i = 0; i < kPages; ++i) engine.issue(read_of({kPage.value + 0x1000 * i}));
    while (engine.commit(0, new_tables.regs(plain_regs())) == CommitStatus::Busy) engine.rig().cycle();
    for (unsigned i = 0; i < kPages; ++i) engine.issue(read_of({kPage.value + 0x10000 + 0x1000 * i}));
    engine.sync();
    for (const std::string& d : engine.take_differences()) FAIL_CHECK(d);
    CHECK(good == 2 * kPages);
    CHECK(engine.mismatches() == 0);
  }
}

TEST_CASE("commit: a COMMIT while an earlier one has requests under the old registers is refused", "[commit]") {
  for (const Preset preset : device_presets()) {
    EngineOptions options;
    options.preset = preset;
    options.memory_latency = 60;
    LockstepEngine engine(options);
    PageTables tables({}, [&](HostPhys a, std::uint64_t w) { engine.poke(a, w); });
    REQUIRE(tables.map(kPage, kFrame) == MapError::None);
    ContextRegs regs = tables.regs(plain_regs());
    REQUIRE(engine.commit(0, regs) == CommitStatus::Ok);
    engine.issue(read_of(kPage));
    regs.fault_target = 1;
    CHECK(engine.commit(0, regs) == CommitStatus::Ok);
    regs.fault_target = 2;
    CHECK(engine.commit(0, regs) == CommitStatus::Busy);
    engine.sync();
    CHECK(engine.commit(0, regs) == CommitStatus::Ok);
    CHECK(engine.mismatches() == 0);
  }
}
