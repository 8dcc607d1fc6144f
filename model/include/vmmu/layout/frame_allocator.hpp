// Which frames of a physical memory are free.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "vmmu/layout/range.hpp"

namespace vmmu::layout {

// Free memory as runs of 4 KiB frames. No frame is given twice: what take() returns is not free until give() brings
// it back. Everything is decided by the calls and the seed alone.
template <class Addr>
class FrameAllocator {
 public:
  explicit FrameAllocator(std::uint64_t seed = 1) : random_(seed) {}

  // More memory, free. Empty: nothing. The range must be new to the allocator.
  LayoutError add(const Range<Addr>& range);
  // Memory that is gone for good; all of it must be free.
  LayoutError remove(const Range<Addr>& range);

  // The lowest free run of this length whose base is a multiple of `align` (a power of two >= 4 KiB).
  std::optional<Addr> take(std::uint64_t bytes, std::uint64_t align = kFrame);
  // A free page of this size from anywhere: the first at or after a random address. Runs after long gaps are
  // a little likelier than others, which does not matter to fragmentation.
  std::optional<Addr> take_somewhere(PageSize size);
  // This range, if all of it is free.
  LayoutError take_at(const Range<Addr>& range);
  // Back again. Frames that were not taken, or not all, are an error and nothing changes.
  LayoutError give(const Range<Addr>& range);

  bool is_free(const Range<Addr>& range) const;   // all of it
  bool is_known(const Range<Addr>& range) const;  // all of it was added and not removed
  std::uint64_t free_bytes() const { return free_bytes_; }
  std::uint64_t longest_free_run() const;
  std::vector<Range<Addr>> free_runs() const;  // rising

 private:
  using Runs = std::map<std::uint64_t, std::uint64_t>;  // first frame number to number of frames; runs never touch

  std::optional<std::uint64_t> fit_in(Runs::const_iterator run, std::uint64_t from, std::uint64_t frames,
                                      std::uint64_t align) const;
  void cut_free(std::uint64_t first, std::uint64_t frames);

  Runs known_;
  Runs free_;
  std::uint64_t free_bytes_ = 0;
  std::mt19937_64 random_;
};

extern template class FrameAllocator<GuestPhys>;
extern template class FrameAllocator<HostPhys>;

}  // namespace vmmu::layout
