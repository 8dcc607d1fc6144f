#include "rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace vmmu::tb {

namespace {

using nlohmann::ordered_json;

ordered_json without_nulls(const ordered_json& all) {
  ordered_json out = ordered_json::object();
  for (const auto& [key, value] : all.items()) {
    if (!value.is_null()) out[key] = value;
  }
  return out;
}

// RFC 4180: quoted, with quotes doubled.
std::string csv_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv_cell(const ordered_json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? csv_text(value.get<std::string>()) : value.dump();
}

std::string text_cell(const ordered_json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.is_number_float() ? fmt::format("{:.3f}", value.get<double>()) : value.dump();
}

}  // namespace

std::string json_line(const ordered_json& row) {
  constexpr auto kReplace = ordered_json::error_handler_t::replace;  // a file's name need not be UTF-8
  return without_nulls(row).dump(-1, ' ', false, kReplace);
}

std::string json_list(const std::vector<ordered_json>& rows) {
  std::string json = "[\n";
  for (const ordered_json& row : rows) {
    json += &row == rows.data() ? "  " : ",\n  ";
    json += json_line(row);
  }
  return json + "\n]\n";
}

std::string csv_table(const std::vector<ordered_json>& rows) {
  std::string out;
  for (const ordered_json& row : rows) {
    std::string names;
    std::string values;
    for (const auto& [key, value] : row.items()) {
      if (!names.empty()) {
        names += ',';
        values += ',';
      }
      names += key;
      values += csv_cell(value);
    }
    if (out.empty()) out = names + "\r\n";
    out += values + "\r\n";
  }
  return out;
}

std::string aligned_table(const std::vector<ordered_json>& rows) {
  std::vector<std::vector<std::string>> lines(1);
  if (!rows.empty()) {
    for (const auto& [key, value] : rows.front().items()) lines.front().push_back(key);
  }
  for (const ordered_json& row : rows) {
    std::vector<std::string>& line = lines.emplace_back();
    for (const auto& [key, value] : row.items()) line.push_back(text_cell(value));
  }
  std::vector<std::size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text = fmt::format("{:<{}}", line[0], widths[0]);
    for (std::size_t i = 1; i < line.size(); ++i) text += fmt::format("  {:>{}}", line[i], widths[i]);
    out += text + "\n";
  }
  return out;
}

std::string write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  return file ? "" : fmt::format("{}: cannot be written", path);
}

}  // namespace vmmu::tb
