// A window over an input: hands out lines, or pieces of any length.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "trace/input.hpp"

namespace vmmu::tb {

class InputBuffer {
 public:
  explicit InputBuffer(Input& input) : input_(input) {}

  // What is held: at least `count` bytes (at most 4096), fewer only at the end of the input or after an error. Valid
  // until the next call.
  std::string_view peek(std::size_t count);
  void consume(std::size_t count);
  // The next line without its end, or nothing at the end of the input or after an error. A line of more than 4096
  // bytes is handed out as far as it is known: no format has such lines, and its parser refuses it.
  std::optional<std::string_view> next_line();

  std::uint64_t line() const { return line_; }      // number of the line that was handed out last, from 1
  std::uint64_t offset() const { return offset_; }  // bytes handed out or consumed
  const std::optional<InputError>& error() const { return error_; }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 18;
  static constexpr std::size_t kMaxLine = 4096;  // keeps files without lines from being held in memory

  void refill();

  Input& input_;
  std::vector<char> buffer_ = std::vector<char>(kBlock);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t offset_ = 0;
  bool ended_ = false;
  std::optional<InputError> error_;
};

}  // namespace vmmu::tb
