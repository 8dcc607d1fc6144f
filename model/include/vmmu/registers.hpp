// The registers of one context, as COMMIT makes them active.
#pragma once

#include <cstdint>

namespace vmmu {

struct ContextRegs {
  // CTRL, one member per bit.
  bool virt = false;     // virtualized: entries are tagged with VPID
  bool ept_en = false;   // nested paging; needs virt
  bool wp = false;       // CR0.WP
  bool nxe = false;      // EFER.NXE
  bool pge = false;      // CR4.PGE
  bool pcide = false;    // CR4.PCIDE
  bool smep = false;     // CR4.SMEP
  bool smap = false;     // CR4.SMAP
  bool pke = false;      // CR4.PKE
  bool la57 = false;     // CR4.LA57: five-level guest paging
  bool mbe = false;      // mode-based execute control for EPT
  bool advinfo = false;  // qualification bits 9-11 of EPT violations are reported
  bool pml_en = false;   // page-modification logging
  bool page1g = true;    // the guest has 1 GiB pages (CPUID 80000001H EDX bit 26)

  std::uint64_t cr3 = 0;   // bits 51:12 root (gPA under EPT, else hPA), 11:0 PCID with pcide
  std::uint64_t eptp = 0;  // SDM 25.6.11
  std::uint16_t vpid = 0;
  std::uint32_t pkru = 0;        // SDM 4.6.2: bit 2i = AD, bit 2i+1 = WD of key i
  std::uint8_t maxphyaddr = 46;  // 32 .. width of the build
  std::uint32_t fault_target = 0;
  std::uint64_t pml_addr = 0;  // hPA of the PML page, 4 KiB aligned
  std::uint16_t pml_watermark = 0xffff;

  bool operator==(const ContextRegs&) const = default;
};

// Numbers are those that the COMMIT register reads in hardware.
enum class Reject : std::uint8_t {
  None = 0,
  Unsupported = 1,  // a reserved CTRL bit
  Virt = 2,         // ept_en without virt
  Eptp = 3,         // walk length other than 4, type other than 0 or 6, reserved bits
  MaxPhyAddr = 4,   // outside 32 .. width of the build
  Cr3 = 5,          // bits at or above MAXPHYADDR
  PmlAddr = 6,      // bits at or above MAXPHYADDR, with pml_en
};

// Bits of the host event register (architecture: events and counters).
enum class Event : std::uint8_t {
  CommitRejected = 0,
  PmlWatermark = 1,
  LogError = 4,
  Watchdog = 7,
};

// Registers that are live: a walk changes them, and software reads and writes them at any time.
struct LiveRegs {
  std::uint16_t pml_index = 0x1ff;
  std::uint32_t events = 0;  // one bit per Event
};

constexpr std::uint32_t event_bit(Event e) { return std::uint32_t{1} << static_cast<unsigned>(e); }

}  // namespace vmmu
