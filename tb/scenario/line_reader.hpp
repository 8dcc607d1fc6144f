// Reads the words of one line. The first error sticks: after it every further read yields nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scenario/ast.hpp"

namespace vmmu::tb {

// What a line may hold: the flat language alone, or what the sugar layer adds to it.
enum class Layer : std::uint8_t { Flat, Sugar };

class LineReader {
 public:
  // `line` without its newline; it outlives the reader. A `#` starts a comment.
  LineReader(std::string_view line, unsigned number, Layer layer = Layer::Flat);

  Layer layer() const { return layer_; }

  bool failed() const { return error_.has_value(); }
  const std::string& error() const { return *error_; }
  Position error_at() const { return error_at_; }
  void fail(Position at, std::string message);

  Position here() const { return {number_, static_cast<unsigned>(pos_) + 1}; }
  bool at_end() const { return failed() || pos_ == line_.size(); }
  // The next word without taking it; empty at the end.
  std::string_view peek() const;
  std::string_view take(std::string_view expected);
  // Takes the next word if it is `token`.
  bool accept(std::string_view token);
  // Decimal or 0x; in the sugar layer a suffix K, M, G or T may follow (powers of 1024).
  std::uint64_t number(std::string_view expected, std::uint64_t max = ~std::uint64_t{0});
  // A physical address of an 8-byte word.
  std::uint64_t word_address(std::string_view expected);
  // The same for a part of a word that has been taken; `at` is where it stands.
  std::uint64_t parse_number(std::string_view text, Position at, std::string_view expected,
                             std::uint64_t max = ~std::uint64_t{0});
  std::uint64_t check_word_address(std::uint64_t addr, Position at);
  void expect_end();

 private:
  void skip_blanks();

  std::string_view line_;
  std::size_t pos_ = 0;
  unsigned number_;
  Layer layer_;
  std::optional<std::string> error_;
  Position error_at_;
};

// `text` in quotes, shortened, with bytes that do not print shown as \xNN.
std::string quoted(std::string_view text);

}  // namespace vmmu::tb
