// What a trace touches, and how it is cut into pages and segments.
#pragma once

#include <cstdint>
#include <vector>

#include "modes.hpp"
#include "vmmu/layout/range.hpp"

namespace vmmu::tb {

struct PlannedPage {
  GuestVirt base;
  PageSize size = PageSize::k4K;
};

// The guest pages that hold what is touched, in order of first touch.
//
// With transparent huge pages, touched pages with gaps of less than 64 pages between them count as one mapping of the
// program, and each aligned 2 MiB that lies wholly inside a mapping is one page, as Linux does for anonymous memory.
std::vector<PlannedPage> plan_pages(const std::vector<std::uint64_t>& touched, const ReplayCase& replay_case);

// The range of at most `most` bytes that holds the most touched pages, from the first of them to the last; the lowest
// of several. Never the last page of the 64-bit space, which no segment can hold.
layout::VirtRange primary_range(std::vector<std::uint64_t> touched, std::uint64_t most);

// How many pages the tables of these pages take, for a guest of four levels.
std::uint64_t table_pages(const std::vector<PlannedPage>& pages);

}  // namespace vmmu::tb
