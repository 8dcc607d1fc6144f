#include "engine/inv_rules.hpp"

namespace vmmu::tb {
namespace {

// SDM 3.3.7.1: the bits above the linear-address width are all equal.
bool canonical(std::uint64_t gva, bool la57) {
  const unsigned shift = la57 ? 56 : 47;
  const std::uint64_t upper = gva >> shift;
  return upper == 0 || upper == (~std::uint64_t{0} >> shift);
}

// CR3 must fit MAXPHYADDR; bit 63 is reserved without PCIDs (SDM 4.10.4.1).
bool cr3_valid(std::uint64_t value, const ContextRegs& regs) {
  if (((value & ~kKeepEntries) >> regs.maxphyaddr) != 0) return false;
  return regs.pcide || (value & kKeepEntries) == 0;
}

}  // namespace

bool operands_valid(const Invalidation& inv, const ContextRegs& regs) {
  switch (inv.op) {
    case InvOp::Invlpg:
    case InvOp::Invpcid0: return canonical(inv.addr, regs.la57);
    case InvOp::Invvpid0: return inv.vpid != 0 && canonical(inv.addr, regs.la57);
    case InvOp::Invvpid1:
    case InvOp::Invvpid3: return inv.vpid != 0;
    case InvOp::LoadCr3: return cr3_valid(inv.addr, regs);
    default: return true;
  }
}

bool needs_sync(const Invalidation& inv, const ContextRegs& regs) {
  return regs.shadow && static_cast<unsigned>(inv.op) <= static_cast<unsigned>(InvOp::Invpcid3);
}

SyncRequest sync_request(const Invalidation& inv) { return {inv.ctx, static_cast<SyncOp>(inv.op), inv.addr, inv.pcid}; }

}  // namespace vmmu::tb
