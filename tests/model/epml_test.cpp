// The guest's log of linear addresses: architecture 10 and docs/contract.md.
#include "log_world.hpp"

namespace vmmu::test {
namespace {

enum class Trigger { Guest, Ept };

// Everything is warm but the data page's dirty flags; the buffer's page is mapped by EPT and clean.
struct Epml : LogWorld {
  explicit Epml(Trigger trigger = Trigger::Guest, const TableConfig& config = nested_with_flags(),
                BuildParams params = {})
      : LogWorld(config, params) {
    if (config.nested) emap(kEpml, host(kEpml));
    warm_up();
    warm_up(kOther);
    regs.epml_en = true;
    regs.epml_trigger_ept = trigger == Trigger::Ept;
  }
  static HostPhys host(GuestPhys gpa) { return {gpa.value + kHostOffset}; }
  HostPhys slot(unsigned index) const { return host({kEpml.value + 8 * index}); }
  GuestPhys slot_gpa() const { return {kEpml.value + 8 * std::uint64_t{index(Log::Epml)}}; }
  void set_index(std::uint16_t index) { mmu.set_log_index(0, Log::Epml, index); }
  bool full_event() const { return mmu.event(0, GuestEvent::EpmlFull); }
};

// A fault about the buffer has no linear address.
void check_about_buffer(const Epml& world, const Result& result, const Answer& expected) {
  CHECK(answer(result) == expected);
  CHECK_FALSE(fault(result).gva_valid);
  CHECK(fault(result).gva == GuestVirt{});
  CHECK(fault(result).target == world.regs.fault_target);
}

constexpr unsigned kDenied = qual::Write | qual::R | qual::X;  // a write, no linear address, not the final one

}  // namespace

TEST_CASE("epml: the guest's dirty flag: the gVA's page is recorded at the buffer's gPA, downwards", "[epml]") {
  Epml world;
  CHECK(succeeds(world.user(Op::Write, {kPage.value + 0x123})));
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
  CHECK(world.trace.last_place == world.slot(511));
  CHECK(world.word(world.slot(511)) == kPage.value);
  CHECK(world.index(Log::Epml) == 510);
  CHECK(succeeds(world.user(Op::Write, kOther)));
  CHECK(world.word(world.slot(510)) == kOther.value);
}

TEST_CASE("epml: a page is recorded once, and by writes only", "[epml]") {
  Epml world;
  for (const Op op : {Op::Read, Op::Fetch}) {
    CHECK(succeeds(world.user(op)));
    CHECK(world.trace.count('e') == 0);
  }
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.count('e') == 0);
  CHECK(world.index(Log::Epml) == 510);
}

TEST_CASE("epml: trigger: the EPT entry's dirty flag decides, not the guest's", "[epml]") {
  Epml guest_dirty_first(Trigger::Ept);
  guest_dirty_first.edit_guest(1, 0, pt::A | pt::D);
  CHECK(succeeds(guest_dirty_first.user(Op::Write)));
  CHECK(guest_dirty_first.trace.of(Log::Epml) == Records{kPage.value});

  Epml ept_dirty_first(Trigger::Ept);
  ept_dirty_first.edit_ept(kFrame, 1, 0, ept::A | ept::D);
  CHECK(succeeds(ept_dirty_first.user(Op::Write)));
  CHECK(ept_dirty_first.trace.count('e') == 0);
  CHECK(ept_dirty_first.guest_dirty());
}

TEST_CASE("epml: without the trigger the EPT entry's flag does not matter", "[epml]") {
  Epml world;
  world.edit_guest(1, 0, pt::A | pt::D);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.count('e') == 0);
  CHECK(world.ept_dirty(kFrame));
}

TEST_CASE("epml: trigger: a bit of a segment's bitmap that goes 0 to 1 counts", "[epml][seglog]") {
  Epml world(Trigger::Ept, nested());
  world.regs.vseg[0] = vmm_segment();
  world.regs.seg_log_en = true;
  world.edit_guest(1, 0, pt::A | pt::D);
  CHECK(succeeds(world.user(Op::Write)));
  // Both pages have their bits in one word: the data page's swap finds the buffer's bit and is tried again.
  CHECK(world.trace.effects() == "bbBBBe");
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
  CHECK(world.bit(kFrame));
  CHECK(world.bit(kEpml));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.count('e') == 0);
}

TEST_CASE("epml: natively the buffer's address is an hPA", "[epml]") {
  Epml world(Trigger::Guest, native());
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.last_place.value == kEpml.value + 8 * 511);
  CHECK(world.word({kEpml.value + 8 * 511}) == kPage.value);
}

TEST_CASE("epml: natively the trigger never fires", "[epml]") {
  Epml world(Trigger::Ept, native());
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.guest_dirty());
  CHECK(world.trace.count('e') == 0);
}

TEST_CASE("epml: natively a buffer beyond MAXPHYADDR is a bus error that asks no memory", "[epml]") {
  Epml world(Trigger::Guest, native());
  world.regs.epml_addr = std::uint64_t{1} << 46;
  check_about_buffer(world, world.user(Op::Write), bus_error({world.regs.epml_addr + 8 * 511}));
  CHECK(world.trace.effects().empty());
  CHECK_FALSE(world.guest_dirty());
}

TEST_CASE("epml: under SHADOW the shadow's leaf decides, and the buffer's address is an hPA", "[epml][shadow]") {
  Epml world(Trigger::Guest, native());
  ShadowRow row;
  row.guest_root = 0x77000;
  row.shadow_root = world.regs.cr3;
  row.valid = true;
  world.mmu.set_shadow_row(0, 0, row);
  world.regs.virt = world.regs.shadow = true;
  world.regs.cr3 = row.guest_root;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.word({kEpml.value + 8 * 511}) == kPage.value);
}

TEST_CASE("epml: a guest segment has no dirty flag to follow, the trigger does", "[epml][segment]") {
  Epml by_guest;
  by_guest.regs.gseg = guest_segment();
  CHECK(succeeds(by_guest.user(Op::Write)));
  CHECK(by_guest.trace.count('e') == 0);

  Epml by_ept(Trigger::Ept);
  by_ept.regs.gseg = guest_segment();
  CHECK(succeeds(by_ept.user(Op::Write, {kPage.value + 0xabc})));
  CHECK(by_ept.trace.of(Log::Epml) == Records{kPage.value});
}

TEST_CASE("epml: a large page is recorded with the 4 KiB page of the access", "[epml]") {
  Epml world;
  const GuestVirt large{kPage.value + (std::uint64_t{1} << 30)};
  world.map({large.value & ~std::uint64_t{0x1fffff}}, {0x40000000}, PageSize::k2M);
  CHECK(succeeds(world.user(Op::Write, {large.value + 0x808})));
  CHECK(world.trace.of(Log::Epml) == Records{large.value});
}

TEST_CASE("epml: PML's record of the same change comes first", "[epml][pml]") {
  Epml world(Trigger::Ept);
  world.edit_guest(1, 0, pt::A | pt::D);
  world.regs.pml_en = true;
  CHECK(succeeds(world.user(Op::Write)));
  // Flags and record of the buffer's page, then the swap, then both records.
  CHECK(world.trace.effects() == "spspe");
  CHECK(world.trace.of(Log::Pml) == Records{kEpml.value, kFrame.value});
}

TEST_CASE("epml: the buffer's page gets EPT flags and a PML record like any page that the guest writes", "[epml]") {
  Epml world;
  world.regs.pml_en = true;
  CHECK_FALSE(world.ept_dirty(kEpml));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.ept_dirty(kEpml));
  CHECK(world.trace.of(Log::Pml) == Records{kEpml.value, kFrame.value});
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});  // none for the buffer
  CHECK(succeeds(world.user(Op::Write, kOther)));
  CHECK(world.trace.of(Log::Pml) == Records{kOtherFrame.value});
}

TEST_CASE("epml: 512 records, the last at index 0, then FFFFh and epmlfull", "[epml]") {
  Epml world;
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.last_place == world.slot(0));
  CHECK(world.index(Log::Epml) == 0xffff);
  CHECK_FALSE(world.full_event());

  const Fault expected{FaultKind::EpmlFull, 0, world.regs.fault_target, kOther, true, 0};
  CHECK(fault(world.user(Op::Write, kOther)) == expected);
  CHECK(world.full_event());
}

TEST_CASE("epml: any of index bits 15:9 means full", "[epml]") {
  for (const std::uint16_t index : {std::uint16_t{512}, std::uint16_t{0x8000}}) {
    Epml world;
    world.set_index(index);
    CHECK(answer(world.user(Op::Write)) == epml_full_answer());
    CHECK(world.index(Log::Epml) == index);
  }
}

TEST_CASE("epml: a full log sets no dirty flag; drained, the access is recorded once", "[epml]") {
  for (const Trigger trigger : {Trigger::Guest, Trigger::Ept}) {
    Epml world(trigger);
    world.set_index(0xffff);
    CHECK(answer(world.user(Op::Write)) == epml_full_answer());
    CHECK_FALSE(world.ept_dirty(kFrame));
    CHECK(world.guest_dirty() == (trigger == Trigger::Ept));  // an earlier change of the same walk
    world.mmu.clear_event(0, GuestEvent::EpmlFull);
    world.set_index(511);
    CHECK(succeeds(world.user(Op::Write)));
    CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
    CHECK_FALSE(world.full_event());
  }
}

TEST_CASE("epml: a full log does not matter when the page is dirty, or not written", "[epml]") {
  Epml world;
  CHECK(succeeds(world.user(Op::Write)));
  world.set_index(0xffff);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(succeeds(world.user(Op::Read, kOther)));
}

TEST_CASE("epml: accessed flags of upper levels stay when the leaf's swap has to wait", "[epml]") {
  Epml world;
  world.edit_guest(3, pt::A, 0);
  world.set_index(0xffff);
  CHECK(answer(world.user(Op::Write)) == epml_full_answer());
  CHECK((world.word(world.guest_entry(3)) & pt::A) != 0);
}

TEST_CASE("epml: the host's log is judged before the guest's", "[epml][pml]") {
  Epml world(Trigger::Ept);
  world.regs.pml_en = true;
  world.edit_guest(1, 0, pt::A | pt::D);
  world.mmu.set_pml_index(0, 0xffff);
  world.set_index(0xffff);
  CHECK(answer(world.user(Op::Write)) == pml_full_answer());
  CHECK_FALSE(world.full_event());
}

TEST_CASE("epml: host before guest for the bitmap of the leaf's table page too", "[epml][seglog]") {
  Epml world(Trigger::Guest, nested());
  world.regs.vseg[0] = vmm_segment();
  world.regs.seg_log_en = world.regs.pml_en = true;
  world.mmu.set_pml_index(0, 0xffff);
  world.set_index(0xffff);
  CHECK(answer(world.user(Op::Write)) == pml_full_answer());
  world.mmu.set_pml_index(0, 511);
  CHECK(answer(world.user(Op::Write)) == epml_full_answer());
  CHECK_FALSE(world.guest_dirty());
}

TEST_CASE("epml: PML full in the buffer's translation is pmlfull with the linear address", "[epml][pml]") {
  Epml world;
  world.regs.pml_en = true;
  world.mmu.set_pml_index(0, 0xffff);
  const Fault expected{FaultKind::PmlFull, 0, world.regs.fault_target, kPage, true, 0};
  CHECK(fault(world.user(Op::Write)) == expected);
  CHECK_FALSE(world.guest_dirty());
  CHECK_FALSE(world.ept_dirty(kEpml));
}

TEST_CASE("epml: the buffer's record takes PML's last place: pmlfull, then resumed without a record twice",
          "[epml][pml]") {
  Epml world(Trigger::Ept);
  world.regs.pml_en = true;
  world.edit_guest(1, 0, pt::A | pt::D);
  world.mmu.set_pml_index(0, 0);
  CHECK(answer(world.user(Op::Write)) == pml_full_answer());
  CHECK(world.trace.of(Log::Pml) == Records{kEpml.value});
  CHECK_FALSE(world.ept_dirty(kFrame));
  CHECK(world.index(Log::Epml) == 511);
  world.mmu.set_pml_index(0, 511);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Pml) == Records{kFrame.value});
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
}

TEST_CASE("epml: a buffer that EPT does not map is a violation with its gPA and no linear address", "[epml]") {
  for (const Trigger trigger : {Trigger::Guest, Trigger::Ept}) {
    Epml world(trigger);
    world.edit_ept(kEpml, 1, ept::R | ept::W | ept::X, 0);
    check_about_buffer(world, world.user(Op::Write), violation(qual::Write, world.slot_gpa()));
    CHECK_FALSE(world.ept_dirty(kFrame));
    CHECK(world.guest_dirty() == (trigger == Trigger::Ept));
    CHECK(world.index(Log::Epml) == 511);
    CHECK_FALSE(world.full_event());
  }
}

TEST_CASE("epml: a buffer that EPT does not let the guest write is a violation", "[epml]") {
  Epml world;
  world.regs.advinfo = true;
  world.edit_ept(kEpml, 1, ept::W, 0);
  check_about_buffer(world, world.user(Op::Write), violation(kDenied, world.slot_gpa()));
  CHECK((world.word(world.ept_entry(kEpml, 1)) & (ept::A | ept::D)) == 0);
}

TEST_CASE("epml: a buffer whose EPT entry is no good is a misconfiguration", "[epml]") {
  Epml world;
  world.edit_ept(kEpml, 1, ept::R, 0);  // write without read
  check_about_buffer(world, world.user(Op::Write), misconfig(world.slot_gpa()));
  CHECK_FALSE(world.guest_dirty());
}

TEST_CASE("epml: a buffer at or above 2^48 is a violation without a reference", "[epml]") {
  Epml world;
  world.regs.epml_addr = std::uint64_t{1} << 48;
  check_about_buffer(world, world.user(Op::Write), violation(qual::Write, {world.regs.epml_addr + 8 * 511}));
}

TEST_CASE("epml: a buffer outside the segments exits with VSEG_MISS", "[epml][segment]") {
  Epml world;
  world.regs.vseg[0] = vmm_segment();
  world.regs.vseg_miss = true;
  world.regs.epml_addr = std::uint64_t{1} << 33;
  check_about_buffer(world, world.user(Op::Write), {FaultKind::VsegExit, qual::Write, world.regs.epml_addr + 8 * 511});
  CHECK_FALSE(world.guest_dirty());
}

TEST_CASE("epml: a buffer in a segment that denies writing, or leads beyond MAXPHYADDR", "[epml][segment]") {
  Epml denied(Trigger::Ept);
  denied.regs.vseg[0] = segment(kEpml.value, kEpml.value + 0x1000, 0x40000000, seg::R | seg::X);
  check_about_buffer(denied, denied.user(Op::Write), violation(kDenied, denied.slot_gpa()));

  Epml beyond;
  beyond.regs.vseg[0] = segment(kEpml.value, kEpml.value + 0x1000, std::uint64_t{1} << 46);
  check_about_buffer(beyond, beyond.user(Op::Write), segment_fault(1, beyond.slot_gpa().value));
}

TEST_CASE("epml: a bus error in the buffer's translation is one of the word, without a linear address", "[epml]") {
  Epml world;
  world.mem.fail_next(world.ept_entry(kEpml, 1));
  check_about_buffer(world, world.user(Op::Write), bus_error(world.ept_entry(kEpml, 1)));
  CHECK_FALSE(world.guest_dirty());
}

TEST_CASE("epml: repaired, the access that faulted on the buffer is recorded", "[epml]") {
  Epml world;
  world.edit_ept(kEpml, 1, ept::W, 0);
  CHECK_FALSE(succeeds(world.user(Op::Write)));
  world.edit_ept(kEpml, 1, 0, ept::W);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.word(world.slot(511)) == kPage.value);
}

TEST_CASE("epml: buffer page = data page: the buffer's write makes it dirty; only the guest's flag has a record",
          "[epml]") {
  Epml by_guest;
  by_guest.regs.pml_en = true;
  by_guest.regs.epml_addr = kFrame.value;
  CHECK(succeeds(by_guest.user(Op::Write)));
  CHECK(by_guest.trace.of(Log::Epml) == Records{kPage.value});
  CHECK(by_guest.trace.of(Log::Pml) == Records{kFrame.value});  // once

  Epml by_ept(Trigger::Ept);
  by_ept.regs.pml_en = true;
  by_ept.regs.epml_addr = kFrame.value;
  CHECK(succeeds(by_ept.user(Op::Write)));
  CHECK(by_ept.trace.of(Log::Epml).empty());
  CHECK(by_ept.trace.of(Log::Pml) == Records{kFrame.value});
  CHECK(by_ept.ept_dirty(kFrame));
}

TEST_CASE("epml: a dirty flag that another writer sets first has no record", "[epml][race]") {
  Epml world;
  world.mem.race(world.guest_entry(1), world.word(world.guest_entry(1)) | pt::D);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.count('e') == 0);
  CHECK(world.index(Log::Epml) == 511);
}

TEST_CASE("epml: a swap tried again that sets the dirty flag has one record", "[epml][race]") {
  Epml world;
  world.mem.race(world.guest_entry(1), world.word(world.guest_entry(1)) & ~pt::A);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
}

TEST_CASE("epml: a dirty flag that another writer takes back during the swap needs room then", "[epml][race]") {
  Epml world;
  world.edit_guest(1, pt::A, pt::D);
  world.mem.race(world.guest_entry(1), world.word(world.guest_entry(1)) & ~pt::D);
  world.set_index(0xffff);
  CHECK(answer(world.user(Op::Write)) == epml_full_answer());
  CHECK_FALSE(world.guest_dirty());
}

TEST_CASE("epml: a swap of the buffer's flags that is lost for good starts the walk again, one record",
          "[epml][race]") {
  Epml world;
  const HostPhys leaf = world.ept_entry(kEpml, 1);
  world.mem.race(leaf, world.word(leaf) | std::uint64_t{1} << 52);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
}

TEST_CASE("epml: the watermark event is the guest's", "[epml]") {
  Epml world;
  world.regs.epml_watermark = 510;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.mmu.event(0, GuestEvent::EpmlWatermark));
  world.mmu.clear_event(0, GuestEvent::EpmlWatermark);
  CHECK(succeeds(world.user(Op::Write, kOther)));
  CHECK_FALSE(world.mmu.event(0, GuestEvent::EpmlWatermark));
}

TEST_CASE("epml: a record that memory refuses closes this log only, until LOG_ERROR is cleared", "[epml]") {
  Epml world;
  world.regs.pml_en = true;
  world.mem.fail_next(world.slot(511));
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Epml).empty());
  CHECK(world.mmu.event(0, Event::LogError));
  CHECK(world.mmu.log_error_record() == kPage.value);
  CHECK(world.index(Log::Epml) == 511);
  CHECK(world.guest_dirty());

  CHECK(answer(world.user(Op::Write, kOther)) == epml_full_answer());
  CHECK(world.full_event());
  world.mmu.clear_event(0, Event::LogError);
  CHECK(succeeds(world.user(Op::Write, kOther)));
  CHECK(world.trace.of(Log::Epml) == Records{kOther.value});
}

TEST_CASE("epml: GCOMMIT makes the guest's registers of the log active", "[epml][commit]") {
  LogWorld world;
  GuestRegs guest;
  guest.epml_en = guest.epml_trigger_ept = true;
  guest.epml_addr = 0xcfff;
  guest.epml_watermark = 17;
  CHECK(world.mmu.commit_guest(0, guest) == Reject::None);
  CHECK(world.mmu.active(0).epml_en);
  CHECK(world.mmu.active(0).epml_trigger_ept);
  CHECK(world.mmu.active(0).epml_addr == 0xc000);
  CHECK(world.mmu.active(0).epml_watermark == 17);
}

TEST_CASE("epml: a build without it rejects its GCOMMIT and tells the guest", "[epml][commit]") {
  BuildParams none;
  none.epml = false;
  LogWorld world(nested(), none);
  GuestRegs guest;
  guest.epml_en = true;
  CHECK(world.mmu.commit_guest(0, guest) == Reject::Unsupported);
  CHECK(world.mmu.event(0, GuestEvent::CommitRejected));
}

TEST_CASE("epml: peeking says that a page would become dirty, and raises no event", "[epml]") {
  Epml world;
  world.set_index(0xffff);
  REQUIRE(world.mmu.commit(0, world.regs) == Reject::None);
  const Mmu::Peek peek = world.mmu.peek({kPage, Op::Write, true, false, false, 0});
  CHECK(answer(peek.result) == epml_full_answer());
  CHECK_FALSE(world.full_event());
}

// ---- What the patch published with OoH does, and this MMU does not.

TEST_CASE("epml, published patch: a record is not dropped while its dirty bit is set", "[epml][ooh]") {
  Epml world(Trigger::Ept);
  world.set_index(0);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK_FALSE(succeeds(world.user(Op::Write, kOther)));
  CHECK_FALSE(world.ept_dirty(kOtherFrame));  // so that a later write still finds something to record
  world.set_index(511);
  CHECK(succeeds(world.user(Op::Write, kOther)));
  CHECK(world.word(world.slot(511)) == kOther.value);
}

TEST_CASE("epml, published patch: records are page aligned", "[epml][ooh]") {
  Epml world(Trigger::Ept);
  CHECK(succeeds(world.user(Op::Write, {kPage.value + 0xfff})));
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
}

TEST_CASE("epml, published patch: accesses to tables record no linear address", "[epml][ooh]") {
  LogWorld world;  // cold: four table pages become dirty before the data page
  world.emap(kEpml, Epml::host(kEpml));
  world.regs.epml_en = world.regs.epml_trigger_ept = world.regs.pml_en = true;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Pml).size() == 6);  // tables, buffer, data
  CHECK(world.trace.of(Log::Epml) == Records{kPage.value});
}

TEST_CASE("epml, published patch: nothing that the guest can read holds an hPA", "[epml][ooh]") {
  Epml world(Trigger::Ept);
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.mmu.active(0).epml_addr == kEpml.value);  // as the guest wrote it
  CHECK(world.word(world.slot(511)) == kPage.value);
  world.edit_ept(kEpml, 1, ept::W, 0);
  CHECK(fault(world.user(Op::Write, kOther)).address == world.slot_gpa().value);
}

TEST_CASE("pml, epml: five records of a cold dirty walk, 511 downwards, and one of EPML", "[epml][pml]") {
  LogWorld world;
  world.emap(kEpml, Epml::host(kEpml), PageSize::k4K, [] {
    EptAttr warm;
    warm.accessed = warm.dirty = true;
    return warm;
  }());
  world.regs.epml_en = world.regs.pml_en = true;
  CHECK(succeeds(world.user(Op::Write)));
  CHECK(world.trace.of(Log::Pml).size() == 5);
  CHECK(world.index(Log::Pml) == 506);
  CHECK(world.index(Log::Epml) == 510);
}

}  // namespace vmmu::test
