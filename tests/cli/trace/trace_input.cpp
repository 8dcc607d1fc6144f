#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/device/array.hpp>
#include <boost/iostreams/device/back_inserter.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <string>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "temp_folder.hpp"
#include "trace/input.hpp"

using namespace vmmu::tb;

namespace {

namespace io = boost::iostreams;

template <class Compressor>
std::string compressed_with(const Compressor& compressor, const std::string& text) {
  std::string out;
  io::filtering_ostream stream;
  stream.push(compressor);
  stream.push(io::back_inserter(out));
  stream << text;
  stream.reset();
  return out;
}

std::string compressed(const std::string& format, const std::string& text) {
  if (format == "gzip") return compressed_with(io::gzip_compressor(), text);
  if (format == "xz") return compressed_with(io::lzma_compressor(), text);
  return compressed_with(io::zstd_compressor(), text);
}

const std::vector<std::string> kFormats = {"gzip", "xz", "zstd"};

// Addresses without a pattern: compresses, but not to nothing.
std::string sample_text(unsigned lines) {
  std::string text;
  std::uint64_t state = 1;
  for (unsigned i = 0; i < lines; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    text += "r " + std::to_string(state >> 20) + " 8\n";
  }
  return text;
}

// A frame that holds no data: RFC 8878, section 3.1.2.
std::string skippable_frame(const std::string& payload) {
  std::string frame("\x5a\x2a\x4d\x18", 4);
  frame += static_cast<char>(payload.size());
  return frame + std::string(3, '\0') + payload;
}

std::string content(const std::variant<std::string, InputError>& read) {
  const auto* error = std::get_if<InputError>(&read);
  return error != nullptr ? "error: " + error->message : std::get<std::string>(read);
}

bool fails(const std::variant<std::string, InputError>& read) { return std::holds_alternative<InputError>(read); }

}  // namespace

TEST_CASE("input: each format is told by content, whatever the file is called", "[input]") {
  const TempFolder folder;
  const std::string text = sample_text(20000);  // several of every library's blocks
  CHECK(content(read_all(folder.file("a.gz", text))) == text);
  for (const std::string& format : kFormats) {
    INFO(format);
    CHECK(content(read_all(folder.file("plain.txt", compressed(format, text)))) == text);
  }
}

TEST_CASE("input: a file that is empty and plain is an empty text", "[input]") {
  const TempFolder folder;
  CHECK(content(read_all(folder.file("empty", ""))) == "");
}

TEST_CASE("input: compressed data that holds nothing is an error", "[input]") {
  const TempFolder folder;
  for (const std::string& format : kFormats) {
    INFO(format);
    CHECK(fails(read_all(folder.file("empty", compressed(format, "")))));
  }
}

TEST_CASE("input: concatenated streams are one text", "[input]") {
  const TempFolder folder;
  for (const std::string& format : kFormats) {
    INFO(format);
    const std::string both = compressed(format, sample_text(500)) + compressed(format, "the end\n");
    CHECK(content(read_all(folder.file("two", both))) == sample_text(500) + "the end\n");
  }
}

TEST_CASE("input: zstd frames without data are passed over", "[input]") {
  const TempFolder folder;
  const std::string data = compressed("zstd", "text\n");
  const std::string skipped = skippable_frame("a note");
  CHECK(content(read_all(folder.file("first", skipped + data))) == "text\n");
  CHECK(content(read_all(folder.file("last", data + skipped))) == "text\n");
  CHECK(content(read_all(folder.file("none", data + skippable_frame("")))) == "text\n");
  CHECK(fails(read_all(folder.file("alone", skipped))));
}

TEST_CASE("input: compressed data cut off anywhere is an error", "[input]") {
  const TempFolder folder;
  for (const std::string& format : kFormats) {
    const std::string whole = compressed(format, sample_text(100));
    unsigned accepted = 0;
    // A file that ends within the magic number counts as one of that format.
    for (std::size_t length = 1; length < whole.size(); ++length) {
      if (!fails(read_all(folder.file("cut", whole.substr(0, length))))) ++accepted;
    }
    INFO(format);
    CHECK(whole.size() > 100);
    CHECK(accepted == 0);
  }
}

TEST_CASE("input: a second stream cut off anywhere is an error", "[input]") {
  const TempFolder folder;
  for (const std::string& format : kFormats) {
    const std::string first = compressed(format, sample_text(30));
    const std::string second = compressed(format, sample_text(40));
    unsigned accepted = 0;
    for (std::size_t length = 1; length < second.size(); ++length) {
      if (!fails(read_all(folder.file("cut", first + second.substr(0, length))))) ++accepted;
    }
    INFO(format);
    CHECK(accepted == 0);
  }
}

TEST_CASE("input: data of many blocks cut off at any block is an error", "[input]") {
  const TempFolder folder;
  for (const std::string& format : kFormats) {
    const std::string whole = compressed(format, sample_text(60000));
    REQUIRE(whole.size() > 3 * 65536);
    unsigned accepted = 0;
    for (std::size_t length = 65536; length < whole.size(); length += 32768) {
      if (!fails(read_all(folder.file("cut", whole.substr(0, length))))) ++accepted;
    }
    if (!fails(read_all(folder.file("cut", whole.substr(0, whole.size() - 1))))) ++accepted;
    INFO(format);
    CHECK(accepted == 0);
  }
}

TEST_CASE("input: gzip and xz data with a flipped bit never read as another text", "[input]") {
  const TempFolder folder;
  // Some bits mean nothing to the text: header fields, padding. Zstd from Boost has no checksum and is left out.
  for (const std::string& format : {std::string("gzip"), std::string("xz")}) {
    const std::string text = sample_text(50);
    const std::string whole = compressed(format, text);
    unsigned refused = 0;
    unsigned wrong = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ 0x10);
      const auto read = read_all(folder.file("broken", broken));
      if (fails(read)) ++refused;
      // Without its magic number a file is plain.
      if (!fails(read) && content(read) != text && content(read) != broken) ++wrong;
    }
    INFO(format);
    CHECK(wrong == 0);
    CHECK(refused > whole.size() * 9 / 10);
  }
}

TEST_CASE("input: zstd headers that are no zstd, and rubbish after a frame, are errors", "[input]") {
  const TempFolder folder;
  const std::string whole = compressed("zstd", sample_text(50));
  std::string reserved_block = whole;
  constexpr std::size_t kHeader = 6;                                         // magic number, descriptor, window
  reserved_block[kHeader] = static_cast<char>(reserved_block[kHeader] | 6);  // block type 3 is reserved
  CHECK(fails(read_all(folder.file("block", reserved_block))));
  CHECK(fails(read_all(folder.file("text", whole + "rubbish"))));
  CHECK(fails(read_all(folder.file("zero", whole + std::string(16, '\0')))));
}

TEST_CASE("input: a missing file and a folder are errors that name them", "[input]") {
  const TempFolder folder;
  CHECK(content(read_all(folder.path("none"))) == "error: " + folder.path("none") + ": No such file or directory");
  CHECK(content(read_all(folder.path(""))) == "error: " + folder.path("") + ": Is a directory");
}
