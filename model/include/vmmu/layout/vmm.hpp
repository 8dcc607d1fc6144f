// A hypervisor's memory manager in miniature: which host frame stands behind each page of one guest's memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <variant>

#include "vmmu/escape_filter.hpp"
#include "vmmu/layout/frame_allocator.hpp"
#include "vmmu/layout/mapping.hpp"
#include "vmmu/layout/range.hpp"
#include "vmmu/page_tables.hpp"
#include "vmmu/phys_mem.hpp"

namespace vmmu::layout {

// Memory as software reads and writes it: 8-byte words, nothing fails. Both functions must outlive their users.
template <class Addr>
struct Words {
  std::function<std::uint64_t(Addr)> peek;
  std::function<void(Addr, std::uint64_t)> poke;
};
using HostWords = Words<HostPhys>;
using GuestWords = Words<GuestPhys>;

HostWords words_of(SparseMem& memory);  // the memory outlives them

struct VmmConfig {
  HostRange memory{{std::uint64_t{4} << 30}, std::uint64_t{64} << 30};  // frames for the guest's memory
  // EPT tables are taken upward from here, outside of `memory`. Empty: no nested paging (Compromis).
  std::optional<HostPhys> ept_tables = HostPhys{0x200000};
  PageSize page = PageSize::k4K;  // size of the EPT leaves, where alignment on both sides allows
  bool accessed_dirty = true;     // EPTP[6]
  std::uint64_t seed = 1;         // of scattered placement
};

// What a compaction did.
struct Compaction {
  HostPhys base;            // where the range lies now
  std::uint64_t moved = 0;  // 4 KiB frames copied
};

// Keeps three things in step: the mapping of gPA to hPA, the EPT leaves, and the contents of memory, which are copied
// when a frame moves. Accessed and dirty flags that the MMU set survive a move. Nothing is invalidated: after
// release(), compact(), retire() software owes the MMU an INVEPT.
class Vmm {
 public:
  Vmm(const VmmConfig& config, HostWords memory);
  Vmm(const Vmm&) = delete;  // guest_words() refer to it
  Vmm& operator=(const Vmm&) = delete;

  // Gives host frames to guest memory. On an error nothing has changed, but for table pages.
  LayoutError back(const GuestRange& range, Placement placement, Leaves leaves = Leaves::Now);
  // The guest does not need the range any more (a balloon): its EPT leaves go and its frames are free.
  LayoutError release(const GuestRange& range);
  // New guest memory, right above everything that the guest has ever had (MICRO'14 VI: memory hot-plug). Empty: no
  // host memory.
  std::optional<GuestRange> hot_add(std::uint64_t bytes, Placement placement, Leaves leaves = Leaves::Now);
  // Makes the EPT leaf of a backed page, if it has none.
  LayoutError touch(GuestPhys page);

  // Moves frames until the range lies in one piece: the lowest run of frames that are free or the guest's own. Pages
  // in the way change places with those that need theirs. Leaves of moved pages become 4 KiB ones.
  std::variant<Compaction, LayoutError> compact(const GuestRange& range);
  // The page's frame has gone bad: another one takes its place, and nobody gets the bad one again.
  LayoutError retire(GuestPhys page);
  // Puts the page into the filter, and makes EPT leaves for all pages of the segment's range that the filter
  // hits, false positives too: paging now translates them.
  LayoutError escape(GuestPhys page, const GuestRange& segment, EscapeFilter& filter);

  std::optional<HostPhys> host_of(GuestPhys address) const { return mapping_.find(address); }
  const HostMapping& mapping() const { return mapping_; }
  // One past the highest gPA that was ever backed.
  GuestPhys top() const { return {top_}; }
  FrameAllocator<HostPhys>& frames() { return frames_; }
  const PageTables* ept() const { return ept_ ? &*ept_ : nullptr; }
  std::uint64_t eptp() const { return ept_ ? ept_->eptp() : 0; }

  // The guest's memory as its own software sees it, for the lifetime of this object. Where nothing is behind an
  // address, words read as 0 and writes are lost.
  GuestWords guest_words();

 private:
  struct Leaf {
    EntryPlace place;
    PageSize size = PageSize::k4K;
  };
  std::optional<Leaf> leaf_of(GuestPhys page) const;
  LayoutError back_scattered(const GuestRange& range);
  LayoutError make_leaves(const GuestRange& range);
  LayoutError split_leaf(GuestPhys page);
  LayoutError drop_leaves(const GuestRange& range);
  LayoutError point_leaf(GuestPhys page, HostPhys frame);
  void copy_frame(HostPhys from, HostPhys to);
  LayoutError move(GuestPhys page, HostPhys frame);
  LayoutError exchange(GuestPhys a, GuestPhys b);

  VmmConfig config_;
  HostWords memory_;
  FrameAllocator<HostPhys> frames_;
  HostMapping mapping_;
  std::optional<PageTables> ept_;
  std::uint64_t top_ = 0;
};

}  // namespace vmmu::layout
