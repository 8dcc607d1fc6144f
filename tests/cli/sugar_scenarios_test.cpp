// The scenarios of tests/scenarios that use sugar: their flat form behaves as they do.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "program.hpp"

namespace {

std::vector<std::string> sugar_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(VMMU_SCENARIOS)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("sugar_", 0) == 0) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("sugar: a file and its flat form have the same outcomes", "[sugar][scenarios]") {
  const std::vector<std::string> files = sugar_files();
  REQUIRE(files.size() >= 2);
  const TempFolder folder;
  for (const std::string& file : files) {
    INFO(file);
    const ProgramResult flat = run_program("run --flat '" + file + "'");
    REQUIRE(flat.status == 0);
    const std::string flat_file = folder.file("flat.mmu", flat.out);
    CHECK(run_program("run --flat " + flat_file).out == flat.out);
    for (const char* options : {"run --engine model ", "run --engine model --fresh "}) {
      const ProgramResult sugar_run = run_program(options + ("'" + file + "'"));
      const ProgramResult flat_run = run_program(options + flat_file);
      CHECK(sugar_run.status == 0);
      CHECK(flat_run.status == 0);
      CHECK_FALSE(sugar_run.out.empty());
      CHECK(flat_run.out == sugar_run.out);
    }
    CHECK(run_program("run --engine model --check " + flat_file).status == 0);
  }
}
