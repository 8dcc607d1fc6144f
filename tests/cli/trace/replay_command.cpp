// `vmmu replay` as a user runs it: exit status, streams and files.
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temp_folder.hpp"

namespace {

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

// Runs `vmmu replay` with these arguments, which hold nothing that a shell would change.
Outcome replay(const TempFolder& folder, const std::string& arguments, const std::string& input = "/dev/null") {
  const std::string command = "'" VMMU_PROGRAM "' replay " + arguments + " <'" + input + "' >'" +
                              folder.path("stdout") + "' 2>'" + folder.path("stderr") + "'";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, folder.content("stdout"), folder.content("stderr")};
}

std::vector<nlohmann::json> rows(const std::string& out) {
  std::vector<nlohmann::json> objects;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  return objects;
}

// Four accesses by lackey's lines: a fetch, a read that crosses a page (two), and a write.
constexpr const char* kLackey = "==7== Lackey\nI  00400000,4\n L 1ffeffeffe,8\n S 1ffefff000,8\n";
constexpr const char* kText = "x 0x400000 4\nr 0x1ffeffeffe 8\nw 0x1ffefff000 8\n";

}  // namespace

TEST_CASE("replay command: twelve rows with exact references on the model", "[replay]") {
  const TempFolder folder;
  for (const char* content : {kLackey, kText}) {
    const Outcome outcome = replay(folder, folder.file("trace", content) + " --engine model --json");
    REQUIRE(outcome.status == 0);
    const auto objects = rows(outcome.out);
    REQUIRE(objects.size() == 12);
    for (const auto& object : objects) {
      CHECK(object["accesses"] == 4);
      CHECK(object["mismatches"] == 0);
      CHECK(object["engine"] == "model");
      CHECK(object["preset"] == "server");
    }
    CHECK(objects[0]["mode"] == "native");
    CHECK(objects[0]["references"] == 4 * 4);
    CHECK(objects[3]["mode"] == "nested");
    CHECK(objects[3]["guest_page"] == "4K");
    CHECK(objects[3]["vmm_page"] == "4K");
    CHECK(objects[3]["references"] == 4 * 24);
    CHECK(objects[11]["references"] == 4 * 8);
  }
}

TEST_CASE("replay command: options choose the rows, wherever they stand", "[replay]") {
  const TempFolder folder;
  const std::string trace = folder.file("trace", kText);
  const std::string options = "--engine model --json --modes nested --guest-page 2M --vmm-page 4K ";
  for (const std::string& arguments : {trace + " " + options, options + trace}) {
    const Outcome outcome = replay(folder, arguments);
    REQUIRE(outcome.status == 0);
    const auto objects = rows(outcome.out);
    REQUIRE(objects.size() == 1);
    CHECK(objects[0]["references"] == 4 * 19);
  }
}

TEST_CASE("replay command: the limit counts accesses, fetches included", "[replay]") {
  const TempFolder folder;
  const Outcome outcome =
      replay(folder, folder.file("trace", kText) + " --engine model --json --modes native --limit 2");
  REQUIRE(outcome.status == 0);
  for (const auto& object : rows(outcome.out)) CHECK(object["accesses"] == 2);
}

TEST_CASE("replay command: - is standard input", "[replay]") {
  const TempFolder folder;
  const Outcome outcome = replay(folder, "- --engine model --json", folder.file("trace", kText));
  CHECK(outcome.status == 0);
  CHECK(rows(outcome.out).size() == 12);
}

TEST_CASE("replay command: without --json a table is printed", "[replay]") {
  const TempFolder folder;
  const Outcome outcome = replay(folder, folder.file("trace", kText) + " --engine model");
  CHECK(outcome.status == 0);
  CHECK(outcome.out.find("refs/walk") != std::string::npos);
  CHECK(outcome.out.find("nested") != std::string::npos);
}

TEST_CASE("replay command: the folder gets CSV, JSON and SVG", "[replay]") {
  const TempFolder folder;
  const Outcome outcome =
      replay(folder, folder.file("trace", kText) + " --engine model --out " + folder.path("deep/er"));
  REQUIRE(outcome.status == 0);
  CHECK(nlohmann::json::parse(folder.content("deep/er/replay.json")).size() == 12);
  CHECK(folder.content("deep/er/replay.csv").rfind("trace,mode,", 0) == 0);
  CHECK(folder.content("deep/er/replay.svg").rfind("<svg", 0) == 0);
}

TEST_CASE("replay command: several jobs print the same rows", "[replay]") {
  const TempFolder folder;
  const std::string trace = folder.file("trace", kText);
  const auto one = rows(replay(folder, trace + " --engine model --json").out);
  const auto two = rows(replay(folder, trace + " --engine model --json --jobs 2").out);
  REQUIRE(one.size() == two.size());
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(one[i]["references"] == two[i]["references"]);
}

TEST_CASE("replay command: unusable traces end with status 2, a place, and nothing written", "[replay]") {
  const TempFolder folder;
  struct Bad {
    const char* content;
    const char* place;
  };
  for (const Bad bad : {Bad{"r 0x1000 8\nr zz 8\n", ":2:3: expected"}, Bad{"", ":1:1: expected"},
                        Bad{"I  1000,4\nwhat\n", ":2:1: expected"}, Bad{"r 0x1000 0\n", ":1:10: expected"},
                        Bad{"r 0x800000000000 1\n", ":1:3: expected"}, Bad{"\x01\x02\x03\x04", ":1:1: expected"}}) {
    INFO(bad.content);
    const std::string trace = folder.file("trace", bad.content);
    const Outcome outcome = replay(folder, trace + " --engine model --json --out " + folder.path("out"));
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find(trace + bad.place) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder.path("out")));
  }
}

TEST_CASE("replay command: unusable options end with status 2 and nothing written", "[replay]") {
  const TempFolder folder;
  const std::string trace = folder.file("trace", kText) + " --engine model --out " + folder.path("out");
  for (const char* options :
       {"--modes vmm-direct", "--modes bogus", "--guest-page thp", "--vmm-page 3M", "--limit 0", "--limit many",
        "--jobs 0", "--modes native --vmm-page 4K", "--nonsense", "--preset huge", "--axi"}) {
    INFO(options);
    const Outcome outcome = replay(folder, trace + " " + options);
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK_FALSE(outcome.err.empty());
    CHECK_FALSE(std::filesystem::exists(folder.path("out")));
  }
}

TEST_CASE("replay command: a missing trace, a folder, and a folder for results that is a file are refused",
          "[replay]") {
  const TempFolder folder;
  CHECK(replay(folder, folder.path("none") + " --engine model").status == 2);
  CHECK(replay(folder, folder.path("") + " --engine model").status == 2);
  const std::string trace = folder.file("trace", kText);
  CHECK(replay(folder, trace + " --engine model --out " + trace).status == 2);
}
