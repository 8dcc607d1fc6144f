// What a request is accepted under: the registers, and the root that a shadow walk starts from.
#pragma once

#include <cstdint>

#include "vmmu/registers.hpp"

namespace vmmu::tb {

struct RegisterSet : ContextRegs {
  RegisterSet() = default;
  explicit RegisterSet(const ContextRegs& regs, std::uint64_t root = 0)
      : ContextRegs(regs), shadow_root(regs.shadow ? root : 0) {}

  std::uint64_t shadow_root = 0;  // 0 without SHADOW
  bool operator==(const RegisterSet&) const = default;
};

// Whether a word of the dirty bitmap of one of their VMM segments lies there.
inline bool in_bitmap(const ContextRegs& regs, HostPhys addr) {
  if (!regs.seg_log_en) return false;
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) {
    if (regs.vseg[n].empty()) continue;
    const std::uint64_t last = (regs.vseg[n].limit - regs.vseg[n].base - 1) >> 12;
    if (addr.value >= regs.vseg_bitmap[n] && addr.value <= regs.vseg_bitmap[n] + 8 * (last / 64)) return true;
  }
  return false;
}

}  // namespace vmmu::tb
