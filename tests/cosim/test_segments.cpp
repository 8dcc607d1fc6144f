// Direct segments and escape filters in the hardware: which structure answers, in how many cycles, at what cost.
#include <map>

#include "segment_fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;
using Paging = SegmentFixture::Paging;

namespace {

Access fetch_of(GuestVirt gva) { return {gva, Op::Fetch, true, false, false, 0}; }
Access supervisor_read_of(GuestVirt gva) { return {gva, Op::Read, false, false, false, 0}; }

// Lets only gPAs of the walk escape, the first `count` of its five, final address last.
void escape(SegmentFixture& f, GuestVirt gva, unsigned count) {
  std::vector<std::uint64_t> pages;
  for (unsigned level = 4; level >= 1; --level) pages.push_back(f.tables().guest_entry(gva, level)->gpa.value);
  pages.push_back(kPagedOutside.value);
  for (unsigned i = 0; i < count; ++i) f.regs.vfilter.insert(pages[i]);
  for (unsigned i = count; i < pages.size(); ++i) REQUIRE_FALSE(f.regs.vfilter.hits(pages[i]));
}

}  // namespace

// ---------------------------------------------------------------- cost of the modes (architecture 3)

TEST_CASE("segment: native, inside: answered in 2 cycles without a reference, then by the L1", "[segment]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    SegmentFixture f(preset, Paging::Native);
    f.regs.gseg = guest_segment();
    f.activate();
    const Response first = f.run(read_of(kInside));
    CHECK(first.source == Source::Segment);
    CHECK(f.cycles == 2);
    CHECK(translation_of(first.result) == Translation{f.by_segment(kInside), PageSize::k4K, 0, 6, false});
    CHECK(f.counted() == Counted{0, 1, 0, 1, 0});
    const Response second = f.run(read_of(kInside));
    CHECK(second.source == Source::L1);
    CHECK(second.result == first.result);
    CHECK(f.cycles == 1);
    CHECK(f.counted() == Counted{});
  }
}

TEST_CASE("segment: native, outside: 4 references and 1 check", "[segment]") {
  for (const Preset preset : device_presets()) {
    for (const unsigned m : {1u, 10u}) {
      INFO("preset " << preset_name(preset) << " M " << m);
      SegmentFixture f(preset, Paging::Native, m);
      f.regs.gseg = guest_segment();
      f.activate();
      const Response walk = f.run(read_of(kOutside));
      CHECK(walk.source == Source::Walk);
      CHECK(hpa_of(walk.result) == f.host(kPagedOutside.value));
      CHECK(f.cycles == walk_cycles(preset, 4, m));
      CHECK(f.counted() == Counted{4, 1, 0, 0, 1});
    }
  }
}

TEST_CASE("segment: Dual Direct answers in 2 cycles with 2 checks and no reference", "[segment]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    SegmentFixture f(preset, Paging::Nested);
    f.regs.gseg = guest_segment();
    f.regs.vseg[0] = vmm_segment();
    f.activate();
    const Response dual = f.run(read_of(kInside));
    CHECK(dual.source == Source::Segment);
    CHECK(f.cycles == 2);
    CHECK(translation_of(dual.result) == Translation{f.by_segment(kInside), PageSize::k4K, 0, 6, false});
    CHECK(f.counted() == Counted{0, 2, 0, 1, 0});
    CHECK(f.run(read_of(kInside)).source == Source::L1);
  }
}

TEST_CASE("segment: VMM Direct takes 4+4k references for k addresses that escape, and always 5 checks", "[segment]") {
  for (const Preset preset : device_presets()) {
    for (const unsigned m : {1u, 10u}) {
      for (unsigned k = 0; k <= 5; ++k) {
        INFO("preset " << preset_name(preset) << " M " << m << " k " << k);
        SegmentFixture f(preset, Paging::Nested, m);
        f.regs.vseg[0] = vmm_segment();
        escape(f, kOutside, k);
        f.activate();
        f.bypass(true);
        const Response walk = f.run(read_of(kOutside));
        CHECK(walk.source == Source::Walk);
        CHECK(hpa_of(walk.result) == f.host(kPagedOutside.value));
        CHECK(f.cycles == walk_cycles(preset, 4 + 4 * k, m));
        CHECK(f.counted() == Counted{4 + 4 * k, 5, k, 0, 1});
      }
    }
  }
}

TEST_CASE("segment: Guest Direct takes 4 references inside and 24 outside, with 1 check", "[segment]") {
  for (const Preset preset : device_presets()) {
    for (const unsigned m : {1u, 10u}) {
      INFO("preset " << preset_name(preset) << " M " << m);
      SegmentFixture f(preset, Paging::Nested, m);
      REQUIRE(f.tables().cover(GuestPhys{kInside.value + kGuestOffset}, 0x1000) == MapError::None);
      f.regs.gseg = guest_segment();
      f.activate();
      f.bypass(true);
      const Response inside = f.run(read_of(kInside));
      CHECK(inside.source == Source::Walk);
      CHECK(hpa_of(inside.result) == f.by_segment(kInside));
      CHECK(f.cycles == walk_cycles(preset, 4, m));
      CHECK(f.counted() == Counted{4, 1, 0, 0, 1});
      const Response outside = f.run(read_of(kOutside));
      CHECK(hpa_of(outside.result) == f.host(kPagedOutside.value));
      CHECK(f.cycles == walk_cycles(preset, 24, m));
      CHECK(f.counted() == Counted{24, 1, 0, 0, 1});
    }
  }
}

TEST_CASE("segment: with VSEG_MISS a guest walk through VMM segments takes 4 references and 5 checks", "[segment]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    SegmentFixture f(preset, Paging::Nested, 10);
    f.regs.ept_en = false;
    f.regs.vseg_miss = true;
    f.regs.vseg[0] = vmm_segment();
    f.activate();
    CHECK(hpa_of(f.run(read_of(kOutside)).result) == f.host(kPagedOutside.value));
    CHECK(f.cycles == walk_cycles(preset, 4, 10));
    CHECK(f.counted() == Counted{4, 5, 0, 0, 1});
  }
}

TEST_CASE("segment: answers go out at one per cycle, each 2 cycles after its request", "[segment]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    SegmentFixture f(preset, Paging::Nested);
    f.regs.gseg = guest_segment();
    f.regs.vseg[0] = vmm_segment();
    f.activate();
    std::map<unsigned, std::uint64_t> answered;
    f.rig.on_response = [&](const Response& r) {
      answered[r.id] = r.cycle;
      CHECK(r.source == Source::Segment);
      CHECK(hpa_of(r.result) == f.by_segment(GuestVirt{kInside.value + 0x1000 * r.id}));
    };
    std::uint64_t first = 0;
    for (std::uint8_t id = 0; id < 64; ++id) {
      const std::uint64_t accepted = f.rig.send(read_of(GuestVirt{kInside.value + 0x1000 * std::uint64_t{id}}), id);
      if (id == 0) first = accepted;
      CHECK(accepted == first + id);
    }
    f.rig.cycles(3);
    for (unsigned id = 0; id < 64; ++id) CHECK(answered[id] == first + id + 2);
    CHECK(f.counted() == Counted{0, 128, 0, 64, 0});
    f.saw_translation();
  }
}

TEST_CASE("segment: the dual check answers while every walk slot is in use", "[segment]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    SegmentFixture f(preset, Paging::Native, 200);
    f.regs.gseg = guest_segment();
    f.activate();
    unsigned from_segment = 0;
    f.rig.on_response = [&](const Response& r) { from_segment += r.source == Source::Segment; };
    const unsigned slots = preset_info(preset).values[13];
    for (unsigned i = 0; i < slots; ++i) {
      f.rig.send(read_of(GuestVirt{kOutside.value + 0x1000 * i}), static_cast<std::uint8_t>(i));
    }
    f.rig.cycles(3);
    for (unsigned i = 0; i < 10; ++i) {
      f.rig.send(read_of(GuestVirt{kInside.value + 0x1000 * i}), static_cast<std::uint8_t>(100 + i));
    }
    f.rig.cycles(3);
    CHECK(from_segment == 10);
    f.rig.cycles(2000);
    f.saw_translation();
  }
}

TEST_CASE("segment: CACHE_BYPASS keeps the dual check, which inserts nothing then", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.gseg = guest_segment();
  f.regs.vseg[0] = vmm_segment();
  f.activate();
  f.bypass(true);
  for (unsigned i = 0; i < 3; ++i) {
    CHECK(f.run(read_of(kInside)).source == Source::Segment);
    CHECK(f.cycles == 2);
    CHECK(f.counted() == Counted{0, 2, 0, 1, 0});
  }
  f.bypass(false);
  CHECK(f.run(read_of(kInside)).source == Source::Segment);
  f.rig.cycle();
  CHECK(f.run(read_of(kInside)).source == Source::L1);
}

// ---------------------------------------------------------------- the branches of MICRO'14, figure 5 and table I

TEST_CASE("segment: an entry of the L1 wins over a segment", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Native);
  f.activate();
  const Response paged = f.run(read_of(kInside));
  CHECK(hpa_of(paged.result) == f.host(kPagedInside.value));
  f.regs.gseg = guest_segment();
  f.activate();  // invalidates nothing
  const Response hit = f.run(read_of(kInside));
  CHECK(hit.source == Source::L1);
  CHECK(hpa_of(hit.result) == f.host(kPagedInside.value));
  f.drop_all();
  const Response segment = f.run(read_of(kInside));
  CHECK(segment.source == Source::Segment);
  CHECK(hpa_of(segment.result) == f.by_segment(kInside));
}

TEST_CASE("segment: guest page escaped, VMM segment holds: the guest walks, no EPT reference", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.gseg = guest_segment();
  f.regs.vseg[0] = vmm_segment();
  f.regs.gfilter.insert(kInside.value);
  f.activate();
  const Response walk = f.run(read_of(kInside));
  CHECK(walk.source == Source::Walk);
  CHECK(hpa_of(walk.result) == f.host(kPagedInside.value));
  CHECK(f.counted() == Counted{4, 6, 1, 0, 1});
}

TEST_CASE("segment: guest segment holds, VMM page escaped: only the final address is walked", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  const std::uint64_t gpa = kInside.value + kGuestOffset;
  REQUIRE(f.tables().cover(GuestPhys{gpa}, 0x1000) == MapError::None);
  f.regs.gseg = guest_segment();
  f.regs.vseg[0] = vmm_segment();
  f.regs.vfilter.insert(gpa);
  f.activate();
  const Response walk = f.run(read_of(kInside));
  CHECK(walk.source == Source::Walk);
  CHECK(hpa_of(walk.result) == f.by_segment(kInside));
  CHECK(f.counted() == Counted{4, 2, 1, 0, 1});
  CHECK(f.cycles == walk_cycles(device_presets().front(), 4, 10));
}

TEST_CASE("segment: both escaped: a whole two-dimensional walk", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.gseg = guest_segment();
  f.regs.vseg[0] = vmm_segment();
  f.regs.gfilter.insert(kInside.value);
  for (auto& lane : f.regs.vfilter.lanes) lane = ~std::uint64_t{0};
  f.activate();
  f.bypass(true);
  CHECK(hpa_of(f.run(read_of(kInside)).result) == f.host(kPagedInside.value));
  CHECK(f.counted() == Counted{24, 6, 6, 0, 1});
}

TEST_CASE("segment: a filter with one lane clear lets nothing escape", "[segment]") {
  for (unsigned lane = 0; lane < EscapeFilter::kBanks; ++lane) {
    SegmentFixture f(device_presets().front(), Paging::Native);
    f.regs.gseg = guest_segment();
    for (auto& bits : f.regs.gfilter.lanes) bits = ~std::uint64_t{0};
    f.regs.gfilter.lanes[lane] = 0;
    f.activate();
    CHECK(f.run(read_of(kInside)).source == Source::Segment);
    CHECK(f.counted() == Counted{0, 1, 0, 1, 0});
  }
}

// ---------------------------------------------------------------- bounds

TEST_CASE("segment: BASE is inside, the byte before LIMIT too, LIMIT and the byte before BASE are outside",
          "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Native);
  f.map(GuestVirt{kInside.value - 0x1000}, GuestPhys{0x7000'0000});
  f.map(GuestVirt{kGuestLimit}, GuestPhys{0x7000'1000});
  f.regs.gseg = guest_segment();
  f.activate();
  CHECK(f.run(read_of(kInside)).source == Source::Segment);
  CHECK(f.run(read_of(GuestVirt{kGuestLimit - 1})).source == Source::Segment);
  CHECK(f.run(read_of(GuestVirt{kGuestLimit})).source == Source::Walk);
  CHECK(f.run(read_of(GuestVirt{kInside.value - 1})).source == Source::Walk);
}

TEST_CASE("segment: a high-half gVA and an offset that goes round 2^64 work", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Native);
  const GuestVirt high{0xffff'8000'0000'0000};
  f.regs.gseg = {high.value, high.value + 0x10'0000, 0 - high.value + 0x500'0000, seg::R};
  f.activate();
  const Response r = f.run(supervisor_read_of(GuestVirt{high.value + 0x3210}));
  CHECK(r.source == Source::Segment);
  CHECK(hpa_of(r.result).value == 0x500'3210);
}

TEST_CASE("segment: a non-canonical address inside the segment is a non-canonical fault, unchecked", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Native);
  f.regs.gseg = {0, 0xffff'ffff'ffff'f000, 0, seg::R | seg::U};
  f.regs.maxphyaddr = static_cast<std::uint8_t>(preset_info(device_presets().front()).pa_bits());
  f.activate();
  CHECK(fault_of(f.run(read_of(GuestVirt{0x0001'0000'0000'0000})).result).kind == FaultKind::NonCanonical);
  CHECK(f.counted().checks == 0);
}

TEST_CASE("segment: every VMM segment of the build is looked at", "[segment]") {
  for (const Preset preset : device_presets()) {
    const unsigned segments = preset_info(preset).num_vmm_segments();
    for (unsigned n = 0; n < segments; ++n) {
      INFO("preset " << preset_name(preset) << " segment " << n);
      SegmentFixture f(preset, Paging::Nested);
      f.regs.gseg = guest_segment();
      for (unsigned i = 0; i < segments; ++i) f.regs.vseg[i] = {0x1000'0000 * i, 0x1000'0000 * i + 0x1000, 0, seg::R};
      const std::uint64_t gpa = kInside.value + kGuestOffset;
      f.regs.vseg[n] = {gpa, gpa + 0x10'0000, 0x2000'0000 * n, seg::R};
      f.activate();
      const Response r = f.run(read_of(kInside));
      CHECK(r.source == Source::Segment);
      CHECK(hpa_of(r.result).value == gpa + 0x2000'0000 * n);
    }
  }
}

// ---------------------------------------------------------------- faults

TEST_CASE("segment: a guest result at MAXPHYADDR is a segment fault of the gVA", "[segment][fault]") {
  for (const Paging paging : {Paging::Native, Paging::Nested}) {
    SegmentFixture f(device_presets().front(), paging);
    f.regs.gseg = guest_segment();
    f.regs.gseg.offset = (std::uint64_t{1} << f.regs.maxphyaddr) - kInside.value - 0x1000;
    f.activate();
    const Access beyond = read_of(GuestVirt{kInside.value + 0x1008});
    const Response r = f.run(beyond);
    CHECK(f.cycles == walk_cycles(device_presets().front(), 0, 1));
    const Fault& fault = fault_of(r.result);
    CHECK(fault.kind == FaultKind::SegmentFault);
    CHECK(fault.code == 0);
    CHECK(fault.address == beyond.gva.value);
    CHECK(f.counted().checks == 1);
  }
}

TEST_CASE("segment: a VMM result at MAXPHYADDR is a segment fault of the gPA, of a table or final",
          "[segment][fault]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.vseg[0] = vmm_segment();
  f.regs.vseg[0].offset = std::uint64_t{1} << f.regs.maxphyaddr;
  f.activate();
  const Fault table = fault_of(f.run(read_of(kOutside)).result);
  CHECK(table.kind == FaultKind::SegmentFault);
  CHECK(table.code == 1);
  CHECK(table.address == f.tables().guest_entry(kOutside, 4)->gpa.value);
  f.regs.gseg = guest_segment();
  f.activate();
  const Fault final = fault_of(f.run(read_of(GuestVirt{kInside.value + 8})).result);
  CHECK(final.kind == FaultKind::SegmentFault);
  CHECK(final.code == 1);
  CHECK(final.address == kInside.value + 8 + kGuestOffset);
}

TEST_CASE("segment: with VSEG_MISS an address outside, or escaped, is an exit that says what the access was",
          "[segment][fault]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.vseg_miss = true;
  f.regs.gseg = guest_segment();
  const std::uint64_t gpa = kInside.value + kGuestOffset;
  f.regs.vseg[0] = {gpa, gpa + 0x1000, kHostOffset, seg::R | seg::W | seg::X};
  f.activate();
  const auto exit_of = [&](const Access& access, std::uint16_t code, std::uint64_t address) {
    const Fault fault = fault_of(f.run(access).result);
    CHECK(fault.kind == FaultKind::VsegExit);
    CHECK(fault.code == code);
    CHECK(fault.address == address);
  };
  CHECK(f.run(write_of(kInside)).source == Source::Segment);
  const GuestVirt behind{kInside.value + 0x1008};
  exit_of(read_of(behind), 0x181, behind.value + kGuestOffset);
  exit_of(write_of(behind), 0x182, behind.value + kGuestOffset);
  exit_of(fetch_of(behind), 0x184, behind.value + kGuestOffset);
  exit_of(write_of(kOutside), 0x081, f.tables().guest_entry(kOutside, 4)->gpa.value);
  f.regs.vfilter.insert(gpa);
  f.activate();
  f.drop_all();
  exit_of(read_of(kInside), 0x181, gpa);
  CHECK(f.counted().references == 0);
}

TEST_CASE("segment: ATTR of the guest segment denies as a page with these bits would", "[segment][fault]") {
  struct Row {
    std::uint8_t attr;
    Access access;
    std::uint16_t code;
  };
  constexpr std::uint8_t kAll = seg::R | seg::W | seg::X | seg::U;
  const Row rows[] = {
      {kAll & ~seg::R, read_of(kInside), 0x05},
      {kAll & ~seg::W, write_of(kInside), 0x07},
      {kAll & ~seg::X, fetch_of(kInside), 0x15},
      {kAll & ~seg::U, read_of(kInside), 0x05},
      {kAll & ~seg::R, supervisor_read_of(kInside), 0x01},
  };
  for (const Row& row : rows) {
    INFO("attr " << unsigned{row.attr} << " operation " << static_cast<unsigned>(row.access.op));
    SegmentFixture f(device_presets().front(), Paging::Nested);
    f.regs.gseg = guest_segment();
    f.regs.vseg[0] = vmm_segment();
    f.activate();
    CHECK(f.run(row.access).source == Source::Segment);
    f.regs.gseg.attr = row.attr;
    f.activate();
    f.drop_all();
    f.counted();
    const Fault fault = fault_of(f.run(row.access).result);
    CHECK(fault.kind == FaultKind::PageFault);
    CHECK(fault.code == row.code);
    CHECK(f.counted() == Counted{0, 1, 0, 0, 1});
  }
}

TEST_CASE("segment: ATTR of the VMM segment denies with an EPT violation that carries it", "[segment][fault]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.gseg = guest_segment();
  f.regs.vseg[0] = vmm_segment();
  f.regs.vseg[0].attr = seg::R;
  f.activate();
  const GuestVirt gva{kInside.value + 0x10};
  const Fault write = fault_of(f.run(write_of(gva)).result);
  CHECK(write.kind == FaultKind::EptViolation);
  CHECK(write.code == 0x18a);
  CHECK(write.address == gva.value + kGuestOffset);
  CHECK(fault_of(f.run(fetch_of(gva)).result).code == 0x18c);
  CHECK(f.run(read_of(gva)).source == Source::Segment);
  // The entry that the read made denies the write too: the walk says so, not the entry.
  CHECK(fault_of(f.run(write_of(gva)).result).code == 0x18a);
}

TEST_CASE("segment: writing a guest flag needs W of the VMM segment that holds the table", "[segment][fault]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  const GuestVirt fresh{0x2'0000'0000};
  f.map(fresh, GuestPhys{0x6200'0000}, PageSize::k4K, GuestAttr{});
  f.regs.vseg[0] = vmm_segment();
  f.regs.vseg[0].attr = seg::R;
  f.activate();
  const Fault fault = fault_of(f.run(read_of(fresh)).result);
  CHECK(fault.kind == FaultKind::EptViolation);
  CHECK(fault.code == 0x08b);
  CHECK(fault.address == f.tables().guest_entry(fresh, 3)->gpa.value);  // the level above is accessed already
  CHECK(f.run(read_of(kOutside)).source == Source::Walk);               // nothing to set: R is enough
  f.regs.vseg[0].attr = seg::R | seg::W;
  f.activate();
  CHECK(hpa_of(f.run(read_of(fresh)).result) == f.host(0x6200'0000));
}

TEST_CASE("segment: with EPTP[6] reading a table in a segment needs W", "[segment][fault]") {
  TableConfig config;
  config.accessed_dirty = true;
  SegmentFixture f(device_presets().front(), Paging::Nested, 10, config);
  f.regs.vseg[0] = vmm_segment();
  f.regs.vseg[0].attr = seg::R;
  f.activate();
  const Fault fault = fault_of(f.run(read_of(kOutside)).result);
  CHECK(fault.kind == FaultKind::EptViolation);
  CHECK(fault.code == 0x08b);
  CHECK(fault.address == f.tables().guest_entry(kOutside, 4)->gpa.value);
}

TEST_CASE("segment: VMM Direct permits what the guest's table AND ATTR permit", "[segment]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.vseg[0] = vmm_segment();
  f.regs.vseg[0].attr = seg::R | seg::X;
  f.activate();
  CHECK(f.run(read_of(kOutside)).source == Source::Walk);
  CHECK(f.run(fetch_of(kOutside)).source == Source::L1);
  CHECK(fault_of(f.run(write_of(kOutside)).result).kind == FaultKind::EptViolation);
}

// ---------------------------------------------------------------- size of what is inserted (architecture 7)

namespace {

// The size answered, and that neighbours of the same kept page hit.
void check_kept(SegmentFixture& f, GuestVirt gva, PageSize size) {
  CHECK(translation_of(f.run(read_of(gva)).result).size == size);
  f.rig.cycle();  // an answer of the segments is there before its entry
  const std::uint64_t bytes = page_bytes(size);
  const std::uint64_t page = gva.value & ~(bytes - 1);
  CHECK(f.run(read_of(GuestVirt{page})).source == Source::L1);
  CHECK(f.run(read_of(GuestVirt{page + bytes - 1})).source == Source::L1);
}

}  // namespace

TEST_CASE("segment: answers are kept as 4 KiB, with SEG_PROMOTE_EN as the largest page wholly inside and aligned",
          "[segment][size]") {
  for (const Paging paging : {Paging::Native, Paging::Nested}) {
    SegmentFixture f(device_presets().front(), paging);
    f.regs.gseg = {0x4000'0000, 0xc000'0000 + 0x40'0000 + 0x3000, 0x4000'0000, seg::R | seg::U};
    if (paging == Paging::Nested) f.regs.vseg[0] = vmm_segment();
    f.activate();
    check_kept(f, GuestVirt{0x4001'2000}, PageSize::k4K);
    f.regs.seg_promote = true;
    f.activate();
    check_kept(f, GuestVirt{0x8001'2000}, PageSize::k1G);
    check_kept(f, GuestVirt{0xc001'2000}, PageSize::k2M);
    check_kept(f, GuestVirt{0xc040'1000}, PageSize::k4K);  // the last 2 MiB are not all inside
    f.regs.gfilter.insert(0xdead'b000);                    // any bit of the filter
    f.activate();
    CHECK(translation_of(f.run(read_of(GuestVirt{0xc020'0000})).result).size == PageSize::k4K);
  }
}

TEST_CASE("segment: an output less aligned than the page keeps SEG_PROMOTE_EN small", "[segment][size]") {
  SegmentFixture f(device_presets().front(), Paging::Nested);
  f.regs.seg_promote = true;
  f.regs.gseg = {0x4000'0000, 0x1'4000'0000, 0x20'0000, seg::R | seg::U};
  f.regs.vseg[0] = vmm_segment();
  f.activate();
  check_kept(f, GuestVirt{0x4000'0000}, PageSize::k2M);
  f.regs.vseg[0].offset += 0x1000;
  f.activate();
  check_kept(f, GuestVirt{0x5000'0000}, PageSize::k4K);
}

TEST_CASE("segment: a guest page that meets the guest segment is kept smaller, for each place of the segment",
          "[segment][size]") {
  struct Row {
    std::uint64_t base, limit;
    PageSize kept;
  };
  constexpr std::uint64_t kBig = 0x1'4000'0000;  // a 1 GiB guest page
  const Row rows[] = {
      {kBig - 0x1000, kBig, PageSize::k1G},                     // ends where the page begins
      {kBig + 0x4000'0000, kBig + 0x4000'1000, PageSize::k1G},  // begins where it ends
      {kBig + 0x3fff'f000, kBig + 0x5000'0000, PageSize::k2M},  // its last page
      {kBig - 0x1000, kBig + 0x1000, PageSize::k2M},            // its first page
      {kBig + 0x1000'0000, kBig + 0x1000'0000, PageSize::k1G},  // empty
      {kBig + 0x101f'f000, kBig + 0x1020'0000, PageSize::k2M},  // the page before
      {kBig + 0x1040'0000, kBig + 0x1060'0000, PageSize::k2M},  // the page after
      {kBig + 0x1020'3000, kBig + 0x1020'4000, PageSize::k4K},  // in the same 2 MiB
      {kBig + 0x103f'f000, kBig + 0x1060'0000, PageSize::k4K},
      {kBig + 0x1000'0000, kBig + 0x1020'1000, PageSize::k4K},
  };
  for (const Row& row : rows) {
    INFO("segment " << std::hex << row.base << " to " << row.limit);
    SegmentFixture f(device_presets().front(), Paging::Native);
    f.map(GuestVirt{kBig}, GuestPhys{0xc000'0000}, PageSize::k1G);
    f.regs.gseg = {row.base, row.limit, 0, seg::R};
    f.activate();
    check_kept(f, GuestVirt{kBig + 0x1020'2000}, row.kept);
  }
}

TEST_CASE("segment: an EPT page that meets a VMM segment is kept smaller; segments of tables alone do not count",
          "[segment][size]") {
  for (const bool meets : {false, true}) {
    TableConfig config;
    config.nested_page = PageSize::k2M;
    SegmentFixture f(device_presets().front(), Paging::Nested, 10, config);
    const GuestVirt big{0x1'4000'0000};
    f.map(big, GuestPhys{0x4000'0000}, PageSize::k2M);
    // The tables are inside the segment in any case.
    f.regs.vseg[0] = {0, meets ? 0x4000'1000u : 0x4000'0000u, kHostOffset, seg::R | seg::W};
    f.activate();
    check_kept(f, GuestVirt{big.value + 0x5000}, meets ? PageSize::k4K : PageSize::k2M);
    CHECK(f.counted().references == 4 - 1 + 3);
  }
}

// ---------------------------------------------------------------- invalidation

TEST_CASE("segment: an entry that the dual check made is gone after INVLPG, INVCTX and ALL",
          "[segment][invalidation]") {
  for (const InvOp op : {InvOp::Invlpg, InvOp::Invctx, InvOp::All}) {
    SegmentFixture f(device_presets().front(), Paging::Nested);
    f.regs.gseg = guest_segment();
    f.regs.vseg[0] = vmm_segment();
    f.activate();
    f.run(read_of(kInside));
    f.rig.cycle();  // the answer is there before the entry
    CHECK(f.run(read_of(kInside)).source == Source::L1);
    f.regs.gseg.offset += 0x1000;
    f.activate();
    CHECK(f.run(read_of(kInside)).source == Source::L1);  // COMMIT invalidates nothing
    Invalidation drop;
    drop.op = op;
    drop.addr = kInside.value;
    REQUIRE(f.rig.invalidate(drop));
    const Response fresh = f.run(read_of(kInside));
    CHECK(fresh.source == Source::Segment);
    CHECK(hpa_of(fresh.result).value == f.by_segment(kInside).value + 0x1000);
  }
}

TEST_CASE("segment: a request accepted under old registers inserts nothing after an invalidation",
          "[segment][invalidation]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    SegmentFixture f(preset, Paging::Native, 40);
    f.regs.gseg = guest_segment();
    f.activate();
    // Answers are rarely taken, so that a segment's answer and then the head of the miss queue wait.
    unsigned answers = 0;
    f.rig.on_response = [&](const Response&) { ++answers; };
    f.rig.set_response_stall(99);
    for (std::uint8_t id = 0; id < 3; ++id) {
      f.rig.send(read_of(GuestVirt{kInside.value + 0x1000 * std::uint64_t{id}}), id);
    }
    f.regs.gseg.offset += 0x10'0000;
    f.activate();
    for (std::uint8_t id = 3; id-- > 0;) {  // first the page of the request that waits longest
      Invalidation drop;
      drop.op = InvOp::Invlpg;
      drop.addr = kInside.value + 0x1000 * std::uint64_t{id};
      REQUIRE(f.rig.invalidate(drop));
    }
    f.rig.set_response_stall(0);
    f.rig.cycles(50);
    CHECK(answers == 3);
    for (std::uint8_t id = 0; id < 3; ++id) {
      const GuestVirt gva{kInside.value + 0x1000 * std::uint64_t{id}};
      const Response r = f.run(read_of(gva));
      CHECK(hpa_of(r.result).value == f.by_segment(gva).value + 0x10'0000);
    }
  }
}

TEST_CASE("segment: a request that waits behind walks under old registers inserts nothing after an invalidation",
          "[segment][invalidation]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    SegmentFixture f(preset, Paging::Native, 40);
    // An L2 has two places between the queue and the walker.
    const unsigned places = 1 + (preset_info(preset).has_l2() ? 2 : 0);
    const auto walks = static_cast<std::uint8_t>(f.rig.capability(reg::Cap::NumWalks) + places);
    for (std::uint64_t i = 1; i < walks; ++i) f.map({kOutside.value + 0x1000 * i}, {kPagedOutside.value + 0x1000 * i});
    f.regs.gseg = guest_segment();
    f.activate();
    unsigned answers = 0;
    f.rig.on_response = [&](const Response&) { ++answers; };
    // More walks than there are slots, and behind them a request that the segment will answer.
    for (std::uint8_t id = 0; id < walks; ++id) {
      f.rig.send(read_of(GuestVirt{kOutside.value + 0x1000 * std::uint64_t{id}}), id);
    }
    f.rig.send(read_of(kInside), walks);
    f.regs.gseg.offset += 0x10'0000;
    f.activate();
    Invalidation drop;
    drop.op = InvOp::Invlpg;
    drop.addr = kInside.value;
    CHECK(answers == 0);
    REQUIRE(f.rig.invalidate(drop));
    while (answers < walks + 1u) f.rig.cycle();
    f.rig.cycles(4);
    CHECK(hpa_of(f.run(read_of(kInside)).result).value == f.by_segment(kInside).value + 0x10'0000);
  }
}

// ---------------------------------------------------------------- SegmentAtL1 (ISCA 2013)

namespace {

class AtL1Fixture : public SegmentFixture {
 public:
  AtL1Fixture(Preset preset, Paging paging) : SegmentFixture(at_l1(preset), paging) {}

 private:
  static RigOptions at_l1(Preset preset) {
    RigOptions o = options(preset, 10);
    o.device.segment_at_l1 = true;
    return o;
  }
};

}  // namespace

TEST_CASE("segment: beside the L1 a native segment answers in 1 cycle, every time, and needs no entry",
          "[segment][at_l1]") {
  for (const Preset preset : device_at_l1_presets()) {
    INFO("preset " << preset_name(preset));
    AtL1Fixture f(preset, Paging::Native);
    f.regs.gseg = guest_segment();
    f.activate();
    CHECK(f.rig.capability(reg::Cap::SegmentAtL1) == 1);
    for (unsigned i = 0; i < 3; ++i) {
      const Response r = f.run(read_of(kInside));
      CHECK(r.source == Source::Segment);
      CHECK(f.cycles == 1);
      CHECK(translation_of(r.result) == Translation{f.by_segment(kInside), PageSize::k4K, 0, 6, false});
      CHECK(f.counted() == Counted{0, 1, 0, 1, 0});
    }
    CHECK(f.run(read_of(kOutside)).source == Source::Walk);
    CHECK(f.cycles == walk_cycles(preset, 4, 10));
    CHECK(f.counted() == Counted{4, 1, 0, 0, 1});
    CHECK(f.run(read_of(kOutside)).source == Source::L1);
    f.regs.gseg.attr = seg::R | seg::U;
    f.activate();
    CHECK(fault_of(f.run(write_of(kInside)).result).kind == FaultKind::PageFault);
  }
}

TEST_CASE("segment: beside the L1 an entry still wins, and Dual Direct takes 2 cycles without an entry",
          "[segment][at_l1]") {
  for (const Preset preset : device_at_l1_presets()) {
    INFO("preset " << preset_name(preset));
    AtL1Fixture native(preset, Paging::Native);
    native.activate();
    const HostPhys paged = hpa_of(native.run(read_of(kInside)).result);
    native.regs.gseg = guest_segment();
    native.activate();
    CHECK(hpa_of(native.run(read_of(kInside)).result) == paged);
    native.drop_all();
    CHECK(native.run(read_of(kInside)).source == Source::Segment);

    AtL1Fixture dual(preset, Paging::Nested);
    dual.regs.gseg = guest_segment();
    dual.regs.vseg[0] = vmm_segment();
    dual.activate();
    for (unsigned i = 0; i < 2; ++i) {
      CHECK(dual.run(read_of(kInside)).source == Source::Segment);
      CHECK(dual.cycles == 2);
      CHECK(dual.counted() == Counted{0, 2, 0, 1, 0});
    }
  }
}
