#include "vmmu/segment.hpp"

#include <algorithm>

#include "vmmu/entry_bits.hpp"

namespace vmmu {

namespace {

constexpr std::uint64_t kPageMask = bit_range(63, 12);
constexpr std::uint64_t kVmmBoundMask = bit_range(52, 12);  // architecture 4: BASE and LIMIT of 53 bits

std::uint64_t first_byte(std::uint64_t address, PageSize size) { return address & ~(page_bytes(size) - 1); }
std::uint64_t last_byte(std::uint64_t address, PageSize size) { return address | (page_bytes(size) - 1); }

}  // namespace

bool Segment::meets_page(std::uint64_t address, PageSize size) const {
  return !empty() && base <= last_byte(address, size) && first_byte(address, size) < limit;
}

bool Segment::maps_page_whole(std::uint64_t address, PageSize size) const {
  return contains(first_byte(address, size)) && contains(last_byte(address, size)) && offset % page_bytes(size) == 0;
}

bool Segment::overlaps(const Segment& other) const {
  return !empty() && !other.empty() && std::max(base, other.base) < std::min(limit, other.limit);
}

bool Segment::wraps() const {
  const std::uint64_t last_page = limit - page_bytes(PageSize::k4K);
  return !empty() && output(base) > output(last_page);
}

Segment as_guest_registers(const Segment& s) {
  return {s.base & kPageMask, s.limit & kPageMask, s.offset & kPageMask,
          static_cast<std::uint8_t>(s.attr & seg::kGuestMask)};
}

Segment as_vmm_registers(const Segment& s) {
  return {s.base & kVmmBoundMask, s.limit & kVmmBoundMask, s.offset & kPageMask,
          static_cast<std::uint8_t>(s.attr & seg::kVmmMask)};
}

}  // namespace vmmu
