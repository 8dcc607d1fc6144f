// Turns a trace of any format into the text that `vmmu replay` reads.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "trace/trace.hpp"

namespace vmmu::tb {

// Reads the trace `in`, of that format (`-` is standard input), and writes the regular file `out`: one access a line,
// `r|w|x 0xADDRESS SIZE`, compressed if the name of `out` ends in .gz, .xz or .zst. Returns the number of lines.
//
// `out` appears under its name only when it is whole; after an error whatever was there before is still there. It may
// be the same file as `in`.
std::variant<std::uint64_t, InputError> convert_trace(const std::string& in, TraceFormat format,
                                                      const std::string& out);

}  // namespace vmmu::tb
