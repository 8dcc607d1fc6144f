#include "track/report.hpp"

#include <fmt/format.h>

#include "replay/rows.hpp"

namespace vmmu::tb {

namespace {

struct NamedTable {
  const char* name;
  const std::vector<Row>& rows;
};

std::vector<NamedTable> tables_of(const TrackReport& report) {
  return {{"rows", report.rows}, {"summary", report.summary}, {"comparison", report.comparison}};
}

std::vector<Row> tagged(const TrackReport& report) {
  std::vector<Row> all;
  for (const NamedTable& table : tables_of(report)) {
    for (const Row& row : table.rows) {
      Row object;
      object["table"] = table.name;
      object.update(row);
      all.push_back(std::move(object));
    }
  }
  return all;
}

}  // namespace

std::string text_of(const TrackReport& report) {
  std::string text = fmt::format("{}\n", report.title);
  for (const NamedTable& table : tables_of(report)) {
    if (!table.rows.empty()) text += fmt::format("\n{}", aligned_table(table.rows));
  }
  return text;
}

std::string json_lines_of(const TrackReport& report) {
  std::string text;
  for (const Row& row : tagged(report)) text += fmt::format("{}\n", json_line(row));
  return text;
}

std::string write_report(const std::string& folder, const TrackReport& report) {
  for (const NamedTable& table : tables_of(report)) {
    if (table.rows.empty()) continue;
    std::string error = write_file(fmt::format("{}/{}.csv", folder, table.name), csv_table(table.rows));
    if (!error.empty()) return error;
  }
  std::string error = write_file(folder + "/track.json", json_list(tagged(report)));
  if (error.empty() && !report.chart.series.empty()) error = write_file(folder + "/track.svg", svg_of(report.chart));
  return error;
}

}  // namespace vmmu::tb
