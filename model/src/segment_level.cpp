#include "segment_level.hpp"

#include <algorithm>

namespace vmmu {

namespace {

constexpr PageSize smaller(PageSize s) { return static_cast<PageSize>(static_cast<unsigned>(s) - 1); }

// The largest size whose page the segment maps as a whole. Inside a segment 4 KiB always does.
PageSize promoted_size(const Segment& segment, std::uint64_t address) {
  PageSize size = PageSize::k1G;
  while (size != PageSize::k4K && !segment.maps_page_whole(address, size)) size = smaller(size);
  return size;
}

// Bitmaps know pages of 4 KiB only.
bool promotes(const ContextRegs& regs) { return regs.seg_promote && !regs.seg_log_en; }

bool escaped(const WalkEnv& env, SegmentLevel level, const EscapeFilter& filter, std::uint64_t address) {
  if (!filter.hits(address)) return false;
  if (env.observer != nullptr) env.observer->on_filter_hit(level);
  return true;
}

void tell_check(const WalkEnv& env, SegmentLevel level) {
  if (env.observer != nullptr) env.observer->on_segment_check(level);
}

}  // namespace

const Segment* used_guest_segment(const WalkEnv& env) {
  const Segment& segment = env.regs.gseg;
  if (segment.empty()) return nullptr;
  tell_check(env, SegmentLevel::Guest);
  if (!segment.contains(env.access.gva.value)) return nullptr;
  return escaped(env, SegmentLevel::Guest, env.regs.gfilter, env.access.gva.value) ? nullptr : &segment;
}

const Segment* used_vmm_segment(const WalkEnv& env, GuestPhys gpa) {
  bool checked = false;
  for (const Segment& segment : env.regs.vseg) {
    if (segment.empty()) continue;
    if (!checked) tell_check(env, SegmentLevel::Vmm);  // one check, however many segments
    checked = true;
    if (!segment.contains(gpa.value)) continue;
    return escaped(env, SegmentLevel::Vmm, env.regs.vfilter, gpa.value) ? nullptr
                                                                        : &segment;  // COMMIT: no other has it
  }
  return nullptr;
}

Fault segment_fault(const WalkEnv& env, SegmentLevel level, std::uint64_t address) {
  return make_fault(env, FaultKind::SegmentFault, level == SegmentLevel::Guest ? 0 : 1, address);
}

PageSize guest_segment_size(const ContextRegs& regs, GuestVirt gva) {
  if (!promotes(regs) || !regs.gfilter.empty()) return PageSize::k4K;
  return promoted_size(regs.gseg, gva.value);
}

PageSize vmm_segment_size(const ContextRegs& regs, GuestPhys gpa, const Segment& segment) {
  if (!promotes(regs) || !regs.vfilter.empty()) return PageSize::k4K;
  return promoted_size(segment, gpa.value);
}

PageSize size_clear_of_guest_segment(const ContextRegs& regs, GuestVirt gva, PageSize leaf) {
  PageSize size = leaf;
  while (size != PageSize::k4K && regs.gseg.meets_page(gva.value, size)) size = smaller(size);
  return size;
}

PageSize size_clear_of_vmm_segments(const ContextRegs& regs, GuestPhys gpa, PageSize leaf) {
  const auto meets_one = [&](PageSize size) {
    return std::any_of(regs.vseg.begin(), regs.vseg.end(),
                       [&](const Segment& s) { return s.meets_page(gpa.value, size); });
  };
  PageSize size = leaf;
  while (size != PageSize::k4K && meets_one(size)) size = smaller(size);
  return size;
}

}  // namespace vmmu
