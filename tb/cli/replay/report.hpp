// The results of a replay, for people and for other programs.
#pragma once

#include <string>
#include <vector>

#include "run.hpp"

namespace vmmu::tb {

// What all rows of a report share.
struct ReportHead {
  std::string trace;   // as given on the command line
  std::string engine;  // rtl, model, both
  std::string preset;
};

std::string mode_name(ReplayMode mode);
std::string page_name(PageSize size);  // 4K, 2M, 1G
// Page sizes of a case, as text; empty when they mean nothing to the mode.
std::string guest_pages(const ReplayCase& replay_case);  // 4K, 2M, 1G, thp
std::string vmm_pages(const ReplayCase& replay_case);
std::string case_name(const ReplayCase& replay_case);  // "native 4K", "nested 4K+2M", "guest-direct +4K"

// A table with aligned columns; `-` stands for what an engine does not have.
std::string table(const ReportHead& head, const std::vector<ReplayRow>& rows);
// All counters of each replay that are not 0, one per line.
std::string counter_table(const std::vector<ReplayRow>& rows);
// One JSON object, without a line end. Absent keys are what an engine does not have.
std::string json_object(const ReportHead& head, const ReplayRow& row);
std::string csv(const ReportHead& head, const std::vector<ReplayRow>& rows);

// Writes replay.csv, replay.json (a list) and replay.svg into the folder, which exists. Returns what went wrong, or
// an empty string.
std::string write_report(const std::string& folder, const ReportHead& head, const std::vector<ReplayRow>& rows);

}  // namespace vmmu::tb
