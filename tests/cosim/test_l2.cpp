// The L2 TLB: what it answers and when, what it keeps, and what takes it away (architecture 7 and 9).
#include <map>
#include <set>

#include "segment_fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kPageBytes = 0x1000;
constexpr GuestVirt kFirst{0x80000000};
constexpr std::uint64_t kOldFrames = 0x40000000;
constexpr std::uint64_t kNewFrames = 0x50000000;
constexpr std::uint64_t kNewBit = kOldFrames ^ kNewFrames;
constexpr unsigned kHitCycles = 3;

// 4 KiB entries: pages that are a number of sets apart share a set.
struct Shape {
  explicit Shape(Preset preset)
      : l1_sets(preset_info(preset).values[3]),
        l1_ways(preset_info(preset).values[4]),
        l2_sets(preset_info(preset).values[8]),
        l2_ways(preset_info(preset).values[9]) {}
  unsigned l1_sets;
  unsigned l1_ways;
  unsigned l2_sets;
  unsigned l2_ways;
};

std::vector<Preset> presets_with_l2() {
  std::vector<Preset> with;
  for (const Preset preset : device_presets()) {
    if (preset_info(preset).has_l2()) with.push_back(preset);
  }
  return with;
}

// Pages by number, mapped when they are first used.
class L2Fixture : public RigFixture {
 public:
  explicit L2Fixture(Preset preset, const TableConfig& config = {}, unsigned latency = 10)
      : RigFixture(preset, latency), shape(preset), tables(config, rig.words()) {
    regs = tables.regs(plain_regs());
    activate();
  }
  static GuestVirt page(unsigned n) { return GuestVirt{kFirst.value + n * kPageBytes}; }
  void map(unsigned n, const GuestAttr& attr = flags_set()) {
    if (!mapped_.insert(n).second) return;
    REQUIRE(tables.map(page(n), GuestPhys{kOldFrames + n * kPageBytes}, PageSize::k4K, attr) == MapError::None);
    if (attr.accessed) set_upper_flags(tables, page(n));
  }
  void move(unsigned n) { (void)tables.edit_guest(page(n), 1, {kOldFrames, kNewFrames}); }
  Source read(unsigned n) {
    map(n);
    last = run(read_of(page(n)));
    return last.source;
  }
  Source write(unsigned n) {
    last = run(write_of(page(n)));
    return last.source;
  }
  // As many pages of its L1 set as that has ways, none of its L2 set; others each time, because those of the last time
  // may still be there.
  void push_out_of_l1(unsigned n) {
    beyond_ += 16 * shape.l2_sets;
    for (unsigned k = 1; k <= shape.l1_ways; ++k) read(n + shape.l1_sets * k + beyond_);
  }
  // The L2 has the page, the L1 does not.
  void prepare(unsigned n) {
    read(n);
    push_out_of_l1(n);
  }
  bool invalidate(InvOp op, std::uint64_t addr = 0, std::uint16_t pcid = 0) {
    return rig.invalidate({op, 0, addr, pcid, 0});
  }
  void activate() { commit(0, regs); }
  std::uint64_t hits() { return rig.get(reg::counter(0, reg::Count::L2Hits)); }

  const Shape shape;
  PageTables tables;
  ContextRegs regs;
  Response last;

 private:
  std::set<unsigned> mapped_;
  unsigned beyond_ = 0;
};

}  // namespace

// ---------------------------------------------------------------- what it answers

TEST_CASE("l2: a hit takes 3 cycles, says what the walk said, counts, and fills the L1", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    for (const bool nested : {false, true}) {
      TableConfig config;
      config.nested = nested;
      L2Fixture f(preset, config);
      GuestAttr attr = flags_set();
      attr.pat = 5;
      f.map(0, attr);
      REQUIRE(f.read(0) == Source::Walk);
      const Result walked = f.last.result;
      f.push_out_of_l1(0);
      const std::uint64_t before = f.hits();
      CHECK(f.read(0) == Source::L2);
      CHECK(f.cycles == kHitCycles);
      CHECK(f.last.result == walked);
      CHECK(f.hits() == before + 1);  // the entry is in the L1 3 cycles after the hit
      CHECK(f.read(0) == Source::L1);
      CHECK(f.hits() == before + 1);
    }
  }
}

TEST_CASE("l2: hits go through at one per cycle", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    constexpr unsigned kPages = 16;
    for (unsigned n = 0; n < kPages + f.shape.l1_sets * f.shape.l1_ways; ++n) f.read(n);
    std::map<unsigned, Response> answers;
    f.rig.on_response = [&](const Response& r) { answers[r.id] = r; };
    std::map<unsigned, std::uint64_t> accepted;
    for (unsigned n = 0; n < kPages; ++n) accepted[n] = f.rig.send(read_of(f.page(n)), static_cast<std::uint8_t>(n));
    f.rig.cycles(10);
    for (unsigned n = 0; n < kPages; ++n) {
      CHECK(accepted[n] == accepted[0] + n);
      CHECK(answers[n].source == Source::L2);
      CHECK(answers[n].cycle == accepted[n] + kHitCycles);
    }
  }
}

TEST_CASE("l2: a full set loses the page that was not used for longest", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    const unsigned ways = f.shape.l2_ways;
    const unsigned sets = f.shape.l2_sets;
    for (unsigned way = 0; way < ways; ++way) REQUIRE(f.read(way * sets) == Source::Walk);
    f.push_out_of_l1(0);
    CHECK(f.read(0) == Source::L2);
    CHECK(f.read(ways * sets) == Source::Walk);
    f.push_out_of_l1(0);
    // A tree: the half that was used last stays, and so on downwards.
    for (unsigned way = 0; way < ways; ++way) {
      if (way != ways / 2) CHECK(f.read(way * sets) == Source::L2);
    }
    CHECK(f.read(ways / 2 * sets) == Source::Walk);
  }
}

TEST_CASE("l2: pages larger than its entries are not kept", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    const bool keeps_2m = preset_info(preset).has_l2_2m();
    const PageSize size = keeps_2m ? PageSize::k1G : PageSize::k2M;
    const std::uint64_t bytes = keeps_2m ? 1 << 30 : 1 << 21;
    const unsigned others = preset_info(preset).values[keeps_2m ? 7 : 6];  // ways of such a set of the L1
    // Not the same set of 4 KiB entries for all of them.
    const auto large = [&](unsigned n) { return GuestVirt{0x4000000000 + n * 8 * bytes + 0x1000 * n + 0x456}; };
    for (unsigned n = 0; n <= others; ++n) {
      const GuestVirt base{large(n).value & ~(bytes - 1)};
      REQUIRE(f.tables.map(base, GuestPhys{kOldFrames + n * bytes}, size, flags_set()) == MapError::None);
      set_upper_flags(f.tables, base);
    }
    const Response first = f.run(read_of(large(0)));
    for (unsigned n = 1; n <= others; ++n) CHECK(f.run(read_of(large(n))).source == Source::Walk);
    const Response again = f.run(read_of(large(0)));
    CHECK(again.source == Source::Walk);
    CHECK(again.result == first.result);
  }
}

// ---------------------------------------------------------------- pages of 2 MiB

namespace {

constexpr std::uint64_t kLargeBytes = 0x200000;

std::vector<Preset> presets_with_l2_2m() {
  std::vector<Preset> with;
  for (const Preset preset : device_presets()) {
    if (preset_info(preset).has_l2_2m()) with.push_back(preset);
  }
  return with;
}

// Pages of 2 MiB by number, mapped when they are first used; an address inside of each.
class LargeFixture : public L2Fixture {
 public:
  using L2Fixture::L2Fixture;
  static GuestVirt base(unsigned n) { return GuestVirt{0x4000000000 + n * kLargeBytes}; }
  static GuestVirt inside(unsigned n) { return GuestVirt{base(n).value + 0x123456}; }
  static std::uint64_t frame(unsigned n) { return kOldFrames + n * kLargeBytes; }
  Source read_large(unsigned n) {
    if (large_.insert(n).second) {
      REQUIRE(tables.map(base(n), GuestPhys{frame(n)}, PageSize::k2M, flags_set()) == MapError::None);
      set_upper_flags(tables, base(n));
    }
    last = run(read_of(inside(n)));
    return last.source;
  }
  void prepare_large(unsigned n) {
    read_large(n);
    for (unsigned k = 1; k <= 4; ++k) read_large(n + 8 * k);  // its set of the L1 is 4 ways
  }

 private:
  std::set<unsigned> large_;
};

}  // namespace

TEST_CASE("l2: a hit on a page of 2 MiB takes 3 cycles, says what the walk said, and fills the L1", "[l2]") {
  for (const Preset preset : presets_with_l2_2m()) {
    LargeFixture f(preset);
    f.read_large(0);
    const Result walked = f.last.result;
    f.prepare_large(0);
    const std::uint64_t before = f.hits();
    CHECK(f.read_large(0) == Source::L2);
    CHECK(f.cycles == kHitCycles);
    CHECK(f.last.result == walked);
    CHECK(hpa_of(f.last.result).value == f.frame(0) + 0x123456);
    CHECK(f.hits() == before + 1);
    CHECK(f.run(read_of(f.base(0))).source == Source::L1);
    CHECK(std::get<Translation>(f.run(read_of(f.base(0))).result).size == PageSize::k2M);
  }
}

TEST_CASE("l2: hits on pages of 2 MiB go through at one per cycle, also mixed with those of 4 KiB", "[l2]") {
  for (const Preset preset : presets_with_l2_2m()) {
    LargeFixture f(preset);
    constexpr unsigned kPages = 8;
    for (unsigned n = 0; n < kPages + 32; ++n) f.read_large(n);
    for (unsigned n = 0; n < kPages + f.shape.l1_sets * f.shape.l1_ways; ++n) f.read(n);
    std::map<unsigned, Response> answers;
    f.rig.on_response = [&](const Response& r) { answers[r.id] = r; };
    std::map<unsigned, std::uint64_t> accepted;
    for (unsigned n = 0; n < 2 * kPages; ++n) {
      const GuestVirt gva = n % 2 == 0 ? f.inside(n / 2) : f.page(n / 2);
      accepted[n] = f.rig.send(read_of(gva), static_cast<std::uint8_t>(n));
    }
    f.rig.cycles(10);
    for (unsigned n = 0; n < 2 * kPages; ++n) {
      CHECK(accepted[n] == accepted[0] + n);
      CHECK(answers[n].source == Source::L2);
      CHECK(answers[n].cycle == accepted[n] + kHitCycles);
    }
  }
}

TEST_CASE("l2: INVLPG of any address takes a page of 2 MiB, and invalidations of its space do", "[l2][invalidation]") {
  for (const Preset preset : presets_with_l2_2m()) {
    for (const InvOp op : {InvOp::Invlpg, InvOp::Invpcid1, InvOp::Invctx, InvOp::All}) {
      LargeFixture f(preset);
      f.prepare_large(0);
      (void)f.tables.edit_guest(f.base(0), 2, {kOldFrames, kNewFrames});
      CHECK(f.read_large(0) == Source::L2);
      f.prepare_large(0);
      REQUIRE(f.invalidate(op, f.base(0).value + 0x1ff000));
      CHECK(f.read_large(0) == Source::Walk);
      CHECK(hpa_of(f.last.result).value == kNewFrames + 0x123456);
    }
  }
}

TEST_CASE("l2: an entry of each size that match together are a miss, and what is walked then stays alone", "[l2]") {
  for (const Preset preset : presets_with_l2_2m()) {
    LargeFixture f(preset);
    // A piece of 4 KiB that software replaces by a large page, without invalidating.
    const GuestVirt piece{f.inside(0).value & ~std::uint64_t{0xfff}};
    const GuestVirt other{piece.value ^ 0x1000};
    for (const GuestVirt gva : {piece, other}) {
      REQUIRE(f.tables.map(gva, GuestPhys{kNewFrames + (gva.value & 0xff000)}, PageSize::k4K, flags_set()) ==
              MapError::None);
      set_upper_flags(f.tables, gva);
    }
    CHECK(f.run(read_of(piece)).source == Source::Walk);
    f.push_out_of_l1(static_cast<unsigned>((piece.value >> 12) & (f.shape.l1_sets - 1)));
    const HostPhys pointer = f.tables.guest_entry(piece, 2)->hpa;
    f.rig.memory().poke(pointer, f.frame(0) | pt::P | pt::W | pt::U | pt::A | pt::D | pt::PS);
    REQUIRE(f.invalidate(InvOp::Invlpg, piece.value + 0x405000));  // of the structure caches, and of other sets
    CHECK(f.run(read_of(other)).source == Source::Walk);           // inserts the large page; the piece is still there
    CHECK(std::get<Translation>(f.run(read_of(other)).result).size == PageSize::k2M);
    for (unsigned k = 1; k <= 4; ++k) f.read_large(8 * k);  // out of the L1
    const Response both = f.run(read_of(piece));
    CHECK(both.source == Source::Walk);
    CHECK(hpa_of(both.result).value == f.frame(0) + (piece.value & 0x1fffff));
    for (unsigned k = 5; k <= 8; ++k) f.read_large(8 * k);
    const Response now = f.run(read_of(piece));
    CHECK(now.source == Source::L2);
    CHECK(hpa_of(now.result).value == f.frame(0) + (piece.value & 0x1fffff));
  }
}

TEST_CASE("l2: what an entry does not permit is walked, and what the walk finds replaces it", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    GuestAttr clean = flags_set();
    clean.dirty = false;
    f.map(0, clean);
    f.prepare(0);
    CHECK(f.write(0) == Source::Walk);  // sets the dirty flag
    CHECK((f.rig.words().peek(f.tables.guest_entry(f.page(0), 1)->hpa) & pt::D) != 0);
    f.push_out_of_l1(0);
    CHECK(f.write(0) == Source::L2);
    f.push_out_of_l1(0);
    CHECK(f.read(0) == Source::L2);
  }
}

TEST_CASE("l2: a fault is not answered from an entry", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    GuestAttr fixed = flags_set();
    fixed.writable = false;
    f.map(0, fixed);
    f.prepare(0);
    const Response r = f.run(write_of(f.page(0)));
    CHECK(r.source == Source::Walk);
    CHECK(fault_of(r.result).kind == FaultKind::PageFault);
    // A tag has no bits above 56.
    const Response wrong = f.run(read_of(GuestVirt{f.page(0).value ^ (std::uint64_t{1} << 63)}));
    CHECK(fault_of(wrong.result).kind == FaultKind::NonCanonical);
  }
}

// ---------------------------------------------------------------- beside the segments (MICRO'14, table I)

TEST_CASE("l2: what segments answer is inserted in the L1 only", "[l2][segment]") {
  for (const Preset preset : presets_with_l2()) {
    SegmentFixture f(preset, SegmentFixture::Paging::Nested);
    f.regs.gseg = guest_segment();
    f.regs.vseg[0] = vmm_segment();
    f.activate();
    const Shape shape(preset);
    for (unsigned k = 0; k <= shape.l1_ways; ++k) {
      CHECK(f.run(read_of(GuestVirt{kInside.value + k * shape.l1_sets * kPageBytes})).source == Source::Segment);
    }
    f.regs.gseg = f.regs.vseg[0] = Segment{};
    f.activate();
    const Response r = f.run(read_of(kInside));
    CHECK(r.source == Source::Walk);
    CHECK(hpa_of(r.result) == f.host(kPagedInside.value));
  }
}

TEST_CASE("l2: when segments answer, the entry of the page counts as unused", "[l2][segment]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    for (unsigned way = 0; way < f.shape.l2_ways; ++way) REQUIRE(f.read(way * f.shape.l2_sets) == Source::Walk);
    f.push_out_of_l1(0);
    f.regs.gseg = {f.page(0).value, f.page(1).value, 0, seg::R | seg::W | seg::U};
    f.activate();
    CHECK(f.read(0) == Source::Segment);
    f.regs.gseg = Segment{};
    f.activate();
    f.push_out_of_l1(0);
    CHECK(f.read(f.shape.l2_ways * f.shape.l2_sets) == Source::Walk);
    CHECK(f.read(0) == Source::Walk);
  }
}

// ---------------------------------------------------------------- tags

TEST_CASE("l2: entries of another PCID, VPID or EPTP do not answer, and are still there afterwards", "[l2]") {
  // Of a set that the nested translations of tables do not use, where the L2 holds these too.
  constexpr unsigned kPageNumber = 64;
  for (const Preset preset : presets_with_l2()) {
    for (const unsigned tag : {0u, 1u, 2u}) {
      INFO("tag " << tag);
      TableConfig config;
      config.nested = true;
      L2Fixture f(preset, config);
      config.ept_tables = HostPhys{0x8000000};
      PageTables twin(config, f.rig.words());  // the same guest tables, under another EPT root
      f.map(kPageNumber);
      REQUIRE(twin.map(f.page(kPageNumber), GuestPhys{kOldFrames + kPageNumber * kPageBytes}, PageSize::k4K,
                       flags_set()) == MapError::None);
      set_upper_flags(twin, f.page(kPageNumber));
      f.regs.virt = f.regs.pcide = true;
      f.regs.vpid = 1;
      f.activate();
      f.prepare(kPageNumber);
      const ContextRegs first = f.regs;
      if (tag == 0) f.regs.cr3 |= 7;
      if (tag == 1) f.regs.vpid = 2;
      if (tag == 2) f.regs.eptp = twin.eptp();
      f.activate();
      CHECK(f.read(kPageNumber) == Source::Walk);
      f.regs = first;
      f.activate();
      CHECK(f.read(kPageNumber) == Source::L2);
    }
  }
}

TEST_CASE("l2: a global page answers under another PCID", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    f.regs.pcide = f.regs.pge = true;
    f.activate();
    GuestAttr global = flags_set();
    global.global = true;
    f.map(0, global);
    f.prepare(0);
    REQUIRE(f.invalidate(InvOp::LoadCr3, f.regs.cr3 | 7));
    CHECK(f.read(0) == Source::L2);
    f.rig.cycles(3);
    CHECK(f.read(0) == Source::L1);
  }
}

// ---------------------------------------------------------------- invalidation

TEST_CASE("l2: INVLPG takes the page, and all pieces of a large page by any address in it", "[l2][invalidation]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    f.prepare(0);
    f.move(0);
    REQUIRE(f.invalidate(InvOp::Invlpg, f.page(0).value));
    CHECK(f.read(0) == Source::Walk);
    CHECK(hpa_of(f.last.result).value == kNewFrames);

    TableConfig config;
    config.nested = true;  // with EPT leaves of 4 KiB
    L2Fixture pieces(preset, config);
    REQUIRE(pieces.tables.map(kFirst, GuestPhys{kOldFrames}, PageSize::k2M, flags_set()) == MapError::None);
    set_upper_flags(pieces.tables, kFirst);
    for (unsigned k = 0; k <= pieces.shape.l1_ways; ++k)
      (void)pieces.run(read_of(pieces.page(k * pieces.shape.l1_sets)));
    CHECK(pieces.run(read_of(pieces.page(0))).source == Source::L2);
    REQUIRE(pieces.invalidate(InvOp::Invlpg, pieces.page(0x1ff).value));
    CHECK(pieces.run(read_of(pieces.page(0))).source == Source::Walk);
  }
}

TEST_CASE("l2: no invalidation is acknowledged before a stale answer, at any distance of the two",
          "[l2][invalidation]") {
  for (const Preset preset : presets_with_l2()) {
    for (const InvOp op : {InvOp::Invlpg, InvOp::Invpcid1, InvOp::Invctx, InvOp::All}) {
      for (int distance = -8; distance < 60; ++distance) {
        INFO("operation " << static_cast<unsigned>(op) << ", request " << distance << " cycles after it");
        L2Fixture f(preset, {}, 2);
        f.prepare(0);
        f.move(0);
        std::uint64_t acknowledged = 0;
        std::optional<Response> answer;
        f.rig.on_invalidation_acknowledged = [&](std::uint8_t) { acknowledged = f.rig.now(); };
        f.rig.on_response = [&](const Response& r) { answer = r; };
        const auto request = [&] { (void)f.rig.send(read_of(f.page(0)), 9); };
        if (distance < 0) {
          request();
          f.rig.cycles(static_cast<unsigned>(-1 - distance));
        }
        f.rig.start_invalidation({op, 0, f.page(0).value, 0, 0});
        if (distance >= 0) {
          f.rig.cycles(static_cast<unsigned>(distance));
          request();
        }
        f.rig.cycles(200);
        REQUIRE(answer.has_value());
        REQUIRE(acknowledged != 0);
        const bool stale = (hpa_of(answer->result).value & kNewBit) == (kOldFrames & kNewBit);
        if (stale) CHECK(answer->cycle <= acknowledged);
        f.rig.on_response = nullptr;
        f.read(0);
        CHECK(hpa_of(f.last.result).value == kNewFrames);
        f.push_out_of_l1(0);
        f.read(0);
        CHECK(hpa_of(f.last.result).value == kNewFrames);
      }
    }
  }
}

TEST_CASE("l2: a request that waits under numbers that were retired meanwhile finds nothing", "[l2][invalidation]") {
  for (const Preset preset : presets_with_l2()) {
    for (unsigned distance = 1; distance < 24; ++distance) {
      INFO("distance " << distance);
      L2Fixture f(preset, {}, 100);
      f.prepare(0);
      f.commit(1, f.regs);
      f.map(1);
      f.move(0);
      std::uint64_t acknowledged = 0;
      std::optional<Response> answer;
      f.rig.on_invalidation_acknowledged = [&](std::uint8_t) { acknowledged = f.rig.now(); };
      f.rig.on_response = [&](const Response& r) {
        if (r.id == 9) answer = r;
      };
      // The other context keeps the walker and all before it busy.
      for (std::uint8_t id = 0; id < 3; ++id) {
        Access other = read_of(f.page(1));
        other.ctx = 1;
        (void)f.rig.send(other, id);
      }
      f.rig.start_invalidation({InvOp::Invpcid1, 0, 0, 0, 0});
      f.rig.cycles(distance);
      (void)f.rig.send(read_of(f.page(0)), 9);
      f.rig.cycles(3000);
      REQUIRE(answer.has_value());
      REQUIRE(acknowledged != 0);
      const bool stale = (hpa_of(answer->result).value & kNewBit) == (kOldFrames & kNewBit);
      if (stale) CHECK(answer->cycle <= acknowledged);
    }
  }
}

TEST_CASE("l2: CACHE_BYPASS neither looks up nor fills, and COMMIT drops nothing", "[l2]") {
  for (const Preset preset : presets_with_l2()) {
    L2Fixture f(preset);
    f.prepare(0);
    f.map(1);
    REQUIRE(f.rig.write_register(reg::kGlobalCtrl, reg::kCacheBypass));
    for (const unsigned n : {0u, 1u, 1u}) {
      CHECK(f.read(n) == Source::Walk);
      CHECK(f.cycles == walk_cycles(preset, 4, 10));
    }
    REQUIRE(f.rig.write_register(reg::kGlobalCtrl, 0));
    CHECK(f.read(1) == Source::Walk);
    f.activate();
    CHECK(f.read(0) == Source::L2);
  }
}
