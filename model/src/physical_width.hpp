// MAXPHYADDR against an address.
#pragma once

#include "vmmu/entry_bits.hpp"
#include "vmmu/registers.hpp"

namespace vmmu {

// Whether `value` has a bit at or above MAXPHYADDR, up to bit 63.
inline bool beyond_width(const ContextRegs& regs, std::uint64_t value) {
  return (value & bit_range(63, regs.maxphyaddr)) != 0;
}

}  // namespace vmmu
