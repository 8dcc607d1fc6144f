#include "trace/input_buffer.hpp"

#include <cstring>

namespace vmmu::tb {

void InputBuffer::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const auto got = input_.read(buffer_.data() + end_, buffer_.size() - end_);
  if (const auto* error = std::get_if<InputError>(&got)) {
    error_ = *error;
    return;
  }
  const std::size_t count = std::get<std::size_t>(got);
  end_ += count;
  ended_ = count == 0;
}

std::string_view InputBuffer::peek(std::size_t count) {
  while (end_ - begin_ < count && !ended_ && !error_) refill();
  return {buffer_.data() + begin_, end_ - begin_};
}

void InputBuffer::consume(std::size_t count) {
  begin_ += count;
  offset_ += count;
}

std::optional<std::string_view> InputBuffer::next_line() {
  for (;;) {
    const char* begin = buffer_.data() + begin_;
    const std::size_t held = end_ - begin_;
    if (const void* newline = std::memchr(begin, '\n', held)) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - begin);
      consume(length + 1);
      ++line_;
      return std::string_view(begin, length);
    }
    if (ended_ || held > kMaxLine) {
      if (held == 0 || error_) return std::nullopt;
      consume(held);
      ++line_;
      return std::string_view(begin, held);
    }
    refill();
    if (error_) return std::nullopt;
  }
}

}  // namespace vmmu::tb
