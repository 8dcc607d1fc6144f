// The RTL behind its AXI4 master: compare-and-swap on exclusives, errors on each channel, latency. Every run is
// under the AXI checker, whose violations fail the test.
#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

RigOptions axi_options(Preset preset, unsigned latency = 3, std::uint64_t seed = 1) {
  RigOptions o;
  o.preset = preset;
  o.device.axi = true;
  o.device.seed = seed;
  o.timing.latency_min = o.timing.latency_max = latency;
  if (const char* wave = std::getenv("VMMU_WAVE")) o.device.wave_file = wave;
  return o;
}

std::vector<Preset> presets() {
  REQUIRE_FALSE(device_axi_presets().empty());  // this program is built only where there are some
  return device_axi_presets();
}

// Four-level tables with two pages: kPage lacks every flag in its leaf only, kReady lacks none.
constexpr GuestVirt kReady{0x80000000};

struct Tables {
  explicit Tables(RigFixture& f) : tables(TableConfig{}, f.rig.words()) {
    GuestAttr bare;
    REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, bare) == MapError::None);
    REQUIRE(tables.map(kReady, kFrame, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables, kPage);
    set_upper_flags(tables, kReady);
    leaf = *tables.guest_entry(kPage, 1);
    f.commit(0, tables.regs(plain_regs()));
    f.rig.memory().clear_log();
  }
  PageTables tables;
  EntryPlace leaf;
};

unsigned count(RigFixture& f, AxiStep step, HostPhys addr) {
  unsigned n = 0;
  for (const AxiReply& r : f.rig.axi_memory()->replies()) n += r.step == step && r.addr == addr;
  return n;
}

std::vector<Transaction> swaps(RigFixture& f) {
  std::vector<Transaction> picked;
  for (const Transaction& t : f.rig.memory().log()) {
    if (t.op == MemOp::Cas) picked.push_back(t);
  }
  return picked;
}

void check_bus_error(const Response& response, HostPhys addr) {
  REQUIRE(std::holds_alternative<Fault>(response.result));
  CHECK(std::get<Fault>(response.result).kind == FaultKind::BusError);
  CHECK(std::get<Fault>(response.result).address == addr.value);
}

}  // namespace

TEST_CASE("axi: a walk of reads takes no cycle longer than at the memory port", "[axi]") {
  for (const Preset preset : presets()) {
    for (const unsigned latency : {1u, 2u, 10u}) {
      RigFixture f(axi_options(preset, latency));
      Tables t(f);
      CHECK(hpa_of(f.run(read_of(kReady)).result).value == kFrame.value);
      CHECK(f.cycles == walk_cycles(preset, 4, latency));
    }
  }
}

TEST_CASE("axi: the checker sits at the pins, and what it sees fails the run", "[axi]") {
  for (const Preset preset : presets()) {
    RigFixture f(axi_options(preset));
    Tables t(f);
    f.rig.axi_memory()->inject_reply(AxiStep::Read, AxiResp::ExOkay);  // a memory that breaks the rules
    f.run(read_of(kReady));
    const auto errors = f.rig.take_errors();
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].find(rule_name(AxiRule::ExOkayWithoutExclusive)) != std::string::npos);
  }
}

TEST_CASE("axi: a swap is one exclusive pair, and costs 2M + 2 cycles", "[axi]") {
  for (const Preset preset : presets()) {
    for (const unsigned latency : {1u, 2u, 10u}) {
      RigFixture f(axi_options(preset, latency));
      Tables t(f);
      CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
      CHECK(f.cycles == walk_cycles(preset, 4, latency) + 2 * latency + 2);
      CHECK(count(f, AxiStep::ExclusiveRead, t.leaf.hpa) == 1);
      CHECK(count(f, AxiStep::ExclusiveWrite, t.leaf.hpa) == 1);
      CHECK(f.rig.words().peek(t.leaf.hpa) == (t.leaf.word | pt::A));
    }
  }
}

TEST_CASE("axi: a swap that BRESP OKAY says is lost is tried again, pair by pair, until it succeeds", "[axi]") {
  for (const Preset preset : presets()) {
    for (const unsigned lost : {1u, 2u, 7u}) {
      RigFixture f(axi_options(preset));
      Tables t(f);
      f.rig.axi_memory()->inject_reply(AxiStep::ExclusiveWrite, AxiResp::Okay, lost);
      CHECK(hpa_of(f.run(write_of(kPage)).result).value == kFrame.value);
      CHECK(f.rig.words().peek(t.leaf.hpa) == (t.leaf.word | pt::A | pt::D));
      CHECK(count(f, AxiStep::ExclusiveRead, t.leaf.hpa) == lost + 1);
      CHECK(count(f, AxiStep::ExclusiveWrite, t.leaf.hpa) == lost + 1);
      REQUIRE(swaps(f).size() == 1);  // the MMU sees one swap, which succeeded
      CHECK(swaps(f)[0].swapped());
    }
  }
}

TEST_CASE("axi: another writer before or within the pair makes the swap reply with the word found", "[axi]") {
  for (const Preset preset : presets()) {
    unsigned before = 0;
    unsigned within = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      INFO("seed " << seed);
      RigOptions o = axi_options(preset, 3, seed);
      o.axi.vary_pairs = true;
      RigFixture f(o);
      Tables t(f);
      const std::uint64_t other = t.leaf.word ^ pt::W;  // more than flags: the walk starts again
      f.rig.memory().inject_race(t.leaf.hpa, other);
      CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
      CHECK(f.rig.words().peek(t.leaf.hpa) == (other | pt::A));
      const auto seen = swaps(f);
      REQUIRE(seen.size() == 2);
      CHECK(seen[0].data == other);
      CHECK_FALSE(seen[0].swapped());
      CHECK(seen[1].swapped());
      const unsigned writes = count(f, AxiStep::ExclusiveWrite, t.leaf.hpa);
      (writes == 1 ? before : within) += 1;
      CHECK(writes <= 2);
    }
    CHECK(before > 0);
    CHECK(within > 0);
  }
}

TEST_CASE("axi: OKAY on the exclusive read means unsupported: a bus error, and nothing is written", "[axi]") {
  for (const Preset preset : presets()) {
    RigOptions o = axi_options(preset);
    o.axi.exclusives = false;
    RigFixture f(o);
    Tables t(f);
    check_bus_error(f.run(read_of(kPage)), t.leaf.hpa);
    CHECK(f.rig.words().peek(t.leaf.hpa) == t.leaf.word);
    CHECK(count(f, AxiStep::ExclusiveRead, t.leaf.hpa) == 1);
    CHECK(count(f, AxiStep::ExclusiveWrite, t.leaf.hpa) == 0);
    CHECK(hpa_of(f.run(read_of(kReady)).result).value == kFrame.value);  // needs no swap
  }
}

TEST_CASE("axi: SLVERR and DECERR to a table read are bus errors", "[axi]") {
  for (const Preset preset : presets()) {
    for (const AxiResp resp : {AxiResp::SlvErr, AxiResp::DecErr}) {
      RigFixture f(axi_options(preset));
      Tables t(f);
      f.rig.axi_memory()->inject_reply(AxiStep::Read, resp);
      check_bus_error(f.run(read_of(kPage)), HostPhys{t.tables.cr3()});
      CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
    }
  }
}

TEST_CASE("axi: SLVERR and DECERR to either half of a pair are bus errors, and nothing is written", "[axi]") {
  for (const Preset preset : presets()) {
    for (const AxiStep step : {AxiStep::ExclusiveRead, AxiStep::ExclusiveWrite}) {
      for (const AxiResp resp : {AxiResp::SlvErr, AxiResp::DecErr}) {
        RigFixture f(axi_options(preset));
        Tables t(f);
        f.rig.axi_memory()->inject_reply(step, resp);
        check_bus_error(f.run(read_of(kPage)), t.leaf.hpa);
        CHECK(f.rig.words().peek(t.leaf.hpa) == t.leaf.word);
        CHECK(count(f, AxiStep::ExclusiveRead, t.leaf.hpa) == 1);
        CHECK(count(f, AxiStep::ExclusiveWrite, t.leaf.hpa) == (step == AxiStep::ExclusiveWrite ? 1 : 0));
        CHECK(hpa_of(f.run(read_of(kPage)).result).value == kFrame.value);
      }
    }
  }
}

TEST_CASE("axi: SLVERR and DECERR to a log record raise LOG_ERROR, and the request goes on", "[axi]") {
  for (const Preset preset : presets()) {
    for (const AxiResp resp : {AxiResp::Okay, AxiResp::SlvErr, AxiResp::DecErr}) {
      RigFixture f(axi_options(preset));
      TableConfig config;
      config.nested = true;
      config.accessed_dirty = true;
      PageTables tables(config, f.rig.words());
      constexpr GuestVirt kNext{kPage.value + 0x1000};
      for (const GuestVirt page : {kPage, kNext}) {
        const GuestPhys frame{kFrame.value + page.value};
        REQUIRE(tables.map(page, frame, PageSize::k4K, flags_set()) == MapError::None);
      }
      ContextRegs regs = tables.regs(plain_regs());
      regs.pml_en = true;
      regs.pml_addr = 0x90000000;
      f.commit(0, regs);
      CHECK(std::holds_alternative<Translation>(f.run(write_of(kPage)).result));  // logs the tables too
      const std::uint64_t index = f.rig.get(reg::host(0, reg::Host::PmlIndex));
      const HostPhys record{regs.pml_addr + 8 * index};
      if (resp != AxiResp::Okay) f.rig.axi_memory()->inject_reply(AxiStep::Write, resp);
      CHECK(hpa_of(f.run(write_of(kNext)).result).value == kFrame.value + kNext.value);
      f.rig.settle();
      const std::uint64_t events = f.rig.get(reg::host(0, reg::Host::Events));
      CHECK((events >> static_cast<unsigned>(Event::LogError) & 1) == (resp == AxiResp::Okay ? 0 : 1));
      CHECK(f.rig.words().peek(record) == (resp == AxiResp::Okay ? kFrame.value + kNext.value : 0));
      CHECK(f.rig.get(reg::host(0, reg::Host::PmlIndex)) == (resp == AxiResp::Okay ? index - 1 : index));
    }
  }
}

TEST_CASE("axi: swaps that wait hold up no read of another walk, and no pair overlaps another", "[axi]") {
  for (const Preset preset : presets()) {
    RigFixture f(axi_options(preset, 5));
    Tables t(f);
    f.saw_translation();
    if (f.rig.capability(reg::Cap::NumWalks) < 3) continue;  // the third walk would wait for a slot
    constexpr GuestVirt kSecond{kPage.value + 0x1000};
    REQUIRE(t.tables.map(kSecond, kFrame, PageSize::k4K, GuestAttr{}) == MapError::None);
    const HostPhys second = t.tables.guest_entry(kSecond, 1)->hpa;
    f.rig.axi_memory()->inject_reply(AxiStep::ExclusiveWrite, AxiResp::Okay, 20);
    std::vector<std::uint8_t> order;
    f.rig.on_response = [&](const Response& r) {
      CHECK(std::holds_alternative<Translation>(r.result));
      f.saw_translation();
      order.push_back(r.id);
    };
    f.rig.send(read_of(kPage), 1);    // loses its pair twenty times
    f.rig.send(read_of(kSecond), 2);  // waits for it
    f.rig.send(read_of(kReady), 3);   // needs no swap
    f.rig.cycles(2000);
    CHECK(order == std::vector<std::uint8_t>{3, 1, 2});
    // All pairs of the first come before any access of the second.
    bool second_began = false;
    for (const AxiReply& r : f.rig.axi_memory()->replies()) {
      if (r.step != AxiStep::ExclusiveRead && r.step != AxiStep::ExclusiveWrite) continue;
      second_began = second_began || r.addr == second;
      CHECK(r.addr == (second_began ? second : t.leaf.hpa));
    }
    CHECK(second_began);
    CHECK(count(f, AxiStep::ExclusiveWrite, t.leaf.hpa) == 21);
  }
}

TEST_CASE("axi: a pair that never wins ends in the watchdog, reads go on, and the late swap is harmless", "[axi]") {
  for (const Preset preset : presets()) {
    RigFixture f(axi_options(preset, 10));
    Tables t(f);
    const std::uint64_t limit = f.rig.capability(reg::Cap::WatchdogCycles);
    REQUIRE(limit != 0);
    f.rig.axi_memory()->inject_reply(AxiStep::ExclusiveWrite, AxiResp::Okay, static_cast<unsigned>(limit / 10));
    check_bus_error(f.run(read_of(kPage)), t.leaf.hpa);
    CHECK(f.cycles >= limit);
    CHECK(f.cycles <= limit + limit / 8 + 100);
    CHECK(hpa_of(f.run(read_of(kReady)).result).value == kFrame.value);
    f.rig.cycles(3 * limit);
    CHECK(f.rig.words().peek(t.leaf.hpa) == (t.leaf.word | pt::A));
    CHECK(hpa_of(f.run(write_of(kPage)).result).value == kFrame.value);
    CHECK(f.rig.words().peek(t.leaf.hpa) == (t.leaf.word | pt::A | pt::D));
  }
}
