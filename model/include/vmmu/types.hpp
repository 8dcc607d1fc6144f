// Words of the contract: addresses, accesses, translations and faults.
#pragma once

#include <compare>
#include <cstdint>
#include <variant>

namespace vmmu {

// An address of one kind. Kinds do not convert into one another: the walk is the only way across.
template <class Tag>
struct Address {
  std::uint64_t value = 0;
  constexpr auto operator<=>(const Address&) const = default;
};
using GuestVirt = Address<struct GuestVirtTag>;  // gVA, 64 bits as presented
using GuestPhys = Address<struct GuestPhysTag>;  // gPA, at most 52 bits
using HostPhys = Address<struct HostPhysTag>;    // hPA, at most 52 bits

enum class Op : std::uint8_t { Read, Write, Fetch };

// One request. `user` is CPL 3; `ac` is EFLAGS.AC; `implicit` marks an implicit supervisor access, to
// which AC does not apply (SDM 4.6.1).
struct Access {
  GuestVirt gva;
  Op op = Op::Read;
  bool user = false;
  bool ac = false;
  bool implicit = false;
  unsigned ctx = 0;
  // A cache in front of the MMU still holds the page (a hit that was denied, a write to a clean entry): the answer is
  // none that missed the TLBs, and the PRL does not record it.
  bool held = false;
};

enum class PageSize : std::uint8_t { k4K, k2M, k1G };
constexpr unsigned page_shift(PageSize s) { return 12 + 9 * static_cast<unsigned>(s); }
constexpr std::uint64_t page_bytes(PageSize s) { return std::uint64_t{1} << page_shift(s); }

struct Translation {
  HostPhys hpa;
  PageSize size = PageSize::k4K;  // the smaller of the guest's and the nested page
  std::uint8_t pat = 0;           // PAT index {PAT, PCD, PWT} of the guest leaf
  std::uint8_t emt = 6;           // EPT memory type; 6 (write-back) when EPT is off
  bool ipat = false;              // EPT ignore-PAT; false when EPT is off
  bool operator==(const Translation&) const = default;
};

// Numbers are those of fault_e in the RTL package, which is part of the hardware interface.
enum class FaultKind : std::uint8_t {
  PageFault = 1,     // code: #PF error code (SDM 4.7)
  NonCanonical = 2,  // #GP
  EptViolation = 3,  // code: exit qualification (SDM table 28-7); address: gPA
  EptMisconfig = 4,  // address: gPA
  VsegExit = 5,      // code: qualification bits 0, 1, 2, 7, 8; address: gPA outside the VMM segments, or escaped
  SegmentFault = 6,  // a segment's output beyond MAXPHYADDR. code: 0 guest, 1 VMM; address: gVA or gPA
  PmlFull = 7,
  EpmlFull = 8,
  ShadowMiss = 9,  // code: the #PF error code that the shadow table gives
  BusError = 10,   // address: hPA of the memory access that failed
};

struct Fault {
  FaultKind kind = FaultKind::PageFault;
  std::uint16_t code = 0;
  std::uint32_t target = 0;  // FAULT_TARGET of the context
  GuestVirt gva;
  bool gva_valid = true;
  std::uint64_t address = 0;  // gVA, gPA or hPA after kind, else 0
  bool operator==(const Fault&) const = default;
};

using Result = std::variant<Translation, Fault>;

}  // namespace vmmu
