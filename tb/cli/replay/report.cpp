#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "chart.hpp"
#include "rows.hpp"

namespace vmmu::tb {

namespace {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double per_second(const ReplayRow& row) {
  return row.seconds > 0 ? static_cast<double>(row.accesses) / row.seconds : 0;
}

// Nothing was counted.
void clear_numbers(nlohmann::ordered_json& fields) {
  for (auto& [key, value] : fields.items()) {
    if (value.is_number()) value = nullptr;
  }
}

// What stands in a row, in the order of the columns, as JSON knows it: numbers stay numbers, null is what is not there.
nlohmann::ordered_json fields(const ReportHead& head, const ReplayRow& row) {
  nlohmann::ordered_json out;
  out["trace"] = head.trace;
  out["mode"] = mode_name(row.replay_case.mode);
  for (const char* key : {"guest_page", "vmm_page"}) out[key] = nullptr;
  if (!guest_pages(row.replay_case).empty()) out["guest_page"] = guest_pages(row.replay_case);
  if (!vmm_pages(row.replay_case).empty()) out["vmm_page"] = vmm_pages(row.replay_case);
  out["engine"] = head.engine;
  out["preset"] = head.preset;
  out["unsupported"] = nullptr;
  if (!row.unsupported.empty()) out["unsupported"] = row.unsupported;
  out["accesses"] = row.accesses;
  for (const char* key : {"l1_misses", "miss_ratio", "l2_hits", "ntlb_hits", "merged", "walks", "walk_cycles"}) {
    out[key] = nullptr;
  }
  if (row.misses) {
    out["l1_misses"] = *row.misses;
    out["miss_ratio"] = ratio(*row.misses, row.accesses);
  }
  if (row.l2_hits) out["l2_hits"] = *row.l2_hits;
  if (row.ntlb_hits) out["ntlb_hits"] = *row.ntlb_hits;
  if (row.merged) out["merged"] = *row.merged;
  if (row.walks) out["walks"] = *row.walks;
  if (row.walk_cycles) out["walk_cycles"] = *row.walk_cycles;
  out["references"] = row.references;
  for (const char* key : {"references_per_walk", "full_walk", "checks", "filter_hits", "cycles", "cycles_per_access"}) {
    out[key] = nullptr;
  }
  if (row.walks) out["references_per_walk"] = ratio(row.references, *row.walks);
  if (row.wanted_per_walk) out["full_walk"] = *row.wanted_per_walk;
  if (row.checks) out["checks"] = *row.checks;
  if (row.filter_hits) out["filter_hits"] = *row.filter_hits;
  if (row.cycles) {
    out["cycles"] = *row.cycles;
    out["cycles_per_access"] = ratio(*row.cycles, row.accesses);
  }
  out["mismatches"] = row.mismatches;
  out["seconds"] = row.seconds;
  out["accesses_per_second"] = per_second(row);
  for (const NamedCount& count : row.counters) out["counter_" + count.name] = count.value;
  if (!row.unsupported.empty()) clear_numbers(out);
  return out;
}

std::vector<nlohmann::ordered_json> all_fields(const ReportHead& head, const std::vector<ReplayRow>& rows) {
  std::vector<nlohmann::ordered_json> all;
  for (const ReplayRow& row : rows) all.push_back(fields(head, row));
  // Rows of what this build cannot do have the columns of the others.
  const auto fullest =
      std::max_element(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  if (fullest == all.end()) return all;
  for (nlohmann::ordered_json& row : all) {
    if (row.size() == fullest->size()) continue;
    for (const auto& [key, value] : fullest->items()) {
      if (!row.contains(key)) row[key] = nullptr;
    }
  }
  return all;
}

constexpr std::size_t kColumns = 18;
using Cells = std::array<std::string, kColumns>;

Cells cells(const ReplayRow& row) {
  const auto count = [](const std::optional<std::uint64_t>& value) {
    return value ? fmt::format("{}", *value) : std::string("-");
  };
  const auto share = [](const std::optional<std::uint64_t>& part, const std::optional<std::uint64_t>& whole,
                        double scale, const char* format) {
    return part && whole ? fmt::format(fmt::runtime(format), scale * ratio(*part, *whole)) : std::string("-");
  };
  const auto dash = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  const std::optional<std::uint64_t> full_walk = row.wanted_per_walk;
  Cells all = {mode_name(row.replay_case.mode),
               dash(guest_pages(row.replay_case)),
               dash(vmm_pages(row.replay_case)),
               fmt::format("{}", row.accesses),
               count(row.misses),
               share(row.misses, row.accesses, 100, "{:.3f}"),
               count(row.l2_hits),
               count(row.ntlb_hits),
               count(row.merged),
               count(row.walks),
               fmt::format("{}", row.references),
               share(row.references, row.walks, 1, "{:.2f}"),
               count(full_walk),
               count(row.checks),
               count(row.cycles),
               share(row.cycles, row.accesses, 1, "{:.3f}"),
               fmt::format("{}", row.mismatches),
               fmt::format("{:.0f}", per_second(row))};
  if (!row.unsupported.empty()) std::fill(all.begin() + 3, all.end(), "unsup");
  return all;
}

std::string chart(const ReportHead& head, const std::vector<ReplayRow>& rows) {
  const bool timed = std::all_of(rows.begin(), rows.end(), [](const ReplayRow& row) {
    return row.cycles.has_value() || !row.unsupported.empty();
  });
  std::vector<Bar> bars;
  bars.reserve(rows.size());
  for (const ReplayRow& row : rows) {
    if (!row.unsupported.empty()) continue;
    bars.push_back(
        {case_name(row.replay_case), ratio(timed ? *row.cycles : row.references, row.accesses), row.mismatches != 0});
  }
  const std::string unit = timed ? "cycles per access" : "page-table references per access";
  return bar_chart(fmt::format("{} on engine {}, preset {}", head.trace, head.engine, head.preset), unit, bars);
}

}  // namespace

std::string mode_name(ReplayMode mode) { return std::string(traits(mode).name); }

std::string page_name(PageSize size) {
  switch (size) {
    case PageSize::k4K: return "4K";
    case PageSize::k2M: return "2M";
    case PageSize::k1G: return "1G";
  }
  return "?";
}

std::string guest_pages(const ReplayCase& replay_case) {
  if (!traits(replay_case.mode).guest_pages) return "";
  return replay_case.thp ? "thp" : page_name(replay_case.guest_page);
}

std::string vmm_pages(const ReplayCase& replay_case) {
  return traits(replay_case.mode).vmm_pages ? page_name(replay_case.vmm_page) : "";
}

std::string case_name(const ReplayCase& replay_case) {
  const std::string guest = guest_pages(replay_case);
  const std::string vmm = vmm_pages(replay_case);
  std::string name = mode_name(replay_case.mode);
  if (!guest.empty()) name += " " + guest;
  if (!vmm.empty()) name += (guest.empty() ? " +" : "+") + vmm;
  return name;
}

std::string table(const ReportHead& head, const std::vector<ReplayRow>& rows) {
  std::vector<Cells> lines = {{"mode", "guest", "vmm", "accesses", "L1 misses", "miss %", "L2 hits", "nTLB hits",
                               "merged", "walks", "references", "refs/walk", "full walk", "checks", "cycles",
                               "cycles/access", "mismatches", "accesses/s"}};
  for (const ReplayRow& row : rows) lines.push_back(cells(row));
  std::array<std::size_t, kColumns> widths{};
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out = fmt::format("{}: engine {}, preset {}\n", head.trace, head.engine, head.preset);
  for (const Cells& line : lines) {
    std::string text = fmt::format("{:<{}}", line[0], widths[0]);
    for (std::size_t i = 1; i < kColumns; ++i) text += fmt::format("  {:>{}}", line[i], widths[i]);
    out += text + "\n";
  }
  return out;
}

std::string counter_table(const std::vector<ReplayRow>& rows) {
  std::string out;
  for (const ReplayRow& row : rows) {
    for (const NamedCount& count : row.counters) {
      if (count.value == 0) continue;
      out += fmt::format("{:<22}  {:<18}  {:>14}\n", case_name(row.replay_case), count.name, count.value);
    }
  }
  return out.empty() ? out : fmt::format("{:<22}  {:<18}  {:>14}\n", "mode", "counter", "value") + out;
}

std::string json_object(const ReportHead& head, const ReplayRow& row) { return json_line(fields(head, row)); }

std::string csv(const ReportHead& head, const std::vector<ReplayRow>& rows) {
  return csv_table(all_fields(head, rows));
}

std::string write_report(const std::string& folder, const ReportHead& head, const std::vector<ReplayRow>& rows) {
  std::string error = write_file(folder + "/replay.csv", csv(head, rows));
  if (error.empty()) error = write_file(folder + "/replay.json", json_list(all_fields(head, rows)));
  if (error.empty()) error = write_file(folder + "/replay.svg", chart(head, rows));
  return error;
}

}  // namespace vmmu::tb
