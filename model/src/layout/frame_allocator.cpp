#include "vmmu/layout/frame_allocator.hpp"

#include <algorithm>

namespace vmmu::layout {

namespace {

using Runs = std::map<std::uint64_t, std::uint64_t>;

// Whether one run holds all of [first, first + frames).
bool holds(const Runs& runs, std::uint64_t first, std::uint64_t frames) {
  auto next = runs.upper_bound(first);
  if (next == runs.begin()) return false;
  const auto run = std::prev(next);
  return first + frames <= run->first + run->second;
}

bool meets(const Runs& runs, std::uint64_t first, std::uint64_t frames) {
  const auto next = runs.upper_bound(first);
  if (next != runs.end() && next->first < first + frames) return true;
  if (next == runs.begin()) return false;
  const auto run = std::prev(next);
  return run->first + run->second > first;
}

// Adds a run that meets none, and joins it with those that it touches.
void insert(Runs& runs, std::uint64_t first, std::uint64_t frames) {
  auto next = runs.lower_bound(first);
  if (next != runs.end() && next->first == first + frames) {
    frames += next->second;
    next = runs.erase(next);
  }
  if (next != runs.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == first) {
      before->second += frames;
      return;
    }
  }
  runs.emplace(first, frames);
}

// Takes a part out of the run that holds it.
void cut(Runs& runs, std::uint64_t first, std::uint64_t frames) {
  const auto run = std::prev(runs.upper_bound(first));
  const std::uint64_t begin = run->first;
  const std::uint64_t end = begin + run->second;
  runs.erase(run);
  if (begin < first) runs.emplace(begin, first - begin);
  if (first + frames < end) runs.emplace(first + frames, end - first - frames);
}

template <class Addr>
std::uint64_t first_of(const Range<Addr>& range) {
  return range.base.value / kFrame;
}
template <class Addr>
std::uint64_t frames_of(const Range<Addr>& range) {
  return range.bytes / kFrame;
}

}  // namespace

template <class Addr>
LayoutError FrameAllocator<Addr>::add(const Range<Addr>& range) {
  if (!range.aligned()) return LayoutError::Misaligned;
  if (range.empty()) return LayoutError::None;
  if (meets(known_, first_of(range), frames_of(range))) return LayoutError::AlreadyMapped;
  insert(known_, first_of(range), frames_of(range));
  insert(free_, first_of(range), frames_of(range));
  free_bytes_ += range.bytes;
  return LayoutError::None;
}

template <class Addr>
LayoutError FrameAllocator<Addr>::remove(const Range<Addr>& range) {
  if (const LayoutError error = take_at(range); error != LayoutError::None) return error;
  if (!range.empty()) cut(known_, first_of(range), frames_of(range));
  return LayoutError::None;
}

// The first aligned place at or after `from` in a run of free frames.
template <class Addr>
std::optional<std::uint64_t> FrameAllocator<Addr>::fit_in(Runs::const_iterator run, std::uint64_t from,
                                                          std::uint64_t frames, std::uint64_t align) const {
  const std::uint64_t first = align_up(std::max(run->first, from), align / kFrame);
  const std::uint64_t end = run->first + run->second;
  if (first + frames > end) return std::nullopt;
  return first;
}

template <class Addr>
void FrameAllocator<Addr>::cut_free(std::uint64_t first, std::uint64_t frames) {
  cut(free_, first, frames);
  free_bytes_ -= frames * kFrame;
}

template <class Addr>
std::optional<Addr> FrameAllocator<Addr>::take(std::uint64_t bytes, std::uint64_t align) {
  const std::uint64_t frames = bytes / kFrame;
  if (frames == 0) return std::nullopt;
  for (auto run = free_.cbegin(); run != free_.cend(); ++run) {
    const auto first = fit_in(run, 0, frames, align);
    if (!first) continue;
    cut_free(*first, frames);
    return Addr{*first * kFrame};
  }
  return std::nullopt;
}

template <class Addr>
std::optional<Addr> FrameAllocator<Addr>::take_somewhere(PageSize size) {
  if (free_.empty()) return std::nullopt;
  const std::uint64_t frames = page_bytes(size) / kFrame;
  const std::uint64_t low = free_.begin()->first;
  const std::uint64_t high = free_.rbegin()->first + free_.rbegin()->second;
  const std::uint64_t from = low + random_() % (high - low);
  // From there up, then from the bottom. The run that `from` lies in comes first.
  auto start = free_.upper_bound(from);
  if (start != free_.begin()) --start;
  auto run = start;
  for (std::size_t tried = 0; tried <= free_.size(); ++tried) {
    const auto first = fit_in(run, tried == 0 ? from : 0, frames, page_bytes(size));
    if (first) {
      cut_free(*first, frames);
      return Addr{*first * kFrame};
    }
    if (++run == free_.end()) run = free_.begin();
  }
  return std::nullopt;
}

template <class Addr>
LayoutError FrameAllocator<Addr>::take_at(const Range<Addr>& range) {
  if (!range.aligned()) return LayoutError::Misaligned;
  if (range.empty()) return LayoutError::None;
  if (!is_free(range)) return LayoutError::NoMemory;
  cut_free(first_of(range), frames_of(range));
  return LayoutError::None;
}

template <class Addr>
LayoutError FrameAllocator<Addr>::give(const Range<Addr>& range) {
  if (!range.aligned()) return LayoutError::Misaligned;
  if (range.empty()) return LayoutError::None;
  if (!is_known(range) || meets(free_, first_of(range), frames_of(range))) return LayoutError::NotMapped;
  insert(free_, first_of(range), frames_of(range));
  free_bytes_ += range.bytes;
  return LayoutError::None;
}

template <class Addr>
bool FrameAllocator<Addr>::is_free(const Range<Addr>& range) const {
  return range.empty() || holds(free_, first_of(range), frames_of(range));
}

template <class Addr>
bool FrameAllocator<Addr>::is_known(const Range<Addr>& range) const {
  return range.empty() || holds(known_, first_of(range), frames_of(range));
}

template <class Addr>
std::uint64_t FrameAllocator<Addr>::longest_free_run() const {
  std::uint64_t longest = 0;
  for (const auto& [first, frames] : free_) longest = std::max(longest, frames);
  return longest * kFrame;
}

template <class Addr>
std::vector<Range<Addr>> FrameAllocator<Addr>::free_runs() const {
  std::vector<Range<Addr>> runs;
  for (const auto& [first, frames] : free_) runs.push_back({Addr{first * kFrame}, frames * kFrame});
  return runs;
}

template class FrameAllocator<GuestPhys>;
template class FrameAllocator<HostPhys>;

}  // namespace vmmu::layout
