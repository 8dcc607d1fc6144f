// What the register tests translate with.
#pragma once

#include "axil_bench.hpp"
#include "catch.hpp"
#include "engine/preset_info.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb {

inline constexpr GuestVirt kPage{0x400000};
inline constexpr GuestPhys kFrame{0x40000000};
inline constexpr HostPhys kPmlPage{0x90000000};

// Registers of a plain 64-bit user process.
inline ContextRegs plain_regs() {
  ContextRegs regs;
  regs.wp = regs.nxe = true;
  regs.maxphyaddr = 40;
  return regs;
}

inline GuestAttr flags_set() {
  GuestAttr attr;
  attr.accessed = attr.dirty = true;
  return attr;
}

// A guest's tables at an address of their own, so that several contexts have different ones.
inline TableConfig tables_of(unsigned ctx, bool nested = false) {
  TableConfig config;
  config.guest_tables = GuestPhys{0x100000 + 0x1000000ull * ctx};
  config.ept_tables = HostPhys{0x800000 + 0x1000000ull * ctx};
  config.nested = config.accessed_dirty = nested;
  return config;
}

// A virtualized context with PML whose page kPage is mapped and clean.
inline ContextRegs logging_regs(PageTables& tables) {
  REQUIRE(tables.map(kPage, kFrame) == MapError::None);
  ContextRegs regs = tables.regs(plain_regs());
  regs.vpid = 1;
  regs.pml_en = true;
  regs.pml_addr = kPmlPage.value;
  return regs;
}

inline unsigned contexts() { return preset_info(AxilBench::kPreset).num_contexts(); }

}  // namespace vmmu::tb
