#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "replay/chart.hpp"
#include "replay/report.hpp"
#include "temp_folder.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

const ReportHead kHead{"a \"trace\", really", "rtl", "server"};

ReplayRow timed_row() {
  ReplayRow row;
  row.replay_case = {ReplayMode::Nested, PageSize::k4K, PageSize::k2M};
  row.accesses = 1000;
  row.references = 190;
  row.misses = 12;
  row.l2_hits = 1;
  row.ntlb_hits = 30;
  row.merged = 1;
  row.walks = 10;
  row.walk_cycles = 470;
  row.wanted_per_walk = 19;
  row.checks = 0;
  row.filter_hits = 0;
  row.cycles = 2500;
  row.seconds = 0.5;
  return row;
}

// As the model gives it.
ReplayRow untimed_row() {
  ReplayRow row;
  row.replay_case = {ReplayMode::Native, PageSize::k1G, PageSize::k4K};
  row.accesses = 1000;
  row.references = 2000;
  row.walks = 1000;
  row.seconds = 0.25;
  return row;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("report: a row's JSON has the documented keys", "[report]") {
  const auto json = nlohmann::json::parse(json_object(kHead, timed_row()));
  CHECK(json["mode"] == "nested");
  CHECK(json["guest_page"] == "4K");
  CHECK(json["vmm_page"] == "2M");
  CHECK(json["engine"] == "rtl");
  CHECK(json["preset"] == "server");
  CHECK(json["accesses"] == 1000);
  CHECK(json["references"] == 190);
  CHECK(json["walks"] == 10);
  CHECK(json["l2_hits"] == 1);
  CHECK(json["ntlb_hits"] == 30);
  CHECK(json["merged"] == 1);
  CHECK(json["walk_cycles"] == 470);
  CHECK(json["cycles"] == 2500);
  CHECK(json["mismatches"] == 0);
  CHECK(json["l1_misses"] == 12);
  CHECK(json["miss_ratio"] == 0.012);
  CHECK(json["references_per_walk"] == 19.0);
  CHECK(json["full_walk"] == 19);
  CHECK(json["checks"] == 0);
  CHECK(json["filter_hits"] == 0);
  CHECK_FALSE(json.contains("unsupported"));
  CHECK(json["cycles_per_access"] == 2.5);
  CHECK(json["accesses_per_second"] == 2000.0);
}

TEST_CASE("report: every counter is in JSON and CSV, those that counted in a table of their own", "[report]") {
  ReplayRow row = timed_row();
  row.counters = {{"swaps", 7}, {"walk_mode_2", 10}, {"fault_kind_3", 0}};
  const auto json = nlohmann::json::parse(json_object(kHead, row));
  CHECK(json["counter_swaps"] == 7);
  CHECK(json["counter_fault_kind_3"] == 0);
  const std::string table = counter_table({row, untimed_row()});
  CHECK(table.find("walk_mode_2") != std::string::npos);
  CHECK(table.find("fault_kind_3") == std::string::npos);
  CHECK(counter_table({untimed_row()}).empty());
  // A row without them has empty cells there.
  const std::string text = csv(kHead, {untimed_row(), row});
  CHECK(text.find("counter_walk_mode_2") != std::string::npos);
  const std::string last = text.substr(text.rfind('\n', text.size() - 3) + 1);
  CHECK(count(text.substr(0, text.find('\n')), ",") + 1 == count(last, ","));  // the trace's name has one
}

TEST_CASE("report: what an engine does not have is absent from JSON, empty in CSV and a dash in the table",
          "[report]") {
  const auto json = nlohmann::json::parse(json_object(kHead, untimed_row()));
  for (const char* key : {"vmm_page", "l1_misses", "l2_hits", "ntlb_hits", "merged", "walk_cycles", "full_walk",
                          "checks", "filter_hits", "cycles", "cycles_per_access"}) {
    INFO(key);
    CHECK_FALSE(json.contains(key));
  }
  const std::string text = csv(kHead, {timed_row(), untimed_row()});
  CHECK(text.find("\"native\",\"1G\",,\"rtl\",\"server\",,1000,,,,,,1000,,2000,2.0,,,,,,0,") != std::string::npos);
  CHECK(table(kHead, {untimed_row()}).find("native     1G    -") != std::string::npos);
}

TEST_CASE("report: sizes that mean nothing to a mode are left out", "[report]") {
  const auto name = [](ReplayMode mode) { return case_name({mode, PageSize::k2M, PageSize::k1G}); };
  CHECK(name(ReplayMode::Native) == "native 2M");
  CHECK(name(ReplayMode::NativeDs) == "native-ds");
  CHECK(name(ReplayMode::Nested) == "nested 2M+1G");
  CHECK(name(ReplayMode::VmmDirect) == "vmm-direct 2M");
  CHECK(name(ReplayMode::GuestDirect) == "guest-direct +1G");
  CHECK(name(ReplayMode::DualDirect) == "dual-direct");
  CHECK(name(ReplayMode::Compromis) == "compromis 2M");
  CHECK(name(ReplayMode::Shadow) == "shadow 2M+1G");
  CHECK(case_name({ReplayMode::Nested, PageSize::k4K, PageSize::k4K, true}) == "nested thp+4K");
  ReplayRow row = untimed_row();
  row.replay_case.mode = ReplayMode::GuestDirect;
  const auto json = nlohmann::json::parse(json_object(kHead, row));
  CHECK_FALSE(json.contains("guest_page"));
  CHECK(json["vmm_page"] == "4K");
}

TEST_CASE("report: a mode that the build lacks is a row with the reason and no numbers", "[report]") {
  ReplayRow row;
  row.replay_case.mode = ReplayMode::Shadow;
  row.unsupported = "no shadow roots";
  const auto json = nlohmann::json::parse(json_object(kHead, row));
  CHECK(json["mode"] == "shadow");
  CHECK(json["unsupported"] == "no shadow roots");
  for (const char* key : {"accesses", "references", "mismatches", "seconds"}) CHECK_FALSE(json.contains(key));
  CHECK(table(kHead, {row}).find("unsup") != std::string::npos);
  const std::string text = csv(kHead, {row, timed_row()});
  CHECK(count(text, "\r\n") == 3);
  CHECK(text.find("\"no shadow roots\",,") != std::string::npos);
}

TEST_CASE("report: CSV quotes text, has one heading and as many cells in every line", "[report]") {
  const std::string text = csv(kHead, {timed_row(), untimed_row()});
  CHECK(text.rfind("trace,mode,guest_page,vmm_page,", 0) == 0);
  CHECK(text.find("\"a \"\"trace\"\", really\",\"nested\"") != std::string::npos);
  CHECK(count(text, "\r\n") == 3);
}

TEST_CASE("report: a trace's name that is not UTF-8 still makes JSON", "[report]") {
  const ReportHead head{
      "tr\xff"
      "ace",
      "model", "server"};
  CHECK_NOTHROW(nlohmann::json::parse(json_object(head, untimed_row())));
}

TEST_CASE("report: the folder gets CSV, JSON and SVG", "[report]") {
  const TempFolder folder;
  CHECK(write_report(folder.path("."), kHead, {timed_row(), untimed_row()}).empty());
  CHECK(folder.content("replay.csv") == csv(kHead, {timed_row(), untimed_row()}));
  const auto json = nlohmann::json::parse(folder.content("replay.json"));
  REQUIRE(json.size() == 2);
  CHECK(json[1]["mode"] == "native");
  const std::string svg = folder.content("replay.svg");
  CHECK(svg.find("nested 4K+2M") != std::string::npos);
  CHECK(svg.find("a &quot;trace&quot;") != std::string::npos);
  CHECK_FALSE(write_report(folder.path("none"), kHead, {timed_row()}).empty());
}

TEST_CASE("report: bars are as long as their values, and bad ones look different", "[report]") {
  const std::string svg = bar_chart("t", "u", {{"a<b", 4, false}, {"c", 1, true}, {"d", 0, false}});
  CHECK(svg.find("a&lt;b") != std::string::npos);
  CHECK(svg.find("width=\"480.0\"") != std::string::npos);
  CHECK(svg.find("width=\"120.0\"") != std::string::npos);
  CHECK(count(svg, "#c0392b") == 1);
  CHECK(count(svg, "<rect") == 4);
}
