#include "vmmu/layout/guest.hpp"

#include <algorithm>
#include <utility>

namespace vmmu::layout {

namespace {

// The guest's tables as the guest writes them: as if not virtualized, to guest-physical addresses.
TableConfig table_config(const GuestConfig& config) {
  TableConfig tables;
  tables.guest_levels = config.levels;
  tables.guest_tables = config.tables.base;
  return tables;
}

PageTables::Poke through(const GuestWords& memory) {
  return [poke = memory.poke](HostPhys addr, std::uint64_t word) { poke({addr.value}, word); };
}

constexpr unsigned level_of(PageSize size) { return static_cast<unsigned>(size) + 1; }

// The bits of a leaf that hold an address: those above also hold PAT, or are reserved.
std::uint64_t address_bits(PageSize size) { return kFrameMask & ~(page_bytes(size) - 1); }

}  // namespace

Guest::Guest(const GuestConfig& config, GuestWords memory)
    : config_(config),
      memory_(std::move(memory)),
      frames_(config.seed),
      tables_(table_config(config), through(memory_)) {
  for (const GuestRange& range : config.memory) {
    if (ready_ == LayoutError::None) ready_ = frames_.add(range);
  }
  if (ready_ == LayoutError::None) ready_ = frames_.take_at(config.tables);
}

Guest::Regions::const_iterator Guest::region_of(GuestVirt address) const {
  auto next = regions_.upper_bound(address);
  if (next == regions_.begin()) return regions_.end();
  --next;
  return next->second.range.contains(address) ? next : regions_.end();
}

std::optional<PageSize> Guest::page_size(GuestVirt address) const {
  const auto region = region_of(address);
  if (region == regions_.end()) return std::nullopt;
  return region->second.size;
}

// ---------------------------------------------------------------- mapping

LayoutError Guest::judge(const VirtRange& range, PageSize size) const {
  if (((range.base.value | range.bytes) & (page_bytes(size) - 1)) != 0 || range.empty()) return LayoutError::Misaligned;
  return mapping_.meets(range) ? LayoutError::AlreadyMapped : LayoutError::None;
}

void Guest::forget(const VirtRange& range) {
  for (const auto& part : mapping_.parts(range)) (void)frames_.give({part.to, part.range.bytes});
  mapping_.erase(range);
}

LayoutError Guest::take_frames(const VirtRange& range, Placement placement, PageSize size) {
  const std::uint64_t step = placement == Placement::Contiguous ? range.bytes : page_bytes(size);
  for (std::uint64_t at = 0; at < range.bytes; at += step) {
    const auto frame =
        placement == Placement::Contiguous ? frames_.take(step, page_bytes(size)) : frames_.take_somewhere(size);
    if (!frame) {
      forget({range.base, at});
      return LayoutError::NoMemory;
    }
    mapping_.insert({{range.base.value + at}, step}, *frame);
  }
  return LayoutError::None;
}

LayoutError Guest::add_region(const Region& region, Leaves leaves) {
  regions_.emplace(region.range.base, region);
  if (leaves == Leaves::OnDemand) return LayoutError::None;
  for (std::uint64_t at = 0; at < region.range.bytes; at += page_bytes(region.size)) {
    if (const LayoutError error = touch({region.range.base.value + at}); error != LayoutError::None) return error;
  }
  return LayoutError::None;
}

LayoutError Guest::map(const VirtRange& range, Placement placement, PageSize size, Leaves leaves,
                       const GuestAttr& attr) {
  if (const LayoutError error = judge(range, size); error != LayoutError::None) return error;
  if (const LayoutError error = take_frames(range, placement, size); error != LayoutError::None) return error;
  return add_region({range, size, attr}, leaves);
}

LayoutError Guest::map_at(const VirtRange& range, GuestPhys to, PageSize size, Leaves leaves, const GuestAttr& attr) {
  if (const LayoutError error = judge(range, size); error != LayoutError::None) return error;
  if (to.value % page_bytes(size) != 0) return LayoutError::Misaligned;
  if (const LayoutError error = frames_.take_at({to, range.bytes}); error != LayoutError::None) return error;
  mapping_.insert(range, to);
  return add_region({range, size, attr}, leaves);
}

LayoutError Guest::touch(GuestVirt address) {
  const auto found = region_of(address);
  if (found == regions_.end()) return LayoutError::NotMapped;
  const Region& region = found->second;
  const GuestVirt page{align_down(address.value, page_bytes(region.size))};
  const auto entry = tables_.guest_entry(page, level_of(region.size));
  if (entry && entry->word != 0) return LayoutError::None;
  // One page needs at most a table for each level.
  if ((tables_.guest_table_pages() + config_.levels) * kFrame > config_.tables.bytes) return LayoutError::Tables;
  const MapError error = tables_.map(page, *mapping_.find(page), region.size, region.attr);
  return error == MapError::None ? LayoutError::None : LayoutError::Tables;
}

LayoutError Guest::unmap(const VirtRange& range) {
  const auto region = regions_.find(range.base);
  if (region == regions_.end() || !(region->second.range == range)) return LayoutError::NotMapped;
  const PageSize size = region->second.size;
  for (std::uint64_t at = 0; at < range.bytes; at += page_bytes(size)) {
    tables_.edit_guest({range.base.value + at}, level_of(size), {~std::uint64_t{0}, 0});
  }
  forget(range);
  regions_.erase(region);
  return LayoutError::None;
}

LayoutError Guest::escape(GuestVirt page, const VirtRange& segment, EscapeFilter& filter) {
  filter.insert(page.value);
  for (const std::uint64_t hit : filter.pages_hit(segment.base.value, segment.end().value)) {
    if (const LayoutError error = touch({hit}); error != LayoutError::None) return error;
  }
  return LayoutError::None;
}

// ---------------------------------------------------------------- moving

// Lets the page's leaf, if it has one, lead elsewhere. Flags that the MMU has set in memory stay.
LayoutError Guest::point_leaf(GuestVirt page, PageSize size, GuestPhys to) {
  const auto entry = tables_.guest_entry(page, level_of(size));
  if (!entry || entry->word == 0) return LayoutError::None;
  const std::uint64_t flags = memory_.peek(entry->gpa) & (pt::A | pt::D);
  tables_.edit_guest(page, level_of(size), {address_bits(size), to.value | flags});
  return LayoutError::None;
}

LayoutError Guest::move(GuestVirt page, PageSize size, GuestPhys to) {
  const GuestPhys from = *mapping_.find(page);
  for (std::uint64_t at = 0; at < page_bytes(size); at += 8) {
    const std::uint64_t word = memory_.peek({from.value + at});
    if (word != memory_.peek({to.value + at})) memory_.poke({to.value + at}, word);
  }
  mapping_.erase({page, page_bytes(size)});
  mapping_.insert({page, page_bytes(size)}, to);
  return point_leaf(page, size, to);
}

LayoutError Guest::relocate(const VirtRange& range) {
  const auto region = regions_.find(range.base);
  if (region == regions_.end() || !(region->second.range == range)) return LayoutError::NotMapped;
  const std::uint64_t bytes = page_bytes(region->second.size);
  const auto to = frames_.take(range.bytes, bytes);
  if (!to) return LayoutError::NoMemory;
  for (std::uint64_t at = 0; at < range.bytes; at += bytes) {
    const GuestVirt page{range.base.value + at};
    const GuestPhys from = *mapping_.find(page);
    if (const LayoutError error = move(page, region->second.size, {to->value + at}); error != LayoutError::None) {
      return error;
    }
    (void)frames_.give({from, bytes});
  }
  return LayoutError::None;
}

// ---------------------------------------------------------------- the balloon and hot-plug

std::vector<GuestPhys> Guest::inflate(std::uint64_t bytes) {
  std::vector<GuestPhys> pages;
  if (bytes % kFrame != 0 || bytes > frames_.free_bytes()) return pages;
  for (std::uint64_t taken = 0; taken < bytes; taken += kFrame) pages.push_back(*frames_.take_somewhere(PageSize::k4K));
  return pages;
}

LayoutError Guest::deflate(const std::vector<GuestPhys>& pages) {
  for (const GuestPhys page : pages) {
    if (const LayoutError error = frames_.give({page, kFrame}); error != LayoutError::None) return error;
  }
  return LayoutError::None;
}

// Moves every page that lies in the range, wholly or in part, to memory outside of it. The free memory of the range is
// already taken.
LayoutError Guest::evacuate(const GuestRange& range) {
  for (const auto& [base, region] : regions_) {
    const std::uint64_t bytes = page_bytes(region.size);
    for (std::uint64_t at = 0; at < region.range.bytes; at += bytes) {
      const GuestVirt page{base.value + at};
      const GuestPhys from = *mapping_.find(page);
      if (from.value + bytes <= range.base.value || from.value >= range.end().value) continue;
      const auto to = frames_.take(bytes, bytes);
      if (!to) return LayoutError::NoMemory;
      if (const LayoutError error = move(page, region.size, *to); error != LayoutError::None) return error;
      // What of a large page lies outside is free; what lies inside is about to go.
      for (std::uint64_t frame = from.value; frame < from.value + bytes; frame += kFrame) {
        if (!range.contains({frame})) (void)frames_.give({{frame}, kFrame});
      }
    }
  }
  return LayoutError::None;
}

LayoutError Guest::unplug(const GuestRange& range) {
  if (!range.aligned()) return LayoutError::Misaligned;
  if (!frames_.is_known(range)) return LayoutError::NotMapped;
  // What is neither free nor behind a region is pinned: page tables, or memory that the balloon took.
  std::uint64_t movable = 0;
  std::vector<GuestRange> held;
  for (const GuestRange& run : frames_.free_runs()) {
    const std::uint64_t first = std::max(run.base.value, range.base.value);
    const std::uint64_t end = std::min(run.end().value, range.end().value);
    if (first >= end) continue;
    held.push_back({{first}, end - first});
    movable += end - first;
  }
  for (const auto& piece : mapping_.all()) {
    const std::uint64_t first = std::max(piece.to.value, range.base.value);
    const std::uint64_t end = std::min(piece.to.value + piece.range.bytes, range.end().value);
    if (first < end) movable += end - first;
  }
  if (movable != range.bytes) return LayoutError::Pinned;

  for (const GuestRange& run : held) (void)frames_.take_at(run);
  const LayoutError error = evacuate(range);
  if (error != LayoutError::None) {
    for (const GuestRange& run : held) (void)frames_.give(run);
    return error;
  }
  if (const LayoutError back = frames_.give(range); back != LayoutError::None) return back;
  return frames_.remove(range);
}

}  // namespace vmmu::layout
