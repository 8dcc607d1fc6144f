// Addresses and bits of the register port, as vmmu_pkg states them.
#pragma once

#include <cstdint>

#include "vmmu/registers.hpp"

namespace vmmu::tb::reg {

inline constexpr std::uint32_t kGlobalId = 0x00000;
inline constexpr std::uint32_t kGlobalCtrl = 0x00010;
inline constexpr std::uint32_t kGlobalCaps = 0x00100;  // field n of cfg_t at + 8 * n
inline constexpr std::uint32_t kHostBase = 0x10000;
inline constexpr std::uint32_t kHostStride = 0x02000;

inline constexpr std::uint64_t kCacheBypass = 1;
inline constexpr std::uint64_t kFreeze = 2;     // all counters
inline constexpr std::uint64_t kSkipGuest = 4;  // events of contexts with VIRT are not counted
inline constexpr std::uint64_t kSkipHost = 8;   // those of the others are not

// Fields of cfg_t, in order.
enum class Cap : std::uint32_t {
  NumPorts,
  NumContexts,
  PaBits,
  L1Sets4K,
  L1Ways4K,
  L1Sets2M,
  L1Ways2M,
  L1Ways1G,
  L2Sets,
  L2Ways,
  NtlbEntries,
  PscEntries,
  NumVmmSegments,
  NumWalks,
  MissQueue,
  NumSpaces,
  LogQueue,
  WatchdogCycles,
  CheckStages,
  SegmentAtL1,
  ShadowRoots,
  NtlbWays,
  NtlbLarge,
  NtlbInL2,
  PscWays,
  Psc3Entries,
  Psc3Ways,
  Psc4Entries,
  L2Sets2M,
  L2Ways2M,
  Prl,
  Epml,
  SegLog,
};
constexpr std::uint32_t capability(Cap c) { return kGlobalCaps + 8 * static_cast<std::uint32_t>(c); }

// Registers of a context's host page.
enum class Host : std::uint32_t {
  Ctrl = 0x000,
  Cr3 = 0x008,
  Eptp = 0x010,
  Vpid = 0x018,
  Pkru = 0x020,
  MaxPhyAddr = 0x028,
  FaultTarget = 0x030,
  Commit = 0x038,
  PmlAddr = 0x040,
  PmlIndex = 0x048,
  PmlWatermark = 0x050,
  Events = 0x058,
  LogErrorRec = 0x060,
  PrlAddr = 0x080,
  PrlAddr2 = 0x088,
  PrlIndex = 0x090,
  PrlWatermark = 0x098,
  PrlTarget = 0x0a0,
  PrlDrops = 0x0a8,
  PrlStatus = 0x0b0,
  Counters = 0x100,
  Vseg = 0x400,     // VMM segment n at + kVsegStride * n, registers Seg
  Vfilter = 0x600,  // lane n at + 8 * n
};
constexpr std::uint32_t host(unsigned ctx, Host r) {
  return kHostBase + ctx * kHostStride + static_cast<std::uint32_t>(r);
}

// Registers of a context's guest page that are behind the register port, too.
inline constexpr std::uint32_t kGuestPage = 0x1000;  // after the host page
enum class Guest : std::uint32_t {
  Events = 0x020,
  Gcommit = 0x028,
  Gseg = 0x040,     // registers Seg
  Gfilter = 0x060,  // lane n at + 8 * n
  EpmlCtrl = 0x080,
  EpmlAddr = 0x088,
  EpmlIndex = 0x090,
  EpmlWatermark = 0x098,
};
constexpr std::uint32_t guest(unsigned ctx, Guest r) {
  return kHostBase + ctx * kHostStride + kGuestPage + static_cast<std::uint32_t>(r);
}

// Registers of a segment, of the guest or of the VMM; only the latter has a bitmap.
enum class Seg : std::uint32_t { Base = 0x00, Limit = 0x08, Offset = 0x10, Attr = 0x18, Bitmap = 0x20 };
inline constexpr std::uint32_t kVsegStride = 0x040;
constexpr std::uint32_t gseg(unsigned ctx, Seg r) { return guest(ctx, Guest::Gseg) + static_cast<std::uint32_t>(r); }
constexpr std::uint32_t gfilter(unsigned ctx, unsigned lane) { return guest(ctx, Guest::Gfilter) + 8 * lane; }
constexpr std::uint32_t vseg(unsigned ctx, unsigned n, Seg r) {
  return host(ctx, Host::Vseg) + kVsegStride * n + static_cast<std::uint32_t>(r);
}
constexpr std::uint32_t vfilter(unsigned ctx, unsigned lane) { return host(ctx, Host::Vfilter) + 8 * lane; }

// Counters of a context.
enum class Count : std::uint32_t {
  Requests,
  L1Hits,
  L1Misses,
  Walks,
  GuestRefs,
  NestedRefs,
  Swaps,
  WalkCycles,
  PmlRecords,
  Faults,
  Restarts,
  Cycles,
  SegChecks,
  FilterHits,
  SegHits,
  L2Hits,
  FaultKind,  // + FaultKind of the model
  L2Misses = 32,
  NtlbHits,
  NtlbMisses,
  GuestPscHits,
  GuestPscMisses,
  NestedPscHits,
  NestedPscMisses,
  Merged,
  BitmapReads,
  PrlRecords,
  EpmlRecords,
  PrlDrops,
  WalkMode,        // + WalkMode
  WalkSlots = 52,  // + n: cycles with n + 1 slots in use
};
// walk_mode_e: what the registers that a walk started under make it.
enum class WalkMode : std::uint32_t { Native, Direct, Nested, VmmDirect, GuestDirect, DualDirect, Tiled, Shadow };
inline constexpr unsigned kNumWalkSlotCounters = 8;
constexpr std::uint32_t counter(unsigned ctx, Count c) {
  return host(ctx, Host::Counters) + 8 * static_cast<std::uint32_t>(c);
}
// Element of a counter that is an array: FaultKind, WalkMode, WalkSlots.
constexpr std::uint32_t counter(unsigned ctx, Count c, unsigned element) { return counter(ctx, c) + 8 * element; }
constexpr std::uint32_t counter(unsigned ctx, WalkMode mode) {
  return counter(ctx, Count::WalkMode, static_cast<unsigned>(mode));
}

// Row k of the shadow-root buffer, live, and what goes with it. Host page.
inline constexpr std::uint32_t kShadowRoots = 0x700;
inline constexpr std::uint32_t kShadowStride = 0x020;
enum class Shadow : std::uint32_t { GuestRoot = 0x00, ShadowRoot = 0x08, Tag = 0x10, Valid = 0x18 };
enum class Sync : std::uint32_t { RootDone = 0x800, Op = 0x808, Addr = 0x810, Pcid = 0x818, Done = 0x820 };
constexpr std::uint32_t shadow_row(unsigned ctx, unsigned row, Shadow r) {
  return kHostBase + ctx * kHostStride + kShadowRoots + kShadowStride * row + static_cast<std::uint32_t>(r);
}
constexpr std::uint32_t sync(unsigned ctx, Sync r) {
  return kHostBase + ctx * kHostStride + static_cast<std::uint32_t>(r);
}

// CTRL of these registers.
constexpr std::uint64_t ctrl_word(const ContextRegs& r) {
  const bool bits[] = {r.virt,   r.ept_en,     r.wp,         r.nxe,         r.pge,       r.pcide,  r.smep,
                       r.smap,   r.pke,        r.la57,       r.mbe,         r.advinfo,   r.shadow, r.pml_en,
                       r.prl_en, r.prl_double, r.seg_log_en, r.seg_promote, r.vseg_miss, r.page1g};
  std::uint64_t word = 0;
  for (unsigned i = 0; i < sizeof bits; ++i) word |= std::uint64_t{bits[i]} << i;
  return word;
}

// EPML_CTRL of these registers.
constexpr std::uint64_t epml_ctrl_word(const GuestRegs& r) {
  return std::uint64_t{r.epml_en} | std::uint64_t{r.epml_trigger_ept} << 1;
}

// The live index of a log.
constexpr std::uint32_t index(unsigned ctx, Log log) {
  switch (log) {
    case Log::Pml: return host(ctx, Host::PmlIndex);
    case Log::Prl: return host(ctx, Host::PrlIndex);
    case Log::Epml: return guest(ctx, Guest::EpmlIndex);
  }
  return 0;
}

}  // namespace vmmu::tb::reg
