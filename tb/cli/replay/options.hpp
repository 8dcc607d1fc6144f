// Which replays the options of `vmmu replay` ask for.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "address_space.hpp"

namespace vmmu::tb {

// Empty lists mean all there are.
struct ReplaySelection {
  std::vector<std::string> modes;        // native, nested
  std::vector<std::string> guest_pages;  // 4K, 2M, 1G
  std::vector<std::string> vmm_pages;    // 4K, 2M, 1G; nested only
};

// The cases in the order of the report: native by page size, then nested by guest and VMM page size. An error names the
// word that is unknown, or known but not in this version.
std::variant<std::vector<ReplayCase>, std::string> select_cases(const ReplaySelection& selection);

}  // namespace vmmu::tb
