#include "trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "trace_line.hpp"

namespace vmmu::tb {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::size_t kMaxLine = 4096;  // a longer line is no trace: keeps binary files from being held in memory

// Hands out lines, cut from blocks of the input.
class Lines {
 public:
  explicit Lines(Input& input) : input_(input) {}

  // The next line without its end, or nothing at the end of the input or after an error.
  std::optional<std::string_view> next() {
    for (;;) {
      const char* begin = buffer_.data() + begin_;
      const std::size_t held = end_ - begin_;
      if (const void* newline = std::memchr(begin, '\n', held)) {
        const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - begin);
        begin_ += length + 1;
        ++number_;
        return std::string_view(begin, length);
      }
      // A line that is too long is handed out as far as it is known: its parser refuses it.
      if (ended_ || held > kMaxLine) {
        if (held == 0 || error_) return std::nullopt;
        begin_ = end_;
        ++number_;
        return std::string_view(begin, held);
      }
      refill();
      if (error_) return std::nullopt;
    }
  }

  std::uint64_t number() const { return number_; }  // of the line that was handed out last, from 1
  const std::optional<InputError>& error() const { return error_; }

 private:
  void refill() {
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

  Input& input_;
  std::vector<char> buffer_ = std::vector<char>(kBlock);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t number_ = 0;
  bool ended_ = false;
  std::optional<InputError> error_;
};

// Adds one access of a line, as one or two accesses of one page each. Returns false when the limit is reached.
bool add(std::vector<PackedAccess>& accesses, std::uint64_t limit, const TraceRecord& record, Op op) {
  constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
  const std::uint64_t last = record.gva.value + record.size - 1;
  if (accesses.size() >= limit) return false;
  accesses.emplace_back(record.gva, op);
  if (record.gva.value / kPage == last / kPage) return true;
  if (accesses.size() >= limit) return false;
  accesses.emplace_back(GuestVirt{last / kPage * kPage}, op);
  return true;
}

bool add(std::vector<PackedAccess>& accesses, std::uint64_t limit, const TraceRecord& record) {
  switch (record.kind) {
    case TraceRecord::Kind::None: return true;
    case TraceRecord::Kind::Read: return add(accesses, limit, record, Op::Read);
    case TraceRecord::Kind::Write: return add(accesses, limit, record, Op::Write);
    case TraceRecord::Kind::Fetch: return add(accesses, limit, record, Op::Fetch);
    case TraceRecord::Kind::Modify:
      return add(accesses, limit, record, Op::Read) && add(accesses, limit, record, Op::Write);
  }
  return true;
}

// Reads the rest of compressed data, so that a truncated file is found out even with a limit.
std::optional<InputError> check_rest(Input& input) {
  if (!input.compressed()) return std::nullopt;
  std::vector<char> buffer(kBlock);
  for (;;) {
    const auto got = input.read(buffer.data(), buffer.size());
    if (const auto* error = std::get_if<InputError>(&got)) return *error;
    if (std::get<std::size_t>(got) == 0) return std::nullopt;
  }
}

InputError at_line(const Input& input, std::uint64_t line, const LineError& error) {
  return {fmt::format("{}:{}:{}: {}", input.name(), line, error.column, error.message)};
}

}  // namespace

std::variant<Trace, InputError> read_trace(const std::string& path, std::uint64_t limit) {
  auto opened = open_input(path);
  if (const auto* error = std::get_if<InputError>(&opened)) return *error;
  Input& input = *std::get<std::unique_ptr<Input>>(opened);

  Trace trace;
  Lines lines(input);
  std::optional<TraceFormat> format;
  while (trace.accesses.size() < limit) {
    const auto line = lines.next();
    if (!line) break;
    if (!format) {
      const FormatGuess guess = guess_format(*line);
      if (guess.error) return at_line(input, lines.number(), *guess.error);
      format = guess.format;
      if (!format) continue;  // a blank line tells nothing
    }
    const ParsedLine parsed = *format == TraceFormat::Lackey ? parse_lackey_line(*line) : parse_text_line(*line);
    if (const auto* error = std::get_if<LineError>(&parsed)) return at_line(input, lines.number(), *error);
    if (!add(trace.accesses, limit, std::get<TraceRecord>(parsed))) break;
  }
  if (lines.error()) return *lines.error();
  if (const auto error = check_rest(input)) return *error;
  if (trace.accesses.empty()) {
    return InputError{fmt::format("{}:{}:1: expected at least one memory access", input.name(), lines.number() + 1)};
  }
  trace.format = *format;
  return trace;
}

}  // namespace vmmu::tb
