#include "trace_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vmmu::tb {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// A place in a line. Parsers move it on, or say what they expected where it stands.
class Cursor {
 public:
  explicit Cursor(std::string_view line) : line_(line) {}

  bool at_end() const { return position_ == line_.size(); }
  char peek() const { return at_end() ? '\0' : line_[position_]; }
  std::size_t position() const { return position_; }
  void skip(std::size_t count) { position_ += count; }
  bool skip_spaces() {
    const std::size_t before = position_;
    while (is_space(peek())) ++position_;
    return position_ != before;
  }
  bool take(char c) {
    if (peek() != c || at_end()) return false;
    ++position_;
    return true;
  }

  // Digits of the base, at least one, as a value below 2^64. On failure the cursor stands where it failed.
  std::optional<std::uint64_t> number(unsigned base) {
    const std::size_t begin = position_;
    std::uint64_t value = 0;
    for (; !at_end(); ++position_) {
      const auto digit = static_cast<unsigned>(digit_value(line_[position_]));
      if (digit >= base) break;
      if (value > (~std::uint64_t{0} - digit) / base) {
        position_ = begin;
        return std::nullopt;
      }
      value = value * base + digit;
    }
    if (position_ == begin) return std::nullopt;
    return value;
  }

  // Decimal, or hexadecimal after 0x.
  std::optional<std::uint64_t> prefixed_number() {
    if (line_.substr(position_, 2) != "0x" && line_.substr(position_, 2) != "0X") return number(10);
    skip(2);
    return number(16);
  }

  LineError expected(std::string_view what) const { return {position_ + 1, fmt::format("expected {}", what)}; }

 private:
  std::string_view line_;
  std::size_t position_ = 0;
};

constexpr std::string_view kAddressWanted = "an address that is canonical for 48 bits, to the last byte of the access";

// The rules that address and size of an access obey in every format.
std::optional<LineError> judge(GuestVirt gva, std::size_t address_at, std::uint64_t size, std::size_t size_at) {
  if (!is_canonical48(gva.value)) return LineError{address_at + 1, fmt::format("expected {}", kAddressWanted)};
  if (size == 0 || size > kMaxAccessBytes) {
    return LineError{size_at + 1, fmt::format("expected a size of 1 to {} bytes", kMaxAccessBytes)};
  }
  const std::uint64_t last = gva.value + (size - 1);
  if (last < gva.value || !is_canonical48(last) || (last ^ gva.value) >> 63 != 0) {
    return LineError{address_at + 1, fmt::format("expected {}", kAddressWanted)};
  }
  return std::nullopt;
}

// Valgrind's own lines: ==PID==, --PID-- or **PID**, then a text.
bool is_valgrind_message(std::string_view line) {
  if (line.size() < 5 || line[0] != line[1]) return false;
  const char mark = line[0];
  if (mark != '=' && mark != '-' && mark != '*') return false;
  std::size_t at = 2;
  while (at < line.size() && is_digit(line[at])) ++at;
  return at > 2 && at + 1 < line.size() && line[at] == mark && line[at + 1] == mark;
}

bool is_blank(std::string_view line) { return std::all_of(line.begin(), line.end(), is_space); }

TraceRecord::Kind lackey_kind(std::string_view line) {
  const std::string_view head = line.substr(0, 3);
  if (head == "I  ") return TraceRecord::Kind::Fetch;
  if (head == " L ") return TraceRecord::Kind::Read;
  if (head == " S ") return TraceRecord::Kind::Write;
  if (head == " M ") return TraceRecord::Kind::Modify;
  return TraceRecord::Kind::None;
}

}  // namespace

ParsedLine parse_lackey_line(std::string_view line) {
  TraceRecord record;
  record.kind = lackey_kind(line);
  if (record.kind == TraceRecord::Kind::None) {
    if (is_valgrind_message(line) || is_blank(line)) return record;
    return LineError{1,
                     "expected a lackey line `I  ADDR,SIZE`, ` L ADDR,SIZE`, ` S ADDR,SIZE` or ` M ADDR,SIZE` "
                     "(the program's own output belongs in another file: valgrind --log-file)"};
  }
  Cursor cursor(line);
  cursor.skip(3);
  const std::size_t address_at = cursor.position();
  const auto address = cursor.number(16);
  if (!address) return cursor.expected("a hexadecimal address of at most 64 bits");
  if (!cursor.take(',')) return cursor.expected("a comma and the size of the access");
  const std::size_t size_at = cursor.position();
  const auto size = cursor.number(10);
  if (!size) return cursor.expected("the size of the access, a decimal number");
  cursor.skip_spaces();
  if (!cursor.at_end()) return cursor.expected("the end of the line");
  record.gva = {*address};
  record.size = *size;
  if (auto error = judge(record.gva, address_at, record.size, size_at)) return *std::move(error);
  return record;
}

ParsedLine parse_text_line(std::string_view line) {
  TraceRecord record;
  Cursor cursor(line);
  cursor.skip_spaces();
  if (cursor.at_end() || cursor.peek() == '#') return record;
  switch (cursor.peek()) {
    case 'r': record.kind = TraceRecord::Kind::Read; break;
    case 'w': record.kind = TraceRecord::Kind::Write; break;
    case 'x': record.kind = TraceRecord::Kind::Fetch; break;
    default: return cursor.expected("`r`, `w` or `x`, as in `r 0x401000 8`");
  }
  cursor.skip(1);
  if (!cursor.skip_spaces()) return cursor.expected("a space and the address of the access");
  const std::size_t address_at = cursor.position();
  const auto address = cursor.prefixed_number();
  if (!address) return cursor.expected("an address of at most 64 bits, decimal or 0x");
  if (!cursor.skip_spaces()) return cursor.expected("a space and the size of the access");
  const std::size_t size_at = cursor.position();
  const auto size = cursor.prefixed_number();
  if (!size) return cursor.expected("the size of the access, decimal or 0x");
  cursor.skip_spaces();
  if (!cursor.at_end() && cursor.peek() != '#') return cursor.expected("the end of the line");
  record.gva = {*address};
  record.size = *size;
  if (auto error = judge(record.gva, address_at, record.size, size_at)) return *std::move(error);
  return record;
}

FormatGuess guess_format(std::string_view line) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' && !is_space(c); };
  if (std::any_of(line.begin(), line.end(), is_control)) {
    return {std::nullopt, LineError{1, "expected a lackey, text or ChampSim trace, found other binary data"}};
  }
  if (is_blank(line)) return {};
  if (is_valgrind_message(line) || lackey_kind(line) != TraceRecord::Kind::None) {
    return {TraceFormat::Lackey, std::nullopt};
  }
  if (std::holds_alternative<TraceRecord>(parse_text_line(line))) return {TraceFormat::Text, std::nullopt};
  const char first = line[line.find_first_not_of(" \t\r")];
  if (first == 'r' || first == 'w' || first == 'x') return {TraceFormat::Text, std::nullopt};
  return {std::nullopt, LineError{1, "expected a lackey log or lines `r|w|x GVA SIZE`"}};
}

}  // namespace vmmu::tb
