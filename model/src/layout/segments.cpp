#include "vmmu/layout/segments.hpp"

#include <map>

namespace vmmu::layout {

namespace {

// The offset that most pages of the range share.
template <class From, class To>
std::uint64_t usual_offset(const std::vector<typename Mapping<From, To>::Piece>& parts) {
  std::map<std::uint64_t, std::uint64_t> bytes;
  std::uint64_t usual = 0;
  for (const auto& part : parts) bytes[part.offset()] += part.range.bytes;
  std::uint64_t most = 0;
  for (const auto& [offset, size] : bytes) {
    if (size <= most) continue;
    most = size;
    usual = offset;
  }
  return usual;
}

bool hits_all(const EscapeFilter& filter, std::uint64_t first, std::uint64_t end) {
  for (std::uint64_t page = first; page != end; page += kFrame) {
    if (!filter.hits(page)) return false;
  }
  return true;
}

template <class From, class To>
std::optional<Segment> segment_of(const Mapping<From, To>& mapping, const Range<From>& range,
                                  const EscapeFilter& filter, std::uint8_t attr) {
  if (range.empty() || !range.aligned() || range.end().value == 0) return std::nullopt;
  const auto parts = mapping.parts(range);
  const std::uint64_t offset = usual_offset<From, To>(parts);
  std::uint64_t at = range.base.value;
  for (const auto& part : parts) {
    const std::uint64_t first = part.range.base.value;
    if (!hits_all(filter, at, first)) return std::nullopt;  // no memory in between
    at = part.range.end().value;
    if (part.offset() != offset && !hits_all(filter, first, at)) return std::nullopt;
  }
  if (parts.empty() || !hits_all(filter, at, range.end().value)) return std::nullopt;
  return Segment{range.base.value, range.end().value, offset, attr};
}

}  // namespace

std::optional<Segment> guest_segment(const GuestMapping& mapping, const VirtRange& range, const EscapeFilter& filter,
                                     std::uint8_t attr) {
  return segment_of(mapping, range, filter, attr);
}

std::optional<Segment> vmm_segment(const HostMapping& mapping, const GuestRange& range, const EscapeFilter& filter,
                                   std::uint8_t attr) {
  return segment_of(mapping, range, filter, attr);
}

std::optional<std::vector<Segment>> tiling(const HostMapping& mapping, std::uint64_t bytes, unsigned most,
                                           std::uint8_t attr) {
  std::vector<Segment> tiles;
  std::uint64_t at = 0;
  for (const auto& part : mapping.parts({{0}, bytes})) {
    if (part.range.base.value != at || tiles.size() == most) return std::nullopt;
    at = part.range.end().value;
    tiles.push_back({part.range.base.value, at, part.offset(), attr});
  }
  if (at != bytes || tiles.empty()) return std::nullopt;
  return tiles;
}

namespace {

// Undoes a balloon. The frames need not be the ones that the pages had.
LayoutError refill(Guest& guest, Vmm& vmm, const std::vector<GuestPhys>& pages) {
  for (const GuestPhys page : pages) {
    if (const LayoutError error = vmm.back({page, kFrame}, Placement::Contiguous); error != LayoutError::None) {
      return error;
    }
  }
  return guest.deflate(pages);
}

}  // namespace

std::variant<GuestRange, LayoutError> self_balloon(Guest& guest, Vmm& vmm, std::uint64_t bytes, Leaves leaves) {
  const std::vector<GuestPhys> pages = guest.inflate(bytes);
  if (pages.empty()) return LayoutError::NoMemory;
  for (const GuestPhys page : pages) {
    if (const LayoutError error = vmm.release({page, kFrame}); error != LayoutError::None) return error;
  }
  const auto added = vmm.hot_add(bytes, Placement::Contiguous, leaves);
  if (!added) {
    const LayoutError error = refill(guest, vmm, pages);
    return error == LayoutError::None ? LayoutError::NoMemory : error;
  }
  if (const LayoutError error = guest.add(*added); error != LayoutError::None) return error;
  return *added;
}

std::variant<GuestRange, LayoutError> reclaim_io_gap(Guest& guest, Vmm& vmm, const GuestRange& low, Leaves leaves) {
  const auto added = vmm.hot_add(low.bytes, Placement::Contiguous, leaves);
  if (!added) return LayoutError::NoMemory;
  if (const LayoutError error = guest.add(*added); error != LayoutError::None) return error;
  if (const LayoutError error = guest.unplug(low); error != LayoutError::None) {
    if (guest.unplug(*added) == LayoutError::None) (void)vmm.release(*added);
    return error;
  }
  if (const LayoutError error = vmm.release(low); error != LayoutError::None) return error;
  return *added;
}

}  // namespace vmmu::layout
