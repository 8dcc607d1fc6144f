// ChampSim's instruction traces: records of 64 bytes, little endian.
//
//   byte  0  instruction pointer, 8 bytes
//         8  is it a branch, 1 byte; 9: was it taken, 1 byte
//        10  registers written (2) and read (4), a byte each
//        16  addresses written, 2 of 8 bytes; 0 is none
//        32  addresses read, 4 of 8 bytes; 0 is none
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "trace/trace_record.hpp"

namespace vmmu::tb {

inline constexpr std::size_t kChampSimBytes = 64;

// Accesses of one instruction: the fetch, reads, writes. The format has no sizes; each counts as one byte.
struct ChampSimInstruction {
  std::array<TraceRecord, 7> records;
  std::size_t count = 0;
};

// `bytes` are one record. Returns what was expected when they are none: branch flags of 0 or 1, taken only on a
// branch, an instruction pointer that is not 0, and addresses that are canonical for 48 bits.
std::variant<ChampSimInstruction, std::string> parse_champsim(std::string_view bytes);

// Does a file that begins with these bytes hold ChampSim records? The branch flags make every record hold a byte 0 or
// 1, which no text does, so no text is ever taken for one.
bool is_champsim(std::string_view head);

}  // namespace vmmu::tb
