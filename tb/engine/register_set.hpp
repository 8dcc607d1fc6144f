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

}  // namespace vmmu::tb
