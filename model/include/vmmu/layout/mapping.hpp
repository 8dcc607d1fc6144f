// Where pages of one kind of address lie in another: gVA in gPA, gPA in hPA.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "vmmu/layout/range.hpp"

namespace vmmu::layout {

// Extents: pages side by side on both sides are one piece, so that a contiguous terabyte costs what one page does.
// Ranges are of whole pages.
template <class From, class To>
class Mapping {
 public:
  struct Piece {
    Range<From> range;
    To to;
    constexpr std::uint64_t offset() const { return to.value - range.base.value; }
    bool operator==(const Piece&) const = default;
  };

  std::optional<To> find(From address) const {
    const auto piece = piece_at(number(address));
    if (piece == pieces_.end()) return std::nullopt;
    return To{piece->second.to * kFrame + (address.value - piece->first * kFrame)};
  }

  // Whether something of the range, or all of it, is mapped.
  bool meets(const Range<From>& range) const { return !parts(range).empty(); }
  bool covers(const Range<From>& range) const {
    std::uint64_t mapped = 0;
    for (const Piece& piece : parts(range)) mapped += piece.range.bytes;
    return mapped == range.bytes;
  }

  // What lies in the range, rising, cut to it.
  std::vector<Piece> parts(const Range<From>& range) const {
    std::vector<Piece> found;
    const std::uint64_t first = number(range.base);
    const std::uint64_t end = first + range.bytes / kFrame;
    auto piece = piece_at(first);
    if (piece == pieces_.end()) piece = pieces_.lower_bound(first);
    for (; piece != pieces_.end() && piece->first < end; ++piece) {
      const std::uint64_t from = std::max(piece->first, first);
      const std::uint64_t to = std::min(piece->first + piece->second.frames, end);
      found.push_back(
          {{From{from * kFrame}, (to - from) * kFrame}, To{(piece->second.to + from - piece->first) * kFrame}});
    }
    return found;
  }

  std::vector<Piece> all() const {
    std::vector<Piece> found;
    for (const auto& [first, piece] : pieces_) {
      found.push_back({{From{first * kFrame}, piece.frames * kFrame}, To{piece.to * kFrame}});
    }
    return found;
  }

  // The range must not be mapped yet.
  void insert(const Range<From>& range, To to) {
    if (range.empty()) return;
    std::uint64_t first = number(range.base);
    Extent extent{to.value / kFrame, range.bytes / kFrame};
    auto next = pieces_.lower_bound(first);
    if (next != pieces_.end() && next->first == first + extent.frames && next->second.to == extent.to + extent.frames) {
      extent.frames += next->second.frames;
      next = pieces_.erase(next);
    }
    if (next != pieces_.begin()) {
      Extent& before = std::prev(next)->second;
      const std::uint64_t begin = std::prev(next)->first;
      if (begin + before.frames == first && before.to + before.frames == extent.to) {
        before.frames += extent.frames;
        return;
      }
    }
    pieces_.emplace(first, extent);
  }

  // Whatever of the range is mapped, is so no longer.
  void erase(const Range<From>& range) {
    for (const Piece& part : parts(range)) {
      const std::uint64_t first = number(part.range.base);
      const std::uint64_t end = first + part.range.bytes / kFrame;
      const auto piece = piece_at(first);
      const std::uint64_t begin = piece->first;
      const Extent whole = piece->second;
      pieces_.erase(piece);
      if (begin < first) pieces_.emplace(begin, Extent{whole.to, first - begin});
      if (end < begin + whole.frames) pieces_.emplace(end, Extent{whole.to + end - begin, begin + whole.frames - end});
    }
  }

  bool operator==(const Mapping&) const = default;

 private:
  struct Extent {
    std::uint64_t to = 0;  // page numbers, so that the last page of the 64-bit space has an end
    std::uint64_t frames = 0;
    bool operator==(const Extent&) const = default;
  };
  using Pieces = std::map<std::uint64_t, Extent>;

  static std::uint64_t number(From address) { return address.value / kFrame; }

  typename Pieces::const_iterator piece_at(std::uint64_t page) const {
    auto next = pieces_.upper_bound(page);
    if (next == pieces_.begin()) return pieces_.end();
    --next;
    return page < next->first + next->second.frames ? next : pieces_.end();
  }

  Pieces pieces_;
};

using GuestMapping = Mapping<GuestVirt, GuestPhys>;
using HostMapping = Mapping<GuestPhys, HostPhys>;

}  // namespace vmmu::layout
