// No page lost, ever: random writes, several in flight, while software drains its logs late, cleans pages, and changes
// between nested paging and segments. What the logs hold is what was written since it was last cleaned. The
// page-reference log has a record, or counts a drop, for each answer that no TLB gave.
// VMMU_SEED=N runs that seed alone, VMMU_STEPS=N makes so many writes in each run.
#include <fmt/format.h>

#include <deque>
#include <random>
#include <set>

#include "segment_fixture.hpp"
#include "vmmu/entry_bits.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kPageBytes = 0x1000;
constexpr HostPhys kPmlPage{0x90000000};
constexpr HostPhys kPrlPage{0x91000000};
constexpr HostPhys kPrlPage2{0x91001000};
constexpr HostPhys kBitmap{0x92000000};
constexpr GuestPhys kEpmlPage{0x30000000};
constexpr std::uint16_t kTop = 0x1ff;
constexpr unsigned kPages = 700;  // more than a log holds
constexpr unsigned kInFlight = 6;

std::uint64_t writes_per_run() {
  const char* text = std::getenv("VMMU_STEPS");
  return text == nullptr ? 20'000 : std::strtoull(text, nullptr, 0);
}

class Campaign {
 public:
  Campaign(Preset preset, std::uint64_t seed)
      : random_(seed), rig_(options(preset, seed)), tables_(config(), rig_.words()) {
    for (unsigned n = 0; n < kPages; ++n) REQUIRE(tables_.map(gva(n), gpa(n)) == MapError::None);
    REQUIRE(tables_.emap(kEpmlPage, host(kEpmlPage)) == MapError::None);
    rig_.on_response = [this](const Response& r) { answered(r); };
    choose_mode();
  }

  void run(std::uint64_t writes) {
    for (std::uint64_t n = 0; n < writes; ++n) {
      while (outstanding_ == kInFlight) rig_.cycle();
      write(static_cast<unsigned>(random_() % kPages));
      if (chance(2)) rig_.cycles(static_cast<unsigned>(random_() % 200));
      if (chance(1)) invalidate();
      if (n % 1000 == 999) clean();
    }
    clean();
    for (const std::string& error : rig_.take_errors()) FAIL_CHECK(error);
    CHECK(lost_ == 0);
    CHECK(compared_ > 0);
    CHECK(full_ > 0);
    CHECK(prl_records_ > 0);
    CHECK(prl_drops_ > 0);
    if (std::getenv("VMMU_STEPS") != nullptr) {
      fmt::print("{} writes, {} of them found a log full; {} comparisons, {} pages lost; PRL: {} records, {} drops\n",
                 writes, full_, compared_, lost_, prl_records_, prl_drops_);
      std::fflush(stdout);
    }
  }

 private:
  static RigOptions options(Preset preset, std::uint64_t seed) {
    RigOptions o;
    o.preset = preset;
    o.device.seed = seed;
    o.timing.latency_min = 1;
    o.timing.latency_max = 12;
    o.timing.reorder = true;
    o.timing.stall_percent = 10;
    return o;
  }
  static TableConfig config() {
    TableConfig c;
    c.nested = c.accessed_dirty = true;
    c.offset = kHostOffset;
    return c;
  }
  static GuestVirt gva(unsigned n) { return GuestVirt{kInside.value + kPageBytes * n}; }
  static GuestPhys gpa(unsigned n) { return GuestPhys{kFrame.value + kPageBytes * n}; }
  static HostPhys host(GuestPhys p) { return HostPhys{p.value + kHostOffset}; }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  void write(unsigned page) {
    while (busy_[next_id_]) next_id_ = static_cast<std::uint8_t>((next_id_ + 1) % 64);
    const std::uint8_t id = next_id_;
    busy_[id] = true;
    page_[id] = page;
    ++outstanding_;
    rig_.send({gva(page), Op::Write, true, false, false, 0}, id);
    while (!again_.empty()) {  // ended because a log was full
      const unsigned repeat = again_.front();
      again_.pop_front();
      if (full_now_ && chance(70)) {  // the handler comes late: others run into the full log meanwhile
        again_.push_back(repeat);
        break;
      }
      drain();
      while (outstanding_ == kInFlight) rig_.cycle();
      write(repeat);
    }
  }

  void answered(const Response& r) {
    busy_[r.id] = false;
    --outstanding_;
    if (const Fault* fault = std::get_if<Fault>(&r.result)) {
      if (fault->kind != FaultKind::PmlFull && fault->kind != FaultKind::EpmlFull) {
        FAIL_CHECK("unexpected answer: " << describe(r.result));
        return;
      }
      ++full_;
      full_now_ = true;
      again_.push_back(page_[r.id]);
    } else {
      written_.insert(page_[r.id]);
      if (regs_.prl_en && (r.source == Source::Walk || r.source == Source::Segment)) ++references_;
    }
  }

  // Takes what the logs hold and empties them.
  void drain() {
    full_now_ = false;
    if (regs_.prl_en && chance(50)) rearm_prl();
    take(
        Log::Pml, pml_, [](unsigned slot) { return HostPhys{kPmlPage.value + 8 * slot}; },
        [](std::uint64_t record) { return record - kFrame.value; });
    if (!regs_.epml_en) return;
    take(
        Log::Epml, epml_, [](unsigned slot) { return HostPhys{host(kEpmlPage).value + 8 * slot}; },
        [](std::uint64_t record) { return record - kInside.value; });
    REQUIRE(rig_.write_register(reg::guest(0, reg::Guest::Events), 3));
  }
  template <class Slot, class Offset>
  void take(Log log, std::set<unsigned>& pages, Slot slot, Offset offset) {
    // Records may come between the two accesses: software stops its requests, or reads once more what it overwrites.
    while (outstanding_ != 0) rig_.cycle();
    const auto index = static_cast<std::uint16_t>(rig_.get(reg::index(0, log)));
    for (unsigned n = (index + 1) & 0xffff; n <= first_[static_cast<std::size_t>(log)]; ++n) {
      const std::uint64_t bytes = offset(rig_.words().peek(slot(n)));
      if (bytes < kPages * kPageBytes) pages.insert(static_cast<unsigned>(bytes / kPageBytes));
    }
    std::uint16_t& first = first_[static_cast<std::size_t>(log)];
    first = static_cast<std::uint16_t>(kTop - random_() % 400);
    REQUIRE(rig_.write_register(reg::index(0, log), first));
  }

  void rearm_prl() {
    if (regs_.prl_double) {
      REQUIRE(rig_.write_register(reg::host(0, reg::Host::PrlStatus), rig_.get(reg::host(0, reg::Host::PrlStatus))));
    } else {
      REQUIRE(rig_.write_register(reg::host(0, reg::Host::PrlIndex), static_cast<std::uint32_t>(random_() % 400)));
    }
  }
  // All records that memory got, and all drops that were counted, are what was answered.
  void compare_prl() {
    (void)rig_.get(reg::index(0, Log::Prl));  // waits until memory has them
    std::uint64_t records = 0;
    for (const Transaction& t : rig_.memory().log()) {
      const std::uint64_t page = t.addr.value & kFrameMask;
      records += t.op == MemOp::Write && (page == kPrlPage.value || page == kPrlPage2.value);
    }
    rig_.memory().clear_log();
    const std::uint64_t drops = rig_.get(reg::host(0, reg::Host::PrlDrops));
    REQUIRE(rig_.write_register(reg::host(0, reg::Host::PrlDrops), 0));
    CHECK(records + drops == references_);
    references_ = 0;
    prl_records_ += records;
    prl_drops_ += drops;
  }

  void quiesce() {
    while (outstanding_ != 0 || !again_.empty()) {
      while (outstanding_ != 0) rig_.cycle();
      drain();
      while (!again_.empty() && outstanding_ < kInFlight) {
        const unsigned repeat = again_.front();
        again_.pop_front();
        write(repeat);
      }
    }
    drain();
  }

  // Every write is answered: the logs are held against them, every page becomes clean, and another mode begins.
  void clean() {
    quiesce();
    compare("PML", pml_);
    if (regs_.epml_en) compare("EPML", epml_);
    compare_prl();
    written_.clear();
    pml_.clear();
    epml_.clear();
    for (unsigned n = 0; n < kPages; ++n) {
      clear(tables_.guest_entry(gva(n), 1)->hpa, pt::D);
      clear(tables_.ept_entry(gpa(n), 1)->hpa, ept::D);
      clear(HostPhys{kBitmap.value + 8 * (gpa(n).value >> 12 >> 6)}, ~std::uint64_t{0});
    }
    choose_mode();
    REQUIRE(rig_.invalidate({InvOp::All}));
  }
  void clear(HostPhys addr, std::uint64_t bits) { rig_.words().poke(addr, rig_.words().peek(addr) & ~bits); }

  void compare(const char* log, const std::set<unsigned>& logged) {
    ++compared_;
    for (const unsigned page : written_) {
      if (logged.count(page) != 0) continue;
      ++lost_;
      FAIL_CHECK(log << ": page " << page << " was written and is not in the log");
      return;
    }
    // A write that ended as a full log may have been logged by its first attempt; it is written in the end.
    for (const unsigned page : logged) {
      if (written_.count(page) == 0) FAIL_CHECK(log << ": page " << page << " is in the log and was not written");
    }
  }

  // Nested paging, or one VMM segment with its bitmap and the same translations.
  void choose_mode() {
    regs_ = tables_.regs(plain_regs());
    regs_.pml_en = true;
    regs_.pml_addr = kPmlPage.value;
    regs_.prl_en = chance(60);
    regs_.prl_double = chance(50);
    regs_.prl_addr = kPrlPage.value;
    regs_.prl_addr2 = kPrlPage2.value;
    regs_.epml_en = chance(60);
    regs_.epml_trigger_ept = chance(50);
    regs_.epml_addr = kEpmlPage.value;
    if (chance(50)) {
      regs_.ept_en = false;
      regs_.eptp = 0;
      regs_.vseg_miss = true;
      regs_.vseg[0] = vmm_segment();
      regs_.seg_log_en = true;
      regs_.vseg_bitmap[0] = kBitmap.value;
    }
    Reject reject = Reject::None;
    REQUIRE(rig_.commit(0, regs_, &reject));
    REQUIRE(reject == Reject::None);
  }

  // Legal at any time: it makes walks, not changes.
  void invalidate() {
    Invalidation inv;
    inv.op = chance(50) ? InvOp::Invctx : InvOp::Invlpg;
    inv.addr = gva(static_cast<unsigned>(random_() % kPages)).value;
    REQUIRE(rig_.invalidate(inv));
  }

  std::mt19937_64 random_;
  Rig rig_;
  PageTables tables_;
  ContextRegs regs_;
  std::set<unsigned> written_, pml_, epml_;
  std::deque<unsigned> again_;
  std::array<bool, 64> busy_{};
  std::array<unsigned, 64> page_{};
  std::uint8_t next_id_ = 0;
  unsigned outstanding_ = 0;
  std::array<std::uint16_t, 3> first_{kTop, kTop, kTop};  // index that software wrote, by log
  bool full_now_ = false;
  std::uint64_t full_ = 0, compared_ = 0, lost_ = 0;
  std::uint64_t references_ = 0;  // answers that leave a record, since the last comparison
  std::uint64_t prl_records_ = 0, prl_drops_ = 0;
};

}  // namespace

TEST_CASE("log campaign: no page is lost, whatever software does about full logs", "[logging][campaign]") {
  const bool one = std::getenv("VMMU_SEED") != nullptr;
  for (const Preset preset : device_presets()) {
    const PresetInfo& info = preset_info(preset);
    if (!info.has_epml() || !info.has_seg_log() || !info.has_prl()) continue;
    for (std::uint64_t i = 0; i < (one ? 1u : 5u); ++i) {
      const std::uint64_t seed = seed_or(1 + i);
      INFO("reproduce: VMMU_SEED=" << seed << " build/test_log_campaign_rtl, preset " << preset_name(preset));
      Campaign campaign(preset, seed);
      campaign.run(writes_per_run());
    }
  }
}
