#include "scenario/line_reader.hpp"

#include <fmt/format.h>

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kPhysicalEnd = std::uint64_t{1} << 52;  // SDM 4.1.4: physical addresses have at most 52 bits

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

// The value of a digit, or 99.
unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return 99;
}

enum class NumberError { None, NotANumber, Overflow };

NumberError to_number(std::string_view text, std::uint64_t& value) {
  std::uint64_t base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  }
  if (text.empty()) return NumberError::NotANumber;
  value = 0;
  bool overflow = false;
  for (const char c : text) {
    const unsigned digit = digit_value(c);
    if (digit >= base) return NumberError::NotANumber;
    if (value > (~std::uint64_t{0} - digit) / base) overflow = true;
    value = value * base + digit;
  }
  return overflow ? NumberError::Overflow : NumberError::None;
}

// Takes a suffix off; returns how far it shifts. None of the letters is a hexadecimal digit.
unsigned take_suffix(std::string_view& text) {
  constexpr std::string_view kSuffixes = "KMGT";
  const std::size_t place = text.size() < 2 ? std::string_view::npos : kSuffixes.find(text.back());
  if (place == std::string_view::npos) return 0;
  text.remove_suffix(1);
  return 10 * (static_cast<unsigned>(place) + 1);
}

}  // namespace

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string out = "'";
  for (const char c : text.substr(0, kLongest)) {
    if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (text.size() > kLongest) out += "...";
  return out + "'";
}

LineReader::LineReader(std::string_view line, unsigned number, Layer layer)
    : line_(line.substr(0, line.find('#'))), number_(number), layer_(layer) {
  skip_blanks();
}

void LineReader::skip_blanks() {
  while (pos_ < line_.size() && is_blank(line_[pos_])) ++pos_;
}

void LineReader::fail(Position at, std::string message) {
  if (failed()) return;
  error_ = std::move(message);
  error_at_ = at;
}

std::string_view LineReader::peek() const {
  if (at_end()) return {};
  std::size_t end = pos_;
  while (end < line_.size() && !is_blank(line_[end])) ++end;
  return line_.substr(pos_, end - pos_);
}

std::string_view LineReader::take(std::string_view expected) {
  const std::string_view token = peek();
  if (token.empty()) {
    fail(here(), fmt::format("expected {}, found the end of the line", expected));
    return {};
  }
  pos_ += token.size();
  skip_blanks();
  return token;
}

bool LineReader::accept(std::string_view token) {
  if (at_end() || peek() != token) return false;
  take(token);
  return true;
}

std::uint64_t LineReader::number(std::string_view expected, std::uint64_t max) {
  const Position at = here();
  const std::string_view token = take(expected);
  return parse_number(token, at, expected, max);
}

std::uint64_t LineReader::word_address(std::string_view expected) {
  const Position at = here();
  return check_word_address(number(expected), at);
}

std::uint64_t LineReader::parse_number(std::string_view text, Position at, std::string_view expected,
                                       std::uint64_t max) {
  if (failed()) return 0;
  std::uint64_t value = 0;
  std::string_view digits = text;
  const unsigned shift = layer_ == Layer::Sugar ? take_suffix(digits) : 0;
  NumberError error = to_number(digits, value);
  if (error == NumberError::None && shift != 0 && value >> (64 - shift) != 0) error = NumberError::Overflow;
  value <<= shift;
  switch (error) {
    case NumberError::NotANumber:
      fail(at, fmt::format("expected {} (decimal or 0x), found {}", expected, quoted(text)));
      return 0;
    case NumberError::Overflow:
      fail(at, fmt::format("expected {} of at most 64 bits, found {}", expected, quoted(text)));
      return 0;
    case NumberError::None: break;
  }
  if (value > max) {
    fail(at, fmt::format("expected {} of at most {:#x}, found {}", expected, max, quoted(text)));
    return 0;
  }
  return value;
}

std::uint64_t LineReader::check_word_address(std::uint64_t addr, Position at) {
  if (addr >= kPhysicalEnd) {
    fail(at, fmt::format("expected a physical address below 2^52, found {:#x}", addr));
  } else if ((addr & 7) != 0) {
    fail(at, fmt::format("expected an 8-byte aligned address, found {:#x}", addr));
  }
  return addr;
}

void LineReader::expect_end() {
  if (!at_end()) fail(here(), fmt::format("expected the end of the line, found {}", quoted(peek())));
}

}  // namespace vmmu::tb
