#include "vmmu/shadow.hpp"

#include <algorithm>

#include "vmmu/entry_bits.hpp"

namespace vmmu {

std::uint64_t shadow_tag(const ContextRegs& regs) {
  const std::uint64_t pcid = regs.pcide ? regs.cr3 & bit_range(11, 0) : 0;
  return (std::uint64_t{regs.vpid} << 12) | pcid;
}

std::optional<std::uint64_t> find_shadow_root(const ContextRegs& regs, const ShadowRows& rows) {
  const std::uint64_t tag = shadow_tag(regs);
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const ShadowRow& r) {
    return r.valid && ((r.guest_root ^ regs.cr3) & kFrameMask) == 0 && r.tag == tag;
  });
  if (row == rows.end()) return std::nullopt;
  return row->shadow_root & kFrameMask;
}

bool SyncQueue::push(const SyncRequest& request) {
  if (full()) return false;
  waiting_.push_back(request);
  return true;
}

std::optional<SyncRequest> SyncQueue::oldest(unsigned ctx) const {
  const auto it = std::find_if(waiting_.begin(), waiting_.end(), [ctx](const SyncRequest& r) { return r.ctx == ctx; });
  if (it == waiting_.end()) return std::nullopt;
  return *it;
}

std::optional<SyncRequest> SyncQueue::done(unsigned ctx) {
  const auto it = std::find_if(waiting_.begin(), waiting_.end(), [ctx](const SyncRequest& r) { return r.ctx == ctx; });
  if (it == waiting_.end()) return std::nullopt;
  const SyncRequest request = *it;
  waiting_.erase(it);
  return request;
}

}  // namespace vmmu
