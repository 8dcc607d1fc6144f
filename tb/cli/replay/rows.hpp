// Tables whose rows are JSON objects with the same keys, in the formats that the commands write.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vmmu::tb {

// One line without its end; keys whose value is null are left out.
std::string json_line(const nlohmann::ordered_json& row);
// A list, one row a line.
std::string json_list(const std::vector<nlohmann::ordered_json>& rows);
// RFC 4180, keys as header; null is an empty cell.
std::string csv_table(const std::vector<nlohmann::ordered_json>& rows);
// For a terminal: keys as header, numbers to the right, `-` for null, three places behind the point.
std::string aligned_table(const std::vector<nlohmann::ordered_json>& rows);
// Returns what went wrong, or an empty string.
std::string write_file(const std::string& path, const std::string& content);

}  // namespace vmmu::tb
