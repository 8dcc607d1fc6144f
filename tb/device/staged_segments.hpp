// The staged registers of segments and filters. Most register sets leave them alone, so that only those whose value
// differs from the one last written are written.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "device/register_map.hpp"
#include "vmmu/registers.hpp"

namespace vmmu::tb {

class StagedSegments {
 public:
  // After reset all of them are 0.
  void reset() { words_.clear(); }

  // Calls `write(address, word)` for each register of the context that has to change.
  template <class Write>
  void stage(unsigned ctx, const ContextRegs& regs, Write write) {
    using reg::Seg;
    const auto put = [&](std::uint32_t addr, std::uint64_t word) {
      std::uint64_t& last = words_[addr];
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
  }

 private:
  std::unordered_map<std::uint32_t, std::uint64_t> words_;
};

}  // namespace vmmu::tb
