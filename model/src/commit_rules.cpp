#include "commit_rules.hpp"

#include <algorithm>

#include "physical_width.hpp"
#include "segment_log.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu {

namespace {

constexpr std::uint64_t kPageMask = bit_range(63, 12);

bool legal_width(const ContextRegs& regs, unsigned pa_bits) {
  return regs.maxphyaddr >= 32 && regs.maxphyaddr <= pa_bits;
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

// PRL_DOUBLE without PRL_EN is legal and does nothing.
bool legal_prl_addr(const ContextRegs& regs) {
  return !beyond_width(regs, regs.prl_addr) && !(regs.prl_double && beyond_width(regs, regs.prl_addr2));
}

// The first and the last word of the bitmap of each segment that is not empty.
bool legal_bitmaps(const ContextRegs& regs) {
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) {
    const Segment& segment = regs.vseg[n];
    if (segment.empty()) continue;
    const std::uint64_t last_page = segment.limit - page_bytes(PageSize::k4K);
    if (beyond_width(regs, regs.vseg_bitmap[n])) return false;
    if (beyond_width(regs, bitmap_word(regs, n, GuestPhys{last_page}).value)) return false;
  }
  return true;
}

bool any_vmm_segment(const ContextRegs& regs) {
  return std::any_of(regs.vseg.begin(), regs.vseg.end(), [](const Segment& s) { return !s.empty(); });
}

// Registers that the build does not have must be what they read: zero.
bool supported(const ContextRegs& regs, const BuildParams& build) {
  if (regs.shadow && build.shadow_roots == 0) return false;
  if ((regs.prl_en || regs.prl_double) && !build.prl) return false;
  if (regs.seg_log_en && (!build.seg_log || build.num_vmm_segments == 0)) return false;
  if (regs.epml_en && !build.epml) return false;
  return std::all_of(regs.vseg.begin() + build.num_vmm_segments, regs.vseg.end(),
                     [](const Segment& s) { return s.empty(); });
}

bool any_overlap(const ContextRegs& regs) {
  for (auto one = regs.vseg.begin(); one != regs.vseg.end(); ++one) {
    if (std::any_of(one + 1, regs.vseg.end(), [one](const Segment& other) { return one->overlaps(other); }))
      return true;
  }
  return false;
}

bool any_wrap(const ContextRegs& regs) {
  return regs.gseg.wraps() ||
         std::any_of(regs.vseg.begin(), regs.vseg.end(), [](const Segment& s) { return s.wraps(); });
}

}  // namespace

ContextRegs as_registers(const ContextRegs& written) {
  ContextRegs regs = written;
  regs.gseg = as_guest_registers(regs.gseg);
  for (Segment& s : regs.vseg) s = as_vmm_registers(s);
  for (std::uint64_t* page : {&regs.prl_addr, &regs.prl_addr2, &regs.epml_addr}) *page &= kPageMask;
  for (std::uint64_t& page : regs.vseg_bitmap) page &= kPageMask;
  return regs;
}

Reject judge_commit(const ContextRegs& regs, const BuildParams& build) {
  const bool vmm_segments = any_vmm_segment(regs);
  if (!supported(regs, build)) return Reject::Unsupported;
  if ((regs.ept_en || regs.shadow || vmm_segments) && !regs.virt) return Reject::Virt;
  if (!legal_width(regs, build.pa_bits)) return Reject::MaxPhyAddr;
  if (regs.ept_en && !legal_eptp(regs)) return Reject::Eptp;
  if (beyond_width(regs, regs.cr3)) return Reject::Cr3;
  if (regs.pml_en && !legal_pml_addr(regs)) return Reject::PmlAddr;
  if (regs.shadow && (regs.ept_en || vmm_segments || !regs.gseg.empty())) return Reject::Shadow;
  if (vmm_segments && !regs.vseg_miss && !regs.ept_en) return Reject::VsegMiss;
  if (any_overlap(regs)) return Reject::SegmentOverlap;
  if (any_wrap(regs)) return Reject::SegmentWrap;
  if (regs.prl_en && !legal_prl_addr(regs)) return Reject::PrlAddr;
  if (regs.seg_log_en && !legal_bitmaps(regs)) return Reject::Bitmap;
  return Reject::None;
}

Reject judge_guest_commit(const ContextRegs& regs, const BuildParams& build) {
  if (regs.epml_en && !build.epml) return Reject::Unsupported;
  if (regs.shadow && !regs.gseg.empty()) return Reject::Shadow;
  if (regs.gseg.wraps()) return Reject::SegmentWrap;
  return Reject::None;
}

}  // namespace vmmu
