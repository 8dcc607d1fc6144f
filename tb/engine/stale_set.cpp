#include "engine/stale_set.hpp"

#include <algorithm>

namespace vmmu::tb {

bool covers(const TakenInvalidation& taken, const StaleEntry& entry) {
  return covers_page(taken.inv, *taken.regs, entry.tag, entry.gva, entry.gva + (page_bytes(entry.size) - 1));
}

void read_anew(const TakenInvalidation& taken, const SpaceTag& tag, Window& window) {
  window.walk = std::max(window.walk, taken.since);
  window.guest = std::max(window.guest, taken.since);
  if (covers_nested(taken.inv, tag.ctx, tag.eptp_root)) window.nested = std::max(window.nested, taken.since);
}

std::uint64_t StaleSet::key(unsigned ctx, std::uint64_t gva, PageSize size) {
  return ((gva >> page_shift(size)) << 6) | (std::uint64_t{ctx & 0xf} << 2) | static_cast<std::uint64_t>(size);
}

void StaleSet::add(StaleEntry entry) {
  entry.gva &= ~(page_bytes(entry.size) - 1);
  std::vector<StaleEntry>& list = pages_[key(entry.tag.ctx, entry.gva, entry.size)];
  // A later walk with no software change in between says all that the earlier one said.
  const auto same = [&entry](const StaleEntry& old) {
    return old.epoch == entry.epoch && old.steady && entry.steady && old.tag.answers(entry.tag) &&
           old.tag.global == entry.tag.global;
  };
  const auto it = std::find_if(list.begin(), list.end(), same);
  if (it != list.end()) {
    // It may also rest on what was cached before the earlier one was invalidated.
    entry.window.guest = std::min(entry.window.guest, it->window.guest);
    entry.window.nested = std::min(entry.window.nested, it->window.nested);
    *it = std::move(entry);
  } else {
    list.push_back(std::move(entry));
  }
}

bool StaleSet::any(unsigned ctx, std::uint64_t gva, const std::function<bool(const StaleEntry&)>& visit) const {
  for (const PageSize size : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
    const auto it = pages_.find(key(ctx, gva, size));
    if (it == pages_.end()) continue;
    for (auto entry = it->second.rbegin(); entry != it->second.rend(); ++entry) {
      if (visit(*entry)) return true;
    }
  }
  return false;
}

void StaleSet::invalidated(const TakenInvalidation& taken) {
  for (auto page = pages_.begin(); page != pages_.end();) {
    std::vector<StaleEntry>& list = page->second;
    const auto is_gone = [&taken](StaleEntry& e) {
      if (!covers(taken, e)) return false;
      read_anew(taken, e.tag, e.window);
      return e.window.until < taken.since;
    };
    list.erase(std::remove_if(list.begin(), list.end(), is_gone), list.end());
    page = list.empty() ? pages_.erase(page) : std::next(page);
  }
}

std::uint64_t StaleSet::oldest() const {
  std::uint64_t oldest = kNever;
  for (const auto& [page, list] : pages_) {
    for (const StaleEntry& e : list) oldest = std::min(oldest, e.window.oldest());
  }
  return oldest;
}

}  // namespace vmmu::tb
