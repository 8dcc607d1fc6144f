#include "vmmu/layout/vmm.hpp"

#include <algorithm>
#include <utility>

namespace vmmu::layout {

namespace {

TableConfig table_config(const VmmConfig& config) {
  TableConfig tables;
  tables.nested = true;
  tables.accessed_dirty = config.accessed_dirty;
  tables.nested_page = config.page;
  tables.ept_tables = *config.ept_tables;
  return tables;
}

PageSize smaller(PageSize size) { return static_cast<PageSize>(static_cast<unsigned>(size) - 1); }

// The largest page size up to `most` that divides the address.
std::uint64_t alignment(std::uint64_t address, PageSize most) {
  PageSize size = most;
  while (address % page_bytes(size) != 0) size = smaller(size);
  return page_bytes(size);
}

GuestRange frame_at(GuestPhys page) { return {page, kFrame}; }
HostRange frame_at(HostPhys frame) { return {frame, kFrame}; }

}  // namespace

const char* to_string(LayoutError error) {
  switch (error) {
    case LayoutError::None: return "no error";
    case LayoutError::Misaligned: return "an address or a length is no multiple of the page size";
    case LayoutError::AlreadyMapped: return "a part of the range is in use already";
    case LayoutError::NotMapped: return "a part of the range is not in use";
    case LayoutError::NoMemory: return "no free memory of this length";
    case LayoutError::Pinned: return "something that cannot be moved is in the way";
    case LayoutError::Tables: return "the page tables cannot hold it";
  }
  return "unknown error";
}

HostWords words_of(SparseMem& memory) {
  return {[&memory](HostPhys addr) { return memory.peek(addr); },
          [&memory](HostPhys addr, std::uint64_t word) { memory.poke(addr, word); }};
}

Vmm::Vmm(const VmmConfig& config, HostWords memory)
    : config_(config), memory_(std::move(memory)), frames_(config.seed) {
  (void)frames_.add({{align_up(config.memory.base.value, kFrame)}, align_down(config.memory.bytes, kFrame)});
  if (config.ept_tables) ept_.emplace(table_config(config), memory_.poke);
}

GuestWords Vmm::guest_words() {
  return {[this](GuestPhys addr) {
            const auto hpa = mapping_.find(addr);
            return hpa ? memory_.peek(*hpa) : 0;
          },
          [this](GuestPhys addr, std::uint64_t word) {
            if (const auto hpa = mapping_.find(addr)) memory_.poke(*hpa, word);
          }};
}

// ---------------------------------------------------------------- giving and taking memory

LayoutError Vmm::back_scattered(const GuestRange& range) {
  std::uint64_t done = 0;
  while (done < range.bytes) {
    const GuestPhys page{range.base.value + done};
    PageSize size = config_.page;
    while (page.value % page_bytes(size) != 0 || range.bytes - done < page_bytes(size)) size = smaller(size);
    const auto frame = frames_.take_somewhere(size);
    if (!frame) {
      for (const auto& part : mapping_.parts({range.base, done})) (void)frames_.give({part.to, part.range.bytes});
      mapping_.erase({range.base, done});
      return LayoutError::NoMemory;
    }
    mapping_.insert({page, page_bytes(size)}, *frame);
    done += page_bytes(size);
  }
  return LayoutError::None;
}

LayoutError Vmm::back(const GuestRange& range, Placement placement, Leaves leaves) {
  if (!range.aligned()) return LayoutError::Misaligned;
  if (mapping_.meets(range)) return LayoutError::AlreadyMapped;
  if (placement == Placement::Scattered) {
    if (const LayoutError error = back_scattered(range); error != LayoutError::None) return error;
  } else if (!range.empty()) {
    const auto base = frames_.take(range.bytes, alignment(range.base.value, config_.page));
    if (!base) return LayoutError::NoMemory;
    mapping_.insert(range, *base);
  }
  top_ = std::max(top_, range.base.value + range.bytes);
  return leaves == Leaves::Now ? make_leaves(range) : LayoutError::None;
}

LayoutError Vmm::release(const GuestRange& range) {
  if (!range.aligned()) return LayoutError::Misaligned;
  if (!mapping_.covers(range)) return LayoutError::NotMapped;
  if (const LayoutError error = drop_leaves(range); error != LayoutError::None) return error;
  for (const auto& part : mapping_.parts(range)) (void)frames_.give({part.to, part.range.bytes});
  mapping_.erase(range);
  return LayoutError::None;
}

std::optional<GuestRange> Vmm::hot_add(std::uint64_t bytes, Placement placement, Leaves leaves) {
  const GuestRange range{{top_}, bytes};
  if (back(range, placement, leaves) != LayoutError::None) return std::nullopt;
  return range;
}

// ---------------------------------------------------------------- EPT leaves

std::optional<Vmm::Leaf> Vmm::leaf_of(GuestPhys page) const {
  if (!ept_) return std::nullopt;
  for (const PageSize size : {PageSize::k1G, PageSize::k2M, PageSize::k4K}) {
    const auto place = ept_->ept_entry(page, static_cast<unsigned>(size) + 1);
    if (!place || place->word == 0) return std::nullopt;
    if (size == PageSize::k4K || (place->word & ept::PS) != 0) return Leaf{*place, size};
  }
  return std::nullopt;
}

// The largest leaf that maps what the mapping says, and nothing else.
LayoutError Vmm::touch(GuestPhys page) {
  if (!mapping_.find(page)) return LayoutError::NotMapped;
  if (!ept_ || leaf_of(page)) return LayoutError::None;
  for (PageSize size = config_.page;; size = smaller(size)) {
    const GuestRange whole{{align_down(page.value, page_bytes(size))}, page_bytes(size)};
    const auto parts = mapping_.parts(whole);
    const bool one_piece = parts.size() == 1 && parts[0].range == whole && parts[0].to.value % whole.bytes == 0;
    const MapError error = one_piece ? ept_->emap(whole.base, parts[0].to, size) : MapError::AlreadyMapped;
    if (error == MapError::None) return LayoutError::None;
    if (error != MapError::AlreadyMapped || size == PageSize::k4K) return LayoutError::Tables;
  }
}

LayoutError Vmm::make_leaves(const GuestRange& range) {
  if (!ept_) return LayoutError::None;
  for (std::uint64_t done = 0; done < range.bytes;) {
    const GuestPhys page{range.base.value + done};
    if (const LayoutError error = touch(page); error != LayoutError::None) return error;
    const std::uint64_t bytes = page_bytes(leaf_of(page)->size);
    done = align_down(page.value, bytes) + bytes - range.base.value;
  }
  return LayoutError::None;
}

// A larger leaf becomes 512 of the next size, down to 4 KiB for this page. Each piece inherits the flags: what is
// dirty as a whole is dirty in every part.
LayoutError Vmm::split_leaf(GuestPhys page) {
  for (auto leaf = leaf_of(page); leaf && leaf->size != PageSize::k4K; leaf = leaf_of(page)) {
    const std::uint64_t word = memory_.peek(leaf->place.hpa);
    const PageSize size = smaller(leaf->size);
    const GuestPhys base{align_down(page.value, page_bytes(leaf->size))};
    const HostPhys to{align_down(word & kFrameMask, page_bytes(leaf->size))};
    EptAttr attr;
    attr.accessed = (word & ept::A) != 0;
    attr.dirty = (word & ept::D) != 0;
    ept_->edit_ept(page, leaf->place.level, {leaf->place.word, 0});
    for (std::uint64_t at = 0; at < page_bytes(leaf->size); at += page_bytes(size)) {
      const MapError error = ept_->emap({base.value + at}, {to.value + at}, size, attr);
      if (error != MapError::None) return LayoutError::Tables;
    }
  }
  return LayoutError::None;
}

LayoutError Vmm::drop_leaves(const GuestRange& range) {
  if (!ept_) return LayoutError::None;
  for (std::uint64_t done = 0; done < range.bytes;) {
    const GuestPhys page{range.base.value + done};
    auto leaf = leaf_of(page);
    if (leaf && leaf->size != PageSize::k4K) {
      const std::uint64_t bytes = page_bytes(leaf->size);
      const bool inside = page.value % bytes == 0 && range.bytes - done >= bytes;
      if (!inside) {
        if (const LayoutError error = split_leaf(page); error != LayoutError::None) return error;
        leaf = leaf_of(page);
      }
    }
    if (leaf) ept_->edit_ept(page, leaf->place.level, {leaf->place.word, 0});
    done += leaf ? page_bytes(leaf->size) : kFrame;
  }
  return LayoutError::None;
}

// Lets the page's leaf, if it has one, lead to another frame. Flags that the MMU has set in memory stay.
LayoutError Vmm::point_leaf(GuestPhys page, HostPhys frame) {
  if (const LayoutError error = split_leaf(page); error != LayoutError::None) return error;
  if (const auto leaf = leaf_of(page)) {
    const std::uint64_t flags = memory_.peek(leaf->place.hpa) & (ept::A | ept::D);
    ept_->edit_ept(page, 1, {kFrameMask, frame.value | flags});
  }
  return LayoutError::None;
}

// ---------------------------------------------------------------- moving frames

void Vmm::copy_frame(HostPhys from, HostPhys to) {
  for (std::uint64_t at = 0; at < kFrame; at += 8) {
    const std::uint64_t word = memory_.peek({from.value + at});
    if (word != memory_.peek({to.value + at})) memory_.poke({to.value + at}, word);
  }
}

LayoutError Vmm::move(GuestPhys page, HostPhys frame) {
  copy_frame(*mapping_.find(page), frame);
  if (const LayoutError error = point_leaf(page, frame); error != LayoutError::None) return error;
  mapping_.erase(frame_at(page));
  mapping_.insert(frame_at(page), frame);
  return LayoutError::None;
}

LayoutError Vmm::exchange(GuestPhys a, GuestPhys b) {
  const HostPhys frame_a = *mapping_.find(a);
  const HostPhys frame_b = *mapping_.find(b);
  for (std::uint64_t at = 0; at < kFrame; at += 8) {
    const std::uint64_t word = memory_.peek({frame_a.value + at});
    memory_.poke({frame_a.value + at}, memory_.peek({frame_b.value + at}));
    memory_.poke({frame_b.value + at}, word);
  }
  if (const LayoutError error = point_leaf(a, frame_b); error != LayoutError::None) return error;
  if (const LayoutError error = point_leaf(b, frame_a); error != LayoutError::None) return error;
  for (const auto& [page, frame] : {std::pair{a, frame_b}, std::pair{b, frame_a}}) {
    mapping_.erase(frame_at(page));
    mapping_.insert(frame_at(page), frame);
  }
  return LayoutError::None;
}

std::variant<Compaction, LayoutError> Vmm::compact(const GuestRange& range) {
  if (!range.aligned() || range.empty()) return LayoutError::Misaligned;
  if (!mapping_.covers(range)) return LayoutError::NotMapped;
  // The frames that may be used, as if all of them were free; and whose they are.
  FrameAllocator<HostPhys> usable;
  for (const HostRange& run : frames_.free_runs()) (void)usable.add(run);
  Mapping<HostPhys, GuestPhys> owner;
  for (const auto& piece : mapping_.all()) {
    (void)usable.add({piece.to, piece.range.bytes});
    owner.insert({piece.to, piece.range.bytes}, piece.range.base);
  }
  const auto base = usable.take(range.bytes, alignment(range.base.value, config_.page));
  if (!base) return LayoutError::NoMemory;

  Compaction done{*base, 0};
  for (std::uint64_t at = 0; at < range.bytes; at += kFrame) {
    const GuestPhys page{range.base.value + at};
    const HostPhys wanted{base->value + at};
    const HostPhys now = *mapping_.find(page);
    if (now == wanted) continue;
    const auto other = owner.find(wanted);
    LayoutError error = LayoutError::None;
    if (other) {
      error = exchange(page, *other);
      owner.erase(frame_at(now));
      owner.insert(frame_at(now), *other);
      done.moved += 2;
    } else {
      if (error = frames_.take_at(frame_at(wanted)); error != LayoutError::None) return error;
      error = move(page, wanted);
      (void)frames_.give(frame_at(now));
      owner.erase(frame_at(now));
      ++done.moved;
    }
    if (error != LayoutError::None) return error;
    owner.erase(frame_at(wanted));
    owner.insert(frame_at(wanted), page);
  }
  return done;
}

LayoutError Vmm::retire(GuestPhys page) {
  if (page.value % kFrame != 0) return LayoutError::Misaligned;
  if (!mapping_.find(page)) return LayoutError::NotMapped;
  const auto frame = frames_.take(kFrame);
  if (!frame) return LayoutError::NoMemory;
  return move(page, *frame);  // the bad frame is never given back
}

LayoutError Vmm::escape(GuestPhys page, const GuestRange& segment, EscapeFilter& filter) {
  filter.insert(page.value);
  for (const std::uint64_t hit : filter.pages_hit(segment.base.value, segment.end().value)) {
    if (const LayoutError error = touch({hit}); error != LayoutError::None) return error;
  }
  return LayoutError::None;
}

}  // namespace vmmu::layout
