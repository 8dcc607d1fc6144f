// `vmmu import` and the traces of ChampSim.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "program.hpp"

namespace {

namespace fs = std::filesystem;

// One record of ChampSim: fields by name, the rest 0.
class Instruction {
 public:
  explicit Instruction(std::uint64_t ip) { put(0, ip); }
  Instruction& branch(bool taken) {
    bytes_[8] = 1;
    bytes_[9] = taken ? 1 : 0;
    return *this;
  }
  Instruction& writes(std::size_t slot, std::uint64_t address) { return put(16 + 8 * slot, address); }
  Instruction& reads(std::size_t slot, std::uint64_t address) { return put(32 + 8 * slot, address); }
  Instruction& byte(std::size_t at, char value) {
    bytes_[at] = value;
    return *this;
  }
  operator std::string() const { return bytes_; }  // NOLINT(google-explicit-constructor): reads as bytes

 private:
  Instruction& put(std::size_t at, std::uint64_t value) {
    for (std::size_t i = 0; i < 8; ++i) bytes_[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
  std::string bytes_ = std::string(64, '\0');
};

std::string champsim() {
  return std::string(Instruction(0x401000).reads(0, 0x7fff1000).reads(3, 0x7fff2008).writes(1, 0x602000)) +
         std::string(Instruction(0x401004).branch(true)) + std::string(Instruction(0x401100).branch(false));
}
constexpr const char* kChampSimText =
    "x 0x401000 1\nr 0x7fff1000 1\nr 0x7fff2008 1\nw 0x602000 1\nx 0x401004 1\nx 0x401100 1\n";

constexpr const char* kLackey = "==7== Lackey\nI  00401000,3\n L 1ffeff7e0,8\n S 1ffeff7d8,8\n M 0421d0,4\n";
constexpr const char* kLackeyText = "x 0x401000 3\nr 0x1ffeff7e0 8\nw 0x1ffeff7d8 8\nr 0x421d0 4\nw 0x421d0 4\n";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t files_in(const TempFolder& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder.path(""))) count += entry.exists() ? 1 : 0;
  return count;
}

// Status 2, a message that holds `message`, and no new file.
void check_refused(const TempFolder& folder, const std::string& arguments, const std::string& message) {
  INFO("vmmu import " << arguments);
  const std::size_t before = files_in(folder);
  const ProgramResult result = run_program("import " + arguments);
  INFO(result.err);
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK(contains(result.err, message));
  CHECK(files_in(folder) == before);
}

std::string replayed(const std::string& trace) {
  const ProgramResult result = run_program("replay --engine model --modes native --guest-page 4K --json " + trace);
  INFO(result.err);
  CHECK(result.status == 0);
  const std::size_t from = result.out.find("\"accesses\"");
  return result.out.substr(from, result.out.find("\"seconds\"") - from);
}

}  // namespace

TEST_CASE("import: each format becomes text, access by access", "[import]") {
  const TempFolder folder;
  const std::string out = folder.path("out.txt");
  CHECK(run_program("import lackey " + folder.file("l", kLackey) + " " + out).status == 0);
  CHECK(folder.content("out.txt") == kLackeyText);
  CHECK(run_program("import champsim " + folder.file("c", champsim()) + " " + out).status == 0);
  CHECK(folder.content("out.txt") == kChampSimText);
  CHECK(run_program("import text " + folder.file("t", "# a\n r 4096 0x8 # b\n\nx 0x10 1\n") + " " + out).status == 0);
  CHECK(folder.content("out.txt") == "r 0x1000 8\nx 0x10 1\n");
}

TEST_CASE("import: the name of the output chooses its compression; replay reads it all the same", "[import]") {
  const TempFolder folder;
  const std::string in = folder.file("l", kLackey);
  const std::string expected = replayed(in);
  REQUIRE(contains(expected, "\"accesses\":5"));
  for (const char* name : {"out", "out.gz", "out.xz", "out.zst"}) {
    INFO(name);
    CHECK(run_program("import lackey " + in + " " + folder.path(name)).status == 0);
    CHECK(replayed(folder.path(name)) == expected);
  }
  CHECK(folder.content("out.gz").substr(0, 2) == "\x1f\x8b");
  CHECK(folder.content("out.xz").substr(1, 4) == "7zXZ");
  CHECK(folder.content("out.zst").substr(0, 4) == "\x28\xb5\x2f\xfd");
}

TEST_CASE("import: standard input, compressed input, and a file onto itself", "[import]") {
  const TempFolder folder;
  const std::string in = folder.file("l", kLackey);
  CHECK(run_program("import lackey - " + folder.path("a.gz"), in).status == 0);
  CHECK(run_program("import text " + folder.path("a.gz") + " " + folder.path("b")).status == 0);
  CHECK(folder.content("b") == kLackeyText);
  CHECK(run_program("import lackey " + in + " " + in).status == 0);
  CHECK(folder.content("l") == kLackeyText);
}

TEST_CASE("import: unusable input leaves what was there", "[import]") {
  const TempFolder folder;
  const std::string out = folder.file("out", "before");
  const std::string lackey = folder.file("l", kLackey);
  check_refused(folder, "text " + lackey + " " + out, "l:1:1: expected `r`, `w` or `x`");
  check_refused(folder, "lackey " + folder.file("bad", std::string(kLackey) + " L zz,8\n") + " " + out, "bad:6:4");
  check_refused(folder, "lackey " + folder.file("empty", "") + " " + out, "at least one memory access");
  check_refused(folder, "lackey " + folder.path("none") + " " + out, "No such file");
  check_refused(folder, "lackey " + lackey + " " + folder.path("no/where"), "No such file");
  check_refused(folder, "lackey " + lackey + " " + folder.path(""), "expected the name of a regular file");
  check_refused(folder, "lackey " + lackey + " /dev/null", "expected the name of a regular file");
  check_refused(folder, "elfcore " + lackey + " " + out, "not in this version");
  check_refused(folder, "dinero " + lackey + " " + out, "FORMAT");
  check_refused(folder, "lackey " + lackey, "OUT");
  CHECK(folder.content("out") == "before");
}

TEST_CASE("import: records that are none of ChampSim's are named", "[import]") {
  const TempFolder folder;
  const std::string out = folder.path("out");
  const std::string good = champsim();
  struct Bad {
    std::string content;
    std::string message;
  };
  const std::vector<Bad> cases = {
      {good + std::string(Instruction(0x401000).byte(8, 2)), "record 4 (byte 192): expected branch flags"},
      {good + std::string(Instruction(0x401000).byte(9, 1)), "record 4 (byte 192): expected branch flags"},
      {std::string(Instruction(0)), "record 1 (byte 0): expected an instruction pointer"},
      {good + std::string(Instruction(0x401000).reads(1, 0x800000000000)), "record 4 (byte 192): expected addresses"},
      {good.substr(0, 100), "record 2 (byte 64): expected 64 bytes, found 36"},
      {kLackey, "ChampSim record 1 (byte 0)"},
      {"", "at least one memory access"},
  };
  for (const Bad& bad : cases)
    check_refused(folder, "champsim " + folder.file("in", bad.content) + " " + out, bad.message);
}

TEST_CASE("replay: ChampSim's records are told by content", "[import]") {
  const TempFolder folder;
  const std::string expected = replayed(folder.file("text", kChampSimText));
  CHECK(replayed(folder.file("champsim", champsim())) == expected);
  // 64 zero bytes, and a record cut short, are no ChampSim trace and no other either.
  for (const std::string& content : {std::string(64, '\0'), champsim().substr(0, 60)}) {
    const ProgramResult result = run_program("replay --engine model " + folder.file("bad", content));
    CHECK(result.status == 2);
    CHECK(contains(result.err, "1:1: expected a lackey, text or ChampSim trace"));
  }
}
