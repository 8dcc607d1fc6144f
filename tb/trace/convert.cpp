#include "trace/convert.hpp"

#include <fmt/format.h>

#include <iterator>
#include <memory>
#include <utility>

#include "trace/output.hpp"
#include "trace/record_reader.hpp"

namespace vmmu::tb {
namespace {

void add_line(std::string& text, char op, const TraceRecord& record) {
  fmt::format_to(std::back_inserter(text), "{} {:#x} {}\n", op, record.gva.value, record.size);
}

// Returns the number of lines.
std::uint64_t add_lines(std::string& text, const TraceRecord& record) {
  switch (record.kind) {
    case TraceRecord::Kind::None: return 0;
    case TraceRecord::Kind::Read: add_line(text, 'r', record); return 1;
    case TraceRecord::Kind::Write: add_line(text, 'w', record); return 1;
    case TraceRecord::Kind::Fetch: add_line(text, 'x', record); return 1;
    case TraceRecord::Kind::Modify:
      add_line(text, 'r', record);
      add_line(text, 'w', record);
      return 2;
  }
  return 0;
}

}  // namespace

std::variant<std::uint64_t, InputError> convert_trace(const std::string& in, TraceFormat format,
                                                      const std::string& out) {
  auto opened = open_input(in);
  if (const auto* error = std::get_if<InputError>(&opened)) return *error;
  RecordReader reader(std::move(std::get<std::unique_ptr<Input>>(opened)), format);
  auto created = Output::create(out);
  if (const auto* error = std::get_if<InputError>(&created)) return *error;
  Output& output = *std::get<std::unique_ptr<Output>>(created);

  constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::uint64_t lines = 0;
  std::string text;
  for (;;) {
    const auto next = reader.next();
    if (const auto* error = std::get_if<InputError>(&next)) return *error;
    const auto& record = std::get<std::optional<TraceRecord>>(next);
    if (record) lines += add_lines(text, *record);
    if (!record || text.size() >= kBlock) {
      output.write(text);
      text.clear();
    }
    if (!record) break;
  }
  if (lines == 0) return reader.nothing_found();
  if (const auto error = output.finish()) return *error;
  return lines;
}

}  // namespace vmmu::tb
