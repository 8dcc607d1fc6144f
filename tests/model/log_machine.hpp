// A guest, its hypervisor and the MMU's logs, driven at random: what was written is kept by the machine itself, what
// was logged is read back from the log pages, and the two have to agree.
#pragma once

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "segment_world.hpp"

namespace vmmu::test {

// What a run did, so that a test can see that it did anything.
struct LogTotals {
  std::uint64_t writes = 0;                  // that were answered
  std::uint64_t pml = 0, epml = 0, prl = 0;  // records read back
  std::uint64_t drops = 0;
  std::uint64_t full = 0;     // accesses that found a log full
  std::uint64_t cleaned = 0;  // pages
  std::uint64_t modes = 0;    // changes of registers
  std::uint64_t errors = 0;   // records and words that memory refused

  LogTotals& operator+=(const LogTotals& o) {
    writes += o.writes, pml += o.pml, epml += o.epml, prl += o.prl, drops += o.drops, full += o.full;
    cleaned += o.cleaned, modes += o.modes, errors += o.errors;
    return *this;
  }
};

class LogMachine : private WalkObserver {
 public:
  explicit LogMachine(std::uint64_t seed) : random_(seed), mmu_({}, mem_), tables_(table_config(), poke()) {
    large_ = below(4) == 0;
    large_ ? build(PageSize::k2M) : build(PageSize::k4K);
    change_registers();
  }
  LogMachine(const LogMachine&) = delete;
  LogMachine& operator=(const LogMachine&) = delete;

  // Until so many writes were answered. What went wrong first, or nothing.
  std::string run(std::uint64_t writes) {
    while (totals_.writes < writes && wrong_.empty()) step();
    settle();
    return wrong_;
  }
  const LogTotals& totals() const { return totals_; }

 private:
  static constexpr unsigned kPages = 1024;
  static constexpr std::uint64_t kData = 0x1000000;                            // gPA of the data pages
  static constexpr std::uint64_t kLinear = 0x7f8000000000;                     // gVA of the first one
  static constexpr std::uint64_t kBuffer = 0x800000;                           // gPA of the EPML page
  static constexpr std::uint64_t kTop = kData + std::uint64_t{kPages} * 4096;  // of guest-physical memory
  static constexpr HostPhys kPmlPage{0x7000}, kPrlPage{0x8000}, kPrlPage2{0x9000}, kBitmaps{0x10000};
  static constexpr unsigned kPageNumbers = kTop >> 12;

  // Marks for pages, by number.
  struct Book {
    // A write that faulted, say because PML was full at its last step, may have made the page dirty already.
    std::vector<bool> written, tried, logged;
    explicit Book(unsigned pages) : written(pages), tried(pages), logged(pages) {}
    void forget(unsigned page) { written[page] = tried[page] = logged[page] = false; }
    void forget_all() {
      for (std::vector<bool>* marks : {&written, &tried, &logged}) std::fill(marks->begin(), marks->end(), false);
    }
    bool lost(unsigned page) const { return written[page] && !logged[page]; }
    bool invented(unsigned page) const { return logged[page] && !written[page] && !tried[page]; }
  };

  static TableConfig table_config() { return nested_with_flags(); }
  PageTables::Poke poke() {
    return [this](HostPhys addr, std::uint64_t word) { mem_.poke(addr, word); };
  }
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool coin() { return below(2) == 0; }
  void fail(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  // ---- Memory.

  void build(PageSize nested_page) {
    TableConfig config = nested_with_flags(nested_page);
    tables_ = PageTables(config, poke());
    const auto must = [this](MapError error) {
      if (error != MapError::None) fail(std::string("tables: ") + to_string(error));
    };
    for (unsigned i = 0; i < kPages; ++i) {
      must(tables_.map({kLinear + std::uint64_t{i} * 4096}, {kData + std::uint64_t{i} * 4096}));
    }
    must(tables_.cover({kBuffer}, 4096));
    for (unsigned i = 0; i < kPages; ++i) guest_leaf_.push_back(tables_.guest_entry(linear(i), 1)->hpa);
    base_ = tables_.regs(usual_regs());
  }
  static GuestVirt linear(unsigned page) { return {kLinear + std::uint64_t{page} * 4096}; }
  // Of the book of the host: a large page is one page.
  unsigned host_page(std::uint64_t gpa) const { return static_cast<unsigned>((gpa >> 12) & (large_ ? ~0x1ffu : ~0u)); }
  unsigned guest_page(std::uint64_t gva) const {
    const unsigned page = static_cast<unsigned>((gva - kLinear) >> 12);
    return large_ && regs_.epml_trigger_ept ? page & ~0x1ffu : page;  // the EPT entry's granularity
  }

  // ---- Registers.

  void add_segment(std::uint64_t from, std::uint64_t to) {
    const unsigned n = segments_++;
    regs_.vseg[n] = segment(from, to, from + kHostOffset, seg::kVmmMask);
    regs_.vseg_bitmap[n] = kBitmaps.value + n * std::uint64_t{0x1000};
  }

  // Log pages stay where they are, indices go on: only what concerns one log's past is settled first.
  void change_registers() {
    drain_all();
    const bool epml_was = regs_.epml_en, trigger_was = regs_.epml_trigger_ept;
    regs_ = base_;
    regs_.pml_en = true;
    regs_.pml_addr = kPmlPage.value;
    regs_.pml_watermark = static_cast<std::uint16_t>(below(512));
    segments_ = 0;
    clear_bitmaps();
    const unsigned mode = static_cast<unsigned>(large_ ? below(2) * 5 : below(6));
    if (mode == 1 || mode == 4) add_segment(0, kTop);
    if (mode == 2) {
      add_segment(0, kData);
      add_segment(kData + 0x80000, kData + 0x200000);
      for (unsigned i = 0; i < 3; ++i) regs_.vfilter.insert(kData + 0x80000 + below(0x180) * 4096);
    }
    if (mode == 3) {
      add_segment(0, kData + 0x100000);
      add_segment(kData + 0x100000, kTop);
      regs_.vseg_miss = true;
      regs_.ept_en = false;
    }
    const bool guest_segment = mode >= 4;
    if (guest_segment) regs_.gseg = segment(kLinear, kLinear + std::uint64_t{kPages} * 4096, kData);
    regs_.seg_log_en = segments_ != 0;
    regs_.epml_en = below(4) != 0;
    regs_.epml_trigger_ept = guest_segment || coin();
    regs_.epml_addr = kBuffer;
    regs_.epml_watermark = static_cast<std::uint16_t>(below(512));
    regs_.prl_en = coin();
    regs_.prl_double = coin();
    regs_.prl_addr = kPrlPage.value;
    regs_.prl_addr2 = kPrlPage2.value;
    regs_.prl_watermark = static_cast<std::uint16_t>(below(512));
    if (mmu_.commit(0, regs_) != Reject::None) fail("COMMIT rejected the registers");
    if (regs_.epml_en && (!epml_was || trigger_was != regs_.epml_trigger_ept)) begin_guest_tracking();
    restart_prl();
    ++totals_.modes;
  }

  // ---- Accesses.

  void on_swap(Table table, unsigned, HostPhys addr, std::uint64_t expected, std::uint64_t,
               std::uint64_t found) override {
    if (table == Table::Guest && found == expected) host_.written[host_page(addr.value - kHostOffset)] = true;
  }
  void on_record(Log log, HostPhys addr, std::uint64_t record) override {
    if (log == Log::Epml) host_.written[host_page(addr.value - kHostOffset)] = true;
    if (log == Log::Prl) prl_expected_.push_back(record);
  }

  void step() {
    if (below(4000) == 0) change_registers();
    if (below(3000) == 0) clean();
    // One refusal at a time: LOG_ERROR_REC holds one record.
    if (below(500) == 0 && !mmu_.event(0, Event::LogError)) mem_.fail_after(static_cast<unsigned>(below(40)));
    if (delay_ != 0 && --delay_ == 0) drain_all();
    // Mostly near one another, so that flags are often set already.
    const unsigned page = static_cast<unsigned>(coin() ? below(kPages) : (focus_ + below(32)) % kPages);
    if (below(200) == 0) focus_ = static_cast<unsigned>(below(kPages));
    Access access{{linear(page).value + below(4096)}, below(4) == 0 ? Op::Read : Op::Write, true, false, false, 0};
    access.held = below(3) == 0;
    const std::uint32_t drops = mmu_.prl_drops(0);
    const std::size_t recorded = prl_expected_.size();
    const Result result = mmu_.access(access, this);
    judge(access, page, result, drops, recorded);
  }

  void judge(const Access& access, unsigned page, const Result& result, std::uint32_t drops, std::size_t recorded) {
    const bool answered = std::holds_alternative<Translation>(result);
    const bool prl_recorded = prl_expected_.size() != recorded;
    const bool prl_dropped = mmu_.prl_drops(0) != drops;
    const bool due = answered && regs_.prl_en && !access.held;
    const bool prl_refused = due && !prl_recorded && !prl_dropped;
    if (prl_refused && !mmu_.event(0, Event::LogError)) fail("PRL: an answer was neither recorded nor dropped");
    if (!due && (prl_recorded || prl_dropped)) fail("PRL: recorded or dropped what it is not for");
    if (mmu_.event(0, Event::LogError)) take_refused(prl_refused);
    if (prl_recorded && prl_expected_.back() != kData + std::uint64_t{page} * 4096)
      fail("PRL: a record of another page");
    if (!answered) {
      if (access.op == Op::Write) guest_.tried[guest_page(linear(page).value)] = true;
      return note_fault(std::get<Fault>(result));
    }
    if (access.op != Op::Write) return;
    ++totals_.writes;
    host_.written[host_page(kData + std::uint64_t{page} * 4096)] = true;
    guest_.written[guest_page(linear(page).value)] = true;
  }

  void note_fault(const Fault& fault) {
    if (fault.kind == FaultKind::BusError) {
      ++totals_.errors;
    } else if (fault.kind == FaultKind::PmlFull || fault.kind == FaultKind::EpmlFull) {
      ++totals_.full;
      if (delay_ == 0) delay_ = 1 + static_cast<unsigned>(below(200));  // software takes its time
    } else {
      fail("a fault that nothing explains, kind " + std::to_string(static_cast<int>(fault.kind)));
    }
  }

  // The record that memory refused is in LOG_ERROR_REC; the event stays for a while.
  void take_refused(bool of_prl) {
    if (refused_taken_) return;
    refused_taken_ = true;
    ++totals_.errors;
    const std::uint64_t record = mmu_.log_error_record();
    if (of_prl) {
    } else if (record >= kLinear) {
      take_epml(record);
    } else {
      take_pml(record);
    }
    if (delay_ == 0) delay_ = 1 + static_cast<unsigned>(below(50));
  }

  // ---- Software reads the logs.

  void take_pml(std::uint64_t record) {
    if (record >= kTop) return fail("PML: a record of a page that is none of the guest's");
    host_.logged[host_page(record)] = true;
    ++totals_.pml;
  }
  void take_epml(std::uint64_t record) {
    if (record < kLinear || record >= linear(kPages).value || record % 4096 != 0) {
      return fail("EPML: a record that is no page of the guest's data");
    }
    guest_.logged[guest_page(record)] = true;
    ++totals_.epml;
  }

  // Records from `first` downwards, as far as the index shows that there are any.
  template <class Take>
  void read_log(HostPhys page, std::uint16_t first, std::uint16_t index, Take take) {
    for (int i = first; i > static_cast<std::int16_t>(index); --i) {
      take(mem_.peek({page.value + 8 * static_cast<std::uint64_t>(i)}));
    }
  }
  std::uint16_t new_index() { return static_cast<std::uint16_t>(below(3) == 0 ? below(20) : 511); }

  void drain_all() {
    delay_ = 0;
    mmu_.clear_event(0, Event::LogError);
    refused_taken_ = false;
    read_log(kPmlPage, pml_first_, mmu_.log_index(0, Log::Pml), [this](std::uint64_t r) { take_pml(r); });
    mmu_.set_log_index(0, Log::Pml, pml_first_ = new_index());
    read_log({kBuffer + kHostOffset}, epml_first_, mmu_.log_index(0, Log::Epml),
             [this](std::uint64_t r) { take_epml(r); });
    mmu_.set_log_index(0, Log::Epml, epml_first_ = new_index());
    mmu_.clear_event(0, GuestEvent::EpmlFull);
    drain_prl();
    check();
  }

  void take_prl(std::uint64_t record) {
    if (prl_taken_ == prl_expected_.size() || prl_expected_[prl_taken_] != record) {
      return fail("PRL: memory does not hold the records in their order");
    }
    ++prl_taken_;
    ++totals_.prl;
  }
  HostPhys prl_page(bool second) const { return second ? kPrlPage2 : kPrlPage; }
  void drain_prl() {
    const auto take = [this](std::uint64_t r) { take_prl(r); };
    const std::uint8_t status = mmu_.prl_status(0);
    const bool second = (status & prl_status::kSecondInUse) != 0;
    if (regs_.prl_double) {
      // The buffer that is not in use is the older one.
      const auto full = [status](bool which) {
        return (status & (which ? prl_status::kSecondFull : prl_status::kFirstFull)) != 0;
      };
      if (full(!second)) read_log(prl_page(!second), prl_first_, 0xffff, take);
      if (full(!second)) prl_first_ = 511;
      read_log(prl_page(second), prl_first_, mmu_.log_index(0, Log::Prl), take);
    } else {
      read_log(kPrlPage, prl_first_, mmu_.log_index(0, Log::Prl), take);
    }
    if (prl_taken_ != prl_expected_.size()) fail("PRL: fewer records in memory than were written");
    totals_.drops += mmu_.prl_drops(0);
    restart_prl();
  }
  void restart_prl() {
    mmu_.clear_prl_drops(0);
    mmu_.clear_prl_status(0, prl_status::kBothFull);
    prl_first_ = static_cast<std::uint16_t>(new_index());
    mmu_.set_log_index(0, Log::Prl, prl_first_);
    prl_expected_.clear();
    prl_taken_ = 0;
  }

  // ---- What has to hold when all logs have been read.

  void check() {
    for (unsigned page = 0; page < kPageNumbers; ++page) {
      if (host_.lost(page)) fail("PML lost page " + std::to_string(page));
      // Tables that are read may count as written, and so may the buffer of a record that was not made.
      const bool data = page >= kData >> 12;
      if (data && host_.invented(page)) fail("PML invented page " + std::to_string(page));
    }
    if (!regs_.epml_en) return;
    for (unsigned page = 0; page < kPages; ++page) {
      if (guest_.lost(page)) fail("EPML lost page " + std::to_string(page));
      if (guest_.invented(page)) fail("EPML invented page " + std::to_string(page));
    }
  }
  void settle() {
    drain_all();
    clean();
  }

  // ---- Software cleans pages. The model caches nothing; with a TLB an invalidation belongs here.

  void clear_bits(HostPhys addr, std::uint64_t bits) { mem_.poke(addr, mem_.peek(addr) & ~bits); }
  void clean_nested(unsigned number) {
    const GuestPhys gpa{std::uint64_t{number} * 4096};
    const unsigned leaf = large_ ? 2 : 1;
    if (const auto place = tables_.ept_entry(gpa, leaf)) clear_bits(place->hpa, ept::D);
    for (unsigned n = 0; n < kMaxVmmSegments; ++n) {
      const Segment& s = regs_.vseg[n];
      if (s.empty() || !s.contains(gpa.value)) continue;
      const std::uint64_t page = (gpa.value - s.base) >> 12;
      clear_bits({regs_.vseg_bitmap[n] + 8 * (page / 64)}, std::uint64_t{1} << (page % 64));
    }
  }
  // Bitmaps of segments that are not there now may hold bits of an older layout: software clears them with the layout.
  void clear_bitmaps() {
    for (std::uint64_t at = 0; at < kMaxVmmSegments * std::uint64_t{0x1000}; at += 8)
      mem_.poke({kBitmaps.value + at}, 0);
  }
  void clean() {
    drain_all();
    if (coin()) {
      const bool all = below(4) == 0;
      for (unsigned page = 0; page < kPageNumbers; ++page) {
        if (!host_.logged[page] || (!all && coin())) continue;
        clean_nested(page);
        host_.forget(page);
        ++totals_.cleaned;
      }
    } else if (regs_.epml_en) {
      for (unsigned page = 0; page < kPages; ++page) {
        if (!guest_.logged[page] || coin()) continue;
        clean_for_guest(page);
        guest_.forget(page);
        ++totals_.cleaned;
      }
    }
  }
  // Under the trigger it is the hypervisor that cleans, asked by the guest: its own book keeps the page.
  void clean_for_guest(unsigned page) {
    if (regs_.epml_trigger_ept) {
      clean_nested(static_cast<unsigned>(kData >> 12) + page);
    } else {
      clear_bits(guest_leaf_[page], pt::D);
    }
  }
  void begin_guest_tracking() {
    for (unsigned page = 0; page < kPages; ++page) {
      clear_bits(guest_leaf_[page], pt::D);
      clean_nested(static_cast<unsigned>(kData >> 12) + page);
    }
    guest_.forget_all();
  }

  std::mt19937_64 random_;
  TestMem mem_;
  Mmu mmu_;
  PageTables tables_;
  bool large_ = false;
  ContextRegs base_, regs_;
  unsigned segments_ = 0;
  std::vector<HostPhys> guest_leaf_;
  Book host_{kPageNumbers};
  Book guest_{kPages};
  std::uint16_t pml_first_ = 511, epml_first_ = 511, prl_first_ = 511;
  std::vector<std::uint64_t> prl_expected_;
  std::size_t prl_taken_ = 0;
  unsigned delay_ = 0;  // accesses until software reads the logs
  unsigned focus_ = 0;
  bool refused_taken_ = false;
  LogTotals totals_;
  std::string wrong_;
};

}  // namespace vmmu::test
