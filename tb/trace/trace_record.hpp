// One access of a trace, as the formats write it down.
#pragma once

#include <cstdint>
#include <optional>

#include "vmmu/types.hpp"

namespace vmmu::tb {

struct TraceRecord {
  enum class Kind : std::uint8_t { None, Read, Write, Fetch, Modify };
  Kind kind = Kind::None;  // None: no access
  GuestVirt gva;
  std::uint64_t size = 0;  // bytes
};

// Traces are those of four-level paging: bits 63:47 are equal.
constexpr bool is_canonical48(std::uint64_t address) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << 16) >> 16) == address;
}

}  // namespace vmmu::tb
