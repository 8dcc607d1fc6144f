// A guest's memory manager in miniature: one address space, the guest-physical memory behind it, and its page tables.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "vmmu/escape_filter.hpp"
#include "vmmu/layout/frame_allocator.hpp"
#include "vmmu/layout/mapping.hpp"
#include "vmmu/layout/range.hpp"
#include "vmmu/layout/vmm.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::layout {

struct GuestConfig {
  std::vector<GuestRange> memory;  // what the firmware reports; ranges that do not meet
  GuestRange tables;               // a part of `memory` for page tables: they never move
  unsigned levels = 4;             // 4 or 5
  std::uint64_t seed = 1;          // of scattered placement and of balloons
};

// Keeps the mapping of gVA to gPA, the page tables, and the contents of moved pages in step, as Vmm does one level
// below. Without virtualization the same class is the host's: gPA are hPA then. Nothing is invalidated: after
// unmap(), relocate() and unplug() software owes the MMU an INVLPG of what changed, or more.
class Guest {
 public:
  // The memory must have something behind `config.tables`. Check ready() before use.
  Guest(const GuestConfig& config, GuestWords memory);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  // Why the configuration cannot be used; None if it can.
  LayoutError ready() const { return ready_; }

  // Memory for a range of addresses that has none, in pages of this size. A range in one piece is what a guest segment
  // needs; it is aligned to the page size on both sides.
  LayoutError map(const VirtRange& range, Placement placement, PageSize size = PageSize::k4K,
                  Leaves leaves = Leaves::Now, const GuestAttr& attr = {});
  // The same with memory of the caller's choice, which must be free.
  LayoutError map_at(const VirtRange& range, GuestPhys to, PageSize size = PageSize::k4K, Leaves leaves = Leaves::Now,
                     const GuestAttr& attr = {});
  // Whole ranges, as they were mapped.
  LayoutError unmap(const VirtRange& range);
  // Makes the table entry of the page that holds the address, if it has none.
  LayoutError touch(GuestVirt address);
  // Moves what one map() made to a run of free memory: the lowest that fits.
  LayoutError relocate(const VirtRange& range);
  // Puts the page into the filter, and makes table entries for all pages of the segment's range that the filter hits.
  LayoutError escape(GuestVirt page, const VirtRange& segment, EscapeFilter& filter);

  // The balloon: takes free pages from all over the memory, for the VMM to release(). Empty: not that many are free,
  // and nothing was taken.
  std::vector<GuestPhys> inflate(std::uint64_t bytes);
  // Pages of the balloon that have memory behind them again.
  LayoutError deflate(const std::vector<GuestPhys>& pages);
  // Memory that was hot-added.
  LayoutError add(const GuestRange& range) { return frames_.add(range); }
  // Hot-unplug: what lies in the range moves elsewhere, and the guest forgets the range. Pinned: page tables or a
  // balloon are in it. NoMemory: there was no room for all; what has moved stays moved.
  LayoutError unplug(const GuestRange& range);

  std::optional<GuestPhys> physical_of(GuestVirt address) const { return mapping_.find(address); }
  const GuestMapping& mapping() const { return mapping_; }
  const FrameAllocator<GuestPhys>& frames() const { return frames_; }
  const PageTables& tables() const { return tables_; }
  // Size of the pages around an address; empty where nothing is mapped.
  std::optional<PageSize> page_size(GuestVirt address) const;

 private:
  struct Region {
    VirtRange range;
    PageSize size = PageSize::k4K;
    GuestAttr attr;
  };
  using Regions = std::map<GuestVirt, Region>;

  Regions::const_iterator region_of(GuestVirt address) const;
  LayoutError judge(const VirtRange& range, PageSize size) const;
  LayoutError take_frames(const VirtRange& range, Placement placement, PageSize size);
  void forget(const VirtRange& range);
  LayoutError add_region(const Region& region, Leaves leaves);
  LayoutError point_leaf(GuestVirt page, PageSize size, GuestPhys to);
  LayoutError move(GuestVirt page, PageSize size, GuestPhys to);
  LayoutError evacuate(const GuestRange& range);

  GuestConfig config_;
  GuestWords memory_;
  FrameAllocator<GuestPhys> frames_;
  GuestMapping mapping_;
  Regions regions_;
  PageTables tables_;
  LayoutError ready_ = LayoutError::None;
};

}  // namespace vmmu::layout
