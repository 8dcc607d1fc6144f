// The staged registers of segments, filters, and the logs beside PML. Most register sets leave them alone, so that only
// those whose value differs from the one last written are written.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "device/register_map.hpp"
#include "vmmu/registers.hpp"

namespace vmmu::tb {

class StagedSegments {
 public:
  // After reset all of them are 0, except watermarks.
  void reset() { words_.clear(); }

  // Calls `write(address, word)` for each register of the context that has to change.
  template <class Write>
  void stage(unsigned ctx, const ContextRegs& regs, Write write) {
    using reg::Seg;
    const auto put = [&](std::uint32_t addr, std::uint64_t word, std::uint64_t after_reset = 0) {
      std::uint64_t& last = words_.emplace(addr, after_reset).first->second;
      if (last == word) return;
      write(addr, word);
      last = word;
    };
    const auto put_segment = [&](std::uint32_t addr, const Segment& s) {
      put(addr + static_cast<std::uint32_t>(Seg::Base), s.base);
      put(addr + static_cast<std::uint32_t>(Seg::Limit), s.limit);
      put(addr + static_cast<std::uint32_t>(Seg::Offset), s.offset);
      put(addr + static_cast<std::uint32_t>(Seg::Attr), s.attr);
    };
    put_segment(reg::gseg(ctx, Seg::Base), regs.gseg);
    for (unsigned n = 0; n < kMaxVmmSegments; ++n) put_segment(reg::vseg(ctx, n, Seg::Base), regs.vseg[n]);
    for (unsigned lane = 0; lane < EscapeFilter::kBanks; ++lane) {
      put(reg::gfilter(ctx, lane), regs.gfilter.lanes[lane]);
      put(reg::vfilter(ctx, lane), regs.vfilter.lanes[lane]);
    }
    using reg::Guest;
    using reg::Host;
    constexpr std::uint64_t kNoWatermark = 0xffff;
    put(reg::host(ctx, Host::PrlAddr), regs.prl_addr);
    put(reg::host(ctx, Host::PrlAddr2), regs.prl_addr2);
    put(reg::host(ctx, Host::PrlWatermark), regs.prl_watermark, kNoWatermark);
    put(reg::host(ctx, Host::PrlTarget), regs.prl_target);
    put(reg::guest(ctx, Guest::EpmlCtrl), reg::epml_ctrl_word(regs));
    put(reg::guest(ctx, Guest::EpmlAddr), regs.epml_addr);
    put(reg::guest(ctx, Guest::EpmlWatermark), regs.epml_watermark, kNoWatermark);
    for (unsigned n = 0; n < kMaxVmmSegments; ++n) put(reg::vseg(ctx, n, Seg::Bitmap), regs.vseg_bitmap[n]);
  }

 private:
  std::unordered_map<std::uint32_t, std::uint64_t> words_;
};

}  // namespace vmmu::tb
