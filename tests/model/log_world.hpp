// The logs in the tests: what was recorded in which log, bitmap accesses, and the order of all of it.
#pragma once

#include <algorithm>

#include "segment_world.hpp"

namespace vmmu::test {

constexpr HostPhys kPml{0x7000};
constexpr HostPhys kPrl{0x8000};
constexpr HostPhys kPrl2{0x9000};
constexpr HostPhys kBitmap{0xa000};
constexpr GuestPhys kEpml{0xb000};  // natively an hPA
constexpr GuestPhys kOtherFrame{0x6000};
constexpr GuestVirt kOther{kPage.value + 0x1000};

// Effects by letter, in order: r a table read, s a swap of flags, b a bitmap read, B a swap of one, p, l, e a record of
// PML, PRL, EPML, d a dropped one.
class LogTrace : public WalkObserver {
 public:
  void on_entry_read(Table, unsigned, HostPhys, std::uint64_t) override { order += 'r'; }
  void on_swap(Table, unsigned, HostPhys, std::uint64_t, std::uint64_t, std::uint64_t) override { order += 's'; }
  void on_record(Log log, HostPhys addr, std::uint64_t record) override {
    order += "ple"[static_cast<unsigned>(log)];
    records[static_cast<unsigned>(log)].push_back(record);
    last_place = addr;
  }
  void on_drop(Log, std::uint64_t) override { order += 'd'; }
  void on_bitmap_read(HostPhys addr, std::uint64_t) override {
    order += 'b';
    bitmap_words.push_back(addr);
  }
  void on_bitmap_swap(HostPhys, std::uint64_t, std::uint64_t, std::uint64_t) override { order += 'B'; }

  const std::vector<std::uint64_t>& of(Log log) const { return records[static_cast<unsigned>(log)]; }
  std::size_t count(char what) const { return static_cast<std::size_t>(std::count(order.begin(), order.end(), what)); }
  // The order without table reads.
  std::string effects() const {
    std::string out = order;
    out.erase(std::remove(out.begin(), out.end(), 'r'), out.end());
    return out;
  }

  std::string order;
  std::vector<std::uint64_t> records[3];  // by Log
  std::vector<HostPhys> bitmap_words;
  HostPhys last_place;
};

struct LogWorld : World {
  explicit LogWorld(const TableConfig& config = nested_with_flags(), BuildParams params = {}) : World(config, params) {
    map();
    map(kOther, kOtherFrame);
    regs.pml_addr = kPml.value;
    regs.prl_addr = kPrl.value;
    regs.prl_addr2 = kPrl2.value;
    regs.epml_addr = kEpml.value;
    regs.vseg_bitmap[0] = kBitmap.value;
    for (std::uint16_t* watermark : {&regs.pml_watermark, &regs.prl_watermark, &regs.epml_watermark}) {
      *watermark = 0x8000;  // never reached unless a test says so
    }
  }

  Result run(const Access& wanted) {
    REQUIRE(mmu.commit(wanted.ctx, regs) == Reject::None);
    trace = LogTrace{};
    return mmu.access(wanted, &trace);
  }
  Result user(Op op, GuestVirt gva = kPage) { return run({gva, op, true, false, false, 0}); }
  // Sets all flags but the dirty ones of the data page, and forgets what was logged on the way.
  void warm_up(GuestVirt gva = kPage) {
    REQUIRE(succeeds(user(Op::Read, gva)));
    for (const Log log : {Log::Pml, Log::Prl, Log::Epml}) mmu.set_log_index(0, log, 511);
  }
  std::uint16_t index(Log log) const { return mmu.log_index(0, log); }
  std::uint64_t word(HostPhys addr) const { return mem.peek(addr); }
  bool ept_dirty(GuestPhys gpa) const { return (word(ept_entry(gpa, 1)) & ept::D) != 0; }
  bool guest_dirty(GuestVirt gva = kPage) const { return (word(guest_entry(1, gva)) & pt::D) != 0; }
  // Of VMM segment 0, whose bitmap is at kBitmap.
  bool bit(GuestPhys gpa) const {
    const std::uint64_t page = (gpa.value - regs.vseg[0].base) >> 12;
    return ((word({kBitmap.value + 8 * (page / 64)}) >> (page % 64)) & 1) != 0;
  }

  LogTrace trace;
};

using Records = std::vector<std::uint64_t>;
inline Answer pml_full_answer() { return {FaultKind::PmlFull, 0, 0}; }
inline Answer epml_full_answer() { return {FaultKind::EpmlFull, 0, 0}; }

}  // namespace vmmu::test
