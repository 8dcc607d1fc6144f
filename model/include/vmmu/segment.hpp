// A direct segment: a range of addresses translated by an offset (MICRO'14 III).
#pragma once

#include <cstdint>

#include "vmmu/types.hpp"

namespace vmmu {

// Bits of ATTR. It stands in for a page-table entry.
namespace seg {
constexpr std::uint8_t R = 1 << 0;
constexpr std::uint8_t W = 1 << 1;
constexpr std::uint8_t X = 1 << 2;
constexpr std::uint8_t U = 1 << 3;  // guest segment only
constexpr std::uint8_t kVmmMask = R | W | X;
constexpr std::uint8_t kGuestMask = kVmmMask | U;
}  // namespace seg

// In range: base <= address < limit, unsigned; output address + offset, modulo 2^64. All three are multiples of 4096
// once they are active; base >= limit is the empty segment. limit is exclusive, so that no guest segment holds the
// last page of the 64-bit space, and a VMM segment (base and limit of 53 bits) may hold the last of 2^52.
struct Segment {
  std::uint64_t base = 0;
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;  // two's complement
  std::uint8_t attr = 0;     // of seg::R, W, X, U

  bool empty() const { return base >= limit; }
  bool contains(std::uint64_t address) const { return base <= address && address < limit; }
  std::uint64_t output(std::uint64_t address) const { return address + offset; }
  bool permits(std::uint8_t wanted) const { return (attr & wanted) == wanted; }

  // Whether the aligned page of this size that holds `address` shares a byte with the segment.
  bool meets_page(std::uint64_t address, PageSize size) const;
  // Whether that page lies inside the segment as a whole, and its output is as aligned as the page.
  bool maps_page_whole(std::uint64_t address, PageSize size) const;
  bool overlaps(const Segment& other) const;
  // COMMIT: the outputs, as page numbers, do not go round the end of the 64-bit space.
  bool wraps() const;

  bool operator==(const Segment&) const = default;
};

// What the registers read after these values were written (bits that read as zero).
Segment as_guest_registers(const Segment& s);
Segment as_vmm_registers(const Segment& s);

}  // namespace vmmu
