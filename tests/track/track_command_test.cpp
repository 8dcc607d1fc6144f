// `vmmu track` as a user runs it: exit status, streams and files.
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "program.hpp"

namespace {

std::vector<nlohmann::json> objects(const std::string& out, const std::string& table) {
  std::vector<nlohmann::json> all;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json object = nlohmann::json::parse(line);
    if (object["table"] == table) all.push_back(std::move(object));
  }
  return all;
}

std::string sample_trace() {
  std::string text;
  for (unsigned i = 0; i < 5000; ++i) {
    text += (i % 3 == 0 ? "w 0x" : "r 0x") + [i] {
      std::ostringstream hex;
      hex << std::hex << 0x10000000 + 4096 * (i * 7 % 600) + 8 * (i % 500);
      return hex.str();
    }() + " 8\n";
  }
  return text;
}

}  // namespace

TEST_CASE("track command: working set of phases", "[track]") {
  const auto result = run_program(
      "track phases:RW --tracker wss --phase-mib 4 --background-mib 1 --rate 20000 --phase-seconds 10 --mu 2 --omega 4 "
      "--tau 10 --preset paper --json");
  REQUIRE(result.status == 0);
  const auto rows = objects(result.out, "rows");
  REQUIRE(rows.size() == 10);
  CHECK(rows[4]["pml_mib"].get<double>() < 1.1);  // a read phase: the background
  CHECK(rows[9]["pml_mib"].get<double>() >= 5);   // a write phase: all
  CHECK(rows[4]["answer_mib"].get<double>() == rows[9]["answer_mib"].get<double>());
  CHECK(objects(result.out, "summary").size() == 1);
}

TEST_CASE("track command: every tracker on a trace, with files", "[track]") {
  const TempFolder folder;
  const std::string trace = folder.file("trace", sample_trace());
  for (const std::string tracker :
       {"wss --rate 1000 --mu 1 --omega 2 --tau 1", "migrate", "checkpoint --interval 1e-5", "gc --interval 1e-5"}) {
    CAPTURE(tracker);
    const std::string out = folder.path("out-" + tracker.substr(0, tracker.find(' ')));
    const auto result = run_program("track " + trace + " --tracker " + tracker + " --out " + out);
    CHECK(result.status == 0);
    CHECK(result.out.find(trace) != std::string::npos);
    for (const char* name : {"/rows.csv", "/summary.csv", "/track.json", "/track.svg"}) {
      CHECK(folder.content(out.substr(folder.path("").size()) + name) != "");
    }
  }
}

TEST_CASE("track command: OoH's own table", "[track]") {
  const auto result = run_program("track --ooh --json");
  REQUIRE(result.status == 0);
  CHECK(objects(result.out, "rows").size() == 4);
}

TEST_CASE("track command: unusable input is status 2, nothing on standard output, and says what is wrong", "[track]") {
  const TempFolder folder;
  const std::string trace = folder.file("trace", "w 0x1000 8\n");
  struct Case {
    std::string arguments;
    std::string message;
  };
  const Case cases[] = {
      {"track", "expected TRACE and --tracker, or --ooh alone"},
      {"track " + trace, "expected TRACE and --tracker"},
      {"track --tracker wss", "expected TRACE and --tracker"},
      {"track --ooh --tracker wss", "or --ooh alone"},
      {"track " + trace + " --tracker wishes", "--tracker"},
      {"track " + trace + " --tracker migrate --tau 3", "--tau is an option of --tracker wss"},
      {"track " + trace + " --tracker wss --interval 3", "--interval is an option of --tracker checkpoint or gc"},
      {"track " + trace + " --tracker wss --mu 10 --omega 5", "--omega: shorter than --mu"},
      {"track " + trace + " --tracker wss --mu 1e-9 --omega 1", "--mu: shorter than one access"},
      {"track " + trace + " --tracker gc --interval 1e-12", "--interval: shorter than one access"},
      {"track " + trace + " --tracker migrate --bandwidth 0", "--bandwidth"},
      {"track " + trace + " --tracker migrate --log shadow", "--log"},
      {"track " + trace + " --tracker migrate --phase-mib 4", "--phase-mib is an option of phases:"},
      {"track " + trace + " --tracker wss --rate 0", "--rate"},
      {"track " + trace + " --tracker wss --preset tiny", "engine model has no PRL in this build"},
      {"track phases:XY --tracker wss", "expected 1 to 64 letters R or W"},
      {"track phases: --tracker wss", "expected 1 to 64 letters R or W"},
      {"track " + folder.path("missing") + " --tracker wss", "missing"},
      {"track " + folder.file("bad", "w 0x1000 8\nq 1 1\n") + " --tracker gc", "bad:2:1"},
      {"track " + trace + " --tracker gc --out " + trace + "/x", "--out"},
  };
  for (const Case& bad : cases) {
    CAPTURE(bad.arguments);
    const auto result = run_program(bad.arguments);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK(result.err.find(bad.message) != std::string::npos);
  }
}
