#include "track/workload.hpp"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <utility>

#include "replay/address_space.hpp"

namespace vmmu::tb {

namespace {
constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
constexpr std::uint64_t kPagesOfMiB = (std::uint64_t{1} << 20) / kPage;
constexpr std::uint64_t kFirstPage = (std::uint64_t{256} << 20) / kPage;  // where programs usually have their data
}  // namespace

Workload workload_of(const std::string& name, Trace trace) {
  Workload workload;
  workload.name = name;
  workload.size = trace.accesses.size();
  workload.pages = touched_pages(trace.accesses);
  const auto accesses = std::make_shared<const std::vector<PackedAccess>>(std::move(trace.accesses));
  workload.at = [accesses](std::uint64_t number) { return (*accesses)[number]; };
  return workload;
}

std::variant<Workload, std::string> phases(const std::string& letters, const PhaseConfig& config) {
  if (letters.empty() || letters.size() > kMaxPhases || letters.find_first_not_of("RW") != std::string::npos) {
    return fmt::format("phases:{}: expected 1 to {} letters R or W", letters, kMaxPhases);
  }
  Workload workload;
  workload.name = "phases:" + letters;
  const std::uint64_t array = config.array_mib * kPagesOfMiB;
  const std::uint64_t pass = array + config.background_mib * kPagesOfMiB;
  const auto per_phase = static_cast<std::uint64_t>(std::llround(config.seconds * config.rate));
  if (per_phase == 0) return std::string("phases: a phase is shorter than one access");
  workload.size = letters.size() * per_phase;
  for (std::uint64_t page = 0; page < pass; ++page) workload.pages.push_back(kFirstPage + page);
  workload.at = [letters, array, pass, per_phase](std::uint64_t number) {
    const std::uint64_t page = number % pass;
    const bool write = page >= array || letters[number / per_phase] == 'W';
    return PackedAccess(GuestVirt{(kFirstPage + page) * kPage}, write ? Op::Write : Op::Read);
  };
  return workload;
}

}  // namespace vmmu::tb
