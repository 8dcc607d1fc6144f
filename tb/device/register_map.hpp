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
  Counters = 0x100,
};
constexpr std::uint32_t host(unsigned ctx, Host r) {
  return kHostBase + ctx * kHostStride + static_cast<std::uint32_t>(r);
}

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
};
constexpr std::uint32_t counter(unsigned ctx, Count c) {
  return host(ctx, Host::Counters) + 8 * static_cast<std::uint32_t>(c);
}

// CTRL of these registers.
constexpr std::uint64_t ctrl_word(const ContextRegs& r) {
  const bool bits[] = {r.virt, r.ept_en,  r.wp,  r.nxe,    r.pge, r.pcide, r.smep, r.smap, r.pke, r.la57,
                       r.mbe,  r.advinfo, false, r.pml_en, false, false,   false,  false,  false, r.page1g};
  std::uint64_t word = 0;
  for (unsigned i = 0; i < sizeof bits; ++i) word |= std::uint64_t{bits[i]} << i;
  return word;
}

}  // namespace vmmu::tb::reg
