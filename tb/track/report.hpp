// What a tracker found, for people and for other programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "track/line_chart.hpp"

namespace vmmu::tb {

using Row = nlohmann::ordered_json;  // an object; the same keys in all rows of a table

struct TrackReport {
  std::string title;            // heads table and chart
  std::vector<Row> rows;        // one per interval, round or estimate
  std::vector<Row> summary;     // one per run of the workload
  std::vector<Row> comparison;  // our ratios beside the paper's; empty where there is nothing to compare
  LineChart chart;
  std::vector<std::string> failures;  // what must never happen, in words: pages lost, copies that differ
};

// Tables with aligned columns, `-` where a row has nothing.
std::string text_of(const TrackReport& report);
// One JSON object a line, each with the key `table`: "rows", "summary" or "comparison".
std::string json_lines_of(const TrackReport& report);
// Writes rows.csv, summary.csv, comparison.csv (those that have rows), track.json (a list) and track.svg into the
// folder, which exists. Returns what went wrong, or an empty string.
std::string write_report(const std::string& folder, const TrackReport& report);

}  // namespace vmmu::tb
