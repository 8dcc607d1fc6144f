#include "engine/space_tag.hpp"

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

std::uint16_t pcid_of(const ContextRegs& regs) {
  return regs.pcide ? static_cast<std::uint16_t>(regs.cr3 & 0xfff) : std::uint16_t{0};
}

}  // namespace

SpaceTag SpaceTag::of(unsigned ctx, const ContextRegs& regs) {
  SpaceTag tag;
  tag.ctx = ctx;
  tag.virt = regs.virt;
  tag.vpid = regs.virt ? regs.vpid : std::uint16_t{0};
  tag.pcid = pcid_of(regs);
  tag.nested = regs.ept_en;
  tag.eptp_root = regs.ept_en ? regs.eptp & kFrameMask : 0;
  return tag;
}

bool SpaceTag::answers(const SpaceTag& now) const {
  return ctx == now.ctx && virt == now.virt && vpid == now.vpid && (global || pcid == now.pcid) &&
         nested == now.nested && eptp_root == now.eptp_root;
}

bool covers_page(const Invalidation& inv, const ContextRegs& regs, const SpaceTag& tag, std::uint64_t first,
                 std::uint64_t last) {
  const SpaceTag current = SpaceTag::of(inv.ctx, regs);
  const bool same_ctx = tag.ctx == inv.ctx;
  // Invalidations by a guest reach the entries of its current VPID.
  const bool same_space = same_ctx && tag.virt == current.virt && tag.vpid == current.vpid;
  const bool inside = first <= inv.addr && inv.addr <= last;
  const bool spared_global = tag.global;
  switch (inv.op) {
    case InvOp::Invlpg: return same_space && inside && (tag.global || tag.pcid == current.pcid);
    case InvOp::Invpcid0: return same_space && inside && !spared_global && tag.pcid == inv.pcid;
    case InvOp::Invpcid1: return same_space && !spared_global && tag.pcid == inv.pcid;
    case InvOp::Invpcid2: return same_space;
    case InvOp::Invpcid3: return same_space && !spared_global;
    case InvOp::LoadCr3: {
      const bool keep = regs.pcide && (inv.addr & bit(63)) != 0;
      const std::uint16_t pcid = regs.pcide ? static_cast<std::uint16_t>(inv.addr & 0xfff) : std::uint16_t{0};
      return same_space && !keep && !spared_global && tag.pcid == pcid;
    }
    case InvOp::Invvpid0: return tag.virt && tag.vpid == inv.vpid && inside;
    case InvOp::Invvpid1: return tag.virt && tag.vpid == inv.vpid;
    case InvOp::Invvpid2: return tag.virt;
    case InvOp::Invvpid3: return tag.virt && tag.vpid == inv.vpid && !spared_global;
    case InvOp::Invept1:
    case InvOp::Invept2: return tag.nested && covers_nested(inv, tag.ctx, tag.eptp_root);
    case InvOp::Invctx: return same_ctx;
    case InvOp::All: return true;
  }
  return true;
}

bool covers_access(const Invalidation& inv, const ContextRegs& regs, const Access& access,
                   const ContextRegs& access_regs) {
  // Only what surely is covered counts: the 4 KiB page of the address, global or not.
  constexpr std::uint64_t kOffset = 0xfff;
  SpaceTag tag = SpaceTag::of(access.ctx, access_regs);
  const std::uint64_t first = access.gva.value & ~kOffset;
  if (!covers_page(inv, regs, tag, first, first | kOffset)) return false;
  tag.global = access_regs.pge;
  return covers_page(inv, regs, tag, first, first | kOffset);
}

bool covers_structures(const Invalidation& inv, const ContextRegs& regs, const SpaceTag& tag) {
  return covers_page(inv, regs, tag, 0, ~std::uint64_t{0});
}

bool covers_nested(const Invalidation& inv, unsigned ctx, std::uint64_t eptp_root) {
  switch (inv.op) {
    case InvOp::Invept1: return eptp_root == (inv.addr & kFrameMask);
    case InvOp::Invept2:
    case InvOp::All: return true;
    case InvOp::Invctx: return ctx == inv.ctx;
    default: return false;
  }
}

}  // namespace vmmu::tb
