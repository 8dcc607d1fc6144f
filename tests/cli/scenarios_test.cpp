// The scenarios of tests/scenarios, and the recorded vectors where they are at hand.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "program.hpp"

namespace {

enum class Need { Any, NoTlb };

// Those of the folder fresh/ count what walks do without any cache; they are for --fresh.
// Files named tlb*.mmu count hits and walks of the TLB, which the model does not have.
bool needs_tlb(const std::filesystem::path& file) { return file.filename().string().rfind("tlb", 0) == 0; }

// Arguments that name every file of the folder with that ending.
std::string files_of(const std::string& folder, const std::string& ending, Need need = Need::Any) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (need == Need::NoTlb && needs_tlb(entry.path())) continue;
    const std::string name = entry.path().string();
    if (name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  std::string arguments;
  for (const std::string& name : names) arguments += " '" + name + "'";
  return arguments;
}

void check_scenarios(const std::string& options, Need need, const std::string& folder = VMMU_SCENARIOS) {
  const std::string files = files_of(folder, ".mmu", need);
  REQUIRE_FALSE(files.empty());
  const ProgramResult result = run_program("run --check " + options + files);
  INFO("vmmu run --check " << options << " " << folder << "/*.mmu");
  INFO(result.out << result.err);
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(result.err.find(" 0 mismatches, ") != std::string::npos);
}

std::string vectors() {
  const char* folder = std::getenv("VMMU_VECTORS");
  return files_of(folder != nullptr ? folder : VMMU_SCENARIOS "/../../../shared/vectors", ".mmus.zst");
}

void check_vectors(const std::string& engine) {
  const std::string files = vectors();
  if (files.empty()) {
    WARN("no vectors found: VMMU_VECTORS names their folder");
    return;
  }
  const ProgramResult result = run_program("run --engine " + engine + " --fresh --relaxed --check" + files);
  INFO(result.out << result.err);
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(result.err.find(" 0 mismatches, 0 unsupported\n") != std::string::npos);
}

}  // namespace

TEST_CASE("scenarios: all hold on the model", "[scenarios]") { check_scenarios("--engine model", Need::NoTlb); }

TEST_CASE("scenarios: all hold with caches bypassed", "[scenarios]") {
  check_scenarios("--engine model --fresh", Need::NoTlb);
  check_scenarios("--engine model --fresh", Need::NoTlb, VMMU_SCENARIOS "/fresh");
}

TEST_CASE("scenarios: what is printed back is met when it is checked", "[scenarios]") {
  const TempFolder folder;
  const ProgramResult first = run_program("run --engine model" + files_of(VMMU_SCENARIOS, ".mmu", Need::NoTlb));
  REQUIRE(first.status == 0);
  const std::string file = folder.file("again.mmu", first.out);
  const ProgramResult again = run_program("run --engine model --check " + file);
  INFO(again.out);
  CHECK(again.status == 0);
  CHECK(run_program("run --engine model " + file).out == first.out);
}

TEST_CASE("vectors: the model agrees with the recorded emulators", "[vectors]") { check_vectors("model"); }

#ifdef VMMU_HAS_RTL
TEST_CASE("vectors: RTL and model agree with the recorded emulators", "[vectors][rtl]") { check_vectors("both"); }
TEST_CASE("scenarios: all hold in lock step", "[scenarios][rtl]") { check_scenarios("--engine both", Need::Any); }
TEST_CASE("scenarios: counts of full walks are exact in lock step", "[scenarios][rtl]") {
  check_scenarios("--engine both --fresh", Need::Any, VMMU_SCENARIOS "/fresh");
}
#else
TEST_CASE("run: an engine that is not built is refused", "[cli]") {
  for (const char* engine : {"rtl", "both"}) {
    const ProgramResult result = run_program("run --engine " + std::string(engine) + files_of(VMMU_SCENARIOS, ".mmu"));
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK(result.err.find("built without RTL") != std::string::npos);
  }
}
#endif
