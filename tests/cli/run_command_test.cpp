// `vmmu run` and `vmmu info` as a user runs them: exit status, streams, compressed input.
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "program.hpp"

namespace {

constexpr const char* kGood =
    "scenario good\nset cr3 0x1000\nmem 0x1000 0x2027\nmem 0x2000 0x3027\nmem 0x3000 0xe7\n"
    "access r u 0x123 -> ok 0x123\naccess w u 0x200000 -> pf 0x6\nend\n";
constexpr const char* kWrong = "scenario wrong\nset cr3 0x1000\naccess r u 0x123 -> ok 0x123\nend\n";
constexpr const char* kBroken = "scenario broken\naccess r u 0x123 -> nonsense\nend\n";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Unusable input: status 2, nothing on standard output, and a message that holds `message`.
void check_unusable(const std::string& arguments, const std::string& message, const std::string& input = "/dev/null") {
  INFO("vmmu " << arguments);
  const ProgramResult result = run_program(arguments, input);
  INFO(result.err);
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK(contains(result.err, message));
}

std::string closing_line(const std::string& err) {
  std::istringstream lines(err);
  std::string last;
  for (std::string line; std::getline(lines, line);) last = line;
  return last;
}

// Longer than any compressor's block, and different enough to be worth several of them.
std::string many_scenarios() {
  std::string text;
  for (unsigned n = 0; n < 3000; ++n) {
    text += "scenario s" + std::to_string(n) + "\naccess r u " + std::to_string(n * 2654435761U) + "\nend\n";
  }
  return text;
}

}  // namespace

TEST_CASE("run: met expectations are silent and end with status 0", "[cli]") {
  const TempFolder folder;
  const ProgramResult result = run_program("run --engine model --check " + folder.file("a.mmu", kGood));
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(closing_line(result.err) == "1 scenarios, 2 accesses, 0 mismatches, 0 unsupported");
}

TEST_CASE("run: a failed expectation is told and ends with status 1", "[cli]") {
  const TempFolder folder;
  const std::string file = folder.file("a.mmu", std::string(kGood) + kWrong);
  const ProgramResult result = run_program("run --engine model --check " + file);
  CHECK(result.status == 1);
  CHECK(contains(result.out, file + ":11: scenario wrong, access 1\n  access r u 0x123\n  expected ok 0x123\n"));
  CHECK(contains(result.out, "got      pf 0x4"));
  CHECK_FALSE(contains(result.out, "good"));
  CHECK(closing_line(result.err) == "2 scenarios, 3 accesses, 1 mismatches, 0 unsupported");
}

TEST_CASE("run: a failed `expect` ends with status 1, checked or not", "[cli]") {
  const TempFolder folder;
  const std::string file = folder.file("a.mmu", "scenario s\naccess r u 0x0\nexpect refs == 9\nend\n");
  const ProgramResult checked = run_program("run --engine model --check " + file);
  CHECK(checked.status == 1);
  CHECK(contains(checked.out, "expected refs == 9\n  got      refs == 1"));
  CHECK(run_program("run --engine model " + file).status == 1);
}

TEST_CASE("run: without --check the scenario comes back with its outcomes", "[cli]") {
  const TempFolder folder;
  const ProgramResult result = run_program("run --engine model " + folder.file("a.mmu", kWrong));
  CHECK(result.status == 0);
  CHECK(result.out == "scenario wrong\nset cr3 0x1000\naccess r u 0x123 -> pf 0x4\nend\n");
}

TEST_CASE("run: --flat prints without running", "[cli]") {
  const TempFolder folder;
  const ProgramResult result = run_program("run --flat " + folder.file("a.mmu", kWrong));
  CHECK(result.status == 0);
  CHECK(result.out == kWrong);
}

TEST_CASE("run: one JSON object per access and nothing else", "[cli]") {
  const TempFolder folder;
  const std::string file = folder.file("a.mmu", std::string(kGood) + kWrong);
  const ProgramResult result = run_program("run --engine model --check --json " + file);
  CHECK(result.status == 1);
  std::vector<nlohmann::json> objects;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  REQUIRE(objects.size() == 3);
  CHECK(objects[1]["scenario"] == "good");
  CHECK(objects[1]["access"] == 2);
  CHECK(objects[1]["outcome"] == "pf 0x6");
  CHECK(objects[1]["expected"] == "pf 0x6");
  CHECK(objects[1]["engine"] == "model");
  CHECK(objects[1]["preset"] == "server");
  CHECK(objects[1]["mismatches"] == 0);
  CHECK(objects[2]["mismatches"] == 1);
  const std::string help = run_program("--help-json").out;
  for (const auto& [key, value] : objects[0].items()) CHECK(contains(help, "  " + key + " "));
}

TEST_CASE("run: a name with any bytes is still JSON", "[cli]") {
  const TempFolder folder;
  const std::string file = folder.file("a.mmu", "scenario \xff\"\\\x01\naccess r u 0\nend\n");
  const ProgramResult result = run_program("run --engine model --json " + file);
  CHECK(result.status == 0);
  CHECK(nlohmann::json::parse(result.out)["outcome"] == "pf 0x4");
}

TEST_CASE("run: accesses that the build cannot run are counted apart", "[cli]") {
  const TempFolder folder;
  const std::string file = folder.file("a.mmu", "scenario s\nset vseg4.bitmap 0x1000\naccess r u 0x0 -> ok 0x0\nend\n");
  const ProgramResult result = run_program("run --engine model --check " + file);
  CHECK(result.status == 0);
  CHECK(contains(result.out, "1 accesses answered unsup: line 2: the build has no register vseg4.bitmap"));
  CHECK(closing_line(result.err) == "1 scenarios, 1 accesses, 0 mismatches, 1 unsupported");
}

TEST_CASE("run: progress tells every 10 % on stderr", "[cli]") {
  const TempFolder folder;
  const ProgramResult result = run_program("run --engine model --check " + folder.file("a.mmu", many_scenarios()));
  CHECK(result.status == 0);
  for (unsigned percent = 10; percent <= 100; percent += 10) {
    CHECK(contains(result.err, "run: " + std::to_string(percent) + " % "));
  }
}

TEST_CASE("run: unusable input writes nothing, even where an earlier file is fine", "[cli]") {
  const TempFolder folder;
  const std::string good = folder.file("good.mmu", kGood);
  const std::string broken = folder.file("broken.mmu", kBroken);
  const std::string options = "run --engine model ";
  check_unusable(options + good + " " + broken, broken + ":2:21: expected an outcome");
  check_unusable("run --flat " + good + " " + broken, broken + ":2:21: ");
  check_unusable(options + "--json --check " + broken, broken + ":2:21: ");
  check_unusable(options + folder.file("sugar.mmu", "mmu 2\nscenario a\nend\n"), "sugar layer");
  check_unusable(options + folder.file("open.mmu", "scenario a\n"), "open.mmu:2:1: expected `end`");
  check_unusable(options + folder.file("empty.mmu", ""), "empty.mmu");
  check_unusable(options + folder.path("missing.mmu"), "missing.mmu");
  check_unusable(options + folder.path("."), folder.path("."));
  check_unusable(options + "-", "<stdin>:2:21: ", broken);
}

TEST_CASE("run: unusable options", "[cli]") {
  const TempFolder folder;
  const std::string good = folder.file("good.mmu", kGood);
  check_unusable("run --engine model --frob " + good, "--frob");
  check_unusable("run --engine magic " + good, "--engine");
  check_unusable("run --engine model --preset huge " + good, "--preset");
  check_unusable("run --engine model --wave " + folder.path("w.fst") + " " + good, "--wave");
  check_unusable("run --engine model --axi " + good, "--axi");
  check_unusable("run --engine model --seed many " + good, "--seed");
  check_unusable("run --engine model", "FILE");
  check_unusable("", "run");
  check_unusable("frobnicate", "vmmu");
  for (const char* command : {"eval", "fuzz --seed 1", "import elfcore a b"}) {
    check_unusable(command, "not in this version");
  }
}

TEST_CASE("run: gzip, xz, zstd and standard input, told by content", "[cli]") {
  const TempFolder folder;
  const std::string text = many_scenarios();
  const std::string plain = folder.file("plain", text);
  const std::string closing = "3000 scenarios, 3000 accesses, 0 mismatches, 0 unsupported";
  CHECK(closing_line(run_program("run --engine model --check -", plain).err) == closing);
  for (const char* tool : {"gzip", "xz", "zstd"}) {
    const std::string packed = folder.path(std::string(tool) + ".mmu");
    const std::string pack = std::string(tool) + " -c <'" + plain + "' >'" + packed + "'";
    if (std::system(pack.c_str()) != 0) {
      WARN(tool << " is not installed");
      continue;
    }
    const ProgramResult whole = run_program("run --engine model --check " + packed);
    CHECK(whole.status == 0);
    CHECK(closing_line(whole.err) == closing);
    const std::string bytes = folder.content(std::string(tool) + ".mmu");
    const std::size_t size = bytes.size();
    for (const std::size_t kept : {size - 1, size - 4, size / 2, std::size_t{8}}) {
      const std::string cut = folder.file("cut.mmu", bytes.substr(0, kept));
      INFO(tool << ": " << kept << " of " << size << " bytes");
      check_unusable("run --engine model --check " + cut, cut);
    }
  }
}

#ifdef VMMU_HAS_AXI
TEST_CASE("run: behind AXI4 the answers are the same, and the cycles follow from the seed", "[cli]") {
  const TempFolder folder;
  const std::string file = folder.file("a.mmu", kGood);
  const std::string direct = run_program("run " + file).out;
  std::vector<unsigned> cycles;
  for (const std::string seed : {"1", "2", "3", "1"}) {
    const std::string options = "--axi --seed " + seed + " ";
    CHECK(run_program("run " + options + file).out == direct);
    const ProgramResult result = run_program("run --check --json " + options + file);
    CHECK(result.status == 0);
    cycles.push_back(nlohmann::json::parse(result.out.substr(0, result.out.find('\n')))["cycles"]);
  }
  CHECK(cycles[0] == cycles[3]);
  CHECK((cycles[0] != cycles[1] || cycles[1] != cycles[2]));
}
#endif

TEST_CASE("info: parameters and register map of each preset", "[cli]") {
  const ProgramResult text = run_program("info");
  CHECK(text.status == 0);
  CHECK(contains(text.out, "preset server\n"));
  CHECK(contains(text.out, "PaBits           52"));
  const auto json = nlohmann::json::parse(run_program("info --preset tiny --json").out);
  CHECK(json["preset"] == "tiny");
  CHECK(json["parameters"]["PaBits"] == 40);
  CHECK(json["parameters"].size() == 33);
  bool commit = false;
  for (const auto& row : json["registers"]) commit = commit || (row["name"] == "COMMIT" && row["offset"] == 0x38);
  CHECK(commit);
  CHECK(run_program("info --preset huge").status == 2);
}
