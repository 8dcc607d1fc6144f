// MICRO'14 VI as it happens: what hypervisor and guest do so that segments become possible, with a program that runs
// before, in between and after. Each step's references tell which mode is really in use.
#include "layout_world.hpp"

namespace vmmu::layout::test {
namespace {

constexpr VirtRange kProgram{kHeap, 8 * kMiB};
constexpr std::uint64_t kPages = kProgram.bytes / kFrame;

}  // namespace

TEST_CASE("story: self-ballooning turns scattered guest memory into a guest segment", "[stories]") {
  Machine machine(small_guest(), small_vmm());
  // The guest has run for long: its free memory is in pieces, and so is what the program got.
  REQUIRE(machine.guest.map(kProgram, Placement::Scattered) == LayoutError::None);
  machine.fill(kProgram);
  machine.commit(machine.regs());
  CHECK(machine.check_reachable(kProgram) == kPages * 24);
  CHECK_FALSE(guest_segment(machine.guest.mapping(), kProgram));

  const std::uint64_t host_free = machine.vmm.frames().free_bytes();
  const auto added = self_balloon(machine.guest, machine.vmm, kProgram.bytes);
  REQUIRE(std::holds_alternative<GuestRange>(added));
  CHECK(std::get<GuestRange>(added) == GuestRange{{64 * kMiB}, kProgram.bytes});
  CHECK(machine.vmm.frames().free_bytes() == host_free);  // the host gave no more than it got

  REQUIRE(machine.guest.relocate(kProgram) == LayoutError::None);
  const auto segment = guest_segment(machine.guest.mapping(), kProgram);
  REQUIRE(segment.has_value());
  ContextRegs regs = machine.regs();
  regs.gseg = *segment;
  machine.commit(regs);
  CHECK(machine.check_reachable(kProgram) == kPages * 4);  // Guest Direct
  machine.check_filled(kProgram);
}

TEST_CASE("story: I/O-gap reclaim lets one VMM segment cover the guest's memory", "[stories]") {
  // 32 MiB below the gap, 32 MiB above it; page tables above, where they can stay.
  const GuestRange low{{0}, 32 * kMiB};
  const GuestRange high{{4 * kGiB}, 32 * kMiB};
  Machine machine({{low, high}, {high.base, 4 * kMiB}, 4, 1}, small_vmm());
  REQUIRE(machine.guest.map(kProgram, Placement::Contiguous) == LayoutError::None);
  CHECK(low.contains(*machine.guest.physical_of(kProgram.base)));
  machine.fill(kProgram);
  ContextRegs regs = machine.regs();
  regs.vseg[0] = *vmm_segment(machine.vmm.mapping(), high);
  machine.commit(regs);
  // Tables through the segment, the data itself through nested paging: k = 1.
  CHECK(machine.check_reachable(kProgram) == kPages * 8);

  const auto added = reclaim_io_gap(machine.guest, machine.vmm, low);
  REQUIRE(std::holds_alternative<GuestRange>(added));
  CHECK(std::get<GuestRange>(added) == GuestRange{{high.end().value}, low.bytes});
  CHECK_FALSE(machine.vmm.host_of({0}));
  // The new frames need not continue the old ones: the host compacts.
  const GuestRange all{high.base, high.bytes + low.bytes};
  REQUIRE(std::holds_alternative<Compaction>(machine.vmm.compact(all)));
  regs.vseg[0] = *vmm_segment(machine.vmm.mapping(), all);
  machine.commit(regs);
  CHECK(machine.check_reachable(kProgram) == kPages * 4);  // VMM Direct for every address of the walk
  machine.check_filled(kProgram);
}

TEST_CASE("story: host compaction leads from Guest Direct to Dual Direct and back", "[stories]") {
  Machine machine(small_guest(), small_vmm(), Placement::Scattered);
  REQUIRE(machine.guest.map(kProgram, Placement::Contiguous) == LayoutError::None);
  machine.fill(kProgram);
  ContextRegs regs = machine.regs();
  regs.gseg = *guest_segment(machine.guest.mapping(), kProgram);
  machine.commit(regs);
  CHECK(machine.check_reachable(kProgram) == kPages * 4);  // Guest Direct

  const GuestRange all{{0}, 64 * kMiB};
  REQUIRE(std::holds_alternative<Compaction>(machine.vmm.compact(all)));
  regs.vseg[0] = *vmm_segment(machine.vmm.mapping(), all);
  machine.commit(regs);
  CHECK(machine.check_reachable(kProgram) == 0);  // Dual Direct

  // The host wants the memory in another order: the segment goes before the first frame moves.
  regs.vseg[0] = {};
  machine.commit(regs);
  CHECK(machine.check_reachable(kProgram) == kPages * 4);
  for (std::uint64_t at = 0; at < 64 * kFrame; at += kFrame) REQUIRE(machine.vmm.retire({at}) == LayoutError::None);
  CHECK_FALSE(vmm_segment(machine.vmm.mapping(), all));
  CHECK(machine.check_reachable(kProgram) == kPages * 4);

  REQUIRE(std::holds_alternative<Compaction>(machine.vmm.compact(all)));
  regs.vseg[0] = *vmm_segment(machine.vmm.mapping(), all);
  machine.commit(regs);
  CHECK(machine.check_reachable(kProgram) == 0);
  machine.check_filled(kProgram);
}

TEST_CASE("story: bad pages are escaped while the program runs", "[stories]") {
  Machine machine(small_guest(), small_vmm());
  REQUIRE(machine.guest.map(kProgram, Placement::Contiguous) == LayoutError::None);
  machine.fill(kProgram);
  const GuestRange all{{0}, 64 * kMiB};
  ContextRegs regs = machine.regs();
  regs.gseg = *guest_segment(machine.guest.mapping(), kProgram);
  regs.vseg[0] = *vmm_segment(machine.vmm.mapping(), all);
  machine.commit(regs);
  CHECK(machine.check_reachable(kProgram) == 0);

  std::uint64_t escaped = 0;
  for (unsigned n = 1; n <= 16; ++n) {
    const GuestPhys bad{machine.guest.physical_of(kProgram.base)->value + n * 37 * kFrame};
    const HostPhys was = *machine.vmm.host_of(bad);
    REQUIRE(machine.vmm.retire(bad) == LayoutError::None);
    CHECK(*machine.vmm.host_of(bad) != was);
    REQUIRE(machine.vmm.escape(bad, all, regs.vfilter) == LayoutError::None);
    REQUIRE(vmm_segment(machine.vmm.mapping(), all, regs.vfilter) == regs.vseg[0]);
    machine.commit(regs);
    const GuestPhys first = *machine.guest.physical_of(kProgram.base);
    escaped = regs.vfilter.pages_hit(first.value, first.value + kProgram.bytes).size();
    // An escaped page is walked by EPT alone: the guest segment still answers for the guest's level.
    CHECK(machine.check_reachable(kProgram) == escaped * 4);
  }
  CHECK(escaped >= 16);
  machine.check_filled(kProgram);
}

TEST_CASE("story: Compromis tiles a guest whose host memory is in a few pieces", "[stories]") {
  VmmConfig config = small_vmm();
  config.ept_tables.reset();
  SparseMem memory;
  Vmm vmm(config, words_of(memory));
  for (int piece = 3; piece >= 0; --piece) {
    REQUIRE(vmm.back({{static_cast<std::uint64_t>(piece) * 16 * kMiB}, 16 * kMiB}, Placement::Contiguous) ==
            LayoutError::None);
  }
  Guest guest(small_guest(), vmm.guest_words());
  REQUIRE(guest.map(kProgram, Placement::Scattered) == LayoutError::None);
  ContextRegs regs = guest.tables().regs(vmmu::test::usual_regs());
  regs.virt = regs.vseg_miss = true;
  const auto tiles = tiling(vmm.mapping(), 64 * kMiB, kMaxVmmSegments);
  REQUIRE(tiles.has_value());
  for (std::size_t i = 0; i < tiles->size(); ++i) regs.vseg[i] = (*tiles)[i];
  Mmu mmu({}, memory);
  REQUIRE(mmu.commit(0, regs) == Reject::None);
  vmmu::test::Trace trace;
  for (std::uint64_t at = 0; at < kProgram.bytes; at += kFrame) {
    const GuestVirt gva{kProgram.base.value + at};
    const Result result = mmu.access({gva, Op::Write, true, false, false, 0}, &trace);
    REQUIRE(vmmu::test::succeeds(result));
    CHECK(std::get<Translation>(result).hpa == *vmm.host_of(*guest.physical_of(gva)));
  }
  CHECK(trace.reads() == kPages * 4);
  // The guest reaches beyond its memory: an exit, and nothing is read there.
  REQUIRE(guest.map({{kHeap.value + kGiB}, kFrame}, Placement::Contiguous) == LayoutError::None);
  regs.vseg[3] = {};
  REQUIRE(mmu.commit(0, regs) == Reject::None);
  bool exited = false;
  for (std::uint64_t at = 0; at < kProgram.bytes && !exited; at += kFrame) {
    const Result result = mmu.access({{kProgram.base.value + at}, Op::Read, true, false, false, 0});
    exited = !vmmu::test::succeeds(result) && std::get<Fault>(result).kind == FaultKind::VsegExit;
  }
  CHECK(exited);
}

}  // namespace vmmu::layout::test
