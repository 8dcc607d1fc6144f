// Reads the records of a trace one after the other, in every format.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "trace/champsim.hpp"
#include "trace/input.hpp"
#include "trace/input_buffer.hpp"
#include "trace/trace.hpp"
#include "trace/trace_record.hpp"

namespace vmmu::tb {

class RecordReader {
 public:
  // Without a format it is told by content.
  RecordReader(std::unique_ptr<Input> input, std::optional<TraceFormat> format)
      : input_(std::move(input)), buffer_(*input_), format_(format), told_(format.has_value()) {}

  // The next access; empty at the end. An error names the file and the place in it: line and column, or the number of
  // the ChampSim record. After an error or the end there is nothing more to read.
  std::variant<std::optional<TraceRecord>, InputError> next();

  // Reads what is left of compressed data, so that a truncated file is found out by who stops before the end.
  std::optional<InputError> check_rest();

  // What a trace without any access is told, for want of one.
  InputError nothing_found() const;
  // Text, if nothing told another one.
  TraceFormat format() const { return format_.value_or(TraceFormat::Text); }

 private:
  using Result = std::variant<std::optional<TraceRecord>, InputError>;

  Result next_of_line();
  Result next_of_champsim();
  InputError in_line(std::size_t column, const std::string& message) const;

  std::unique_ptr<Input> input_;
  InputBuffer buffer_;
  std::optional<TraceFormat> format_;
  bool told_;
  ChampSimInstruction instruction_;
  std::size_t given_ = 0;  // records of instruction_ that were handed out
};

}  // namespace vmmu::tb
