// What holds for every layout: random regions, placements, page sizes and moves.
#include <rapidcheck.h>

#include <memory>
#include <set>

#include "layout_world.hpp"

namespace vmmu::layout::test {
namespace {

void require_property(bool passed) { REQUIRE(passed); }

bool coin() { return *rc::gen::arbitrary<bool>(); }
unsigned below(unsigned n) { return *rc::gen::inRange(0u, n); }
Placement any_placement() { return coin() ? Placement::Contiguous : Placement::Scattered; }

struct RandomMachine {
  std::unique_ptr<Machine> machine;
  std::vector<VirtRange> regions;
};

RandomMachine build() {
  RandomMachine world;
  VmmConfig vmm = small_vmm(256 * kMiB, below(1000));
  vmm.page = coin() ? PageSize::k4K : PageSize::k2M;
  world.machine = std::make_unique<Machine>(small_guest(48 * kMiB, below(1000)), vmm, any_placement());
  GuestVirt next = kHeap;
  for (unsigned n = 1 + below(4); n > 0; --n) {
    const PageSize size = below(4) == 0 ? PageSize::k2M : PageSize::k4K;
    const VirtRange range{next, page_bytes(size) * (size == PageSize::k2M ? 1 + below(3) : 1 + below(60))};
    const LayoutError error = world.machine->guest.map(range, any_placement(), size);
    // What lies scattered may leave no large page free.
    if (error == LayoutError::NoMemory && !world.regions.empty()) continue;
    RC_ASSERT(error == LayoutError::None);
    world.regions.push_back(range);
    next.value = align_up(range.end().value, page_bytes(PageSize::k2M)) + page_bytes(PageSize::k2M) * below(3);
  }
  return world;
}

// Every page lies where the two mappings say, for the MMU too.
void assert_reachable(Machine& machine, const VirtRange& range) {
  for (std::uint64_t at = 0; at < range.bytes; at += kFrame) {
    const Result result = machine.access({range.base.value + at});
    RC_ASSERT(std::holds_alternative<Translation>(result));
    RC_ASSERT(std::get<Translation>(result).hpa == *machine.mapped({range.base.value + at}));
  }
}

// No two pages share a frame, at either level; and a page that is in use is not free.
void assert_disjoint(const Machine& machine) {
  std::set<std::uint64_t> guest_frames;
  for (const auto& piece : machine.guest.mapping().all()) {
    for (std::uint64_t at = 0; at < piece.range.bytes; at += kFrame) {
      RC_ASSERT(guest_frames.insert(piece.to.value + at).second);
      RC_ASSERT(!machine.guest.frames().is_free({{piece.to.value + at}, kFrame}));
    }
  }
  std::set<std::uint64_t> host_frames;
  for (const auto& piece : machine.vmm.mapping().all()) {
    for (std::uint64_t at = 0; at < piece.range.bytes; at += kFrame) {
      RC_ASSERT(host_frames.insert(piece.to.value + at).second);
    }
  }
}

}  // namespace

TEST_CASE("layout: property: every mapped page is reached where the layout says it is", "[layout]") {
  require_property(rc::check([] {
    RandomMachine world = build();
    world.machine->commit(world.machine->regs());
    assert_disjoint(*world.machine);
    for (const VirtRange& range : world.regions) assert_reachable(*world.machine, range);
  }));
}

TEST_CASE("layout: property: a segment from a layout translates as paging does", "[layout]") {
  unsigned with_guest = 0;
  unsigned with_vmm = 0;
  unsigned without = 0;
  require_property(rc::check([&] {
    RandomMachine world = build();
    Machine& machine = *world.machine;
    const VirtRange range = world.regions.front();
    ContextRegs regs = machine.regs();
    const auto gseg = guest_segment(machine.guest.mapping(), range);
    const auto vseg = vmm_segment(machine.vmm.mapping(), {{0}, 48 * kMiB});
    RC_ASSERT(gseg.has_value() == (machine.guest.mapping().parts(range).size() == 1));
    RC_ASSERT(vseg.has_value() == (machine.vmm.mapping().parts({{0}, 48 * kMiB}).size() == 1));
    if (gseg) regs.gseg = *gseg;
    if (vseg) regs.vseg[0] = *vseg;
    RC_ASSERT(machine.mmu.commit(0, regs) == Reject::None);
    for (const VirtRange& region : world.regions) assert_reachable(machine, region);
    if (gseg && vseg) {
      (void)machine.access(range.base);
      RC_ASSERT(machine.trace.reads() == 0u);
    }
    with_guest += gseg ? 1 : 0;
    with_vmm += vseg ? 1 : 0;
    without += !gseg && !vseg ? 1 : 0;
  }));
  CHECK(with_guest > 5);
  CHECK(with_vmm > 5);
  CHECK(without > 5);
}

TEST_CASE("layout: property: moves at either level keep contents, flags and reachability", "[layout]") {
  require_property(rc::check([] {
    RandomMachine world = build();
    Machine& machine = *world.machine;
    RC_ASSERT(machine.mmu.commit(0, machine.regs()) == Reject::None);
    for (const VirtRange& range : world.regions) machine.fill(range);
    const GuestVirt dirtied = world.regions.front().base;
    bool relocated = false;
    RC_ASSERT(std::holds_alternative<Translation>(machine.access(dirtied, Op::Write)));
    for (unsigned n = 1 + below(4); n > 0; --n) {
      const VirtRange range = world.regions[below(static_cast<unsigned>(world.regions.size()))];
      const GuestPhys page{align_down(machine.guest.physical_of(range.base)->value, kFrame)};
      switch (below(4)) {
        case 0:
          if (machine.guest.relocate(range) == LayoutError::None) relocated = true;
          break;
        case 1: RC_ASSERT(machine.vmm.retire(page) == LayoutError::None); break;
        case 2: {
          // A range with a balloon in it cannot become one piece.
          const GuestRange low{{0}, 4 * kMiB * (1 + below(4))};
          const bool whole = machine.vmm.mapping().covers(low);
          RC_ASSERT(std::holds_alternative<Compaction>(machine.vmm.compact(low)) == whole);
          break;
        }
        default: {
          const bool possible = machine.vmm.frames().longest_free_run() >= 64 * kFrame;
          const auto added = self_balloon(machine.guest, machine.vmm, 64 * kFrame);
          RC_ASSERT(std::holds_alternative<GuestRange>(added) || !possible);
        }
      }
      assert_disjoint(machine);
    }
    for (const VirtRange& range : world.regions) {
      machine.check_filled(range);
      assert_reachable(machine, range);
    }
    // The flags of the page that was written are still there. Only where the guest took other memory for it, EPT's are
    // those of that memory.
    RC_ASSERT(std::holds_alternative<Translation>(machine.access(dirtied, Op::Write)));
    for (const vmmu::test::Step& swap : machine.trace.of(vmmu::test::Step::What::Swap)) {
      RC_ASSERT(swap.table == Table::Nested);
      RC_ASSERT(relocated);
    }
  }));
}

TEST_CASE("layout: property: compaction makes a segment possible, whatever the fragmentation", "[layout]") {
  require_property(rc::check([] {
    VmmConfig config = small_vmm(32 * kMiB, below(1000));
    config.page = coin() ? PageSize::k4K : PageSize::k2M;
    Machine machine(small_guest(16 * kMiB), config, Placement::Scattered);
    const std::uint64_t bytes = 2 * kMiB * (1 + below(8));
    const auto done = machine.vmm.compact({{0}, bytes});
    RC_ASSERT(std::holds_alternative<Compaction>(done));
    const auto segment = vmm_segment(machine.vmm.mapping(), {{0}, bytes});
    RC_ASSERT(segment.has_value());
    RC_ASSERT(segment->offset == std::get<Compaction>(done).base.value);
    const auto again = machine.vmm.compact({{0}, bytes});
    RC_ASSERT(std::get<Compaction>(again).moved == 0u);
    assert_disjoint(machine);
  }));
}

TEST_CASE("layout: property: pages that the filter hits are right by paging, false positives too", "[layout]") {
  unsigned false_positives = 0;
  require_property(rc::check([&] {
    // No leaves for the guest's data: a page that the filter hits without a leaf would fault.
    const VirtRange heap{kHeap, 8 * kMiB};
    const GuestRange all{{0}, 64 * kMiB};
    SparseMem memory;
    VmmConfig config = small_vmm();
    config.seed = below(1000);
    Vmm vmm(config, words_of(memory));
    RC_ASSERT(vmm.back(all, Placement::Contiguous, Leaves::OnDemand) == LayoutError::None);
    Guest guest(small_guest(), vmm.guest_words());
    RC_ASSERT(guest.map(heap, Placement::Contiguous, PageSize::k4K, Leaves::OnDemand) == LayoutError::None);
    ContextRegs regs = guest.tables().regs(vmmu::test::usual_regs());
    regs.virt = regs.ept_en = true;
    regs.eptp = vmm.eptp();
    std::set<std::uint64_t> escaped;
    for (unsigned n = 1 + below(20); n > 0; --n) {
      const std::uint64_t at = kFrame * below(static_cast<unsigned>(heap.bytes / kFrame));
      const GuestPhys bad{guest.physical_of(heap.base)->value + at};
      RC_ASSERT(vmm.retire(bad) == LayoutError::None);
      RC_ASSERT(vmm.escape(bad, all, regs.vfilter) == LayoutError::None);
      RC_ASSERT(guest.escape({heap.base.value + kFrame * below(2048)}, heap, regs.gfilter) == LayoutError::None);
      escaped.insert(bad.value);
    }
    // The guest's tables have to be reachable too, whether the filter hits them or not.
    regs.gseg = *guest_segment(guest.mapping(), heap, regs.gfilter);
    regs.vseg[0] = *vmm_segment(vmm.mapping(), all, regs.vfilter);
    Mmu mmu({}, memory);
    RC_ASSERT(mmu.commit(0, regs) == Reject::None);
    for (std::uint64_t at = 0; at < heap.bytes; at += kFrame) {
      const GuestVirt gva{heap.base.value + at};
      const Result result = mmu.access({gva, Op::Write, true, false, false, 0});
      RC_ASSERT(std::holds_alternative<Translation>(result));
      RC_ASSERT(std::get<Translation>(result).hpa == *vmm.host_of(*guest.physical_of(gva)));
      const std::uint64_t gpa = guest.physical_of(gva)->value;
      if (regs.vfilter.hits(gpa) && escaped.count(gpa) == 0) ++false_positives;
    }
  }));
  CHECK(false_positives > 0);
}

}  // namespace vmmu::layout::test
