// Accessed and dirty flags when another writer interferes (architecture 6, rule 5), in lock step.
#include "engine/lockstep_engine.hpp"
#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

class Lockstep {
 public:
  explicit Lockstep(Preset preset)
      : engine(options(preset)), tables(config(), [this](HostPhys a, std::uint64_t w) { engine.poke(a, w); }) {
    REQUIRE(tables.map(kPage, kFrame) == MapError::None);
    ContextRegs regs = tables.regs(plain_regs());
    regs.pml_en = true;
    regs.pml_addr = 0x90000000;
    REQUIRE(engine.commit(0, regs) == CommitStatus::Ok);
  }
  ~Lockstep() { CHECK(engine.mismatches() == 0); }

  AccessRecord run(const Access& access) {
    const AccessRecord record = engine.access(access);
    for (const std::string& d : record.differences) UNSCOPED_INFO(d);
    CHECK(record.differences.empty());
    return record;
  }
  std::size_t swaps_of(HostPhys addr) {
    std::size_t n = 0;
    for (const Transaction& t : engine.rig().memory().log()) n += t.op == MemOp::Cas && t.addr == addr;
    return n;
  }
  std::size_t reads_of(HostPhys addr) {
    std::size_t n = 0;
    for (const Transaction& t : engine.rig().memory().log()) n += t.op == MemOp::Read && t.addr == addr;
    return n;
  }

  LockstepEngine engine;
  PageTables tables;

 private:
  static EngineOptions options(Preset preset) {
    EngineOptions o;
    o.preset = preset;
    o.memory_latency = 3;
    return o;
  }
  static TableConfig config() {
    TableConfig c;
    c.nested = true;
    c.accessed_dirty = true;
    return c;
  }
};

}  // namespace

TEST_CASE("flags: a swap lost to another accessed or dirty flag is tried again with the new word", "[flags]") {
  for (const Preset preset : device_presets()) {
    Lockstep l(preset);
    const EntryPlace leaf = *l.tables.guest_entry(kPage, 1);
    l.engine.inject_race(leaf.hpa, leaf.word | pt::A);  // D is still missing
    l.run(write_of(kPage));
    CHECK(l.swaps_of(leaf.hpa) == 2);
    CHECK(l.reads_of(leaf.hpa) == 1);
    CHECK(l.engine.peek(leaf.hpa) == (leaf.word | pt::A | pt::D));
  }
}

TEST_CASE("flags: a swap lost to one that set every flag wanted needs no other", "[flags]") {
  for (const Preset preset : device_presets()) {
    Lockstep l(preset);
    const EntryPlace leaf = *l.tables.guest_entry(kPage, 1);
    l.engine.inject_race(leaf.hpa, leaf.word | pt::A | pt::D);
    l.run(write_of(kPage));
    CHECK(l.swaps_of(leaf.hpa) == 1);
    CHECK(l.reads_of(leaf.hpa) == 1);
  }
}

TEST_CASE("flags: a swap lost to any other change starts the walk again from the root", "[flags]") {
  for (const Preset preset : device_presets()) {
    Lockstep l(preset);
    const EntryPlace root = *l.tables.guest_entry(kPage, 4);
    const EntryPlace leaf = *l.tables.guest_entry(kPage, 1);
    l.engine.inject_race(leaf.hpa, (leaf.word & ~pt::W));
    const AccessRecord record = l.run(write_of(kPage));
    CHECK(l.reads_of(root.hpa) == 2);
    CHECK(std::holds_alternative<Fault>(record.result));
  }
}

TEST_CASE("flags: the same three ways for an entry of the nested table, and nothing is logged twice", "[flags]") {
  for (const Preset preset : device_presets()) {
    for (const std::uint64_t other : {ept::A, ept::A | ept::D, std::uint64_t{0}}) {
      Lockstep l(preset);
      const EntryPlace leaf = *l.tables.ept_entry(kFrame, 1);
      l.engine.inject_race(leaf.hpa, other == 0 ? leaf.word & ~ept::W : leaf.word | other);
      l.run(write_of(kPage));
      l.run(write_of(kPage));
    }
  }
}

TEST_CASE("flags: all nine size pairs, cold, warm and written, agree in every read, swap and record", "[flags]") {
  for (const Preset preset : device_presets()) {
    for (unsigned pair = 0; pair < 9; ++pair) {
      EngineOptions options;
      options.preset = preset;
      options.memory_latency = 2;
      LockstepEngine engine(options);
      TableConfig config;
      config.nested = true;
      config.accessed_dirty = true;
      config.nested_page = static_cast<PageSize>(pair / 3);
      PageTables tables(config, [&](HostPhys a, std::uint64_t w) { engine.poke(a, w); });
      const GuestVirt gva{0x40000000};
      REQUIRE(tables.map(gva, kFrame, static_cast<PageSize>(pair % 3)) == MapError::None);
      ContextRegs regs = tables.regs(plain_regs());
      regs.pml_en = true;
      regs.pml_addr = 0x90000000;
      REQUIRE(engine.commit(0, regs) == CommitStatus::Ok);
      for (const Op op : {Op::Read, Op::Read, Op::Write, Op::Write, Op::Fetch}) {
        for (const std::uint64_t offset : {0x0u, 0x12345678u}) {
          const AccessRecord record = engine.access({GuestVirt{gva.value + offset}, op, true, false, false, 0});
          INFO("pair " << pair << " " << describe(record.access) << " -> " << describe(record.result));
          for (const std::string& d : record.differences) UNSCOPED_INFO(d);
          CHECK(record.differences.empty());
        }
      }
    }
  }
}
