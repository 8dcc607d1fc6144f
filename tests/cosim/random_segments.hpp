// Random segment registers and escape filters for a context of a random world.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "vmmu/registers.hpp"

namespace vmmu::tb {

// What segments of a context may usefully be: around its pages, and around the host memory behind them.
struct SegmentPlan {
  std::vector<std::uint64_t> gvas;  // of mapped pages
  std::vector<std::uint64_t> gpas;  // of mapped pages and of the guest's root, with nested paging or not
  std::uint64_t memory = 0;         // gPA with which the memory of the context begins
  std::uint64_t bytes = 0;          // its length
  std::uint64_t data = 0;           // gPA below which no data page lies, and above which no guest table
  std::uint64_t offset = 0;         // hPA = gPA + offset in it
  unsigned vmm_segments = 0;        // of the build
};

class RandomSegments {
 public:
  RandomSegments(std::mt19937_64& random, SegmentPlan plan) : random_(random), plan_(std::move(plan)) {}

  // One step of a mode change: a segment comes, goes, grows, shrinks or moves; a page is escaped; a filter is cleared;
  // or everything is new. The registers are mostly, not always, legal.
  void change(ContextRegs& regs);

 private:
  void choose(ContextRegs& regs);
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::uint64_t pages(std::uint64_t below) { return (random_() % below) << 12; }
  std::uint64_t length();
  void choose_guest(ContextRegs& regs);
  void choose_vmm(ContextRegs& regs);
  void escape_one(ContextRegs& regs);

  std::mt19937_64& random_;
  SegmentPlan plan_;
};

}  // namespace vmmu::tb
