#include "options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace vmmu::tb {

namespace {

constexpr std::array<std::string_view, 3> kPages = {"4K", "2M", "1G"};
constexpr std::string_view kThp = "thp";

bool known_mode(const std::string& name) {
  return std::any_of(kModes.begin(), kModes.end(), [&name](const ModeTraits& mode) { return mode.name == name; });
}

bool known_page(const std::string& name) { return std::find(kPages.begin(), kPages.end(), name) != kPages.end(); }

std::optional<std::string> judge_modes(const std::vector<std::string>& modes) {
  for (const std::string& mode : modes) {
    if (known_mode(mode)) continue;
    std::string names;
    for (const ModeTraits& known : kModes) names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
    return fmt::format("--modes: unknown mode `{}`; expected {}", mode, names);
  }
  return std::nullopt;
}

std::optional<std::string> judge_pages(const ReplaySelection& selection) {
  for (const std::string& page : selection.guest_pages) {
    if (known_page(page) || page == kThp) continue;
    return fmt::format("--guest-page: unknown page size `{}`; expected 4K, 2M, 1G or thp", page);
  }
  for (const std::string& page : selection.vmm_pages) {
    if (known_page(page)) continue;
    return fmt::format("--vmm-page: unknown page size `{}`; expected 4K, 2M or 1G", page);
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

// One way to page the guest.
struct GuestPages {
  PageSize size = PageSize::k4K;
  bool thp = false;
};

std::vector<GuestPages> guest_choices(const ReplaySelection& selection, const ModeTraits& mode) {
  if (!mode.guest_pages) return {{}};
  std::vector<GuestPages> choices;
  for (const PageSize size : chosen_pages(selection.guest_pages)) choices.push_back({size, false});
  if (!selection.guest_pages.empty() && wanted(selection.guest_pages, kThp)) choices.push_back({PageSize::k4K, true});
  return choices;
}

std::vector<PageSize> vmm_choices(const ReplaySelection& selection, const ModeTraits& mode) {
  if (!mode.vmm_pages) return {PageSize::k4K};
  return chosen_pages(selection.vmm_pages);
}

}  // namespace

std::variant<std::vector<ReplayCase>, std::string> select_cases(const ReplaySelection& selection) {
  if (const auto error = judge_modes(selection.modes)) return *error;
  if (const auto error = judge_pages(selection)) return *error;
  std::vector<ReplayCase> cases;
  for (const ModeTraits& mode : kModes) {
    if (!wanted(selection.modes, mode.name)) continue;
    for (const GuestPages guest : guest_choices(selection, mode)) {
      for (const PageSize vmm : vmm_choices(selection, mode)) {
        cases.push_back({mode.mode, guest.size, vmm, guest.thp});
      }
    }
  }
  return cases;
}

}  // namespace vmmu::tb
