// A context under shadow paging: its shadow tables, the rows of its shadow-root buffer, its guest's roots.
#pragma once

#include "device/register_map.hpp"
#include "worlds.hpp"

namespace vmmu::tb {

enum : std::uint32_t { kShadowRootEvent = 1u << 5, kSyncPendingEvent = 1u << 6 };

class ShadowWorld {
 public:
  static constexpr unsigned kCtx = 1;        // under shadow paging
  static constexpr unsigned kNativeCtx = 2;  // with tables of its own
  static constexpr std::uint16_t kVpid = 7;
  static constexpr std::uint16_t kPcid = 0x123;
  static constexpr unsigned kPages = 8;  // mapped, from kPage on
  // Guest roots: no table lies there.
  static constexpr std::uint64_t kGuestRoot = 0x7777000;
  static constexpr std::uint64_t kOtherRoot = 0x8888000;

  ShadowWorld() : shadow(tables_of(kCtx), bench.words()), native_(tables_of(kNativeCtx), bench.words()) {
    for (unsigned i = 0; i < kPages; ++i) {
      REQUIRE(shadow.map(page(i), frame(i), PageSize::k4K, flags_set()) == MapError::None);
      REQUIRE(native_.map(page(i), frame(i), PageSize::k4K, flags_set()) == MapError::None);
    }
    bench.activate(kNativeCtx, native_.regs(plain_regs()));
  }

  static GuestVirt page(unsigned i) { return {kPage.value + 0x1000 * i}; }
  static GuestPhys frame(unsigned i) { return {kFrame.value + 0x1000 * i}; }
  static std::uint32_t tag(std::uint16_t vpid, std::uint16_t pcid) { return std::uint32_t{vpid} << 12 | pcid; }

  void set_row(unsigned row, std::uint64_t guest_root, std::uint64_t shadow_root, std::uint32_t tag,
               bool valid = true) {
    bench.put(register_named("GUEST_ROOT"), kCtx, guest_root, row);
    bench.put(register_named("SHADOW_ROOT"), kCtx, shadow_root, row);
    bench.put(register_named("ROOT_TAG"), kCtx, tag, row);
    bench.put(register_named("ROOT_VALID"), kCtx, valid, row);
  }
  void set_row(unsigned row, std::uint64_t guest_root, bool valid = true) {
    set_row(row, guest_root, shadow.cr3(), tag(kVpid, kPcid), valid);
  }
  // COMMIT of SHADOW with that CR3, and the time that the search takes.
  void activate(std::uint64_t guest_root, bool pcide = true) {
    commit(guest_root, pcide);
    REQUIRE(bench.get(address_of("COMMIT", kCtx)) == 0);
    search();
  }
  void commit(std::uint64_t guest_root, bool pcide = true) {
    ContextRegs regs = shadow.regs(plain_regs());
    regs.virt = true;
    regs.pcide = pcide;
    regs.vpid = kVpid;
    regs.cr3 = guest_root | kPcid;
    bench.stage(kCtx, regs);
    constexpr std::uint32_t kShadowBit = 1u << 12;
    bench.put(address_of("CTRL", kCtx), bench.get(address_of("CTRL", kCtx)) | kShadowBit);
    REQUIRE(bench.commit(kCtx) == AxiResp::Okay);
  }
  // A search takes some ten cycles.
  void search() { bench.cycles(40); }
  void root_done() {
    bench.put(address_of("ROOT_DONE", kCtx), 1);
    search();
  }
  std::uint32_t events() { return bench.get(address_of("EVENTS", kCtx)); }
  void clear_events() { bench.put(address_of("EVENTS", kCtx), ~0u); }

  // A request of the context that misses is not answered, one of another context is.
  void check_held(unsigned i) {
    const unsigned before = bench.outstanding();
    bench.send(page(i), kCtx);
    bench.cycles(500);
    CHECK(bench.outstanding() == before + 1);
  }
  void check_native_goes_on() {
    REQUIRE(bench.outstanding() == 0);
    CHECK(bench.translate(page(0), kNativeCtx).hpa == frame(0).value);
  }

  AxilBench bench;
  PageTables shadow;

 private:
  PageTables native_;
};

}  // namespace vmmu::tb
