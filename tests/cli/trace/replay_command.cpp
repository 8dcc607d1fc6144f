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
// 3 native, 1 direct segment, 9 nested, 3 VMM Direct, 3 Guest Direct, 1 Dual Direct, 3 Compromis, 9 shadow.
constexpr std::size_t kAllRows = 32;
constexpr const char* kText = "x 0x400000 4\nr 0x1ffeffeffe 8\nw 0x1ffefff000 8\n";

}  // namespace

TEST_CASE("replay command: a row for each mode and size, with exact references on the model", "[replay]") {
  const TempFolder folder;
  for (const char* content : {kLackey, kText}) {
    const Outcome outcome = replay(folder, folder.file("trace", content) + " --engine model --json");
    REQUIRE(outcome.status == 0);
    const auto objects = rows(outcome.out);
    REQUIRE(objects.size() == kAllRows);
    for (const auto& object : objects) {
      CHECK(object["accesses"] == 4);
      CHECK(object["mismatches"] == 0);
      CHECK(object["engine"] == "model");
      CHECK(object["preset"] == "server");
    }
    CHECK(objects[0]["mode"] == "native");
    CHECK(objects[0]["references"] == 4 * 4);
    CHECK(objects[3]["mode"] == "native-ds");
    CHECK(objects[3]["references"] == 0);
    CHECK(objects[4]["mode"] == "nested");
    CHECK(objects[4]["guest_page"] == "4K");
    CHECK(objects[4]["vmm_page"] == "4K");
    CHECK(objects[4]["references"] == 4 * 24);
    CHECK(objects[12]["references"] == 4 * 8);
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

TEST_CASE("replay command: every mode costs what the architecture says", "[replay]") {
  const TempFolder folder;
  const std::string trace = folder.file("trace", kText);
  const auto objects = rows(replay(folder, trace + " --engine model --json --fresh --guest-page 4K --vmm-page 4K").out);
  REQUIRE(objects.size() == 8);
  const char* names[] = {"native",       "native-ds",   "nested",    "vmm-direct",
                         "guest-direct", "dual-direct", "compromis", "shadow"};
  const unsigned references[] = {4, 0, 24, 4, 4, 0, 4, 4};
  const unsigned checks[] = {0, 1, 0, 5, 1, 2, 5, 0};
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(objects[i]["mode"] == names[i]);
    CHECK(objects[i]["references"] == 4 * references[i]);
    CHECK(objects[i]["full_walk"] == references[i]);
    CHECK(objects[i]["checks"] == 4 * checks[i]);
    CHECK(objects[i]["mismatches"] == 0);
  }
}

TEST_CASE("replay command: every build does what it has, without a mismatch", "[replay]") {
  const TempFolder folder;
  const std::string trace = folder.file("trace", kText);
  for (const char* preset : {"paper", "server", "server-big", "tiny"}) {
    INFO(preset);
    const Outcome outcome = replay(folder, trace + " --engine model --json --guest-page 4K,2M,thp --preset " + preset);
    CHECK(outcome.status == 0);
    for (const auto& object : rows(outcome.out)) {
      INFO(object.dump());
      if (object.contains("unsupported")) {
        CHECK(object["mode"] == "shadow");
        CHECK(preset == std::string("tiny"));
      } else {
        CHECK(object["mismatches"] == 0);
        CHECK(object["references_per_walk"] == object["full_walk"]);
      }
    }
  }
}

TEST_CASE("replay command: what the build lacks is a row that says so", "[replay]") {
  const TempFolder folder;
  const Outcome outcome = replay(folder, folder.file("trace", kText) +
                                             " --engine model --json --preset tiny --modes native,shadow"
                                             " --guest-page 4K --vmm-page 4K");
  CHECK(outcome.status == 0);
  const auto objects = rows(outcome.out);
  REQUIRE(objects.size() == 2);
  CHECK(objects[1]["mode"] == "shadow");
  CHECK(objects[1].contains("unsupported"));
  CHECK(outcome.err.find("unsup") != std::string::npos);
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
  CHECK(rows(outcome.out).size() == kAllRows);
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
  CHECK(nlohmann::json::parse(folder.content("deep/er/replay.json")).size() == kAllRows);
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
       {"--modes bogus", "--modes native,vmm", "--guest-page huge", "--vmm-page thp", "--vmm-page 3M", "--limit 0",
        "--limit many", "--jobs 0", "--nonsense", "--preset huge", "--preset tiny --modes shadow", "--axi"}) {
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
