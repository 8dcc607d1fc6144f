// What the targets for traces claim.
#pragma once

#include <cstdlib>
#include <optional>
#include <utility>
#include <variant>

#include "memory_file.hpp"
#include "trace/record_reader.hpp"

// Reads the bytes as a trace of that format, told by content without one. Every access is one that the rest of the
// program can rely on: of 1 to 4096 bytes, all of them at canonical addresses.
inline void check_trace(const std::uint8_t* data, std::size_t size, std::optional<vmmu::tb::TraceFormat> format) {
  const MemoryFile file(data, size);
  auto opened = vmmu::tb::open_input(file.path());
  if (std::holds_alternative<vmmu::tb::InputError>(opened)) return;
  vmmu::tb::RecordReader reader(std::move(std::get<std::unique_ptr<vmmu::tb::Input>>(opened)), format);
  constexpr unsigned kEnough = 20000;  // a few bytes of compressed data may hold millions of accesses
  for (unsigned count = 0; count < kEnough; ++count) {
    const auto next = reader.next();
    if (const auto* error = std::get_if<vmmu::tb::InputError>(&next)) {
      if (error->message.empty()) std::abort();
      return;
    }
    const auto& record = std::get<std::optional<vmmu::tb::TraceRecord>>(next);
    if (!record) return;
    const std::uint64_t last = record->gva.value + (record->size - 1);
    const bool sound = record->kind != vmmu::tb::TraceRecord::Kind::None && record->size >= 1 &&
                       record->size <= vmmu::tb::kMaxAccessBytes && last >= record->gva.value &&
                       vmmu::tb::is_canonical48(record->gva.value) && vmmu::tb::is_canonical48(last);
    if (!sound) std::abort();
  }
  reader.check_rest();
}
