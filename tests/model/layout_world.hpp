// A guest and its hypervisor from the layout library, with the model as the MMU that uses what they made.
#pragma once

#include <optional>

#include "vmmu/layout.hpp"
#include "world.hpp"

namespace vmmu::layout::test {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr GuestVirt kHeap{std::uint64_t{0x7f} << 32};

// Memory of the guest from 0, of which the tables are the first 8 MiB above the first.
inline GuestConfig small_guest(std::uint64_t bytes = 64 * kMiB, std::uint64_t seed = 1) {
  return {{{{0}, bytes}}, {{1 * kMiB}, 8 * kMiB}, 4, seed};
}

// Host frames from 1 GiB; the EPT tables lie below.
inline VmmConfig small_vmm(std::uint64_t bytes = 256 * kMiB, std::uint64_t seed = 1) {
  VmmConfig config;
  config.memory = {{kGiB}, bytes};
  config.seed = seed;
  return config;
}

// The guest's memory is backed in the constructor, before the guest boots.
struct Machine {
  Machine(const GuestConfig& guest_config, const VmmConfig& vmm_config, Placement backing = Placement::Contiguous)
      : vmm(vmm_config, words_of(memory)),
        ready(back_all(guest_config, backing)),
        guest(guest_config, vmm.guest_words()) {
    REQUIRE(ready == LayoutError::None);
    REQUIRE(guest.ready() == LayoutError::None);
  }

  LayoutError back_all(const GuestConfig& config, Placement backing) {
    for (const GuestRange& range : config.memory) {
      if (const LayoutError error = vmm.back(range, backing); error != LayoutError::None) return error;
    }
    return LayoutError::None;
  }

  // Registers for paging at both levels; segments are the test's to add.
  ContextRegs regs() const {
    ContextRegs all = guest.tables().regs(vmmu::test::usual_regs());
    all.virt = true;
    all.ept_en = vmm.ept() != nullptr;
    all.eptp = vmm.eptp();
    return all;
  }

  void commit(const ContextRegs& wanted) { REQUIRE(mmu.commit(0, wanted) == Reject::None); }

  Result access(GuestVirt gva, Op op = Op::Read) {
    trace.steps.clear();
    return mmu.access({gva, op, true, false, false, 0}, &trace);
  }
  // Where the two mappings say that the address lies.
  std::optional<HostPhys> mapped(GuestVirt gva) const {
    const auto gpa = guest.physical_of(gva);
    return gpa ? vmm.host_of(*gpa) : std::nullopt;
  }
  // Whether the MMU reaches every page of the range where the layout says it is. Returns the references it took.
  std::uint64_t check_reachable(const VirtRange& range) {
    std::uint64_t references = 0;
    for (std::uint64_t at = 0; at < range.bytes; at += kFrame) {
      const GuestVirt gva{range.base.value + at + (at / kFrame * 8) % kFrame};
      const Result result = access(gva);
      INFO("gVA " << gva.value);
      REQUIRE(vmmu::test::succeeds(result));
      REQUIRE(mapped(gva).has_value());
      CHECK(std::get<Translation>(result).hpa == *mapped(gva));
      references += trace.reads();
    }
    return references;
  }
  // A word that a program finds again wherever its page went.
  void fill(const VirtRange& range) {
    for (std::uint64_t at = 0; at < range.bytes; at += kFrame) memory.poke(*mapped({range.base.value + at}), mark(at));
  }
  void check_filled(const VirtRange& range) {
    for (std::uint64_t at = 0; at < range.bytes; at += kFrame) {
      INFO("page " << at / kFrame);
      REQUIRE(memory.peek(*mapped({range.base.value + at})) == mark(at));
    }
  }
  static std::uint64_t mark(std::uint64_t at) { return 0x5eed000000000000 + at; }

  SparseMem memory;
  Vmm vmm;
  LayoutError ready;
  Guest guest;
  Mmu mmu{{}, memory};
  vmmu::test::Trace trace;
};

}  // namespace vmmu::layout::test
