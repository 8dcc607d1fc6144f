// Guest and VMM memory managers: what each operation does, and what it refuses.
#include "layout_world.hpp"

namespace vmmu::layout::test {

TEST_CASE("mapping: neighbours on both sides are one piece, and cutting leaves the rest", "[layout]") {
  HostMapping mapping;
  mapping.insert({{0x1000}, 0x1000}, {0x5000});
  mapping.insert({{0x3000}, 0x1000}, {0x7000});
  mapping.insert({{0x2000}, 0x1000}, {0x6000});
  REQUIRE(mapping.all().size() == 1);
  CHECK(mapping.all()[0] == HostMapping::Piece{{{0x1000}, 0x3000}, {0x5000}});
  CHECK(mapping.find({0x2fff})->value == 0x6fff);
  mapping.erase({{0x2000}, 0x1000});
  CHECK_FALSE(mapping.find({0x2000}));
  CHECK(mapping.find({0x3000})->value == 0x7000);
  CHECK(mapping.parts({{0}, 0x10000}).size() == 2);
  CHECK_FALSE(mapping.covers({{0x1000}, 0x3000}));
  CHECK(mapping.meets({{0x2000}, 0x2000}));
  CHECK_FALSE(mapping.meets({{0x4000}, 0x2000}));
}

TEST_CASE("mapping: the last page of the 64-bit space is a page like others", "[layout]") {
  GuestMapping mapping;
  const VirtRange last{{0xffffffffffffe000}, 0x2000};
  mapping.insert(last, {0x5000});
  CHECK(mapping.find({~std::uint64_t{0}})->value == 0x6fff);
  CHECK(mapping.covers(last));
  // LIMIT is exclusive and has 64 bits.
  CHECK_FALSE(guest_segment(mapping, last));
  CHECK(guest_segment(mapping, {last.base, kFrame}).has_value());
  mapping.erase(last);
  CHECK(mapping.all().empty());
}

TEST_CASE("layout: leaves have the size that was asked for, and a walk costs what it must", "[layout]") {
  for (const PageSize size : {PageSize::k4K, PageSize::k2M}) {
    VmmConfig config = small_vmm();
    config.page = size;
    Machine machine(small_guest(), config);
    const VirtRange heap{kHeap, 4 * kMiB};
    REQUIRE(machine.guest.map(heap, Placement::Contiguous, size) == LayoutError::None);
    machine.commit(machine.regs());
    const unsigned levels = 4 - static_cast<unsigned>(size);
    const Result result = machine.access(kHeap);
    CHECK(vmmu::test::translation(result).size == size);
    CHECK(machine.trace.reads() == levels + (levels + 1) * levels);
  }
}

TEST_CASE("layout: without EPT the VMM keeps frames, and writes no tables", "[layout]") {
  VmmConfig config = small_vmm();
  config.ept_tables.reset();
  Machine machine(small_guest(), config);
  CHECK(machine.vmm.ept() == nullptr);
  CHECK(machine.vmm.eptp() == 0);
  CHECK(machine.vmm.touch({0}) == LayoutError::None);
  CHECK(machine.vmm.host_of({0x1234})->value == kGiB + 0x1234);
}

TEST_CASE("layout: what cannot be done is an error, and changes nothing", "[layout]") {
  Machine machine(small_guest(), small_vmm());
  const VirtRange heap{kHeap, 16 * kFrame};
  REQUIRE(machine.guest.map(heap, Placement::Contiguous) == LayoutError::None);
  const HostMapping backed = machine.vmm.mapping();
  const GuestMapping mapped = machine.guest.mapping();
  const std::uint64_t free_before = machine.guest.frames().free_bytes();
  SECTION("of the VMM") {
    CHECK(machine.vmm.back({{0}, kFrame}, Placement::Contiguous) == LayoutError::AlreadyMapped);
    CHECK(machine.vmm.back({{kGiB}, 100}, Placement::Contiguous) == LayoutError::Misaligned);
    for (const Placement placement : {Placement::Contiguous, Placement::Scattered}) {
      CHECK(machine.vmm.back({{kGiB}, kGiB}, placement) == LayoutError::NoMemory);
    }
    CHECK(machine.vmm.release({{kGiB}, kFrame}) == LayoutError::NotMapped);
    CHECK(machine.vmm.release({{1}, kFrame}) == LayoutError::Misaligned);
    CHECK_FALSE(machine.vmm.hot_add(kGiB, Placement::Contiguous));
    CHECK(machine.vmm.retire({kGiB}) == LayoutError::NotMapped);
    CHECK(machine.vmm.retire({1}) == LayoutError::Misaligned);
    CHECK(machine.vmm.touch({kGiB}) == LayoutError::NotMapped);
    CHECK(std::get<LayoutError>(machine.vmm.compact({{kGiB}, kFrame})) == LayoutError::NotMapped);
    CHECK(std::get<LayoutError>(machine.vmm.compact({{0}, 0})) == LayoutError::Misaligned);
  }
  SECTION("of the guest") {
    CHECK(machine.guest.map(heap, Placement::Contiguous) == LayoutError::AlreadyMapped);
    CHECK(machine.guest.map({{kHeap.value + 4 * kMiB}, kFrame}, Placement::Contiguous, PageSize::k2M) ==
          LayoutError::Misaligned);
    for (const Placement placement : {Placement::Contiguous, Placement::Scattered}) {
      CHECK(machine.guest.map({{kHeap.value + 4 * kMiB}, kGiB}, placement) == LayoutError::NoMemory);
    }
    const GuestPhys used = *machine.guest.physical_of(kHeap);
    CHECK(machine.guest.map_at({{kHeap.value + 4 * kMiB}, kFrame}, used) == LayoutError::NoMemory);
    CHECK(machine.guest.map_at({{kHeap.value + 4 * kMiB}, 2 * kMiB}, {kFrame}, PageSize::k2M) ==
          LayoutError::Misaligned);
    CHECK(machine.guest.unmap({kHeap, kFrame}) == LayoutError::NotMapped);
    CHECK(machine.guest.relocate({kHeap, kFrame}) == LayoutError::NotMapped);
    CHECK(machine.guest.touch({0x1000}) == LayoutError::NotMapped);
    CHECK(machine.guest.inflate(kGiB).empty());
    CHECK(machine.guest.unplug({{kGiB}, kFrame}) == LayoutError::NotMapped);
    CHECK(machine.guest.unplug({{1 * kMiB}, kFrame}) == LayoutError::Pinned);  // page tables
  }
  SECTION("of the stories") {
    CHECK(std::get<LayoutError>(self_balloon(machine.guest, machine.vmm, kGiB)) == LayoutError::NoMemory);
    CHECK(std::get<LayoutError>(reclaim_io_gap(machine.guest, machine.vmm, {{0}, kGiB})) == LayoutError::NoMemory);
  }
  CHECK(machine.vmm.mapping() == backed);
  CHECK(machine.guest.mapping() == mapped);
  CHECK(machine.guest.frames().free_bytes() == free_before);
}

TEST_CASE("layout: self-ballooning gives everything back when the host has no run of that length", "[layout]") {
  Machine machine(small_guest(), small_vmm(66 * kMiB), Placement::Scattered);
  const std::uint64_t bytes = 4 * kMiB;
  REQUIRE(machine.vmm.frames().longest_free_run() < bytes);
  const std::uint64_t guest_free = machine.guest.frames().free_bytes();
  const std::uint64_t host_free = machine.vmm.frames().free_bytes();
  CHECK(std::get<LayoutError>(self_balloon(machine.guest, machine.vmm, bytes)) == LayoutError::NoMemory);
  CHECK(machine.guest.frames().free_bytes() == guest_free);
  CHECK(machine.vmm.frames().free_bytes() == host_free);
  CHECK(machine.vmm.mapping().covers({{0}, 64 * kMiB}));
}

TEST_CASE("layout: a guest whose tables lie outside of its memory is not ready", "[layout]") {
  SparseMem memory;
  Vmm vmm(small_vmm(), words_of(memory));
  GuestConfig config = small_guest();
  config.tables = {{kGiB}, kMiB};
  CHECK(Guest(config, vmm.guest_words()).ready() == LayoutError::NoMemory);
  config = small_guest();
  config.memory.push_back(config.memory.front());
  CHECK(Guest(config, vmm.guest_words()).ready() == LayoutError::AlreadyMapped);
}

TEST_CASE("layout: a guest without room for tables says so", "[layout]") {
  GuestConfig config = small_guest();
  config.tables.bytes = 4 * kFrame;
  Machine machine(config, small_vmm());
  REQUIRE(machine.guest.map({kHeap, kFrame}, Placement::Contiguous) == LayoutError::None);
  CHECK(machine.guest.map({{kHeap.value + kGiB}, kFrame}, Placement::Contiguous) == LayoutError::Tables);
}

TEST_CASE("layout: unmapped pages fault, and their memory serves others", "[layout]") {
  Machine machine(small_guest(), small_vmm());
  const VirtRange heap{kHeap, 4 * kFrame};
  REQUIRE(machine.guest.map(heap, Placement::Contiguous) == LayoutError::None);
  const GuestPhys was = *machine.guest.physical_of(kHeap);
  REQUIRE(machine.guest.unmap(heap) == LayoutError::None);
  machine.commit(machine.regs());
  CHECK(vmmu::test::fault(machine.access(kHeap)).kind == FaultKind::PageFault);
  REQUIRE(machine.guest.map({{kHeap.value + kMiB}, 4 * kFrame}, Placement::Contiguous) == LayoutError::None);
  CHECK(*machine.guest.physical_of({kHeap.value + kMiB}) == was);
}

TEST_CASE("layout: pages that the balloon gave up are reached no more", "[layout]") {
  VmmConfig config = small_vmm();
  config.page = PageSize::k2M;  // so that leaves have to be split around them
  Machine machine(small_guest(), config);
  const VirtRange heap{kHeap, 2 * kMiB};
  REQUIRE(machine.guest.map(heap, Placement::Contiguous) == LayoutError::None);
  const std::uint64_t host_free = machine.vmm.frames().free_bytes();
  const std::vector<GuestPhys> pages = machine.guest.inflate(40 * kFrame);
  REQUIRE(pages.size() == 40);
  for (const GuestPhys page : pages) {
    CHECK_FALSE(machine.guest.frames().is_free({page, kFrame}));
    REQUIRE(machine.vmm.release({page, kFrame}) == LayoutError::None);
    CHECK_FALSE(machine.vmm.host_of(page));
    CHECK_FALSE(machine.vmm.ept()->host_of(page));
  }
  CHECK(machine.vmm.frames().free_bytes() == host_free + 40 * kFrame);
  machine.commit(machine.regs());
  machine.check_reachable(heap);
  CHECK_FALSE(vmm_segment(machine.vmm.mapping(), {{0}, 64 * kMiB}));  // it would reach memory of others
}

TEST_CASE("layout: splitting a large leaf keeps its flags in every part", "[layout]") {
  VmmConfig config = small_vmm();
  config.page = PageSize::k2M;
  Machine machine(small_guest(), config);
  REQUIRE(machine.guest.map({kHeap, 2 * kMiB}, Placement::Contiguous, PageSize::k2M) == LayoutError::None);
  machine.commit(machine.regs());
  REQUIRE(vmmu::test::succeeds(machine.access(kHeap, Op::Write)));
  const GuestPhys page = *machine.guest.physical_of(kHeap);
  REQUIRE(machine.vmm.retire(page) == LayoutError::None);
  for (const GuestPhys part : {page, GuestPhys{page.value + 5 * kFrame}}) {
    const auto leaf = machine.vmm.ept()->ept_entry(part, 1);
    REQUIRE(leaf.has_value());
    CHECK((machine.memory.peek(leaf->hpa) & (ept::A | ept::D)) == (ept::A | ept::D));
  }
}

TEST_CASE("layout: memory of others is in the way of a compaction", "[layout]") {
  Machine machine(small_guest(), small_vmm(128 * kMiB), Placement::Scattered);
  // Somebody else holds one page of every 32 MiB.
  for (std::uint64_t at = 16 * kMiB; at < 128 * kMiB; at += 32 * kMiB) {
    std::uint64_t frame = kGiB + at;
    while (machine.vmm.frames().take_at({{frame}, kFrame}) != LayoutError::None) frame += kFrame;
  }
  CHECK(std::get<LayoutError>(machine.vmm.compact({{0}, 64 * kMiB})) == LayoutError::NoMemory);
  const auto done = machine.vmm.compact({{0}, 8 * kMiB});
  REQUIRE(std::holds_alternative<Compaction>(done));
  CHECK(vmm_segment(machine.vmm.mapping(), {{0}, 8 * kMiB}).has_value());
}

TEST_CASE("layout: a frame that went bad is never given again", "[layout]") {
  Machine machine(small_guest(), small_vmm(64 * kMiB + 2 * kFrame));
  const HostPhys bad = *machine.vmm.host_of({0x5000});
  REQUIRE(machine.vmm.retire({0x5000}) == LayoutError::None);
  CHECK(*machine.vmm.host_of({0x5000}) != bad);
  REQUIRE(machine.vmm.retire({0x5000}) == LayoutError::None);
  CHECK(machine.vmm.retire({0x5000}) == LayoutError::NoMemory);
  // Where it was, is a hole for ever: the range below needs a run that is not there.
  CHECK(std::get<LayoutError>(machine.vmm.compact({{0}, 64 * kMiB})) == LayoutError::NoMemory);
}

TEST_CASE("layout: a segment stands only where every page fits or is escaped", "[layout]") {
  HostMapping mapping;
  mapping.insert({{0}, 8 * kFrame}, {kGiB});
  const GuestRange all{{0}, 8 * kFrame};
  CHECK(vmm_segment(mapping, all)->offset == kGiB);
  EscapeFilter filter;
  SECTION("a page elsewhere") {
    mapping.erase({{3 * kFrame}, kFrame});
    mapping.insert({{3 * kFrame}, kFrame}, {2 * kGiB});
  }
  SECTION("a page nowhere") { mapping.erase({{3 * kFrame}, kFrame}); }
  CHECK_FALSE(vmm_segment(mapping, all));
  filter.insert(3 * kFrame);
  REQUIRE(vmm_segment(mapping, all, filter).has_value());
  CHECK(*vmm_segment(mapping, all, filter) == Segment{0, 8 * kFrame, kGiB, seg::kVmmMask});
  CHECK_FALSE(vmm_segment(mapping, {{0}, 9 * kFrame}, filter));  // beyond the end nothing is mapped
  CHECK_FALSE(vmm_segment(mapping, {{0}, 0}, filter));
}

TEST_CASE("layout: a tiling has adjoining segments, as few as the memory has pieces", "[layout]") {
  VmmConfig config = small_vmm();
  config.ept_tables.reset();
  SparseMem memory;
  Vmm vmm(config, words_of(memory));
  // From the top down, so that no piece continues the one below it.
  for (int piece = 3; piece >= 0; --piece) {
    const GuestRange range{{static_cast<std::uint64_t>(piece) * 16 * kMiB}, 16 * kMiB};
    REQUIRE(vmm.back(range, Placement::Contiguous) == LayoutError::None);
  }
  const auto tiles = tiling(vmm.mapping(), 64 * kMiB, 4);
  REQUIRE(tiles.has_value());
  REQUIRE(tiles->size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK((*tiles)[i].base == i * 16 * kMiB);
    CHECK((*tiles)[i].limit == (i + 1) * 16 * kMiB);
  }
  CHECK_FALSE(tiling(vmm.mapping(), 64 * kMiB, 3));
  CHECK_FALSE(tiling(vmm.mapping(), 65 * kMiB, 4));
  CHECK(tiling(vmm.mapping(), 20 * kMiB, 4)->size() == 2);
}

}  // namespace vmmu::layout::test
