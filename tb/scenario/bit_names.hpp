// Names of bits, as the sugar layer writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "scenario/line_reader.hpp"

namespace vmmu::tb {

// What the bits belong to.
enum class BitSet : std::uint8_t {
  PageFaultCode,     // P W U RSVD I PK
  EptQualification,  // r w x er ew ex exu lin final us rw nx
  GuestEntry,        // P W U PWT PCD A D PS G NX
  EptEntry,          // R W X IPAT PS A D XU
};

// Value of the named bit, if there is one.
std::optional<std::uint64_t> find_bit(BitSet set, std::string_view name);
// The same for a register: cr0, cr3, cr4, efer, rflags, pkru, and attributes of segments have names.
std::optional<std::uint64_t> find_register_bit(std::string_view register_name, std::string_view name);

// Names and numbers joined by `|`, as one value of at most `max`. `text` is a part of a word that has been taken and
// stands at `at`. Errors stick in `line`.
std::uint64_t read_bits(LineReader& line, std::string_view text, Position at, BitSet set, std::string_view expected,
                        std::uint64_t max = ~std::uint64_t{0});
std::uint64_t read_register_bits(LineReader& line, std::string_view text, Position at, std::string_view register_name,
                                 std::uint64_t max);

}  // namespace vmmu::tb
