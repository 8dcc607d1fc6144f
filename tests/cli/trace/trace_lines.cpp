#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "temp_folder.hpp"
#include "trace/trace.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

// What a trace of this content reads as; an error as its text after the file's name.
struct Reading {
  std::vector<PackedAccess> accesses;
  TraceFormat format = TraceFormat::Text;
  std::string error;
};

Reading read(const std::string& content, std::uint64_t limit = kNoLimit) {
  const TempFolder folder;
  const std::string path = folder.file("trace", content);
  const auto result = read_trace(path, limit);
  Reading reading;
  if (const auto* error = std::get_if<InputError>(&result)) {
    REQUIRE(error->message.rfind(path, 0) == 0);
    reading.error = error->message.substr(path.size());
    return reading;
  }
  reading.accesses = std::get<Trace>(result).accesses;
  reading.format = std::get<Trace>(result).format;
  return reading;
}

PackedAccess r(std::uint64_t gva) { return {GuestVirt{gva}, Op::Read}; }
PackedAccess w(std::uint64_t gva) { return {GuestVirt{gva}, Op::Write}; }
PackedAccess x(std::uint64_t gva) { return {GuestVirt{gva}, Op::Fetch}; }

using Accesses = std::vector<PackedAccess>;

// The place and the beginning of the message.
bool is_error_at(const Reading& reading, const std::string& place_and_message) {
  INFO("got: " << reading.error);
  return reading.error.rfind(":" + place_and_message, 0) == 0;
}

}  // namespace

TEST_CASE("trace: an access keeps its address and operation in eight bytes, in both halves", "[trace]") {
  for (const std::uint64_t gva :
       {std::uint64_t{0}, std::uint64_t{0x7fffffffffff}, ~std::uint64_t{0} << 47, ~std::uint64_t{0}}) {
    for (const Op op : {Op::Read, Op::Write, Op::Fetch}) {
      const PackedAccess packed(GuestVirt{gva}, op);
      CHECK(packed.gva().value == gva);
      CHECK(packed.op() == op);
    }
  }
  CHECK(sizeof(PackedAccess) == 8);
}

TEST_CASE("trace: lackey's four letters are fetch, read, write, and read then write", "[trace]") {
  const Reading reading = read("I  0401ab70,3\n L 1fff000768,8\n S 04222c50,4\n M 0421747c,1\n");
  CHECK(reading.format == TraceFormat::Lackey);
  CHECK(reading.accesses == Accesses{x(0x401ab70), r(0x1fff000768), w(0x4222c50), r(0x421747c), w(0x421747c)});
}

TEST_CASE("trace: valgrind's messages and blank lines are skipped", "[trace]") {
  const Reading reading = read(
      "==12== Lackey, an example Valgrind tool\n==12== \n--12-- a hint\n**12** client\n\nI  1000,1\n"
      "==12== Exit code:       0\n");
  CHECK(reading.format == TraceFormat::Lackey);
  CHECK(reading.accesses == Accesses{x(0x1000)});
}

TEST_CASE("trace: text lines take decimal and 0x, comments, and any spacing", "[trace]") {
  const Reading reading = read("# a comment\n\nr 4096 8\r\n  w\t0x2000 0x4 # why\nx 0X3000 15");
  CHECK(reading.format == TraceFormat::Text);
  CHECK(reading.accesses == Accesses{r(4096), w(0x2000), x(0x3000)});
}

TEST_CASE("trace: an access that crosses a 4 KiB page is two", "[trace]") {
  CHECK(read("r 0x1ff8 8\n").accesses == Accesses{r(0x1ff8)});
  CHECK(read("r 0x1ff9 8\n").accesses == Accesses{r(0x1ff9), r(0x2000)});
  CHECK(read("w 0x1001 4096\n").accesses == Accesses{w(0x1001), w(0x2000)});
  CHECK(read("w 0x1000 4096\n").accesses == Accesses{w(0x1000)});
  CHECK(read("I  2fff,2\n").accesses == Accesses{x(0x2fff), x(0x3000)});
}

TEST_CASE("trace: a modify that crosses a page reads both pages, then writes both", "[trace]") {
  CHECK(read(" M 1ffe,4\n").accesses == Accesses{r(0x1ffe), r(0x2000), w(0x1ffe), w(0x2000)});
}

TEST_CASE("trace: the limit counts accesses, fetches and halves included", "[trace]") {
  const std::string content = "I  1000,4\n M 1ffe,4\n L 5000,8\n";
  CHECK(read(content, 1).accesses == Accesses{x(0x1000)});
  CHECK(read(content, 3).accesses == Accesses{x(0x1000), r(0x1ffe), r(0x2000)});
  CHECK(read(content, 4).accesses == Accesses{x(0x1000), r(0x1ffe), r(0x2000), w(0x1ffe)});
  CHECK(read(content, 6).accesses.size() == 6);
  CHECK(read(content, 100).accesses.size() == 6);
}

TEST_CASE("trace: lines after the limit are not judged", "[trace]") {
  CHECK(read("r 0x1000 8\nnonsense\n", 1).error.empty());
  CHECK(is_error_at(read("r 0x1000 8\nnonsense\n", 2), "2:1: expected `r`, `w` or `x`"));
}

TEST_CASE("trace: a bad lackey line is told by line and column", "[trace]") {
  const std::string good = "I  1000,4\n";
  CHECK(is_error_at(read(good + "hello\n"), "2:1: expected a lackey line"));
  CHECK(is_error_at(read(good + " X 1000,4\n"), "2:1: expected a lackey line"));
  CHECK(is_error_at(read(good + " L zz,4\n"), "2:4: expected a hexadecimal address"));
  CHECK(is_error_at(read(good + " L 12345678901234567,4\n"), "2:4: expected a hexadecimal address"));
  CHECK(is_error_at(read(good + " L 1000\n"), "2:8: expected a comma"));
  CHECK(is_error_at(read(good + " L 1000,\n"), "2:9: expected the size"));
  CHECK(is_error_at(read(good + " L 1000,4x\n"), "2:10: expected the end of the line"));
  CHECK(is_error_at(read(good + "r 0x1000 8\n"), "2:1: expected a lackey line"));
}

TEST_CASE("trace: a recording cut off inside a line is an error", "[trace]") {
  CHECK(is_error_at(read("I  1000,4\n L 1f"), "2:6: expected a comma"));
}

TEST_CASE("trace: a bad text line is told by line and column", "[trace]") {
  const std::string good = "r 0x1000 8\n";
  CHECK(is_error_at(read(good + "q 0x1000 8\n"), "2:1: expected `r`, `w` or `x`"));
  CHECK(is_error_at(read(good + "rw 0x1000 8\n"), "2:2: expected a space"));
  CHECK(is_error_at(read(good + "r\n"), "2:2: expected a space"));
  CHECK(is_error_at(read(good + "r zz 8\n"), "2:3: expected an address"));
  CHECK(is_error_at(read(good + "r 0x 8\n"), "2:5: expected an address"));
  CHECK(is_error_at(read(good + "r 18446744073709551616 8\n"), "2:3: expected an address"));
  CHECK(is_error_at(read(good + "r 0x1000\n"), "2:9: expected a space and the size"));
  CHECK(is_error_at(read(good + "r 0x1000 eight\n"), "2:10: expected the size"));
  CHECK(is_error_at(read(good + "r 0x1000 8 8\n"), "2:12: expected the end of the line"));
  CHECK(is_error_at(read(good + "I  1000,4\n"), "2:1: expected `r`, `w` or `x`"));
}

TEST_CASE("trace: sizes of 0 and beyond a page are errors at the size", "[trace]") {
  CHECK(is_error_at(read("r 0x1000 0\n"), "1:10: expected a size of 1 to 4096"));
  CHECK(is_error_at(read("r 0x1000 4097\n"), "1:10: expected a size of 1 to 4096"));
  CHECK(is_error_at(read(" L 1000,0\n"), "1:9: expected a size of 1 to 4096"));
  CHECK(is_error_at(read(" L 1000,18446744073709551615\n"), "1:9: expected a size of 1 to 4096"));
}

TEST_CASE("trace: every byte of an access has a canonical address", "[trace]") {
  CHECK(read("r 0x7fffffffffff 1\n").accesses == Accesses{r(0x7fffffffffff)});
  CHECK(read("r 0xffffffffffffffff 1\n").accesses == Accesses{r(~std::uint64_t{0})});
  CHECK(read("r 0xffff800000000000 1\n").accesses == Accesses{r(~std::uint64_t{0} << 47)});
  for (const char* line : {"r 0x800000000000 1\n", "r 0x7fffffffffff 2\n", "r 0xffff7fffffffffff 1\n",
                           "r 0xffffffffffffffff 2\n", "r 0x8000000000000000 1\n"}) {
    INFO(line);
    CHECK(is_error_at(read(line), "1:3: expected an address that is canonical"));
  }
}

TEST_CASE("trace: a trace without an access is an error", "[trace]") {
  CHECK(is_error_at(read(""), "1:1: expected at least one memory access"));
  CHECK(is_error_at(read("\n\n"), "3:1: expected at least one memory access"));
  CHECK(is_error_at(read("# nothing\n"), "2:1: expected at least one memory access"));
  CHECK(is_error_at(read("==1== Exit code: 0\n"), "2:1: expected at least one memory access"));
}

TEST_CASE("trace: what is no trace is an error in its first line", "[trace]") {
  CHECK(is_error_at(read("mmu 1\nscenario s\n"), "1:1: expected a lackey log or lines"));
  CHECK(is_error_at(read(std::string(64, '\0')),
                    "1:1: expected a lackey, text or ChampSim trace, found other binary data"));
  CHECK(is_error_at(read("\x7f"
                         "ELF\x02\x01\x01"),
                    "1:1: expected a lackey, text or ChampSim trace, found other binary data"));
  CHECK(is_error_at(read(std::string(1 << 20, '\xee')), "1:1: expected a lackey log or lines"));
}

TEST_CASE("trace: lines that straddle the reader's blocks are whole", "[trace]") {
  std::string content;
  Accesses expected;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const std::uint64_t gva = 0x400000 + 8 * i;
    content += "w " + std::to_string(gva) + " 8\n";
    expected.push_back(w(gva));
  }
  REQUIRE(content.size() > 4 * (std::size_t{1} << 18));
  CHECK(read(content).accesses == expected);
}
