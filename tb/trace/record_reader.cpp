#include "trace/record_reader.hpp"

#include <fmt/format.h>

#include <vector>

#include "trace/trace_line.hpp"

namespace vmmu::tb {

RecordReader::Result RecordReader::next() {
  if (!told_) {
    const std::string_view head = buffer_.peek(kChampSimBytes);
    if (is_champsim(head)) format_ = TraceFormat::ChampSim;
    told_ = true;
  }
  return format_ == TraceFormat::ChampSim ? next_of_champsim() : next_of_line();
}

RecordReader::Result RecordReader::next_of_line() {
  while (const auto line = buffer_.next_line()) {
    if (!format_) {
      const FormatGuess guess = guess_format(*line);
      if (guess.error) return in_line(guess.error->column, guess.error->message);
      format_ = guess.format;
      if (!format_) continue;  // a blank line tells nothing
    }
    const ParsedLine parsed = *format_ == TraceFormat::Lackey ? parse_lackey_line(*line) : parse_text_line(*line);
    if (const auto* error = std::get_if<LineError>(&parsed)) return in_line(error->column, error->message);
    const auto& record = std::get<TraceRecord>(parsed);
    if (record.kind != TraceRecord::Kind::None) return record;
  }
  if (buffer_.error()) return *buffer_.error();
  return std::nullopt;
}

RecordReader::Result RecordReader::next_of_champsim() {
  if (given_ < instruction_.count) return instruction_.records[given_++];
  const std::string_view bytes = buffer_.peek(kChampSimBytes);
  if (buffer_.error()) return *buffer_.error();
  if (bytes.empty()) return std::nullopt;
  const std::uint64_t number = buffer_.offset() / kChampSimBytes + 1;
  if (bytes.size() < kChampSimBytes) {
    return InputError{fmt::format("{}: ChampSim record {} (byte {}): expected {} bytes, found {}", input_->name(),
                                  number, buffer_.offset(), kChampSimBytes, bytes.size())};
  }
  auto parsed = parse_champsim(bytes.substr(0, kChampSimBytes));
  if (const auto* error = std::get_if<std::string>(&parsed)) {
    return InputError{
        fmt::format("{}: ChampSim record {} (byte {}): {}", input_->name(), number, buffer_.offset(), *error)};
  }
  buffer_.consume(kChampSimBytes);
  instruction_ = std::get<ChampSimInstruction>(parsed);
  given_ = 1;  // there is always the fetch
  return instruction_.records[0];
}

std::optional<InputError> RecordReader::check_rest() {
  if (!input_->compressed()) return std::nullopt;
  constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::vector<char> rest(kBlock);
  for (;;) {
    const auto got = input_->read(rest.data(), rest.size());
    if (const auto* error = std::get_if<InputError>(&got)) return *error;
    if (std::get<std::size_t>(got) == 0) return std::nullopt;
  }
}

InputError RecordReader::nothing_found() const {
  return {fmt::format("{}:{}:1: expected at least one memory access", input_->name(), buffer_.line() + 1)};
}

InputError RecordReader::in_line(std::size_t column, const std::string& message) const {
  return {fmt::format("{}:{}:{}: {}", input_->name(), buffer_.line(), column, message)};
}

}  // namespace vmmu::tb
