#include "engine/stale_set.hpp"

#include <algorithm>

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

std::uint16_t pcid_of(const ContextRegs& regs) {
  return regs.pcide ? static_cast<std::uint16_t>(regs.cr3 & 0xfff) : std::uint16_t{0};
}

// What an invalidation is compared with: the tag, and the page when the entry has a known size.
struct Target {
  SpaceTag tag;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

bool covers_target(const Invalidation& inv, const ContextRegs& regs, const Target& t) {
  const SpaceTag current = SpaceTag::of(inv.ctx, regs);
  const bool same_ctx = t.tag.ctx == inv.ctx;
  // Invalidations by a guest reach the entries of its current VPID.
  const bool same_space = same_ctx && t.tag.virt == current.virt && t.tag.vpid == current.vpid;
  const bool inside = t.first <= inv.addr && inv.addr <= t.last;
  const bool spared_global = t.tag.global;
  switch (inv.op) {
    case InvOp::Invlpg: return same_space && inside && (t.tag.global || t.tag.pcid == current.pcid);
    case InvOp::Invpcid0: return same_space && inside && !spared_global && t.tag.pcid == inv.pcid;
    case InvOp::Invpcid1: return same_space && !spared_global && t.tag.pcid == inv.pcid;
    case InvOp::Invpcid2: return same_space;
    case InvOp::Invpcid3: return same_space && !spared_global;
    case InvOp::LoadCr3: {
      const bool keep = regs.pcide && (inv.addr & bit(63)) != 0;
      const std::uint16_t pcid = regs.pcide ? static_cast<std::uint16_t>(inv.addr & 0xfff) : std::uint16_t{0};
      return same_space && !keep && !spared_global && t.tag.pcid == pcid;
    }
    case InvOp::Invvpid0: return t.tag.virt && t.tag.vpid == inv.vpid && inside;
    case InvOp::Invvpid1: return t.tag.virt && t.tag.vpid == inv.vpid;
    case InvOp::Invvpid2: return t.tag.virt;
    case InvOp::Invvpid3: return t.tag.virt && t.tag.vpid == inv.vpid && !spared_global;
    case InvOp::Invept1: return t.tag.nested && t.tag.eptp_root == (inv.addr & kFrameMask);
    case InvOp::Invept2: return t.tag.nested;
    case InvOp::Invctx: return same_ctx;
    case InvOp::All: return true;
  }
  return true;
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

bool covers(const Invalidation& inv, const ContextRegs& regs, const StaleEntry& entry) {
  return covers_target(inv, regs, {entry.tag, entry.gva, entry.gva + (page_bytes(entry.size) - 1)});
}

bool covers_access(const Invalidation& inv, const ContextRegs& regs, const Access& access,
                   const ContextRegs& access_regs) {
  // Only what surely is covered counts: the 4 KiB page of the address, global or not.
  constexpr std::uint64_t kOffset = 0xfff;
  Target t{SpaceTag::of(access.ctx, access_regs), access.gva.value & ~kOffset, access.gva.value | kOffset};
  if (!covers_target(inv, regs, t)) return false;
  t.tag.global = access_regs.pge;
  return covers_target(inv, regs, t);
}

std::uint64_t StaleSet::key(unsigned ctx, std::uint64_t gva, PageSize size) {
  return ((gva >> page_shift(size)) << 6) | (std::uint64_t{ctx & 0xf} << 2) | static_cast<std::uint64_t>(size);
}

void StaleSet::add(StaleEntry entry) {
  entry.gva &= ~(page_bytes(entry.size) - 1);
  std::vector<StaleEntry>& list = pages_[key(entry.tag.ctx, entry.gva, entry.size)];
  // A later walk with no software change in between says all that the earlier one said.
  const auto same = [&entry](const StaleEntry& old) {
    return old.epoch == entry.epoch && old.steady && entry.steady && old.no_accept_after == kNever &&
           old.tag.answers(entry.tag) && old.tag.global == entry.tag.global;
  };
  const auto it = std::find_if(list.begin(), list.end(), same);
  if (it != list.end() && entry.no_accept_after == kNever) {
    *it = std::move(entry);
    return;
  }
  list.push_back(std::move(entry));
  ++count_;
}

bool StaleSet::any(unsigned ctx, std::uint64_t gva, const std::function<bool(const StaleEntry&)>& visit) const {
  for (const PageSize size : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
    const auto it = pages_.find(key(ctx, gva, size));
    if (it == pages_.end()) continue;
    for (auto entry = it->second.rbegin(); entry != it->second.rend(); ++entry) {
      if (visit(*entry)) return true;
    }
  }
  return false;
}

void StaleSet::invalidation_accepted(const Invalidation& inv, const ContextRegs& regs, std::uint64_t cycle) {
  for (auto& [page, list] : pages_) {
    for (StaleEntry& entry : list) {
      if (entry.no_accept_after == kNever && covers(inv, regs, entry)) entry.no_accept_after = cycle;
    }
  }
}

void StaleSet::invalidation_refused() {
  for (auto& [page, list] : pages_) {
    for (StaleEntry& e : list) {
      if (e.no_response_after == kNever) e.no_accept_after = kNever;
    }
  }
}

void StaleSet::invalidation_acknowledged(std::uint64_t cycle, bool drop) {
  for (auto page = pages_.begin(); page != pages_.end();) {
    std::vector<StaleEntry>& list = page->second;
    if (drop) {
      const auto gone =
          std::remove_if(list.begin(), list.end(), [](const StaleEntry& e) { return e.no_accept_after != kNever; });
      count_ -= static_cast<std::size_t>(list.end() - gone);
      list.erase(gone, list.end());
    } else {
      for (StaleEntry& e : list) {
        if (e.no_accept_after != kNever && e.no_response_after == kNever) e.no_response_after = cycle;
      }
    }
    page = list.empty() ? pages_.erase(page) : std::next(page);
  }
}

}  // namespace vmmu::tb
