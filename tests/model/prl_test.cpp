// Page-reference logging: architecture 10 and docs/contract.md.
#include "log_world.hpp"

namespace vmmu::test {
namespace {

struct Prl : LogWorld {
  explicit Prl(const TableConfig& config = nested_with_flags()) : LogWorld(config) { regs.prl_en = true; }
  std::uint8_t status() const { return mmu.prl_status(0); }
  void set_index(std::uint16_t index) { mmu.set_log_index(0, Log::Prl, index); }
};

struct PrlDouble : Prl {
  PrlDouble() {
    regs.prl_double = true;
    REQUIRE(mmu.commit(0, regs) == Reject::None);
  }
};

}  // namespace

TEST_CASE("prl: reads, writes and fetches that are answered are recorded with the page of their gPA", "[prl]") {
  Prl world;
  for (const Op op : {Op::Read, Op::Write, Op::Fetch}) {
    CHECK(succeeds(world.user(op, {kPage.value + 0x123})));
    CHECK(world.trace.of(Log::Prl) == Records{kFrame.value});
    CHECK(world.trace.effects().back() == 'l');  // after everything else
  }
  CHECK(world.index(Log::Prl) == 508);
  CHECK(world.word({kPrl.value + 8 * 511}) == kFrame.value);
}

TEST_CASE("prl: the same page is recorded again each time", "[prl]") {
  Prl world;
  for (int i = 0; i < 3; ++i) CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.index(Log::Prl) == 508);
}

TEST_CASE("prl: natively the record is the page's hPA", "[prl]") {
  Prl world(native());
  CHECK(succeeds(world.user(Op::Read, {kPage.value + 8})));
  CHECK(world.trace.of(Log::Prl) == Records{kFrame.value});
}

TEST_CASE("prl: the record of a large page is the 4 KiB page accessed", "[prl]") {
  World world(nested_with_flags(PageSize::k2M));
  world.map(kPage, {0x765000});
  world.regs.prl_en = true;
  world.regs.prl_addr = kPrl.value;
  CHECK(succeeds(world.user(Op::Read, {kPage.value + 8})));
  CHECK(world.trace.of(Step::What::Record).back().word == 0x765000);
}

TEST_CASE("prl: an answer that segments give without a walk is recorded", "[prl][segment]") {
  Prl world(nested());
  world.regs.gseg = guest_segment();
  world.regs.vseg[0] = vmm_segment();
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.order == "l");
  CHECK(world.trace.of(Log::Prl) == Records{kFrame.value});
}

TEST_CASE("prl: faults are not recorded", "[prl]") {
  Prl world;
  CHECK_FALSE(succeeds(world.user(Op::Read, {kPage.value + 0x100000})));
  CHECK(world.trace.count('l') == 0);
  CHECK(world.index(Log::Prl) == 511);
}

TEST_CASE("prl: a page that a cache still holds is not recorded", "[prl]") {
  Prl world;
  Access access{kPage, Op::Read, true, false, false, 0};
  access.held = true;
  CHECK(succeeds(world.run(access)));
  CHECK(world.trace.count('l') == 0);
}

TEST_CASE("prl: peeking records nothing, and does not count as wanting to write", "[prl]") {
  Prl world;
  CHECK(succeeds(world.user(Op::Write)));
  const std::uint16_t index = world.index(Log::Prl);
  const Mmu::Peek peek = world.mmu.peek({kPage, Op::Write, true, false, false, 0});
  CHECK(succeeds(peek.result));
  CHECK_FALSE(peek.wants_write);
  CHECK(world.index(Log::Prl) == index);
}

TEST_CASE("prl: without PRL_EN nothing is recorded", "[prl]") {
  LogWorld world;
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.count('l') == 0);
}

TEST_CASE("prl: contexts have logs of their own", "[prl]") {
  Prl world;
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.mmu.log_index(1, Log::Prl) == 511);
}

TEST_CASE("prl: published: slot 1 is the last one used, at index 0 the record is dropped and counted", "[prl]") {
  Prl world;
  world.set_index(1);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.last_place.value == kPrl.value + 8);
  CHECK(world.index(Log::Prl) == 0);
  CHECK_FALSE(world.mmu.event(0, Event::PrlFull));
  CHECK(world.status() == 0);

  CHECK(succeeds(world.user(Op::Read)));  // never stops a request
  CHECK(world.trace.effects() == "d");
  CHECK(world.word(kPrl) == 0);
  CHECK(world.index(Log::Prl) == 0);
  CHECK(world.mmu.prl_drops(0) == 1);
  CHECK(world.mmu.event(0, Event::PrlFull));
  CHECK(world.status() == prl_status::kFirstFull);
}

TEST_CASE("prl: published: the event comes with the first drop only, until software arms the log again", "[prl]") {
  Prl world;
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Read)));
  world.mmu.clear_event(0, Event::PrlFull);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK_FALSE(world.mmu.event(0, Event::PrlFull));
  CHECK(world.mmu.prl_drops(0) == 2);

  world.set_index(511);
  CHECK(world.status() == 0);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.count('l') == 1);
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.mmu.event(0, Event::PrlFull));
}

TEST_CASE("prl: published: 511 records fit", "[prl]") {
  Prl world;
  unsigned recorded = 0;
  for (unsigned i = 0; i < 600; ++i) {
    CHECK(succeeds(world.user(Op::Read)));
    recorded += static_cast<unsigned>(world.trace.count('l'));
  }
  CHECK(recorded == 511);
  CHECK(world.mmu.prl_drops(0) == 600 - 511);
}

TEST_CASE("prl: an index with any of bits 15:9 is out of the page", "[prl]") {
  for (const std::uint16_t index : {std::uint16_t{512}, std::uint16_t{0x8001}}) {
    Prl world;
    world.set_index(index);
    CHECK(succeeds(world.user(Op::Read)));
    CHECK(world.trace.effects().back() == 'd');
    CHECK(world.index(Log::Prl) == index);
  }
}

TEST_CASE("prl: the drop counter is cleared by a write, and the events go on without it", "[prl]") {
  Prl world;
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Read)));
  world.mmu.clear_prl_drops(0);
  CHECK(world.mmu.prl_drops(0) == 0);
  CHECK(world.status() == prl_status::kFirstFull);
}

TEST_CASE("prl: the watermark event comes when the decremented index equals the watermark", "[prl]") {
  Prl world;
  world.regs.prl_watermark = 510;
  CHECK_FALSE(world.mmu.event(0, Event::PrlWatermark));
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.mmu.event(0, Event::PrlWatermark));
  world.mmu.clear_event(0, Event::PrlWatermark);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK_FALSE(world.mmu.event(0, Event::PrlWatermark));
}

TEST_CASE("prl: double: all 512 slots of the first buffer, then those of the second", "[prl]") {
  PrlDouble world;
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.last_place == kPrl);
  CHECK(world.index(Log::Prl) == 511);
  CHECK(world.status() == (prl_status::kSecondInUse | prl_status::kFirstFull));
  CHECK(world.mmu.event(0, Event::PrlFull));
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.last_place.value == kPrl2.value + 8 * 511);
  CHECK(world.mmu.prl_drops(0) == 0);
}

TEST_CASE("prl: double: back to the first buffer when software has emptied it", "[prl]") {
  PrlDouble world;
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Read)));
  world.mmu.clear_prl_status(0, prl_status::kFirstFull);
  CHECK(world.status() == prl_status::kSecondInUse);
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.status() == prl_status::kSecondFull);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.last_place.value == kPrl.value + 8 * 511);
}

TEST_CASE("prl: double: drops only while both buffers are full", "[prl]") {
  PrlDouble world;
  unsigned recorded = 0;
  for (unsigned i = 0; i < 1100; ++i) {
    CHECK(succeeds(world.user(Op::Read)));
    recorded += static_cast<unsigned>(world.trace.count('l'));
  }
  CHECK(recorded == 1024);
  CHECK(world.mmu.prl_drops(0) == 1100 - 1024);
  CHECK(world.status() == (prl_status::kSecondInUse | prl_status::kBothFull));

  world.mmu.clear_prl_status(0, prl_status::kFirstFull);
  CHECK(world.status() == prl_status::kSecondFull);
  CHECK(world.index(Log::Prl) == 511);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.last_place.value == kPrl.value + 8 * 511);
}

TEST_CASE("prl: double: of two buffers emptied at once the one that filled first is used", "[prl]") {
  PrlDouble world;
  for (unsigned i = 0; i < 1024; ++i) CHECK(succeeds(world.user(Op::Read)));
  world.mmu.clear_prl_status(0, prl_status::kBothFull);
  CHECK(world.status() == 0);
  CHECK(world.index(Log::Prl) == 511);
}

TEST_CASE("prl: double: a write of the index leaves the full bits alone", "[prl]") {
  PrlDouble world;
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Read)));
  world.set_index(100);
  CHECK(world.status() == (prl_status::kSecondInUse | prl_status::kFirstFull));
}

TEST_CASE("prl: clearing bits that are not set, or the one in use, changes nothing", "[prl]") {
  PrlDouble world;
  world.set_index(7);
  world.mmu.clear_prl_status(0, 0xff);
  CHECK(world.status() == 0);
  CHECK(world.index(Log::Prl) == 7);
}

TEST_CASE("prl: a record that memory refuses closes the log: drops without an event, until LOG_ERROR is cleared",
          "[prl]") {
  Prl world;
  world.mem.fail_next({kPrl.value + 8 * 511});
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.mmu.event(0, Event::LogError));
  CHECK(world.mmu.log_error_record() == kFrame.value);
  CHECK(world.index(Log::Prl) == 511);
  CHECK(world.mmu.prl_drops(0) == 0);

  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.effects() == "d");
  CHECK_FALSE(world.mmu.event(0, Event::PrlFull));
  CHECK(world.status() == 0);
  world.mmu.clear_event(0, Event::LogError);
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(world.trace.effects() == "l");
}

TEST_CASE("log: a log that memory refused leaves the others open", "[prl][pml]") {
  Prl world;
  world.regs.pml_en = true;
  world.warm_up();
  world.mem.fail_next({kPrl.value + 8 * 511});
  CHECK(succeeds(world.user(Op::Read)));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Pml) == Records{kFrame.value});
}

TEST_CASE("prl: COMMIT judges the addresses that are used", "[prl][commit]") {
  LogWorld world;
  world.regs.prl_addr = std::uint64_t{1} << 46;
  CHECK(world.mmu.commit(0, world.regs) == Reject::None);
  world.regs.prl_double = true;  // without PRL_EN no effect
  CHECK(world.mmu.commit(0, world.regs) == Reject::None);
  world.regs.prl_en = true;
  CHECK(world.mmu.commit(0, world.regs) == Reject::PrlAddr);
  world.regs.prl_addr = kPrl.value;
  world.regs.prl_addr2 = std::uint64_t{1} << 46;
  CHECK(world.mmu.commit(0, world.regs) == Reject::PrlAddr);
  world.regs.prl_double = false;
  CHECK(world.mmu.commit(0, world.regs) == Reject::None);
}

TEST_CASE("log: addresses of log pages and bitmaps have no page offset", "[prl][commit]") {
  LogWorld world;
  world.regs.prl_addr = 0x8fff;
  world.regs.prl_addr2 = 0x9001;
  world.regs.epml_addr = 0xb008;
  world.regs.vseg_bitmap[3] = 0xc010;
  CHECK(world.mmu.commit(0, world.regs) == Reject::None);
  const ContextRegs& active = world.mmu.active(0);
  CHECK(active.prl_addr == 0x8000);
  CHECK(active.prl_addr2 == 0x9000);
  CHECK(active.epml_addr == 0xb000);
  CHECK(active.vseg_bitmap[3] == 0xc000);
}

TEST_CASE("log: a build without a log rejects its control bits", "[prl][commit]") {
  BuildParams none;
  none.prl = none.epml = none.seg_log = false;
  const auto commit = [&](auto&& change) {
    LogWorld world(nested(), none);
    change(world.regs);
    return world.mmu.commit(0, world.regs);
  };
  CHECK(commit([](ContextRegs&) {}) == Reject::None);
  CHECK(commit([](ContextRegs& r) { r.prl_en = true; }) == Reject::Unsupported);
  CHECK(commit([](ContextRegs& r) { r.prl_double = true; }) == Reject::Unsupported);
  CHECK(commit([](ContextRegs& r) { r.epml_en = true; }) == Reject::Unsupported);
  CHECK(commit([](ContextRegs& r) { r.seg_log_en = true; }) == Reject::Unsupported);

  BuildParams no_segments;
  no_segments.num_vmm_segments = 0;
  LogWorld world(nested(), no_segments);
  world.regs.seg_log_en = true;
  CHECK(world.mmu.commit(0, world.regs) == Reject::Unsupported);
}

}  // namespace vmmu::test
