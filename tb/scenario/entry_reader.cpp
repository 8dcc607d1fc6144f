#include "scenario/entry_reader.hpp"

#include <fmt/format.h>

#include "scenario/bit_names.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kMaxMemoryType = 7;
constexpr std::uint64_t kMaxBit = 63;
constexpr std::uint64_t kAllBits = ~std::uint64_t{0};

Position moved(Position at, std::size_t columns) { return {at.line, at.column + static_cast<unsigned>(columns)}; }

BitSet entry_bits(TableKind kind) { return kind == TableKind::Guest ? BitSet::GuestEntry : BitSet::EptEntry; }

std::string_view names_of(TableKind kind) {
  return kind == TableKind::Guest ? "P W U PWT PCD A D PS G NX or bitN" : "R W X IPAT PS A D XU or bitN";
}

std::uint64_t read_bit(LineReader& line, std::string_view name, Position at, TableKind kind) {
  if (const std::optional<std::uint64_t> named = find_bit(entry_bits(kind), name)) return *named;
  constexpr std::string_view kNumbered = "bit";
  if (name.substr(0, kNumbered.size()) == kNumbered && name.size() > kNumbered.size()) {
    const std::uint64_t number =
        line.parse_number(name.substr(kNumbered.size()), moved(at, kNumbered.size()), "the number of a bit", kMaxBit);
    return line.failed() ? 0 : bit(static_cast<unsigned>(number));
  }
  line.fail(at, fmt::format("expected a bit {}, found {}", names_of(kind), quoted(name)));
  return 0;
}

std::uint64_t read_joined_bits(LineReader& line, std::string_view text, Position at, TableKind kind) {
  std::uint64_t bits = 0;
  for (;;) {
    const std::size_t bar = text.find('|');
    bits |= read_bit(line, text.substr(0, bar), at, kind);
    if (bar == std::string_view::npos || line.failed()) return bits;
    text.remove_prefix(bar + 1);
    at = moved(at, bar + 1);
  }
}

EntryBits read_frame(LineReader& line, std::string_view text, Position at) {
  const std::uint64_t address = line.parse_number(text, at, "an address");
  if ((address & ~kFrameMask) != 0) {
    line.fail(at, fmt::format("expected an address below 2^52 that is a multiple of 4096, found {}", quoted(text)));
  }
  return {kFrameMask, address};
}

EntryBits read_memory_type(LineReader& line, std::string_view text, Position at, TableKind kind) {
  if (kind == TableKind::Guest) {
    line.fail(at, "only an EPT entry has a memory type; PWT, PCD and PAT (bit 7 or 12) are bits of a guest entry");
    return {};
  }
  const std::uint64_t type = line.parse_number(text, at, "a memory type", kMaxMemoryType);
  return {kMaxMemoryType << ept::kMemoryTypeShift, type << ept::kMemoryTypeShift};
}

EntryBits read_edit(LineReader& line, TableKind kind) {
  const Position at = line.here();
  const std::string_view token = line.take("an edit");
  constexpr std::string_view kAddr = "addr=";
  constexpr std::string_view kType = "mt=";
  if (line.failed()) return {};
  if (token[0] == '+') return {0, read_joined_bits(line, token.substr(1), moved(at, 1), kind)};
  if (token[0] == '-') return {read_joined_bits(line, token.substr(1), moved(at, 1), kind), 0};
  if (token[0] == '=') return {kAllBits, line.parse_number(token.substr(1), moved(at, 1), "a word")};
  if (token.substr(0, kAddr.size()) == kAddr) {
    return read_frame(line, token.substr(kAddr.size()), moved(at, kAddr.size()));
  }
  if (token.substr(0, kType.size()) == kType) {
    return read_memory_type(line, token.substr(kType.size()), moved(at, kType.size()), kind);
  }
  line.fail(at,
            fmt::format("expected an edit +BIT, -BIT, +bitN, -bitN, addr=A, mt=N or =WORD, found {}", quoted(token)));
  return {};
}

}  // namespace

TableKind read_table_kind(LineReader& line) {
  const Position at = line.here();
  const std::string_view token = line.take("pt or ept");
  if (token != "pt" && token != "ept") line.fail(at, fmt::format("expected pt or ept, found {}", quoted(token)));
  return token == "ept" ? TableKind::Ept : TableKind::Guest;
}

unsigned parse_level(LineReader& line, std::string_view text, Position at, TableKind kind) {
  const char last = kind == TableKind::Guest ? '5' : '4';
  if (text.size() != 2 || text[0] != 'L' || text[1] < '1' || text[1] > last) {
    line.fail(at, fmt::format("expected a level L1 .. L{}, found {}", last, quoted(text)));
    return 1;
  }
  return static_cast<unsigned>(text[1] - '0');
}

EntryBits read_edits(LineReader& line, TableKind kind) {
  EntryBits edits;
  while (!line.at_end()) edits.then(read_edit(line, kind));
  return edits;
}

EntryChange read_entry_change(LineReader& line, std::size_t alternative, std::size_t change) {
  EntryChange result;
  result.alternative = alternative;
  result.change = change;
  const Position at = line.here();
  const std::string_view token = line.take("a change");
  const std::size_t open = token.find('[');
  const std::size_t dot = token.find('.');
  const std::size_t close = token.find(']');
  const std::size_t none = std::string_view::npos;
  if (open == none || dot == none || close == none || !(open < dot && dot < close)) {
    line.fail(at, fmt::format("expected pt[GVA.L<n>]+FLAGS or ept[GPA.L<n>]+FLAGS, found {}", quoted(token)));
    return result;
  }
  result.entry.kind = token.substr(0, open) == "ept" ? TableKind::Ept : TableKind::Guest;
  result.entry.at = at;
  const std::string_view address = token.substr(open + 1, dot - open - 1);
  result.entry.address = line.parse_number(address, moved(at, open + 1), "an address");
  const std::string_view level = token.substr(dot + 1, close - dot - 1);
  result.entry.level = parse_level(line, level, moved(at, dot + 1), result.entry.kind);
  if (token.substr(close + 1, 1) != "+") {
    line.fail(moved(at, close + 1), fmt::format("expected + and flags after ], found {}", quoted(token)));
    return result;
  }
  result.flags = read_joined_bits(line, token.substr(close + 2), moved(at, close + 2), result.entry.kind);
  const std::uint64_t allowed = result.entry.kind == TableKind::Ept ? ept::A | ept::D : pt::A | pt::D;
  if ((result.flags & ~allowed) != 0) line.fail(moved(at, close + 2), "expected the flags A, D or A|D");
  return result;
}

}  // namespace vmmu::tb
