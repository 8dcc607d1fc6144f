// The logs: page-modification log, the guest's own log (EPML), page-reference log, dirty bitmaps of VMM segments
// (docs/contract.md, "Logs"). Each case looks at memory and registers alone, without the model.
#include "engine/describe.hpp"
#include "segment_fixture.hpp"
#include "vmmu/entry_bits.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr HostPhys kPmlPage{0x90000000};
constexpr HostPhys kPrlPage{0x91000000};
constexpr HostPhys kBitmap{0x92000000};
constexpr GuestPhys kEpmlPage{0x30000000};
constexpr std::uint64_t kPageBytes = 0x1000;
constexpr unsigned kSlots = 512;
constexpr std::uint16_t kFullIndex = 0xffff;
enum : std::uint64_t { kEpmlFullEvent = 1, kEpmlWatermarkEvent = 2 };

bool has_logs(Preset preset) { return preset_info(preset).has_epml() && preset_info(preset).has_seg_log(); }

// A guest behind EPT with accessed and dirty flags, or without EPT; PML on where there is EPT.
class LogWorld : public RigFixture {
 public:
  enum class Paging { Native, Nested };

  LogWorld(Preset preset, Paging paging)
      : RigFixture(options(preset, 4)), nested_(paging == Paging::Nested), tables(config(nested_), rig.words()) {
    regs = tables.regs(plain_regs());
    if (nested_) {
      regs.pml_en = true;
      regs.pml_addr = kPmlPage.value;
    }
    regs.epml_en = true;
    regs.epml_addr = kEpmlPage.value;
  }

  // A page that no walk has touched, whose tables all have their flags, guest's and EPT's.
  GuestVirt clean_page() {
    const GuestVirt gva{kPage.value + kPageBytes * pages_};
    const GuestPhys gpa{kFrame.value + kPageBytes * pages_};
    ++pages_;
    REQUIRE(tables.map(gva, gpa) == MapError::None);
    for (unsigned level = 4; level >= 1; --level) {
      if (level > 1) REQUIRE(tables.edit_guest(gva, level, {0, pt::A}));
      if (!nested_) continue;
      const EntryPlace place = *tables.guest_entry(gva, level);
      settle(GuestPhys{place.gpa.value & ~(kPageBytes - 1)});
    }
    return gva;
  }
  // Accessed and dirty flags of everything that translates the page of EPT.
  void settle(GuestPhys gpa) {
    for (unsigned level = 4; level >= 1; --level) {
      REQUIRE(tables.edit_ept(gpa, level, {0, ept::A | (level == 1 ? ept::D : 0)}));
    }
  }
  GuestPhys frame_of(GuestVirt gva) const { return GuestPhys{gva.value - kPage.value + kFrame.value}; }

  // The page of the guest's log exists below; with `clean` its flags are not set.
  void map_buffer(bool clean = false) {
    if (!nested_) return;
    REQUIRE(tables.emap(kEpmlPage, host(kEpmlPage)) == MapError::None);
    if (!clean) settle(kEpmlPage);
  }
  HostPhys host(GuestPhys gpa) const { return HostPhys{gpa.value + (nested_ ? kHostOffset : 0)}; }

  Result access(const Access& a) {
    rig.memory().clear_log();
    const Result result = run(a).result;
    index(Log::Pml);  // every record is in memory
    return result;
  }
  // The write ends as this fault, which is not one of the translation.
  Fault fails(GuestVirt gva) { return fault_of(access(write_of(gva))); }

  std::uint16_t index(Log log) { return static_cast<std::uint16_t>(rig.get(reg::index(0, log))); }
  void set_index(Log log, std::uint16_t value) { REQUIRE(rig.write_register(reg::index(0, log), value)); }
  std::uint64_t guest_events() { return rig.get(reg::guest(0, reg::Guest::Events)); }

  std::uint64_t pml(unsigned slot) { return rig.words().peek(HostPhys{kPmlPage.value + 8 * slot}); }
  std::uint64_t epml(unsigned slot) { return rig.words().peek(HostPhys{host(kEpmlPage).value + 8 * slot}); }
  // What was written as records, in order.
  std::vector<std::uint64_t> written() {
    std::vector<std::uint64_t> words;
    for (const Transaction& t : rig.memory().log()) {
      if (t.op == MemOp::Write) words.push_back(t.wdata);
    }
    return words;
  }
  std::uint64_t guest_leaf(GuestVirt gva) { return rig.words().peek(tables.guest_entry(gva, 1)->hpa); }
  std::uint64_t ept_leaf(GuestPhys gpa) { return rig.words().peek(tables.ept_entry(gpa, 1)->hpa); }

 private:
  bool nested_;

 public:
  PageTables tables;
  ContextRegs regs;

 private:
  static TableConfig config(bool nested) {
    TableConfig c;
    c.nested = c.accessed_dirty = nested;
    if (nested) c.offset = kHostOffset;
    return c;
  }
  unsigned pages_ = 0;
};
using Paging = LogWorld::Paging;

template <class Check>
void with_logs(Check check) {
  for (const Preset preset : device_presets()) {
    if (!has_logs(preset)) continue;
    INFO("preset " << preset_name(preset));
    check(preset);
  }
}

}  // namespace

TEST_CASE("PML: a cold write logs its four table pages and the page itself, in the order of the walk", "[logging]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.regs.epml_en = false;
    w.commit(0, w.regs);
    REQUIRE(w.tables.map(kPage, kFrame) == MapError::None);
    translation_of(w.access(write_of(kPage)));
    std::vector<std::uint64_t> expected;
    for (unsigned level = 4; level >= 1; --level) {
      expected.push_back(w.tables.guest_entry(kPage, level)->gpa.value & ~(kPageBytes - 1));
    }
    expected.push_back(kFrame.value);
    CHECK(w.written() == expected);
    CHECK(w.index(Log::Pml) == 0x1ff - 5);
  });
}

TEST_CASE("PML: 511 down to 0, then the next access that must set a flag ends as pmlfull and sets none", "[logging]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.regs.epml_en = false;
    w.commit(0, w.regs);
    GuestVirt last{};
    for (unsigned slot = kSlots; slot-- > 0;) {
      last = w.clean_page();
      translation_of(w.access(write_of(last)));
      CHECK(w.pml(slot) == w.frame_of(last).value);
    }
    CHECK(w.index(Log::Pml) == kFullIndex);
    const GuestVirt next = w.clean_page();
    CHECK(w.fails(next).kind == FaultKind::PmlFull);
    CHECK((w.ept_leaf(w.frame_of(next)) & (ept::A | ept::D)) == 0);
    translation_of(w.access(write_of(last)));  // nothing to set, nothing to log
    w.set_index(Log::Pml, 0x1ff);
    translation_of(w.access(write_of(next)));
    CHECK(w.written() == std::vector<std::uint64_t>{w.frame_of(next).value});
  });
}

TEST_CASE("EPML: the first write of a page records its gVA, aligned, and no other access does",
          "[logging][epml][ooh]") {
  with_logs([](Preset preset) {
    for (const Paging paging : {Paging::Native, Paging::Nested}) {
      LogWorld w(preset, paging);
      w.map_buffer();
      w.commit(0, w.regs);
      const GuestVirt gva = w.clean_page();
      translation_of(w.access(read_of(gva)));
      CHECK(w.index(Log::Epml) == 0x1ff);
      translation_of(w.access(write_of({gva.value + 0x123})));
      CHECK(w.index(Log::Epml) == 0x1fe);
      CHECK(w.epml(0x1ff) == gva.value);
      translation_of(w.access(write_of({gva.value + 0x456})));
      w.rig.invalidate({InvOp::All});
      translation_of(w.access(write_of(gva)));
      CHECK(w.index(Log::Epml) == 0x1fe);
    }
  });
}

TEST_CASE("EPML: accesses to guest tables are not recorded, whose gVA would be the data's", "[logging][epml][ooh]") {
  with_logs([](Preset preset) {
    for (const bool ept : {false, true}) {
      LogWorld w(preset, Paging::Nested);
      w.regs.epml_trigger_ept = ept;
      w.map_buffer();
      w.commit(0, w.regs);
      REQUIRE(w.tables.map(kPage, kFrame) == MapError::None);
      translation_of(w.access(write_of(kPage)));  // the tables are cold: five EPT entries become dirty
      CHECK(w.index(Log::Epml) == 0x1fe);
      CHECK(w.index(Log::Pml) == 0x1ff - 5);
    }
  });
}

TEST_CASE("EPML: all 512 records are used; the write that finds it full changes nothing and is told to the guest",
          "[logging][epml][ooh]") {
  with_logs([](Preset preset) {
    for (const bool ept : {false, true}) {
      LogWorld w(preset, Paging::Nested);
      w.regs.epml_trigger_ept = ept;
      w.map_buffer();
      w.commit(0, w.regs);
      w.set_index(Log::Epml, 2);
      for (unsigned slot = 3; slot-- > 0;) {
        const GuestVirt gva = w.clean_page();
        translation_of(w.access(write_of(gva)));
        CHECK(w.epml(slot) == gva.value);
      }
      CHECK(w.index(Log::Epml) == kFullIndex);
      const GuestVirt next = w.clean_page();
      const Fault fault = w.fails(next);
      CHECK(fault.kind == FaultKind::EpmlFull);
      CHECK(fault.code == 0);
      CHECK(fault.address == 0);
      CHECK((w.guest_events() & kEpmlFullEvent) != 0);
      CHECK(w.rig.device().out.irq_guest == 1);
      CHECK_FALSE(w.rig.device().out.irq_host);
      // The flag that would have been recorded is not set, so that the repetition records it.
      CHECK(((ept ? w.ept_leaf(w.frame_of(next)) & ept::D : w.guest_leaf(next) & pt::D)) == 0);
      w.set_index(Log::Epml, 0x1ff);
      translation_of(w.access(write_of(next)));
      CHECK(w.epml(0x1ff) == next.value);
    }
  });
}

TEST_CASE("EPML: the guest finds no host address in its registers, its log or its faults", "[logging][epml][ooh]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.map_buffer();
    w.commit(0, w.regs);
    const GuestVirt gva = w.clean_page();
    translation_of(w.access(write_of(gva)));
    CHECK(w.epml(0x1ff) == gva.value);
    CHECK(w.rig.get(reg::guest(0, reg::Guest::EpmlAddr)) == kEpmlPage.value);
    for (std::uint32_t offset = 0x20; offset < kPageBytes; offset += 8) {
      const auto word = w.rig.read_register(reg::kHostBase + reg::kGuestPage + offset);
      if (word) CHECK(*word < kHostOffset);
    }
    w.regs.epml_addr = 0x31000000;  // not mapped by EPT
    w.commit(0, w.regs);
    CHECK(w.fails(w.clean_page()).address == w.regs.epml_addr + 8 * 0x1fe);
  });
}

TEST_CASE("EPML: the buffer is written like any page of the guest: its own flags, and a record of PML before",
          "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.map_buffer(true);
    w.commit(0, w.regs);
    const GuestVirt gva = w.clean_page();
    translation_of(w.access(write_of(gva)));
    CHECK(w.written() == std::vector<std::uint64_t>{kEpmlPage.value, gva.value, w.frame_of(gva).value});
    CHECK((w.ept_leaf(kEpmlPage) & (ept::A | ept::D)) == (ept::A | ept::D));
    // By the EPT trigger the same change logs to both, PML first.
    w.regs.epml_trigger_ept = true;
    w.commit(0, w.regs);
    const GuestVirt other = w.clean_page();
    translation_of(w.access(write_of(other)));
    CHECK(w.written() == std::vector<std::uint64_t>{w.frame_of(other).value, other.value});
  });
}

TEST_CASE("EPML: a buffer that EPT does not let be written faults with its own address, and nothing is set",
          "[logging][epml]") {
  with_logs([](Preset preset) {
    for (const bool ept : {false, true}) {
      for (const bool mapped : {false, true}) {
        LogWorld w(preset, Paging::Nested);
        w.regs.epml_trigger_ept = ept;
        if (mapped) {
          w.map_buffer();
          REQUIRE(w.tables.edit_ept(kEpmlPage, 1, {ept::W, 0}));
        }
        w.commit(0, w.regs);
        const GuestVirt gva = w.clean_page();
        const Fault fault = w.fails(gva);
        CHECK(fault.kind == FaultKind::EptViolation);
        CHECK(fault.address == kEpmlPage.value + 8 * 0x1ff);
        CHECK_FALSE(fault.gva_valid);
        // A write; read and execute rights of the page; neither bit 7 nor 8, for it is no translation of a gVA.
        CHECK(fault.code == (mapped ? 0x2a : 0x02));
        CHECK((w.guest_leaf(gva) & pt::D) == (ept ? pt::D : 0));
        CHECK((w.ept_leaf(w.frame_of(gva)) & ept::D) == 0);
        CHECK(w.written().empty());
        CHECK(w.index(Log::Epml) == 0x1ff);
      }
    }
  });
}

TEST_CASE("EPML: a buffer that EPT does not let be written is told as such when PML is full, too", "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.map_buffer(true);
    REQUIRE(w.tables.edit_ept(kEpmlPage, 1, {ept::W, 0}));
    w.commit(0, w.regs);
    const GuestVirt gva = w.clean_page();
    w.set_index(Log::Pml, kFullIndex);
    const Fault fault = w.fails(gva);
    CHECK(fault.kind == FaultKind::EptViolation);
    CHECK(fault.address == kEpmlPage.value + 8 * 0x1ff);
    CHECK_FALSE(fault.gva_valid);
    CHECK(fault.gva.value == 0);
    CHECK((w.guest_leaf(gva) & pt::D) == 0);
  });
}

TEST_CASE("EPML: when PML is full, the host is told first", "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.regs.epml_trigger_ept = true;
    w.map_buffer();
    w.commit(0, w.regs);
    const GuestVirt gva = w.clean_page();
    w.set_index(Log::Pml, kFullIndex);
    w.set_index(Log::Epml, kFullIndex);
    CHECK(w.fails(gva).kind == FaultKind::PmlFull);
    w.set_index(Log::Pml, 0x1ff);
    CHECK(w.fails(gva).kind == FaultKind::EpmlFull);
    w.set_index(Log::Epml, 0x1ff);
    translation_of(w.access(write_of(gva)));
  });
}

TEST_CASE(
    "EPML: the buffer's own record may take the last place of PML; the write then ends as pmlfull and sets nothing",
    "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.regs.epml_trigger_ept = true;
    w.map_buffer(true);
    w.commit(0, w.regs);
    const GuestVirt gva = w.clean_page();
    w.set_index(Log::Pml, 0);
    CHECK(w.fails(gva).kind == FaultKind::PmlFull);
    CHECK(w.pml(0) == kEpmlPage.value);
    CHECK((w.ept_leaf(w.frame_of(gva)) & ept::D) == 0);
    CHECK(w.index(Log::Epml) == 0x1ff);
    w.set_index(Log::Pml, 0x1ff);
    translation_of(w.access(write_of(gva)));
    CHECK(w.written() == std::vector<std::uint64_t>{w.frame_of(gva).value, gva.value});
  });
}

TEST_CASE("EPML: the page of the log itself is recorded once when the guest writes it", "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.regs.epml_trigger_ept = true;
    w.map_buffer(true);
    w.commit(0, w.regs);
    REQUIRE(w.tables.map(kInside, kEpmlPage) == MapError::None);
    // Writing the record sets the flag that the data access is about to set: found set, it is no change of its own.
    translation_of(w.access(write_of(kInside)));
    CHECK(w.index(Log::Epml) == 0x1ff);
    CHECK((w.ept_leaf(kEpmlPage) & ept::D) != 0);
  });
}

TEST_CASE("EPML: a watermark event of the guest", "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Native);
    w.regs.epml_watermark = 509;
    w.commit(0, w.regs);
    translation_of(w.access(write_of(w.clean_page())));
    CHECK(w.guest_events() == 0);
    translation_of(w.access(write_of(w.clean_page())));
    CHECK(w.index(Log::Epml) == 509);
    CHECK(w.guest_events() == kEpmlWatermarkEvent);
  });
}

TEST_CASE("EPML: natively a log beyond MAXPHYADDR is a bus error without an access", "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Native);
    w.regs.epml_addr = std::uint64_t{1} << w.regs.maxphyaddr;
    w.commit(0, w.regs);
    const GuestVirt gva = w.clean_page();
    const Fault fault = w.fails(gva);
    CHECK(fault.kind == FaultKind::BusError);
    CHECK(fault.address == w.regs.epml_addr + 8 * 0x1ff);
    CHECK((w.guest_leaf(gva) & pt::D) == 0);
    for (const Transaction& t : w.rig.memory().log()) CHECK(t.addr.value < w.regs.epml_addr);
  });
}

TEST_CASE("EPML: GCOMMIT makes the guest's registers of it active", "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Native);
    w.regs.epml_en = false;
    w.commit(0, w.regs);
    translation_of(w.access(write_of(w.clean_page())));
    CHECK(w.index(Log::Epml) == 0x1ff);
    REQUIRE(w.rig.write_register(reg::guest(0, reg::Guest::EpmlCtrl), 1));
    translation_of(w.access(write_of(w.clean_page())));
    CHECK(w.index(Log::Epml) == 0x1ff);
    REQUIRE(w.rig.write_register(reg::guest(0, reg::Guest::Gcommit), 1));
    const GuestVirt gva = w.clean_page();
    translation_of(w.access(write_of(gva)));
    CHECK(w.epml(0x1ff) == gva.value);
  });
}

TEST_CASE("EPML: a record that memory refuses closes the log, of this kind only", "[logging][epml]") {
  with_logs([](Preset preset) {
    LogWorld w(preset, Paging::Nested);
    w.map_buffer();
    w.commit(0, w.regs);
    w.rig.memory().inject_error(HostPhys{w.host(kEpmlPage).value + 8 * 0x1ff}, 1);
    const GuestVirt lost = w.clean_page();
    translation_of(w.access(write_of(lost)));
    CHECK(w.rig.get(reg::host(0, reg::Host::LogErrorRec)) == lost.value);
    const GuestVirt gva = w.clean_page();
    CHECK(w.fails(gva).kind == FaultKind::EpmlFull);
    w.regs.epml_en = false;
    w.commit(0, w.regs);
    translation_of(w.access(write_of(gva)));  // PML is open
    CHECK(w.written() == std::vector<std::uint64_t>{w.frame_of(gva).value});
    w.regs.epml_en = true;
    w.commit(0, w.regs);
    REQUIRE(w.rig.write_register(reg::host(0, reg::Host::Events), 1u << static_cast<unsigned>(Event::LogError)));
    const GuestVirt next = w.clean_page();
    translation_of(w.access(write_of(next)));
    CHECK(w.epml(0x1ff) == next.value);
  });
}

// ---------------------------------------------------------------- bitmaps of VMM segments

namespace {

// A guest segment over a VMM segment, dual direct, with a bitmap; the guest's tables behind the VMM segment too. Clean
// pages of the guest segment are at kInside + n * 4 KiB.
class BitmapWorld : public SegmentFixture {
 public:
  explicit BitmapWorld(Preset preset) : SegmentFixture(options(preset, 4), Paging::Nested) {
    regs.ept_en = false;
    regs.eptp = 0;
    regs.virt = true;
    regs.vpid = 1;
    regs.vseg_miss = true;
    regs.vseg[0] = vmm_segment();
    regs.gseg = guest_segment();
    regs.seg_log_en = true;
    regs.vseg_bitmap[0] = kBitmap.value;
    regs.pml_en = true;
    regs.pml_addr = kPmlPage.value;
    regs.epml_addr = kEpmlPage.value;
  }

  static GuestPhys gpa_of(GuestVirt gva) { return GuestPhys{gva.value + kGuestOffset}; }
  static HostPhys word_of(GuestPhys gpa) { return HostPhys{kBitmap.value + 8 * (gpa.value >> 12 >> 6)}; }
  static std::uint64_t bit_of(GuestPhys gpa) { return std::uint64_t{1} << (gpa.value >> 12 & 63); }
  bool dirty(GuestPhys gpa) { return (rig.words().peek(word_of(gpa)) & bit_of(gpa)) != 0; }

  Result access(const Access& a) {
    rig.memory().clear_log();
    const Response response = run(a);
    source = response.source;
    index(Log::Pml);
    return response.result;
  }
  std::uint16_t index(Log log) { return static_cast<std::uint16_t>(rig.get(reg::index(0, log))); }
  void set_index(Log log, std::uint16_t value) { REQUIRE(rig.write_register(reg::index(0, log), value)); }
  std::uint64_t pml(unsigned slot) { return rig.words().peek(HostPhys{kPmlPage.value + 8 * slot}); }
  std::size_t count(MemOp op) {
    std::size_t n = 0;
    for (const Transaction& t : rig.memory().log()) n += t.op == op;
    return n;
  }

  Source source = Source::L1;
};

constexpr GuestVirt page_number(unsigned n) { return GuestVirt{kInside.value + kPageBytes * n}; }

}  // namespace

TEST_CASE("bitmap: the first write of a page sets its bit and logs it, later ones do neither", "[logging][bitmap]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.activate();
    // Neighbours on both sides of a word's end.
    for (const unsigned n : {0u, 63u, 64u, 65u}) {
      const GuestVirt gva = page_number(n);
      const GuestPhys gpa = BitmapWorld::gpa_of(gva);
      const std::uint64_t before = w.rig.words().peek(BitmapWorld::word_of(gpa));
      const std::uint16_t slot = w.index(Log::Pml);
      CHECK(hpa_of(w.access(write_of(gva))) == w.by_segment(gva));
      CHECK(w.rig.words().peek(BitmapWorld::word_of(gpa)) == (before | BitmapWorld::bit_of(gpa)));
      CHECK(w.index(Log::Pml) == slot - 1);
      CHECK(w.pml(slot) == gpa.value);
      CHECK(w.count(MemOp::Read) == 1);
      CHECK(w.count(MemOp::Cas) == 1);
      translation_of(w.access(write_of(gva)));
      CHECK(w.source == Source::L1);
      w.drop_all();
      translation_of(w.access(write_of(gva)));
      CHECK(w.count(MemOp::Read) == 1);
      CHECK(w.count(MemOp::Cas) == 0);
      CHECK(w.index(Log::Pml) == slot - 1);
    }
  });
}

TEST_CASE("bitmap: a read is answered without a walk and leaves an entry that permits no write", "[logging][bitmap]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.activate();
    translation_of(w.access(read_of(kInside)));
    CHECK(w.source == Source::Segment);
    CHECK(w.count(MemOp::Read) == 0);
    CHECK_FALSE(w.dirty(BitmapWorld::gpa_of(kInside)));
    translation_of(w.access(write_of(kInside)));
    CHECK(w.source == Source::Walk);
    CHECK(w.dirty(BitmapWorld::gpa_of(kInside)));
    translation_of(w.access(write_of(kInside)));
    CHECK(w.source == Source::L1);
    // And by a walk of the guest's tables, whose flags are all set.
    const GuestVirt walked{kOutside.value + kPageBytes};
    const GuestPhys frame{0x40000000};
    REQUIRE(w.tables().map(walked, frame, PageSize::k4K, flags_set()) == MapError::None);
    translation_of(w.access(read_of(walked)));
    CHECK(w.source == Source::Walk);
    CHECK_FALSE(w.dirty(frame));
    translation_of(w.access(write_of(walked)));
    CHECK(w.source == Source::Walk);
    CHECK(w.dirty(frame));
  });
}

TEST_CASE("bitmap: flags of guest tables inside the segment are writes, reads of tables are not", "[logging][bitmap]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.activate();
    REQUIRE(w.tables().map(GuestVirt{kOutside.value + kPageBytes}, GuestPhys{0x40000000}) == MapError::None);
    const GuestVirt gva{kOutside.value + kPageBytes};
    const GuestPhys table{w.tables().guest_entry(gva, 1)->gpa.value & ~(kPageBytes - 1)};
    translation_of(w.access(read_of(kOutside)));  // every flag is set
    CHECK(w.index(Log::Pml) == 0x1ff);
    translation_of(w.access(read_of(gva)));  // A of the leaf
    CHECK(w.dirty(table));
    CHECK(w.pml(0x1ff) == table.value);
    CHECK_FALSE(w.dirty(GuestPhys{0x40000000}));
    translation_of(w.access(write_of(gva)));  // D of the leaf; the table's bit is set already
    CHECK(w.dirty(GuestPhys{0x40000000}));
    CHECK(w.pml(0x1fe) == 0x40000000);
    CHECK(w.index(Log::Pml) == 0x1fd);
  });
}

TEST_CASE("bitmap: PML full ends the write before the bit is set, and the repetition logs it", "[logging][bitmap]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.activate();
    w.set_index(Log::Pml, kFullIndex);
    CHECK(fault_of(w.access(write_of(kInside))).kind == FaultKind::PmlFull);
    CHECK_FALSE(w.dirty(BitmapWorld::gpa_of(kInside)));
    w.set_index(Log::Pml, 7);
    translation_of(w.access(write_of(kInside)));
    CHECK(w.pml(7) == BitmapWorld::gpa_of(kInside).value);
    w.regs.pml_en = false;  // without PML the bit alone is kept
    w.activate();
    translation_of(w.access(write_of(page_number(1))));
    CHECK(w.dirty(BitmapWorld::gpa_of(page_number(1))));
    CHECK(w.index(Log::Pml) == 6);
  });
}

TEST_CASE("bitmap: a swap lost to other bits is tried again, one lost to the page's own bit makes no record",
          "[logging][bitmap]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.activate();
    const GuestPhys gpa = BitmapWorld::gpa_of(kInside);
    w.rig.memory().inject_race(BitmapWorld::word_of(gpa), 0xf0);
    translation_of(w.access(write_of(kInside)));
    CHECK(w.count(MemOp::Cas) == 2);
    CHECK(w.rig.words().peek(BitmapWorld::word_of(gpa)) == (0xf0 | BitmapWorld::bit_of(gpa)));
    CHECK(w.index(Log::Pml) == 0x1fe);
    const GuestPhys other = BitmapWorld::gpa_of(page_number(9));
    w.rig.memory().inject_race(BitmapWorld::word_of(other), 0xf0 | BitmapWorld::bit_of(other));
    translation_of(w.access(write_of(page_number(9))));
    CHECK(w.count(MemOp::Cas) == 1);
    CHECK(w.index(Log::Pml) == 0x1fe);
  });
}

TEST_CASE("bitmap: a word that memory refuses is a bus error at its address", "[logging][bitmap]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.activate();
    const HostPhys word = BitmapWorld::word_of(BitmapWorld::gpa_of(kInside));
    w.rig.memory().inject_error(word, 1);
    const Fault fault = fault_of(w.access(write_of(kInside)));
    CHECK(fault.kind == FaultKind::BusError);
    CHECK(fault.address == word.value);
    translation_of(w.access(write_of(kInside)));
  });
}

TEST_CASE("bitmap: translations are not promoted while every 4 KiB page has its bit", "[logging][bitmap]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.regs.seg_promote = true;
    w.activate();
    CHECK(translation_of(w.access(read_of(kInside))).size == PageSize::k4K);
    CHECK(translation_of(w.access(write_of(page_number(1)))).size == PageSize::k4K);
    CHECK(translation_of(w.access(write_of(page_number(2)))).size == PageSize::k4K);
    CHECK(w.dirty(BitmapWorld::gpa_of(page_number(2))));
    w.regs.seg_log_en = false;
    w.activate();
    w.drop_all();
    CHECK(translation_of(w.access(write_of(kInside))).size == PageSize::k2M);
  });
}

TEST_CASE("bitmap: the guest's log records a page whose bit is set, after the bit of its own buffer",
          "[logging][bitmap][epml]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.regs.epml_en = w.regs.epml_trigger_ept = true;
    w.activate();
    translation_of(w.access(write_of(kInside)));
    CHECK(w.dirty(kEpmlPage));
    CHECK(w.dirty(BitmapWorld::gpa_of(kInside)));
    CHECK(w.pml(0x1ff) == kEpmlPage.value);
    CHECK(w.pml(0x1fe) == BitmapWorld::gpa_of(kInside).value);
    CHECK(w.rig.words().peek(w.host(kEpmlPage.value + 8 * 0x1ff)) == kInside.value);
    CHECK(w.index(Log::Epml) == 0x1fe);
    w.set_index(Log::Epml, kFullIndex);
    CHECK(fault_of(w.access(write_of(page_number(1)))).kind == FaultKind::EpmlFull);
    CHECK_FALSE(w.dirty(BitmapWorld::gpa_of(page_number(1))));
  });
}

TEST_CASE("EPML: a buffer outside the VMM segments is a violation exit of its own address", "[logging][epml]") {
  with_logs([](Preset preset) {
    BitmapWorld w(preset);
    w.regs.epml_en = w.regs.epml_trigger_ept = true;
    w.regs.epml_addr = kVmmLimit;
    w.activate();
    const Fault fault = fault_of(w.access(write_of(kInside)));
    CHECK(fault.kind == FaultKind::VsegExit);
    CHECK(fault.code == 2);
    CHECK(fault.address == kVmmLimit + 8 * 0x1ff);
    CHECK_FALSE(fault.gva_valid);
    CHECK_FALSE(w.dirty(BitmapWorld::gpa_of(kInside)));
  });
}

TEST_CASE("logs: with room they cost a walk no cycle", "[logging]") {
  with_logs([](Preset preset) {
    const auto cycles = [&](bool logging) {
      LogWorld w(preset, Paging::Nested);
      w.regs.epml_en = false;
      w.regs.pml_en = w.regs.prl_en = logging;
      w.regs.prl_addr = kPrlPage.value;
      w.commit(0, w.regs);
      std::uint64_t total = 0;
      for (unsigned i = 0; i < 8; ++i) {
        translation_of(w.access(write_of(w.clean_page())));
        total += w.cycles;
      }
      return total;
    };
    CHECK(cycles(true) == cycles(false));
  });
}
