#include "commit_rules.hpp"

#include "vmmu/entry_bits.hpp"

namespace vmmu {

namespace {

bool legal_width(const ContextRegs& regs, unsigned pa_bits) {
  return regs.maxphyaddr >= 32 && regs.maxphyaddr <= pa_bits;
}

bool beyond_width(const ContextRegs& regs, std::uint64_t value) {
  return (value & bit_range(63, regs.maxphyaddr)) != 0;
}

// SDM 25.6.11 and 26.2.1.1: memory type 0 or 6, walk length 4, reserved bits clear.
bool legal_eptp(const ContextRegs& regs) {
  const std::uint64_t type = regs.eptp & bit_range(2, 0);
  const std::uint64_t length = regs.eptp & bit_range(5, 3);
  if (type != 0 && type != eptp::kWriteBack) return false;
  if (length != eptp::kWalkLengthFour) return false;
  return (regs.eptp & bit_range(11, 7)) == 0 && !beyond_width(regs, regs.eptp);
}

bool legal_pml_addr(const ContextRegs& regs) {
  return (regs.pml_addr & bit_range(11, 0)) == 0 && !beyond_width(regs, regs.pml_addr);
}

}  // namespace

Reject judge_commit(const ContextRegs& regs, unsigned pa_bits) {
  if (regs.ept_en && !regs.virt) return Reject::Virt;
  if (!legal_width(regs, pa_bits)) return Reject::MaxPhyAddr;
  if (regs.ept_en && !legal_eptp(regs)) return Reject::Eptp;
  if (beyond_width(regs, regs.cr3)) return Reject::Cr3;
  if (regs.pml_en && !legal_pml_addr(regs)) return Reject::PmlAddr;
  return Reject::None;
}

}  // namespace vmmu
