// The caches of the walker: what they save, what they tell apart, and what takes their entries away (architecture 7 and
// 9). Counts of references are exact; a build without caches shows the full walk each time.
#include <map>
#include <random>
#include <string>

#include "engine/lockstep_engine.hpp"
#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr GuestVirt kBase{0x8000000000};  // a multiple of 512 GiB, so that each step below changes one index
constexpr std::uint64_t k4K = 0x1000, k2M = 0x200000, k1G = 0x40000000, k512G = 0x8000000000;
constexpr std::uint64_t kOldFrames = 0x40000000, kNewFrames = 0x50000000;

struct Refs {
  std::uint64_t guest = 0;
  std::uint64_t nested = 0;
  bool operator==(const Refs&) const = default;
};
std::string show(const Refs& r) { return std::to_string(r.guest) + " guest, " + std::to_string(r.nested) + " nested"; }

TableConfig nested(PageSize size = PageSize::k4K) {
  TableConfig config;
  config.nested = true;
  config.nested_page = size;
  return config;
}

GuestVirt at(std::uint64_t offset) { return GuestVirt{kBase.value + offset}; }

class CacheFixture : public RigFixture {
 public:
  explicit CacheFixture(Preset preset, const TableConfig& config = {}, unsigned latency = 2)
      : RigFixture(preset, latency), info(preset_info(preset)), tables(config, rig.words()) {
    regs = tables.regs(plain_regs());
    activate();
  }
  void map(std::uint64_t offset, std::uint64_t frame, PageSize size = PageSize::k4K,
           const GuestAttr& attr = flags_set(), unsigned levels = 4) {
    REQUIRE(tables.map(at(offset), GuestPhys{frame}, size, attr) == MapError::None);
    if (attr.accessed) set_upper_flags(tables, at(offset), levels);
  }
  void activate() { commit(0, regs); }
  Result read(std::uint64_t offset) { return access(read_of(at(offset))); }
  Result write(std::uint64_t offset) { return access(write_of(at(offset))); }
  Result access(const Access& a) {
    rig.memory().clear_log();
    last = run(a);
    return last.result;
  }
  // Of the last access.
  Refs refs() {
    const Refs total{rig.get(reg::counter(0, reg::Count::GuestRefs)), rig.get(reg::counter(0, reg::Count::NestedRefs))};
    const Refs since{total.guest - before_.guest, total.nested - before_.nested};
    before_ = total;
    return since;
  }
  // In a build with structure caches, in one that has a nested TLB only, in one without caches in the walker.
  template <class T>
  T of_build(T cached, T nested_tlb, T full) const {
    return info.has_structure_caches() ? cached : info.has_nested_tlb() ? nested_tlb : full;
  }
  void check(std::uint64_t offset, std::uint64_t frame, Refs want) {
    (void)refs();
    CHECK(hpa_of(read(offset)).value == frame);
    const Refs got = refs();
    INFO("offset " << offset << ": " << show(got) << ", expected " << show(want));
    CHECK(got == want);
  }
  // The nested TLB makes no difference.
  void check(std::uint64_t offset, std::uint64_t frame, Refs cached, Refs full) {
    check(offset, frame, of_build(cached, full, full));
  }
  void check(std::uint64_t offset, std::uint64_t frame, Refs cached, Refs nested_tlb, Refs full) {
    check(offset, frame, of_build(cached, nested_tlb, full));
  }
  bool invalidate(InvOp op, std::uint64_t addr = 0, std::uint16_t pcid = 0, std::uint16_t vpid = 0) {
    return rig.invalidate({op, 0, addr, pcid, vpid});
  }
  std::size_t swaps() {
    std::size_t n = 0;
    for (const Transaction& t : rig.memory().log()) n += t.op == MemOp::Cas;
    return n;
  }

  const PresetInfo& info;
  PageTables tables;
  ContextRegs regs;
  Response last;

 private:
  Refs before_;
};

}  // namespace

// ---------------------------------------------------------------- what they save

TEST_CASE("walk caches: each guest structure cache saves the levels above its table", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset);
    const std::uint64_t offsets[] = {0, k4K, k2M, k1G, k512G};
    for (unsigned i = 0; i < 5; ++i) f.map(offsets[i], kOldFrames + i * k4K);
    f.check(0, kOldFrames, {4, 0}, {4, 0});
    f.check(k4K, kOldFrames + k4K, {1, 0}, {4, 0});
    f.check(k2M, kOldFrames + 2 * k4K, {2, 0}, {4, 0});
    f.check(k1G, kOldFrames + 3 * k4K, {3, 0}, {4, 0});
    f.check(k512G, kOldFrames + 4 * k4K, {4, 0}, {4, 0});
  }
}

TEST_CASE("walk caches: a nested walk of a warm 4 KiB page takes two references", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    const std::uint64_t offsets[] = {0, k4K, k2M, k1G, k512G};
    for (unsigned i = 0; i < 5; ++i) f.map(offsets[i], kOldFrames + i * k4K);
    // Within the first walk already: the guest's tables lie in one nested level-1 table.
    f.check(0, kOldFrames, {4, 4 + 1 + 1 + 1 + 4 - 1}, {4, 20});
    f.check(k4K, kOldFrames + k4K, {1, 1}, {4, 4}, {4, 20});
    f.check(k2M, kOldFrames + 2 * k4K, {2, 2}, {4, 8}, {4, 20});
    f.check(k1G, kOldFrames + 3 * k4K, {3, 3}, {4, 12}, {4, 20});
    f.check(k512G, kOldFrames + 4 * k4K, {4, 4}, {4, 16}, {4, 20});  // the root's page is in the nested TLB
  }
}

TEST_CASE("walk caches: the walk takes r*(M+1)+3 cycles, and with an L2 2 more", "[walkcaches][latency]") {
  for (const Preset preset : device_presets()) {
    for (const unsigned m : {1u, 10u}) {
      INFO("preset " << preset_name(preset) << " M " << m);
      CacheFixture f(preset, nested(), m);
      f.map(0, kOldFrames);
      f.map(k4K, kOldFrames + k4K);
      f.read(0);
      f.rig.cycles(10);  // insertions take the L2's port
      f.read(k4K);
      CHECK(f.cycles == walk_cycles(preset, f.of_build(2, 8, 24), m));
    }
  }
}

TEST_CASE("walk caches: a large nested page is kept as such", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    for (const PageSize size : {PageSize::k2M, PageSize::k1G}) {
      const std::uint64_t levels = size == PageSize::k2M ? 3 : 2;
      CacheFixture f(preset, nested(size));
      for (unsigned i = 0; i < 3; ++i) f.map(i * k4K, kOldFrames + i * k4K);
      f.map(k2M, kOldFrames + k2M);
      f.read(0);
      f.check(k4K, kOldFrames + k4K, {1, 0}, {4, levels}, {4, 5 * levels});
      f.check(2 * k4K, kOldFrames + 2 * k4K, {1, 0}, {4, levels}, {4, 5 * levels});
      // Another 2 MiB of the same 1 GiB.
      f.check(k2M, kOldFrames + k2M, {2, size == PageSize::k2M ? 1u : 0u}, {4, 2 * levels}, {4, 5 * levels});
    }
  }
}

TEST_CASE("walk caches: with five levels the top one is read each time the fourth is", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    TableConfig config;
    config.guest_levels = 5;
    CacheFixture f(preset, config);
    const std::uint64_t offsets[] = {0, k4K, k512G};
    for (unsigned i = 0; i < 3; ++i) f.map(offsets[i], kOldFrames + i * k4K, PageSize::k4K, flags_set(), 5);
    f.check(0, kOldFrames, {5, 0}, {5, 0});
    f.check(k4K, kOldFrames + k4K, {1, 0}, {5, 0});
    f.check(k512G, kOldFrames + 2 * k4K, {5, 0}, {5, 0});
  }
}

TEST_CASE("walk caches: a table that a VMM segment places is cached like one that EPT places", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    for (unsigned i = 0; i < 2; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    // The guest's tables are inside, where the segment leads to the same place; the pages are outside.
    f.regs.vseg[0] = {0, 0x1000000, 0, seg::R | seg::W | seg::X};
    f.activate();
    f.check(0, kOldFrames, {4, 4}, {4, 4});
    f.check(k4K, kOldFrames + k4K, {1, 1}, {4, 4});
  }
}

TEST_CASE("walk caches: outside the segments with VSEG_MISS nothing is translated, cached or not", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested(PageSize::k2M));
    for (unsigned i = 0; i < 2; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    f.read(0);  // the nested TLB has the page's 2 MiB
    f.regs.vseg[0] = {0, 0x1000000, 0, seg::R | seg::W | seg::X};
    f.regs.vseg_miss = true;
    f.activate();
    const Result result = f.read(k4K);
    REQUIRE(std::holds_alternative<Fault>(result));
    CHECK(std::get<Fault>(result).kind == FaultKind::VsegExit);
  }
}

TEST_CASE("walk caches: a guest segment above nested tables uses the nested caches", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    REQUIRE(f.tables.cover(GuestPhys{kOldFrames}, 4 * k4K) == MapError::None);
    f.regs.gseg = {kBase.value, kBase.value + k2M, kOldFrames - kBase.value, seg::R | seg::W | seg::X | seg::U};
    f.activate();
    f.check(0, kOldFrames, {0, 4}, {0, 4});
    f.check(k4K, kOldFrames + k4K, {0, 1}, {0, 4});
  }
}

TEST_CASE("walk caches: references of random walks over large footprints", "[walkcaches][footprint]") {
  struct Footprint {
    std::uint64_t bytes;
    double average;
    std::uint64_t worst;
  };
  for (const Preset preset : device_presets()) {
    if (preset != Preset::Server && preset != Preset::ServerBig) continue;
    const bool big = preset == Preset::ServerBig;
    for (const Footprint& footprint : {Footprint{k2M * 32, 2.1, 6}, Footprint{k1G, big ? 2.1 : 4.8, 6}}) {
      INFO("preset " << preset_name(preset) << " MiB " << (footprint.bytes >> 20));
      TableConfig config = nested();
      config.guest_tables = GuestPhys{0x1000000};
      config.ept_tables = HostPhys{0x10000000};
      CacheFixture f(preset, config, 1);
      for (std::uint64_t offset = 0; offset < footprint.bytes; offset += k4K) {
        const MapError error = f.tables.map(at(offset), GuestPhys{kOldFrames + offset}, PageSize::k4K, flags_set());
        if (error != MapError::None) FAIL("not mapped: " << offset);
        if (offset % k2M == 0) set_upper_flags(f.tables, at(offset));
      }
      const auto walks = [&](std::uint64_t offset) {
        CHECK(hpa_of(f.read(offset)).value == kOldFrames + offset);
        std::uint64_t reads = 0;
        for (const Transaction& t : f.rig.memory().log()) reads += t.op == MemOp::Read;
        return f.last.source == Source::Walk ? reads : 0;
      };
      for (unsigned n = 0; n < 2; ++n) {
        for (std::uint64_t offset = n * k4K; offset < footprint.bytes; offset += k2M) walks(offset);
      }
      std::mt19937_64 random(1);
      std::uint64_t total = 0, walked = 0, worst = 0;
      for (unsigned n = 0; n < 4000; ++n) {
        const std::uint64_t reads = walks((random() % footprint.bytes) & ~(k4K - 1));
        total += reads;
        walked += reads != 0;
        worst = std::max(worst, reads);
      }
      REQUIRE(walked > 1000);
      CHECK(static_cast<double>(total) / static_cast<double>(walked) <= footprint.average);
      CHECK(worst <= footprint.worst);
    }
  }
}

TEST_CASE("walk caches: CACHE_BYPASS looks nothing up and leaves nothing behind", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    for (unsigned i = 0; i < 4; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    f.bypass(true);
    f.check(0, kOldFrames, {4, 20}, {4, 20});
    f.check(k4K, kOldFrames + k4K, {4, 20}, {4, 20});
    f.bypass(false);
    f.check(k4K, kOldFrames + k4K, {4, 10}, {4, 20});
    f.bypass(true);
    f.check(2 * k4K, kOldFrames + 2 * k4K, {4, 20}, {4, 20});
  }
}

// ---------------------------------------------------------------- what they tell apart

TEST_CASE("walk caches: PCIDs, EPT roots and contexts have entries of their own", "[walkcaches][tags]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    enum class Differ { Pcid, Eptp, Context };
    for (const Differ differ : {Differ::Pcid, Differ::Eptp, Differ::Context}) {
      INFO("differ " << static_cast<int>(differ));
      CacheFixture f(preset, nested());
      TableConfig config = nested();
      config.guest_tables = GuestPhys{differ == Differ::Pcid ? 0x180000u : 0x100000u};
      config.ept_tables = HostPhys{0x600000};
      config.offset = 0x10000000;  // its tables lie elsewhere in host memory, and its pages too
      PageTables other(config, f.rig.words());
      for (unsigned i = 0; i < 4; ++i) {
        f.map(i * k4K, kOldFrames + i * k4K);
        const std::uint64_t frames = differ == Differ::Pcid ? kNewFrames : kOldFrames;
        REQUIRE(other.map(at(i * k4K), GuestPhys{frames + i * k4K}, PageSize::k4K, flags_set()) == MapError::None);
        set_upper_flags(other, at(i * k4K));
      }
      ContextRegs first = f.regs, second = other.regs(plain_regs());
      first.pcide = second.pcide = true;
      first.vpid = second.vpid = 1;
      if (differ == Differ::Pcid) {
        first.cr3 |= 1;
        second.cr3 |= 2;
        second.eptp = first.eptp;  // both guests' tables in one nested table
        for (std::uint64_t page = 0; page < 16; ++page) {
          (void)f.tables.emap(GuestPhys{0x180000 + page * k4K}, HostPhys{0x10180000 + page * k4K});
        }
        REQUIRE(f.tables.cover(GuestPhys{kNewFrames}, 4 * k4K) == MapError::None);
      }
      const std::uint64_t second_frames = differ == Differ::Pcid ? kNewFrames : kOldFrames + config.offset;
      Access access = read_of(at(0));
      const auto use = [&](bool use_second, unsigned page) {
        access.ctx = use_second && differ == Differ::Context ? 1 : 0;
        if (differ != Differ::Context) f.commit(0, use_second ? second : first);
        access.gva = at(page * k4K);
        const std::uint64_t frames = use_second ? second_frames : kOldFrames;
        CHECK(hpa_of(f.access(access)).value == frames + page * k4K);
      };
      f.commit(0, first);
      if (differ == Differ::Context) f.commit(1, second);
      use(false, 0);
      use(true, 1);
      use(false, 1);
      use(true, 0);
      if (differ == Differ::Context) continue;
      (void)f.refs();
      use(false, 2);  // both have kept what they had
      CHECK(f.refs() == f.of_build<Refs>({1, 1}, {4, 4}, {4, 20}));
      use(true, 2);
      CHECK(f.refs() == f.of_build<Refs>({1, 1}, {4, 4}, {4, 20}));
    }
  }
}

TEST_CASE("walk caches: requests and nested translations of the same page number are told apart",
          "[walkcaches][tags]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    // The gVA that is the gPA of another page, global as nested entries are, so that the number is the same too.
    GuestAttr global = flags_set();
    global.global = true;
    f.regs.pge = true;
    f.activate();
    const GuestVirt same{kOldFrames};
    REQUIRE(f.tables.map(same, GuestPhys{kNewFrames}, PageSize::k4K, global) == MapError::None);
    set_upper_flags(f.tables, same);
    f.map(0, kOldFrames, PageSize::k4K, global);
    f.map(k4K, kOldFrames, PageSize::k4K, global);
    CHECK(hpa_of(f.access(read_of(same))).value == kNewFrames);
    CHECK(hpa_of(f.read(0)).value == kOldFrames);  // gPA kOldFrames is nested
    CHECK(hpa_of(f.read(k4K)).value == kOldFrames);
    // Out of the first-level TLB, whose set has 4 ways at most 8; then from the second or from a walk.
    for (unsigned n = 1; n <= 8; ++n) {
      const std::uint64_t offset = k2M + 16 * n * k4K;
      f.map(offset, kOldFrames + 16 * n * k4K);
      f.read(offset);
    }
    CHECK(hpa_of(f.access(read_of(same))).value == kNewFrames);
  }
}

// ---------------------------------------------------------------- permissions, flags, faults

TEST_CASE("walk caches: no fault comes from a cache, and permissions may be raised without an invalidation",
          "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    TableConfig config = nested(PageSize::k2M);
    config.nested_attr.write = false;
    CacheFixture f(preset, config);
    for (unsigned i = 0; i < 4; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    f.read(0);
    (void)f.refs();
    const Result denied = f.write(k4K);
    REQUIRE(std::holds_alternative<Fault>(denied));
    CHECK(std::get<Fault>(denied).kind == FaultKind::EptViolation);
    CHECK(std::get<Fault>(denied).address == kOldFrames + k4K);
    // One reference to the guest's leaf and one to the nested leaf, then all.
    CHECK(f.refs() == f.of_build<Refs>({1 + 4, 1 + 15}, {4 + 4, 3 + 15}, {4, 15}));
    (void)f.tables.edit_ept(GuestPhys{kOldFrames}, 2, {0, ept::W});
    CHECK(hpa_of(f.write(k4K)).value == kOldFrames + k4K);
  }
}

TEST_CASE("walk caches: a guest fault found with a cached pointer is what the tables say now", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset);
    for (unsigned i = 0; i < 3; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    (void)f.tables.edit_guest(at(k4K), 1, {pt::P, 0});
    f.read(0);
    (void)f.refs();
    const Result missing = f.read(k4K);
    REQUIRE(std::holds_alternative<Fault>(missing));
    CHECK(std::get<Fault>(missing).kind == FaultKind::PageFault);
    CHECK(f.refs() == (f.info.has_structure_caches() ? Refs{1 + 4, 0} : Refs{4, 0}));
    // Another level-1 table, which has the page: the pointer to the old one is not evidence against it.
    const HostPhys table{0x700000};
    const EntryPlace leaf = *f.tables.guest_entry(at(2 * k4K), 1);
    f.rig.words().poke(HostPhys{table.value + 8}, (kNewFrames + k4K) | (leaf.word & ~kFrameMask));
    f.rig.words().poke(HostPhys{table.value + 16}, (kNewFrames + 2 * k4K) | (leaf.word & ~kFrameMask));
    const EntryPlace pointer = *f.tables.guest_entry(at(0), 2);
    f.rig.words().poke(pointer.hpa, table.value | (pointer.word & ~kFrameMask));
    CHECK(hpa_of(f.read(k4K)).value == kNewFrames + k4K);
    // The full walk has replaced the pointer.
    f.check(2 * k4K, kNewFrames + 2 * k4K, {1, 0}, {4, 0});
  }
}

TEST_CASE("walk caches: a user page is not reached through a supervisor entry that a cache skips", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset);
    for (unsigned i = 0; i < 2; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    (void)f.tables.edit_guest(at(0), 3, {pt::U, 0});
    Access supervisor = read_of(at(0));
    supervisor.user = false;
    CHECK(hpa_of(f.access(supervisor)).value == kOldFrames);
    const Result user = f.read(k4K);
    REQUIRE(std::holds_alternative<Fault>(user));
    CHECK(std::get<Fault>(user).kind == FaultKind::PageFault);
    CHECK(std::get<Fault>(user).code == 5);  // present, user
  }
}

TEST_CASE("walk caches: nested permissions above the leaf count when a cache skips them", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    for (unsigned i = 0; i < 2; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    (void)f.tables.edit_ept(GuestPhys{kOldFrames}, 2, {ept::W, 0});
    f.read(0);
    const Result denied = f.write(k4K);
    REQUIRE(std::holds_alternative<Fault>(denied));
    CHECK(std::get<Fault>(denied).kind == FaultKind::EptViolation);
  }
}

TEST_CASE("walk caches: no pointer is kept while an accessed flag above it is missing", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset);
    for (unsigned i = 0; i < 3; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    (void)f.tables.edit_guest(at(0), 3, {pt::A, 0});
    f.read(0);
    CHECK(f.swaps() == 1);
    f.check(k4K, kOldFrames + k4K, {3, 0}, {4, 0});  // the pointer to the level-3 table is above it
    f.check(2 * k4K, kOldFrames + 2 * k4K, {1, 0}, {4, 0});
  }
}

TEST_CASE("walk caches: a write sets and logs the dirty flag of a nested page that a read has left in the cache",
          "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    EngineOptions options;
    options.preset = preset;
    LockstepEngine engine(options);
    TableConfig config = nested(PageSize::k2M);
    config.accessed_dirty = true;
    PageTables tables(config, [&](HostPhys a, std::uint64_t w) { engine.poke(a, w); });
    for (unsigned i = 0; i < 4; ++i) {
      REQUIRE(tables.map(at(i * k4K), GuestPhys{kOldFrames + i * k4K}, PageSize::k4K, flags_set()) == MapError::None);
      set_upper_flags(tables, at(i * k4K));
    }
    ContextRegs regs = tables.regs(plain_regs());
    regs.pml_en = true;
    regs.pml_addr = 0x90000000;
    REQUIRE(engine.commit(0, regs) == CommitStatus::Ok);
    engine.set_pml_index(0, 511);
    const auto run = [&](const Access& a) {
      const AccessRecord record = engine.access(a);
      for (const std::string& d : record.differences) UNSCOPED_INFO(d);
      CHECK(record.differences.empty());
    };
    run(read_of(at(0)));
    run(read_of(at(k4K)));  // by now all is in the caches
    const HostPhys leaf = tables.ept_entry(GuestPhys{kOldFrames}, 2)->hpa;
    CHECK((engine.peek(leaf) & ept::D) == 0);
    const unsigned before = engine.pml_index(0);
    run(write_of(at(k4K)));  // nor does the first-level TLB permit it
    CHECK((engine.peek(leaf) & ept::D) != 0);
    CHECK(engine.pml_index(0) == before - 1);
    run(write_of(at(3 * k4K)));
    CHECK(engine.pml_index(0) == before - 1);
    CHECK(engine.mismatches() == 0);
  }
}

TEST_CASE("walk caches: a nested walk that faulted leaves no pointer below flags that it has not set", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    TableConfig config = nested();
    config.accessed_dirty = true;
    CacheFixture f(preset, config);
    for (unsigned i = 0; i < 2; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    (void)f.tables.edit_ept(GuestPhys{kOldFrames}, 1, {ept::R | ept::W | ept::X, 0});
    CHECK(std::holds_alternative<Fault>(f.read(0)));
    CHECK(hpa_of(f.read(k4K)).value == kOldFrames + k4K);
    for (unsigned level = 1; level <= 3; ++level) {
      INFO("level " << level);
      CHECK((f.rig.words().peek(f.tables.ept_entry(GuestPhys{kOldFrames + k4K}, level)->hpa) & ept::A) != 0);
    }
  }
}

TEST_CASE("walk caches: a guest flag is not written to a read-only table page that a cache knows", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    f.map(0, kOldFrames);
    f.map(k4K, kOldFrames + k4K, PageSize::k4K, GuestAttr{});
    const EntryPlace leaf = *f.tables.guest_entry(at(k4K), 1);
    (void)f.tables.edit_ept(leaf.gpa, 1, {ept::W, 0});
    f.read(0);
    const Result denied = f.read(k4K);
    REQUIRE(std::holds_alternative<Fault>(denied));
    CHECK(std::get<Fault>(denied).kind == FaultKind::EptViolation);
    CHECK(std::get<Fault>(denied).address == leaf.gpa.value);
    CHECK((f.rig.words().peek(leaf.hpa) & pt::A) == 0);
  }
}

TEST_CASE("walk caches: a bus error in a table that only a cache knows is not reported", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset);
    for (unsigned i = 0; i < 2; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    f.read(0);
    f.rig.memory().inject_error(f.tables.guest_entry(at(k4K), 1)->hpa, 1);
    const Result result = f.read(k4K);
    CHECK(std::holds_alternative<Translation>(result) == f.info.has_structure_caches());
  }
}

// ---------------------------------------------------------------- sizes

TEST_CASE("walk caches: what the nested TLB answers is no larger than the nested page", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    for (const PageSize size : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
      INFO("preset " << preset_name(preset) << " nested page " << static_cast<int>(size));
      CacheFixture f(preset, nested(size));
      // By two guest pages, so that the second one finds the nested translation of the first.
      for (const std::uint64_t offset : {std::uint64_t{0}, k1G}) {
        f.map(offset, kOldFrames, PageSize::k1G);
        const Result result = f.read(offset);
        CHECK(hpa_of(result).value == kOldFrames);
        CHECK(std::get<Translation>(result).size == size);
        CHECK(f.last.source == Source::Walk);
      }
    }
  }
}

TEST_CASE("walk caches: all nine size pairs and both kinds of EPT roots agree with the model", "[walkcaches]") {
  for (const Preset preset : device_presets()) {
    for (unsigned pair = 0; pair < 18; ++pair) {
      EngineOptions options;
      options.preset = preset;
      options.memory_latency = 1;
      LockstepEngine engine(options);
      TableConfig config = nested(static_cast<PageSize>(pair / 3 % 3));
      config.accessed_dirty = pair >= 9;
      PageTables tables(config, [&](HostPhys a, std::uint64_t w) { engine.poke(a, w); });
      const PageSize size = static_cast<PageSize>(pair % 3);
      const std::uint64_t bytes = page_bytes(size);
      constexpr unsigned kPages = 24;
      for (unsigned i = 0; i < kPages; ++i) {
        // Scattered, so that they share some tables of each level.
        const std::uint64_t offset = i * bytes + (i % 3) * (size == PageSize::k1G ? 0 : k1G * 64);
        REQUIRE(tables.map(at(offset), GuestPhys{kOldFrames + i * bytes}, size) == MapError::None);
      }
      REQUIRE(engine.commit(0, tables.regs(plain_regs())) == CommitStatus::Ok);
      for (unsigned round = 0; round < 2; ++round) {
        for (unsigned i = 0; i < kPages; ++i) {
          const std::uint64_t offset = i * bytes + (i % 3) * (size == PageSize::k1G ? 0 : k1G * 64) + 8 * i;
          const Op op = (i + round) % 3 == 0 ? Op::Write : Op::Read;
          const AccessRecord record = engine.access({at(offset), op, true, false, false, 0});
          INFO("preset " << preset_name(preset) << " pair " << pair << " " << describe(record.access));
          for (const std::string& d : record.differences) UNSCOPED_INFO(d);
          CHECK(record.differences.empty());
          CHECK(std::holds_alternative<Translation>(record.result));
        }
      }
      CHECK(engine.mismatches() == 0);
    }
  }
}

// ---------------------------------------------------------------- invalidation

namespace {

// Pages in one level-1 table; swing() makes the level-2 entry point to another table with other frames.
class SwingFixture : public CacheFixture {
 public:
  explicit SwingFixture(Preset preset, bool with_nested)
      : CacheFixture(preset, with_nested ? nested() : TableConfig{}) {
    for (unsigned i = 0; i < 8; ++i) map(i * k4K, kOldFrames + i * k4K);
    if (with_nested) REQUIRE(tables.cover(GuestPhys{kNewFrames}, 8 * k4K) == MapError::None);
    const EntryPlace leaf = *tables.guest_entry(at(0), 1);
    for (unsigned i = 0; i < 8; ++i) {
      rig.words().poke(HostPhys{kTable + 8 * i}, (kNewFrames + i * k4K) | (leaf.word & ~kFrameMask));
    }
    if (with_nested) REQUIRE(tables.emap(GuestPhys{kTable}, HostPhys{kTable}) == MapError::None);
    regs.pcide = regs.pge = true;
    regs.cr3 |= 1;
    regs.vpid = 7;
    activate();
    read(0);
    read(k4K);
  }
  void swing() {
    const EntryPlace pointer = *tables.guest_entry(at(0), 2);
    rig.words().poke(pointer.hpa, kTable | (pointer.word & ~kFrameMask));
  }
  // A page that no TLB has.
  bool sees_new(unsigned page) {
    const std::uint64_t hpa = hpa_of(read(page * k4K)).value;
    REQUIRE((hpa == kOldFrames + page * k4K || hpa == kNewFrames + page * k4K));
    return hpa == kNewFrames + page * k4K;
  }
  static constexpr std::uint64_t kTable = 0x700000;
};

}  // namespace

TEST_CASE("walk caches: every invalidation of guest translations drops the guest structure caches",
          "[walkcaches][invalidation]") {
  struct Case {
    InvOp op;
    std::uint64_t addr;
    std::uint16_t pcid;
    std::uint16_t vpid;
  };
  for (const Preset preset : device_presets()) {
    for (const bool with_nested : {false, true}) {
      const std::uint64_t far = at(k512G).value;  // whatever its address
      const Case cases[] = {{InvOp::Invlpg, far, 0, 0},   {InvOp::Invpcid0, far, 1, 0}, {InvOp::Invpcid1, 0, 1, 0},
                            {InvOp::Invpcid2, 0, 0, 0},   {InvOp::Invpcid3, 0, 0, 0},   {InvOp::LoadCr3, 0, 0, 0},
                            {InvOp::Invvpid0, far, 0, 7}, {InvOp::Invvpid1, 0, 0, 7},   {InvOp::Invvpid2, 0, 0, 7},
                            {InvOp::Invvpid3, 0, 0, 7},   {InvOp::Invept1, 0, 0, 0},    {InvOp::Invept2, 0, 0, 0},
                            {InvOp::Invctx, 0, 0, 0},     {InvOp::All, 0, 0, 0}};
      for (const Case& c : cases) {
        const bool vpid_op = c.op >= InvOp::Invvpid0 && c.op <= InvOp::Invvpid3;
        const bool ept_op = c.op == InvOp::Invept1 || c.op == InvOp::Invept2;
        if (!with_nested && (vpid_op || ept_op)) continue;  // they concern guests
        INFO("preset " << preset_name(preset) << " op " << static_cast<int>(c.op) << " nested " << with_nested);
        SwingFixture f(preset, with_nested);
        f.swing();
        CHECK(f.sees_new(2) == !f.info.has_structure_caches());  // a pointer from before is in use
        std::uint64_t addr = c.addr;
        if (c.op == InvOp::LoadCr3) addr = f.regs.cr3;
        if (c.op == InvOp::Invept1) addr = f.regs.eptp;
        REQUIRE(f.invalidate(c.op, addr, c.pcid, c.vpid));
        CHECK(f.sees_new(3));
      }
    }
  }
}

TEST_CASE("walk caches: guest invalidations leave the nested caches, INVEPT and INVCTX drop them",
          "[walkcaches][invalidation]") {
  for (const Preset preset : device_presets()) {
    for (const InvOp op : {InvOp::Invlpg, InvOp::Invpcid1, InvOp::Invept1, InvOp::Invept2, InvOp::Invctx, InvOp::All}) {
      INFO("preset " << preset_name(preset) << " op " << static_cast<int>(op));
      CacheFixture f(preset, nested());
      for (unsigned i = 0; i < 4; ++i) f.map(i * k4K, kOldFrames + i * k4K);
      f.read(0);
      f.read(k4K);
      const bool keeps = op == InvOp::Invlpg || op == InvOp::Invpcid1;
      REQUIRE(f.invalidate(op, op == InvOp::Invept1 ? f.regs.eptp : at(64 * k4K).value));
      // The guest's pages of tables are in the nested TLB, the final one's table in the nested structure cache.
      f.check(2 * k4K, kOldFrames + 2 * k4K, keeps ? Refs{4, 1} : Refs{4, 10}, keeps ? Refs{4, 4} : Refs{4, 20},
              {4, 20});
    }
  }
}

TEST_CASE("walk caches: INVEPT makes a nested table that was exchanged visible", "[walkcaches][invalidation]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    CacheFixture f(preset, nested());
    for (unsigned i = 0; i < 4; ++i) f.map(i * k4K, kOldFrames + i * k4K);
    f.read(0);
    f.read(k4K);
    const HostPhys table{0x700000};
    const EntryPlace leaf = *f.tables.ept_entry(GuestPhys{kOldFrames}, 1);
    for (unsigned i = 0; i < 4; ++i) {
      f.rig.words().poke(HostPhys{table.value + 8 * i}, (kNewFrames + i * k4K) | (leaf.word & ~kFrameMask));
    }
    const EntryPlace pointer = *f.tables.ept_entry(GuestPhys{kOldFrames}, 2);
    f.rig.words().poke(pointer.hpa, table.value | (pointer.word & ~kFrameMask));
    CHECK(hpa_of(f.read(2 * k4K)).value == (f.info.has_structure_caches() ? kOldFrames : kNewFrames) + 2 * k4K);
    REQUIRE(f.invalidate(InvOp::Invept1, f.regs.eptp));
    CHECK(hpa_of(f.read(3 * k4K)).value == kNewFrames + 3 * k4K);
  }
}

TEST_CASE("walk caches: in whichever cycle an invalidation comes, what is accepted after it sees the new table",
          "[walkcaches][invalidation]") {
  for (const Preset preset : device_presets()) {
    for (const InvOp op : {InvOp::Invlpg, InvOp::Invpcid1, InvOp::Invctx}) {
      for (unsigned delay = 0; delay < 24; ++delay) {
        INFO("preset " << preset_name(preset) << " op " << static_cast<int>(op) << " delay " << delay);
        SwingFixture f(preset, true);
        f.swing();
        std::map<unsigned, Response> answers;
        f.rig.on_response = [&](const Response& r) { answers[r.id] = r; };
        std::uint64_t acknowledged = 0;  // cycle
        f.rig.on_invalidation_acknowledged = [&](std::uint8_t) { acknowledged = f.rig.now(); };
        f.rig.send(read_of(at(2 * k4K)), 2);
        f.rig.cycles(delay);
        f.rig.start_invalidation({op, 0, at(0).value, 1, 0});
        // One after the other while it is carried out; some are accepted before it is acknowledged.
        unsigned id = 3;
        for (; id < 7 && acknowledged == 0; ++id) f.rig.send(read_of(at(id * k4K)), static_cast<std::uint8_t>(id));
        for (unsigned n = 0; n < 2000 && (acknowledged == 0 || answers.size() < id - 2); ++n) f.rig.cycle();
        REQUIRE(acknowledged != 0);
        REQUIRE(answers.size() == id - 2);
        // What was in use before is not to be found in an answer that comes after the acknowledgement.
        for (unsigned k = 2; k < id; ++k) {
          if (answers[k].cycle > acknowledged) CHECK(hpa_of(answers[k].result).value == kNewFrames + k * k4K);
        }
        f.rig.on_response = nullptr;
        CHECK(f.sees_new(7));
      }
    }
  }
}
