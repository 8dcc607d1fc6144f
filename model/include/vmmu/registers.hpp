// The registers of one context, as COMMIT makes them active.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vmmu/escape_filter.hpp"
#include "vmmu/segment.hpp"

namespace vmmu {

inline constexpr unsigned kMaxVmmSegments = 4;
inline constexpr unsigned kShadowRows = 8;

// What the guest itself stages in its page, and GCOMMIT makes active.
struct GuestRegs {
  Segment gseg{};                 // gVA to gPA (to hPA when nothing is below)
  EscapeFilter gfilter{};         // by gVA
  bool epml_en = false;           // log of gVAs whose page becomes dirty
  bool epml_trigger_ept = false;  // dirty: false by the guest's entry, true by the EPT entry or a segment's bitmap
  std::uint64_t epml_addr = 0;    // gPA of the EPML page (hPA where gPAs are not translated), 4 KiB aligned
  std::uint16_t epml_watermark = 0xffff;

  bool operator==(const GuestRegs&) const = default;
};

struct ContextRegs : GuestRegs {
  // CTRL, one member per bit.
  bool virt = false;         // virtualized: entries are tagged with VPID
  bool ept_en = false;       // nested paging; needs virt
  bool wp = false;           // CR0.WP
  bool nxe = false;          // EFER.NXE
  bool pge = false;          // CR4.PGE
  bool pcide = false;        // CR4.PCIDE
  bool smep = false;         // CR4.SMEP
  bool smap = false;         // CR4.SMAP
  bool pke = false;          // CR4.PKE
  bool la57 = false;         // CR4.LA57: five-level guest paging
  bool mbe = false;          // mode-based execute control for EPT
  bool advinfo = false;      // qualification bits 9-11 of EPT violations are reported
  bool pml_en = false;       // page-modification logging
  bool prl_en = false;       // page-reference logging
  bool prl_double = false;   // two PRL buffers in turn; no effect without prl_en
  bool seg_log_en = false;   // writes through VMM segments set bits of their bitmaps and are logged
  bool page1g = true;        // the guest has 1 GiB pages (CPUID 80000001H EDX bit 26)
  bool shadow = false;       // the walk is one of a shadow table, whose root the shadow-root buffer gives; needs virt
  bool seg_promote = false;  // answers of segments may be larger than 4 KiB
  bool vseg_miss = false;    // a gPA outside the VMM segments, or escaped: true a violation exit, false a nested walk

  std::uint64_t cr3 = 0;   // bits 51:12 root (gPA under EPT, else hPA), 11:0 PCID with pcide
  std::uint64_t eptp = 0;  // SDM 25.6.11
  std::uint16_t vpid = 0;
  std::uint32_t pkru = 0;        // SDM 4.6.2: bit 2i = AD, bit 2i+1 = WD of key i
  std::uint8_t maxphyaddr = 46;  // 32 .. width of the build
  std::uint32_t fault_target = 0;
  std::uint64_t pml_addr = 0;  // hPA of the PML page, 4 KiB aligned
  std::uint16_t pml_watermark = 0xffff;
  std::uint64_t prl_addr = 0;   // hPA of the PRL page, 4 KiB aligned
  std::uint64_t prl_addr2 = 0;  // of the second one, with prl_double
  std::uint16_t prl_watermark = 0xffff;
  std::uint32_t prl_target = 0;  // who the events of the PRL are for; only kept

  std::array<Segment, kMaxVmmSegments> vseg;  // gPA to hPA; those at or above num_vmm_segments are empty
  EscapeFilter vfilter;                       // by gPA, one for all VMM segments
  // hPA of the dirty bitmap of each VMM segment, 4 KiB aligned: bit i is for the page base + 4096 * i.
  std::array<std::uint64_t, kMaxVmmSegments> vseg_bitmap{};

  bool operator==(const ContextRegs&) const = default;
};

// Numbers are those that the COMMIT register reads in hardware.
enum class Reject : std::uint8_t {
  None = 0,
  Unsupported = 1,     // a reserved CTRL bit, or a register that the build does not have
  Virt = 2,            // ept_en, shadow or a VMM segment without virt
  Eptp = 3,            // walk length other than 4, type other than 0 or 6, reserved bits
  MaxPhyAddr = 4,      // outside 32 .. width of the build
  Cr3 = 5,             // bits at or above MAXPHYADDR
  PmlAddr = 6,         // bits at or above MAXPHYADDR, with pml_en
  Shadow = 7,          // shadow with ept_en or with a segment
  VsegMiss = 8,        // a VMM segment whose misses have nowhere to go: vseg_miss clear, and no EPT
  SegmentOverlap = 9,  // two VMM segments share a page
  SegmentWrap = 10,    // the outputs of a segment go round the end of the 64-bit space
  PrlAddr = 11,        // a PRL page that is used has bits at or above MAXPHYADDR
  Bitmap = 12,         // with seg_log_en, a word of the bitmap of a VMM segment lies at or above MAXPHYADDR
};

// Bits of the host event register (architecture: events and counters).
enum class Event : std::uint8_t {
  CommitRejected = 0,
  PmlWatermark = 1,
  PrlFull = 2,  // a PRL buffer is full: records are dropped, or go to the other one
  PrlWatermark = 3,
  LogError = 4,
  ShadowRoot = 5,   // the guest's root is not in the shadow-root buffer; the context's misses are held
  SyncPending = 6,  // a guest invalidation waits for software to synchronize the shadow table
  Watchdog = 7,
};

// Bits of the guest event register.
enum class GuestEvent : std::uint8_t {
  EpmlFull = 0,  // an access ended as FaultKind::EpmlFull
  EpmlWatermark = 1,
  CommitRejected = 2,
};

enum class Log : std::uint8_t { Pml, Prl, Epml };

// Bits of PRL_STATUS. Without PRL_DOUBLE the first buffer is the only one.
namespace prl_status {
constexpr std::uint8_t kSecondInUse = 1 << 0;  // read only
constexpr std::uint8_t kFirstFull = 1 << 1;    // this and the next: write one to clear
constexpr std::uint8_t kSecondFull = 1 << 2;
constexpr std::uint8_t kBothFull = kFirstFull | kSecondFull;
}  // namespace prl_status

// Registers that are live: a walk changes them, and software reads and writes them at any time.
struct LiveRegs {
  std::array<std::uint16_t, 3> log_index{0x1ff, 0x1ff, 0x1ff};  // by Log
  std::uint8_t prl_status = 0;
  std::uint32_t prl_drops = 0;     // records dropped since the register was written; saturates
  std::uint8_t closed_logs = 0;    // bit n: memory refused a record of Log n, and Event::LogError was not cleared since
  std::uint32_t events = 0;        // one bit per Event
  std::uint32_t guest_events = 0;  // one bit per GuestEvent
  std::uint64_t shadow_root = 0;   // hPA that a walk under `shadow` starts from

  std::uint16_t& index(Log log) { return log_index[static_cast<std::size_t>(log)]; }
  std::uint16_t index(Log log) const { return log_index[static_cast<std::size_t>(log)]; }
};

constexpr std::uint32_t event_bit(Event e) { return std::uint32_t{1} << static_cast<unsigned>(e); }
constexpr std::uint32_t event_bit(GuestEvent e) { return std::uint32_t{1} << static_cast<unsigned>(e); }

}  // namespace vmmu
