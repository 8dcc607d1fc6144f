#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace vmmu::tb {

namespace {

constexpr std::array<std::string_view, 2> kModes = {"native", "nested"};
// Modes of the architecture that need segments or shadow tables, which this version does not have.
constexpr std::array<std::string_view, 6> kLaterModes = {"native-ds",   "vmm-direct", "guest-direct",
                                                         "dual-direct", "compromis",  "shadow"};
constexpr std::array<std::string_view, 3> kPages = {"4K", "2M", "1G"};

template <std::size_t N>
std::optional<std::size_t> position(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

std::optional<std::string> judge_modes(const std::vector<std::string>& modes) {
  for (const std::string& mode : modes) {
    if (position(kModes, mode)) continue;
    if (position(kLaterModes, mode)) {
      return fmt::format("--modes: `{}` is not in this version; expected native or nested", mode);
    }
    return fmt::format("--modes: unknown mode `{}`; expected native or nested", mode);
  }
  return std::nullopt;
}

std::optional<std::string> judge_pages(const char* option, const std::vector<std::string>& pages) {
  for (const std::string& page : pages) {
    if (position(kPages, page)) continue;
    if (page == "thp") return fmt::format("{}: `thp` is not in this version; expected 4K, 2M or 1G", option);
    return fmt::format("{}: unknown page size `{}`; expected 4K, 2M or 1G", option, page);
  }
  return std::nullopt;
}

bool wanted(const std::vector<std::string>& list, std::string_view name) {
  return list.empty() || std::find(list.begin(), list.end(), name) != list.end();
}

std::vector<PageSize> chosen_pages(const std::vector<std::string>& list) {
  std::vector<PageSize> pages;
  for (std::size_t i = 0; i < kPages.size(); ++i) {
    if (wanted(list, kPages[i])) pages.push_back(static_cast<PageSize>(i));
  }
  return pages;
}

}  // namespace

std::variant<std::vector<ReplayCase>, std::string> select_cases(const ReplaySelection& selection) {
  if (const auto error = judge_modes(selection.modes)) return *error;
  if (const auto error = judge_pages("--guest-page", selection.guest_pages)) return *error;
  if (const auto error = judge_pages("--vmm-page", selection.vmm_pages)) return *error;
  const bool nested = wanted(selection.modes, "nested");
  if (!nested && !selection.vmm_pages.empty()) {
    return std::string("--vmm-page: native paging has no VMM page size; add --modes nested");
  }
  std::vector<ReplayCase> cases;
  for (const PageSize guest : chosen_pages(selection.guest_pages)) {
    if (wanted(selection.modes, "native")) cases.push_back({ReplayMode::Native, guest, PageSize::k4K});
  }
  if (!nested) return cases;
  for (const PageSize guest : chosen_pages(selection.guest_pages)) {
    for (const PageSize vmm : chosen_pages(selection.vmm_pages)) {
      cases.push_back({ReplayMode::Nested, guest, vmm});
    }
  }
  return cases;
}

}  // namespace vmmu::tb
