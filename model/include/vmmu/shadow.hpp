// Shadow paging (SSP; architecture 11): which shadow table belongs to a guest root, and guest invalidations that wait
// until the hypervisor has brought the shadow table up to date.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// One row of a context's shadow-root buffer.
struct ShadowRow {
  std::uint64_t guest_root = 0;   // compared with CR3[51:12], in place
  std::uint64_t shadow_root = 0;  // hPA of the shadow table; low 12 bits do not count
  std::uint64_t tag = 0;          // VPID << 12 | PCID
  bool valid = false;
  bool operator==(const ShadowRow&) const = default;
};
using ShadowRows = std::array<ShadowRow, kShadowRows>;

// The tag of what is active; the PCID is 0 without PCIDE.
std::uint64_t shadow_tag(const ContextRegs& regs);
// The shadow root of the lowest row that fits the active CR3 and tag.
std::optional<std::uint64_t> find_shadow_root(const ContextRegs& regs, const ShadowRows& rows);

// INVLPG, or INVPCID of type 0 to 3, of a context under SHADOW. Numbers of inv_op_e.
enum class SyncOp : std::uint8_t { Invlpg, Invpcid0, Invpcid1, Invpcid2, Invpcid3 };
struct SyncRequest {
  unsigned ctx = 0;
  SyncOp op = SyncOp::Invlpg;
  std::uint64_t gva = 0;
  std::uint16_t pcid = 0;
  bool operator==(const SyncRequest&) const = default;
};

// Of the whole MMU, in order of arrival.
class SyncQueue {
 public:
  static constexpr std::size_t kSize = 8;

  bool full() const { return waiting_.size() == kSize; }
  // False: the queue is full, and the invalidation has to wait before it.
  bool push(const SyncRequest& request);
  // The oldest of a context, as SYNC_OP, SYNC_ADDR and SYNC_PCID show it.
  std::optional<SyncRequest> oldest(unsigned ctx) const;
  // SYNC_DONE: takes it out; the caller invalidates now. Empty: nothing waits, and nothing happens.
  std::optional<SyncRequest> done(unsigned ctx);

 private:
  std::deque<SyncRequest> waiting_;
};

}  // namespace vmmu
