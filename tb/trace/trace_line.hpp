// One line of a trace, in the formats that traces come in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "trace/trace.hpp"
#include "trace/trace_record.hpp"
#include "vmmu/types.hpp"

namespace vmmu::tb {

struct LineError {
  std::size_t column = 1;  // from 1
  std::string message;     // what was expected there
};

using ParsedLine = std::variant<TraceRecord, LineError>;

ParsedLine parse_lackey_line(std::string_view line);
ParsedLine parse_text_line(std::string_view line);

// Tells the format from the first line that is not blank. Neither member is set for a blank line.
struct FormatGuess {
  std::optional<TraceFormat> format;
  std::optional<LineError> error;
};
FormatGuess guess_format(std::string_view line);

}  // namespace vmmu::tb
