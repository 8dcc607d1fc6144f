#include "footprint.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_set>

namespace vmmu::tb {

namespace {

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
constexpr std::uint64_t kPagesOf2M = page_bytes(PageSize::k2M) / kPage;
constexpr std::uint64_t kLargestGap = 64;  // pages, 256 KiB: less than what separates a program's mappings

// The program's mappings as page numbers: first to one past the last.
std::map<std::uint64_t, std::uint64_t> mappings(std::vector<std::uint64_t> touched) {
  std::sort(touched.begin(), touched.end());
  std::map<std::uint64_t, std::uint64_t> found;
  std::uint64_t first = 0;
  for (const std::uint64_t page : touched) {
    if (!found.empty() && page - found[first] < kLargestGap) {
      found[first] = page + 1;
    } else {
      first = page;
      found[first] = page + 1;
    }
  }
  return found;
}

class HugePages {
 public:
  explicit HugePages(const std::vector<std::uint64_t>& touched) : mappings_(mappings(touched)) {}

  bool holds(std::uint64_t page) const {
    const std::uint64_t first = page / kPagesOf2M * kPagesOf2M;
    auto mapping = mappings_.upper_bound(first);
    if (mapping == mappings_.begin()) return false;
    return std::prev(mapping)->second >= first + kPagesOf2M;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> mappings_;
};

}  // namespace

std::vector<PlannedPage> plan_pages(const std::vector<std::uint64_t>& touched, const ReplayCase& replay_case) {
  const HugePages huge(replay_case.thp ? touched : std::vector<std::uint64_t>{});
  std::vector<PlannedPage> pages;
  std::unordered_set<std::uint64_t> seen;  // bases: pages of different sizes never share one
  for (const std::uint64_t page : touched) {
    const PageSize size = replay_case.thp && huge.holds(page) ? PageSize::k2M : replay_case.guest_page;
    const GuestVirt base{layout::align_down(page * kPage, page_bytes(size))};
    if (seen.insert(base.value).second) pages.push_back({base, size});
  }
  return pages;
}

layout::VirtRange primary_range(std::vector<std::uint64_t> touched, std::uint64_t most) {
  std::sort(touched.begin(), touched.end());
  constexpr std::uint64_t kLastPage = ~std::uint64_t{0} / kPage;
  if (!touched.empty() && touched.back() == kLastPage) touched.pop_back();
  std::size_t best_first = 0;
  std::size_t best_count = 0;
  std::size_t first = 0;
  for (std::size_t last = 0; last < touched.size(); ++last) {
    while (touched[last] - touched[first] >= most / kPage) ++first;
    if (last - first + 1 <= best_count) continue;
    best_first = first;
    best_count = last - first + 1;
  }
  if (best_count == 0) return {};
  const std::uint64_t begin = touched[best_first];
  const std::uint64_t end = touched[best_first + best_count - 1] + 1;
  return {{begin * kPage}, (end - begin) * kPage};
}

std::uint64_t table_pages(const std::vector<PlannedPage>& pages) {
  std::uint64_t count = 1;  // the root
  for (unsigned level = 1; level <= 3; ++level) {
    std::unordered_set<std::uint64_t> tables;
    for (const PlannedPage& page : pages) {
      if (static_cast<unsigned>(page.size) < level) tables.insert(page.base.value >> (9 * level + 12));
    }
    count += tables.size();
  }
  return count;
}

}  // namespace vmmu::tb
