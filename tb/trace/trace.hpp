// Memory traces: what a program accessed, in order.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "trace/input.hpp"
#include "vmmu/types.hpp"

namespace vmmu::tb {

// One access inside one 4 KiB page, in 8 bytes. The address is canonical for 48 bits, so its two top bits are known
// from bit 61 and their place holds the operation.
class PackedAccess {
 public:
  PackedAccess(GuestVirt gva, Op op) : bits_(gva.value << 2 | static_cast<std::uint64_t>(op)) {}
  GuestVirt gva() const { return {static_cast<std::uint64_t>(static_cast<std::int64_t>(bits_) >> 2)}; }
  Op op() const { return static_cast<Op>(bits_ & 3); }
  bool operator==(const PackedAccess&) const = default;

 private:
  std::uint64_t bits_;
};

enum class TraceFormat : std::uint8_t { Lackey, Text, ChampSim };

struct Trace {
  TraceFormat format = TraceFormat::Text;
  std::vector<PackedAccess> accesses;
};

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMaxAccessBytes = 4096;

// Reads a raw lackey log (valgrind --tool=lackey --trace-mem=yes), a text of `r|w|x GVA SIZE` lines or ChampSim's
// instruction records (champsim.hpp), told by content.
//
// lackey: I is x, L is r, S is w, M is r then w; lines of valgrind's own messages are skipped. Text: numbers are
// decimal or 0x, `#` starts a comment. In all, an access that crosses a 4 KiB page is two, and blank lines are
// skipped. Sizes are 1 .. kMaxAccessBytes; every byte of an access has an address that is canonical for 48 bits. Errors
// name file, line and column (or the record), and what was expected there. A trace without any access is an error.
//
// Reading stops after `limit` accesses: later lines are not judged, but compressed data is checked to its end.
std::variant<Trace, InputError> read_trace(const std::string& path, std::uint64_t limit = kNoLimit);

}  // namespace vmmu::tb
