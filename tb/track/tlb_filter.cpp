#include "track/tlb_filter.hpp"

#include <algorithm>

#include "engine/preset_info.hpp"

namespace vmmu::tb {

PageCache::PageCache(std::size_t sets, std::size_t ways) : sets_(sets), ways_(ways), entries_(sets * ways) {}

PageCache::Entry* PageCache::find(std::uint64_t page) {
  if (sets_ == 0) return nullptr;
  Entry* const set = set_of(page);
  for (Entry* entry = set; entry != set + ways_; ++entry) {
    if (!entry->valid || entry->page != page) continue;
    entry->used = ++now_;
    return entry;
  }
  return nullptr;
}

void PageCache::insert(std::uint64_t page, bool writable) {
  if (sets_ == 0) return;
  if (Entry* const held = find(page)) {
    held->writable = held->writable || writable;
    return;
  }
  Entry* const set = set_of(page);
  Entry* const oldest = std::min_element(
      set, set + ways_, [](const Entry& a, const Entry& b) { return (a.valid ? a.used : 0) < (b.valid ? b.used : 0); });
  *oldest = {page, ++now_, true, writable};
}

void PageCache::clear() { std::fill(entries_.begin(), entries_.end(), Entry{}); }

TlbFilter::TlbFilter(Preset preset)
    : l1_(preset_info(preset).l1_sets_4k(), preset_info(preset).l1_ways_4k()),
      l2_(preset_info(preset).l2_sets(), preset_info(preset).l2_ways()) {}

TlbFilter::Hit TlbFilter::look_up(std::uint64_t page, Op op) {
  const PageCache::Entry* entry = l1_.find(page);
  if (entry == nullptr) {
    entry = l2_.find(page);
    if (entry == nullptr) return Hit::No;
    l1_.insert(page, entry->writable);
  }
  return op != Op::Write || entry->writable ? Hit::Yes : Hit::Held;
}

void TlbFilter::insert(std::uint64_t page, Op op) {
  l1_.insert(page, op == Op::Write);
  l2_.insert(page, op == Op::Write);
}

void TlbFilter::flush() {
  l1_.clear();
  l2_.clear();
}

}  // namespace vmmu::tb
