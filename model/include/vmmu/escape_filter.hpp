// The escape filter: pages inside a segment that paging translates all the same (MICRO'14 V).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace vmmu {

// A Bloom filter of four banks of 64 bits, each with an H3 hash of its own of the page number (address[56:12]). A page
// is escaped when its bit is set in all four. Pages that nobody inserted may be escaped too, so software keeps page
// tables right for every page that pages_hit() lists. No page can be taken out again: clear, and insert the rest.
struct EscapeFilter {
  static constexpr unsigned kBanks = 4;

  std::array<std::uint64_t, kBanks> lanes{};  // as the registers hold them: lane i is bank i

  bool empty() const { return lanes == std::array<std::uint64_t, kBanks>{}; }
  // Any address of the page, a gVA as presented or a gPA. Never fails; inserting twice changes nothing.
  void insert(std::uint64_t address);
  bool hits(std::uint64_t address) const;
  // All pages with base <= page < limit that the filter hits, rising, false positives too. base is taken down to its
  // page. About a nanosecond per page of the range.
  std::vector<std::uint64_t> pages_hit(std::uint64_t base, std::uint64_t limit) const;

  bool operator==(const EscapeFilter&) const = default;
};

// Position of the page's bit in each bank, 0 .. 63 (architecture 5).
std::array<std::uint8_t, EscapeFilter::kBanks> filter_positions(std::uint64_t address);

// Row (bank, k) of the H3 hash, 45 bits: hash bit k of a bank is the parity of page number AND row.
std::uint64_t filter_row(unsigned bank, unsigned k);

}  // namespace vmmu
