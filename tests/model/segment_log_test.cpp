// Dirty bitmaps of VMM segments: architecture 10 and docs/contract.md.
#include "log_world.hpp"

namespace vmmu::test {
namespace {

// A guest whose memory is one VMM segment, bitmap at kBitmap; its tables have all flags but the data page's dirty one.
struct SegLog : LogWorld {
  explicit SegLog(const TableConfig& config = nested(), BuildParams params = {}) : LogWorld(config, params) {
    regs.vseg[0] = vmm_segment();
    warm_up();
    regs.seg_log_en = true;
    regs.pml_en = true;
  }
  // Nothing left to do but the page's own bit.
  void guest_flags_set() {
    edit_guest(1, 0, pt::A | pt::D);
    for (unsigned level = 2; level <= 4; ++level) edit_guest(level, 0, pt::A);
  }
  HostPhys word_of(GuestPhys gpa) const { return {kBitmap.value + 8 * (((gpa.value - regs.vseg[0].base) >> 12) / 64)}; }
  std::uint64_t bit_of(GuestPhys gpa) const {
    return std::uint64_t{1} << (((gpa.value - regs.vseg[0].base) >> 12) % 64);
  }
};

}  // namespace

TEST_CASE("seglog: a write sets the bit of its page and is logged; a second one reads the bitmap only", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  CHECK(succeeds(world.user(Op::Write, {kPage.value + 0x123})));
  CHECK(world.trace.effects() == "bBp");
  CHECK(world.trace.of(Log::Pml) == Records{kFrame.value});
  CHECK(world.bit(kFrame));
  CHECK(world.index(Log::Pml) == 510);

  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.effects() == "b");
}

TEST_CASE("seglog: reads and fetches do not look at the bitmap", "[seglog]") {
  SegLog world;
  for (const Op op : {Op::Read, Op::Fetch}) {
    CHECK(succeeds(world.user(op)));
    CHECK(world.trace.effects().empty());
  }
}

TEST_CASE("seglog: the bit is counted from bit 0 of the first word, for BASE itself", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  world.regs.vseg[0] = segment(0x4000, std::uint64_t{1} << 32, kHostOffset + 0x4000);
  CHECK(succeeds(world.user(Op::Write)));  // kFrame is page 1 of the segment
  CHECK(world.word(kBitmap) >> 1 == 1);
}

TEST_CASE("seglog: page 64 has bit 0 of the second word", "[seglog]") {
  SegLog world;
  const GuestVirt gva{kPage.value + 0x10000};
  world.map(gva, {0x40000});
  CHECK(succeeds(world.user(Op::Write, gva)));
  CHECK(world.trace.bitmap_words.back().value == kBitmap.value + 8);
  CHECK((world.word({kBitmap.value + 8}) & 1) == 1);
}

TEST_CASE("seglog: the last page of the segment has the last bit", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  world.regs.vseg[0] = vmm_segment(kFrame.value + 0x1000);
  world.regs.vseg[1] = segment(kFrame.value + 0x1000, std::uint64_t{1} << 32, kHostOffset + kFrame.value + 0x1000);
  world.regs.vseg_bitmap[1] = kBitmap.value + 0x1000;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.word(kBitmap) >> 5 == 1);
}

TEST_CASE("seglog: each segment has a bitmap of its own", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  world.regs.vseg[1] = segment(0x5000, 0x6000, kHostOffset + 0x5000);
  world.regs.vseg[2] = segment(0x6000, std::uint64_t{1} << 32, kHostOffset + 0x6000);
  world.regs.vseg[0] = vmm_segment(0x5000);
  world.regs.vseg_bitmap[1] = kBitmap.value + 0x1000;
  world.regs.vseg_bitmap[2] = kBitmap.value + 0x200000;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.bitmap_words == std::vector<HostPhys>{{kBitmap.value + 0x1000}});
}

TEST_CASE("seglog: the bitmap read is counted apart from references, its swap with the swaps", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.count('r') == 4);
  CHECK(world.trace.count('b') == 1);
}

TEST_CASE("seglog: a guest flag that is written sets the bit of its table page first, a table read does not",
          "[seglog]") {
  SegLog world;
  CHECK(succeeds(world.user(Op::Write)));
  // The leaf's dirty flag: bit and record of the table page, then the flag; then the data page.
  CHECK(world.trace.effects() == "bBpsbBp");
  const GuestPhys table{world.guest_entry_gpa(1).value & ~std::uint64_t{0xfff}};
  CHECK(world.trace.of(Log::Pml) == Records{table.value, kFrame.value});
  CHECK(world.bit(table));
  CHECK_FALSE(world.bit({world.guest_entry_gpa(4).value}));
}

TEST_CASE("seglog: once per flag swap, whatever EPTP bit 6 says", "[seglog]") {
  for (const bool flags : {false, true}) {
    SegLog world(flags ? nested_with_flags() : nested());
    for (unsigned level = 1; level <= 4; ++level) world.edit_guest(level, pt::A, 0);
    CHECK(succeeds(world.user(Op::Write)));
    CHECK(world.trace.count('b') == 5);
    CHECK(world.trace.count('s') == 4);
    CHECK(world.trace.of(Log::Pml).size() == 5);
  }
}

TEST_CASE("seglog: PML_EN alone decides about records, with or without EPTP bit 6", "[seglog]") {
  for (const bool flags : {false, true}) {
    SegLog world(flags ? nested_with_flags() : nested());
    world.guest_flags_set();
    world.regs.pml_en = false;
    world.mmu.set_pml_index(0, 0xffff);  // and the log's room
    CHECK(succeeds(world.user(Op::Write)));
    CHECK(world.trace.effects() == "bB");
  }
}

TEST_CASE("seglog: a full log faults before the bit is set; drained, the access is logged once", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  world.mmu.set_pml_index(0, 0xffff);
  const Fault expected{FaultKind::PmlFull, 0, world.regs.fault_target, kPage, true, 0};
  CHECK(fault(world.user(Op::Write)) == expected);
  CHECK(world.trace.effects() == "b");
  CHECK_FALSE(world.bit(kFrame));
  world.mmu.set_pml_index(0, 511);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Pml) == Records{kFrame.value});
}

TEST_CASE("seglog: a full log does not matter when the bit is set", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  CHECK(succeeds(world.user(Op::Write)));
  world.mmu.set_pml_index(0, 0xffff);
  CHECK(succeeds(world.user(Op::Write)));
}

TEST_CASE("seglog: the log fills between table page and data page: the table is not logged twice", "[seglog]") {
  SegLog world;
  world.mmu.set_pml_index(0, 0);
  CHECK(answer(world.user(Op::Write)) == pml_full_answer());
  CHECK(world.trace.of(Log::Pml).size() == 1);
  CHECK(world.guest_dirty());
  world.mmu.set_pml_index(0, 511);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Pml) == Records{kFrame.value});
}

TEST_CASE("seglog: the segment's permission comes before the bitmap", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  world.regs.vseg[0].attr = seg::R | seg::X;
  CHECK(fault(world.user(Op::Write)).kind == FaultKind::EptViolation);
  CHECK(world.trace.effects().empty());
}

TEST_CASE("seglog: a table page that may not be written is a violation before its bitmap", "[seglog]") {
  SegLog world;
  world.regs.vseg[0].attr = seg::R | seg::X;
  CHECK(answer(world.user(Op::Write)) ==
        violation(qual::Read | qual::Write | qual::R | qual::X | qual::Linear, world.guest_entry_gpa(1)));
  CHECK(world.trace.effects().empty());
}

TEST_CASE("seglog: a bus error at the bitmap, read or swap, is one with the word's address", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  world.mem.fail_next(world.word_of(kFrame));
  CHECK(answer(world.user(Op::Write)) == bus_error(world.word_of(kFrame)));
  world.mem.fail_after(5);  // four entries, the word, then its swap
  CHECK(answer(world.user(Op::Write)) == bus_error(world.word_of(kFrame)));
  CHECK_FALSE(world.bit(kFrame));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Pml).size() == 1);
}

TEST_CASE("seglog: a bit that another sets first is not logged", "[seglog][race]") {
  SegLog world;
  world.guest_flags_set();
  world.mem.race(world.word_of(kFrame), world.bit_of(kFrame) | 1);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.effects() == "bB");
}

TEST_CASE("seglog: other bits that another sets are kept, and the swap tried again is logged once", "[seglog][race]") {
  SegLog world;
  world.guest_flags_set();
  world.mem.race(world.word_of(kFrame), 0x8000000000000001);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.effects() == "bBBp");
  CHECK(world.word(world.word_of(kFrame)) == (0x8000000000000001 | world.bit_of(kFrame)));
}

TEST_CASE("seglog: a word that never stops changing ends as a bus error", "[seglog][race]") {
  BuildParams params;
  params.max_restarts = 3;
  SegLog world(nested(), params);
  world.guest_flags_set();
  for (std::uint64_t i = 1; i <= 6; ++i) world.mem.race(world.word_of(kFrame), i % 2);
  CHECK(answer(world.user(Op::Write)) == bus_error(world.word_of(kFrame)));
  CHECK(world.trace.count('p') == 0);
}

TEST_CASE("seglog: an escaped page is a matter of EPT", "[seglog]") {
  SegLog world(nested_with_flags());
  world.guest_flags_set();
  world.regs.vfilter.insert(kFrame.value);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.ept_dirty(kFrame));
  CHECK(world.trace.count('b') == 0);
  CHECK(world.trace.of(Log::Pml) == Records{kFrame.value});
}

TEST_CASE("seglog: without SEG_LOG_EN a segment logs nothing", "[seglog]") {
  SegLog world;
  world.regs.seg_log_en = false;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.effects() == "s");
}

TEST_CASE("seglog: Dual Direct: a write reads the bitmap and no table", "[seglog]") {
  SegLog world;
  world.regs.gseg = guest_segment();
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.order == "bBp");
}

TEST_CASE("seglog: Compromis logs as well", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  world.regs.ept_en = false;
  world.regs.vseg_miss = true;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.effects() == "bBp");
}

TEST_CASE("seglog: switches promotion off", "[seglog]") {
  LogWorld world(nested());
  world.regs.gseg = segment(kPage.value & ~std::uint64_t{0x3fffffff}, (kPage.value | 0x3fffffff) + 1, 0);
  world.regs.vseg[0] = vmm_segment();
  world.regs.seg_promote = true;
  CHECK(translation(world.user(Op::Read)).size == PageSize::k1G);
  world.regs.seg_log_en = true;
  CHECK(translation(world.user(Op::Read)).size == PageSize::k4K);
}

TEST_CASE("seglog: peeking says whether a write would set its bit", "[seglog]") {
  SegLog world;
  world.guest_flags_set();
  const Access write{kPage, Op::Write, true, false, false, 0};
  REQUIRE(world.mmu.commit(0, world.regs) == Reject::None);
  CHECK(world.mmu.peek(write).wants_write);
  CHECK_FALSE(world.bit(kFrame));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK_FALSE(world.mmu.peek(write).wants_write);
}

TEST_CASE("seglog: COMMIT judges first and last word of the bitmaps of segments that are not empty",
          "[seglog][commit]") {
  LogWorld world(nested());
  constexpr std::uint64_t kTop = std::uint64_t{1} << 46;
  world.regs.vseg[1] = segment(0, 0x40000, kHostOffset);  // 64 pages: one word
  world.regs.vseg_bitmap[0] = kTop;                       // of an empty one
  world.regs.vseg_bitmap[1] = kTop - 0x1000;
  world.regs.seg_log_en = true;
  CHECK(world.mmu.commit(0, world.regs) == Reject::None);
  world.regs.vseg[1] = segment(0, 512 * 0x40000, kHostOffset);  // a page of words
  CHECK(world.mmu.commit(0, world.regs) == Reject::None);
  world.regs.vseg[1] = segment(0, 512 * 0x40000 + 0x1000, kHostOffset);
  CHECK(world.mmu.commit(0, world.regs) == Reject::Bitmap);
  world.regs.vseg[1] = segment(0, 0x40000, kHostOffset);
  world.regs.vseg_bitmap[1] = kTop;
  CHECK(world.mmu.commit(0, world.regs) == Reject::Bitmap);
  world.regs.seg_log_en = false;
  CHECK(world.mmu.commit(0, world.regs) == Reject::None);
}

TEST_CASE("log: the addresses are judged last, that of the PRL first", "[seglog][prl][commit]") {
  LogWorld world(nested());
  constexpr std::uint64_t kTop = std::uint64_t{1} << 46;
  world.regs.vseg[0] = segment(0, 0x40000, kHostOffset);
  world.regs.vseg_bitmap[0] = kTop;
  world.regs.seg_log_en = world.regs.prl_en = true;
  world.regs.prl_addr = kTop;
  CHECK(world.mmu.commit(0, world.regs) == Reject::PrlAddr);
  world.regs.vseg[1] = world.regs.vseg[0];
  CHECK(world.mmu.commit(0, world.regs) == Reject::SegmentOverlap);
}

}  // namespace vmmu::test
