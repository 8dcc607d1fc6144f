// Tables and curves.
#include "track/report.hpp"

#include <sstream>

#include "../cli/trace/temp_folder.hpp"
#include "catch.hpp"
#include "replay/rows.hpp"

using namespace vmmu::tb;

namespace {

Row row(const char* name, double value) {
  Row out;
  out["name"] = name;
  out["value"] = value;
  out["nothing"] = nullptr;
  return out;
}

TrackReport sample() {
  TrackReport report;
  report.title = "a <title>";
  report.rows = {row("first, \"quoted\"", 1.5), row("second", 20)};
  report.summary = {row("all", 21.5)};
  report.chart = {report.title, "x", "y", {{"curve & co", {{0, 0}, {5, 10}, {10, 5}}}}};
  return report;
}

}  // namespace

TEST_CASE("report: JSON lines say which table they are of and leave out what is not there", "[report]") {
  std::istringstream lines(json_lines_of(sample()));
  std::vector<nlohmann::json> objects;
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  REQUIRE(objects.size() == 3);
  CHECK(objects[0]["table"] == "rows");
  CHECK(objects[0]["value"] == 1.5);
  CHECK_FALSE(objects[0].contains("nothing"));
  CHECK(objects[2]["table"] == "summary");
}

TEST_CASE("report: the table on the terminal is aligned", "[report]") {
  CHECK(aligned_table(sample().rows) ==
        "name              value  nothing\n"
        "first, \"quoted\"   1.500        -\n"
        "second           20.000        -\n");
}

TEST_CASE("report: files in a folder", "[report]") {
  const TempFolder folder;
  REQUIRE(write_report(folder.path(""), sample()).empty());
  CHECK(folder.content("rows.csv") == "name,value,nothing\r\n\"first, \"\"quoted\"\"\",1.5,\r\n\"second\",20.0,\r\n");
  CHECK(nlohmann::json::parse(folder.content("track.json")).size() == 3);
  const std::string svg = folder.content("track.svg");
  CHECK(svg.find("a &lt;title&gt;") != std::string::npos);
  CHECK(svg.find("curve &amp; co") != std::string::npos);
  // Three points, the second at the top and in the middle, the third at the right and half way down.
  CHECK(svg.find("points=\"70.0,330.0 370.0,70.0 670.0,200.0\"") != std::string::npos);
  CHECK(write_report(folder.path("missing/folder"), sample()).find("cannot be written") != std::string::npos);
}
