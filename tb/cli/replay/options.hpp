// Which replays the options of `vmmu replay` ask for.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "modes.hpp"

namespace vmmu::tb {

// Empty lists mean all there are, but for thp, which has to be asked for.
struct ReplaySelection {
  std::vector<std::string> modes;        // names of kModes
  std::vector<std::string> guest_pages;  // 4K, 2M, 1G, thp
  std::vector<std::string> vmm_pages;    // 4K, 2M, 1G
};

// The cases in the order of the report: by mode, then guest page, then VMM page. A size that means nothing to a mode
// makes no cases of its own. An error names the word that is unknown.
std::variant<std::vector<ReplayCase>, std::string> select_cases(const ReplaySelection& selection);

}  // namespace vmmu::tb
