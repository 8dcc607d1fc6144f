// One walk for several requests to one page, and what becomes of those that joined it.
#include <algorithm>

#include "port_fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

TEST_CASE("merge: two requests to a missing page make one walk, at any distance of the two", "[merge]") {
  for (const Preset preset : device_presets()) {
    PortFixture f(preset);
    for (unsigned port = 0; port < f.rig.ports(); ++port) {
      for (unsigned distance = 0; distance < 70; ++distance) {
        INFO("preset " << preset_name(preset) << ", port " << port << ", distance " << distance);
        const unsigned n = port * 100 + distance;
        f.map(n);
        f.forget();
        const std::uint64_t walks = f.count(reg::Count::Walks);
        const std::uint64_t references = f.count(reg::Count::GuestRefs);
        (void)f.rig.send(read_of(f.page(n)), 1, 0);
        f.rig.cycles(distance);
        (void)f.rig.send(read_of(f.page(n)), 2, port);
        f.drain(2);
        const Response& second = f.answer[{port, 2}];
        CHECK(hpa_of(f.answer[{0, 1}].result).value == f.frame(n));
        CHECK(hpa_of(second.result).value == f.frame(n));
        CHECK(f.answer[{0, 1}].source == Source::Walk);
        CHECK((second.source == Source::L1 || second.source == Source::L2));
        CHECK(f.count(reg::Count::Walks) == walks + 1);
        // Without structure caches the walk of one request; with them less.
        const std::uint64_t made = f.count(reg::Count::GuestRefs) - references;
        CHECK((preset_info(preset).has_structure_caches() ? made <= 4 : made == 4));
      }
    }
  }
}

TEST_CASE("merge: as many as the buffer holds wait for one walk, and those beyond are not lost", "[merge]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    PortFixture f(preset);
    const auto rows = static_cast<unsigned>(f.rig.capability(reg::Cap::MissQueue));
    for (const unsigned requests : {rows + 1, rows + 6}) {
      const unsigned n = requests;
      f.map(n);
      f.forget();
      const std::uint64_t walks = f.count(reg::Count::Walks);
      for (unsigned i = 0; i < requests; ++i) {
        (void)f.rig.send(read_of(f.page(n)), static_cast<std::uint8_t>(i), i % f.rig.ports());
      }
      f.drain(requests);
      for (const auto& [who, r] : f.answer) CHECK(hpa_of(r.result).value == f.frame(n));
      const std::uint64_t made = f.count(reg::Count::Walks) - walks;
      if (requests == rows + 1) CHECK(made == 1);
      CHECK(made <= requests - rows);
    }
  }
}

TEST_CASE("merge: the answer of those that joined follows the walk's by a few cycles, one each cycle", "[merge]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    PortFixture f(preset);
    f.map(0);
    (void)f.rig.send(read_of(f.page(0)), 0);
    (void)f.rig.send(read_of(f.page(0)), 1);
    (void)f.rig.send(read_of(f.page(0)), 2);
    f.drain(3);
    const std::uint64_t walked = f.answer[{0, 0}].cycle;
    const auto [first, second] = std::minmax({f.answer[{0, 1}].cycle, f.answer[{0, 2}].cycle});  // either order
    CHECK(first == walked + 2);
    CHECK(second == walked + 3);
  }
}

TEST_CASE("merge: a fault is found by a walk of each request", "[merge]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    PortFixture f(preset);
    f.map(0);
    f.map(1);  // its table exists
    (void)f.tables.edit_guest(f.page(1), 1, {pt::P, 0});
    const std::uint64_t walks = f.count(reg::Count::Walks);
    const std::uint64_t references = f.count(reg::Count::GuestRefs);
    for (std::uint8_t id = 0; id < 3; ++id) (void)f.rig.send(read_of(f.page(1)), id, id % f.rig.ports());
    f.drain(3);
    for (const auto& [who, r] : f.answer) {
      CHECK(r.source == Source::Walk);
      REQUIRE(std::holds_alternative<Fault>(r.result));
      CHECK(std::get<Fault>(r.result).kind == FaultKind::PageFault);
      CHECK(std::get<Fault>(r.result).gva.value == f.page(1).value);
    }
    CHECK(f.count(reg::Count::Walks) == walks + 3);
    // What structure caches save is read again before a fault is reported.
    const std::uint64_t made = f.count(reg::Count::GuestRefs) - references;
    CHECK((preset_info(preset).has_structure_caches() ? made >= 12 : made == 12));
  }
}

TEST_CASE("merge: a write that joined a read's walk sets the dirty flag by a walk of its own", "[merge]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    PortFixture f(preset);
    GuestAttr clean = flags_set();
    clean.dirty = false;
    f.map(0, clean);
    const std::uint64_t walks = f.count(reg::Count::Walks);
    (void)f.rig.send(read_of(f.page(0)), 0);
    (void)f.rig.send(write_of(f.page(0)), 1, f.last_port());
    (void)f.rig.send(read_of(f.page(0)), 2);
    f.drain(3);
    CHECK(f.answer[{f.last_port(), 1}].source == Source::Walk);
    CHECK(f.answer[{0, 2}].source == Source::L1);
    CHECK((f.rig.words().peek(f.tables.guest_entry(f.page(0), 1)->hpa) & pt::D) != 0);
    CHECK(f.count(reg::Count::Walks) == walks + 2);
  }
}

TEST_CASE("merge: the same address in another context has a walk of its own", "[merge]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    PortFixture f(preset);
    f.map(0);
    TableConfig config;
    config.guest_tables = GuestPhys{0x8000000};
    PageTables others(config, f.rig.words());
    REQUIRE(others.map(f.page(0), GuestPhys{0x60000000}, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(others, f.page(0));
    f.commit(1, others.regs(plain_regs()));
    Access other = read_of(f.page(0));
    other.ctx = 1;
    (void)f.rig.send(read_of(f.page(0)), 0);
    (void)f.rig.send(other, 1, f.last_port());
    (void)f.rig.send(read_of(f.page(0)), 2);
    f.drain(3);
    CHECK(hpa_of(f.answer[{0, 0}].result).value == f.frame(0));
    CHECK(hpa_of(f.answer[{f.last_port(), 1}].result).value == 0x60000000);
    CHECK(hpa_of(f.answer[{0, 2}].result).value == f.frame(0));
    CHECK(f.count(reg::Count::Merged, 1) == 0);
    CHECK(f.count(reg::Count::Walks, 1) == 1);
  }
}

TEST_CASE("merge: hits go on at one per cycle while requests wait for a walk, and give way to second lookups once",
          "[merge]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    PortFixture f(preset, 30);
    f.map(0);
    f.map(1);
    (void)f.rig.send(read_of(f.page(1)), 200);
    f.drain(1);
    f.forget();
    (void)f.rig.send(read_of(f.page(0)), 0);
    (void)f.rig.send(read_of(f.page(0)), 1);
    f.rig.cycles(4);  // the second waits
    constexpr unsigned kDuringWalk = 20;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    for (unsigned i = 0; i < 150; ++i) {
      last = f.rig.send(read_of(f.page(1)), static_cast<std::uint8_t>(50 + i));
      if (i == 0) first = last;
      if (i < kDuringWalk) CHECK(last == first + i);
    }
    f.drain(152);
    // One cycle for the second lookup, and one for each answer that had waited 8 cycles for the hits.
    CHECK(last <= first + 149 + 3);
    for (unsigned i = 0; i < kDuringWalk; ++i) CHECK(f.answer[{0, 50 + i}].cycle == first + i + 1);
  }
}

TEST_CASE("merge: no stale answer follows the acknowledgement of an invalidation, in whatever cycle it comes",
          "[merge][invalidation]") {
  for (const Preset preset : device_presets()) {
    for (const InvOp op : {InvOp::Invlpg, InvOp::Invpcid1, InvOp::All}) {
      PortFixture f(preset, 2);
      for (unsigned distance = 0; distance < 40; ++distance) {
        INFO("preset " << preset_name(preset) << ", operation " << static_cast<unsigned>(op) << " after " << distance);
        const unsigned n = distance;
        f.map(n);
        f.forget();
        std::uint64_t acknowledged = 0;
        f.rig.on_invalidation_acknowledged = [&](std::uint8_t) { acknowledged = f.rig.now(); };
        const auto read = [&](std::uint8_t id, unsigned port) { (void)f.rig.send(read_of(f.page(n)), id, port); };
        read(0, 0);
        read(1, f.last_port());
        read(2, 0);
        f.rig.cycles(distance);
        f.move(n);
        f.rig.start_invalidation({op, 0, f.page(n).value, 0, 0});
        while (f.rig.invalidation_presented()) f.rig.cycle();
        read(3, f.last_port());  // accepted after the invalidation was: it joins no walk that this covers
        read(4, 0);
        while (acknowledged == 0) f.rig.cycle();
        read(5, f.last_port());
        f.drain(6);
        for (const auto& [who, r] : f.answer) {
          INFO("id " << who.second);
          if (f.stale(r)) CHECK(r.cycle <= acknowledged);
        }
        CHECK_FALSE(f.stale(f.answer[{f.last_port(), 5}]));
        f.rig.on_invalidation_acknowledged = nullptr;
      }
    }
  }
}

TEST_CASE("merge: requests that wait when a COMMIT comes end under the registers they were accepted under", "[merge]") {
  for (const Preset preset : device_presets()) {
    for (unsigned distance = 0; distance < 60; distance += 3) {
      INFO("preset " << preset_name(preset) << ", COMMIT after " << distance);
      PortFixture f(preset, 10);
      f.map(0);
      TableConfig config;
      config.guest_tables = GuestPhys{0x8000000};
      PageTables others(config, f.rig.words());
      REQUIRE(others.map(f.page(0), GuestPhys{0x60000000}, PageSize::k4K, flags_set()) == MapError::None);
      set_upper_flags(others, f.page(0));
      // Only CR3 differs, and it is the only register written before COMMIT.
      REQUIRE(f.rig.write_register(reg::host(0, reg::Host::Cr3), others.regs(plain_regs()).cr3));
      for (std::uint8_t id = 0; id < 3; ++id) (void)f.rig.send(read_of(f.page(0)), id, id % f.rig.ports());
      f.rig.cycles(distance);
      REQUIRE(f.rig.write_register(reg::host(0, reg::Host::Commit), 1));
      (void)f.rig.send(read_of(f.page(0)), 9);
      f.drain(4);
      for (std::uint8_t id = 0; id < 3; ++id) {
        CHECK(hpa_of(f.answer[{id % f.rig.ports(), id}].result).value == f.frame(0));
      }
      // COMMIT invalidates nothing: the last one may be answered by an entry made before.
      const std::uint64_t last = hpa_of(f.answer[{0, 9}].result).value;
      CHECK((last == f.frame(0) || last == 0x60000000));
    }
  }
}
