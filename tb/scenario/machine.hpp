// The registers of one context under their architectural names, and what they mean to the MMU.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>

#include "scenario/register_names.hpp"
#include "vmmu/registers.hpp"

namespace vmmu::tb {

class Machine {
 public:
  // Defaults of the scenario language for a build with `pa_bits` physical address bits.
  explicit Machine(unsigned pa_bits);

  std::uint64_t get(Reg reg) const { return values_[reg_index(reg)]; }
  void set(Reg reg, std::uint64_t value);
  // Inserts the page of an address in the guest's filter or the VMM's.
  void escape(bool guest, std::uint64_t address);

  // EFLAGS.AC, which each access carries.
  bool ac() const;

  // The registers as COMMIT takes them, or why no setting of this MMU has this meaning: paging off, 32-bit
  // and PAE paging, LAM, CET and protection keys for supervisor pages.
  std::variant<ContextRegs, std::string> to_context() const;

 private:
  Segment segment(Reg first) const;
  EscapeFilter filter(Reg first) const;

  std::array<std::uint64_t, kNumRegs> values_{};
  bool virt_given_ = false;  // virt.on follows eptp until it is written
};

}  // namespace vmmu::tb
