#include "scenario/bit_names.hpp"

#include <fmt/format.h>

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

struct BitName {
  std::string_view name;
  std::uint64_t value;
};

// SDM vol. 3, figure 4-12.
constexpr BitName kPageFaultCode[] = {{"P", bit(0)},    {"W", bit(1)}, {"U", bit(2)},
                                      {"RSVD", bit(3)}, {"I", bit(4)}, {"PK", bit(5)}};
// SDM vol. 3, table 28-7: what was tried, what the EPT entries permit, gVA valid, and advanced information.
constexpr BitName kEptQualification[] = {{"r", bit(0)},     {"w", bit(1)},  {"x", bit(2)},   {"er", bit(3)},
                                         {"ew", bit(4)},    {"ex", bit(5)}, {"exu", bit(6)}, {"lin", bit(7)},
                                         {"final", bit(8)}, {"us", bit(9)}, {"rw", bit(10)}, {"nx", bit(11)}};
constexpr BitName kGuestEntry[] = {{"P", pt::P}, {"W", pt::W}, {"U", pt::U},   {"PWT", pt::PWT}, {"PCD", pt::PCD},
                                   {"A", pt::A}, {"D", pt::D}, {"PS", pt::PS}, {"G", pt::G},     {"NX", pt::NX}};
constexpr BitName kEptEntry[] = {{"R", ept::R},   {"W", ept::W}, {"X", ept::X}, {"IPAT", ept::IPAT},
                                 {"PS", ept::PS}, {"A", ept::A}, {"D", ept::D}, {"XU", ept::XU}};

// SDM vol. 3, 2.5 and 2.2.1; RFLAGS: vol. 1, 3.4.3.
constexpr BitName kCr0[] = {{"PE", bit(0)},  {"MP", bit(1)},  {"EM", bit(2)},  {"TS", bit(3)},
                            {"ET", bit(4)},  {"NE", bit(5)},  {"WP", bit(16)}, {"AM", bit(18)},
                            {"NW", bit(29)}, {"CD", bit(30)}, {"PG", bit(31)}};
constexpr BitName kCr3[] = {{"PWT", bit(3)}, {"PCD", bit(4)}};
constexpr BitName kCr4[] = {
    {"VME", bit(0)},         {"PVI", bit(1)},    {"TSD", bit(2)},      {"DE", bit(3)},    {"PSE", bit(4)},
    {"PAE", bit(5)},         {"MCE", bit(6)},    {"PGE", bit(7)},      {"PCE", bit(8)},   {"OSFXSR", bit(9)},
    {"OSXMMEXCPT", bit(10)}, {"UMIP", bit(11)},  {"LA57", bit(12)},    {"VMXE", bit(13)}, {"SMXE", bit(14)},
    {"FSGSBASE", bit(16)},   {"PCIDE", bit(17)}, {"OSXSAVE", bit(18)}, {"KL", bit(19)},   {"SMEP", bit(20)},
    {"SMAP", bit(21)},       {"PKE", bit(22)},   {"CET", bit(23)},     {"PKS", bit(24)},  {"UINTR", bit(25)}};
constexpr BitName kEfer[] = {{"SCE", bit(0)}, {"LME", bit(8)}, {"LMA", bit(10)}, {"NXE", bit(11)}};
constexpr BitName kRflags[] = {{"CF", bit(0)},  {"PF", bit(2)},  {"AF", bit(4)},  {"ZF", bit(6)},  {"SF", bit(7)},
                               {"TF", bit(8)},  {"IF", bit(9)},  {"DF", bit(10)}, {"OF", bit(11)}, {"NT", bit(14)},
                               {"RF", bit(16)}, {"VM", bit(17)}, {"AC", bit(18)}};
// Architecture, section 5: attributes of segments. U is one of the guest segment only.
constexpr BitName kSegment[] = {{"R", bit(0)}, {"W", bit(1)}, {"X", bit(2)}, {"U", bit(3)}};

template <std::size_t count>
std::optional<std::uint64_t> find(const BitName (&table)[count], std::string_view name) {
  for (const BitName& entry : table) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// AD0 WD0 AD1 ... WD15 (SDM 4.6.2).
std::optional<std::uint64_t> find_key_right(std::string_view name) {
  constexpr unsigned kKeys = 16;
  for (unsigned key = 0; key < kKeys; ++key) {
    if (name == fmt::format("AD{}", key)) return bit(2 * key);
    if (name == fmt::format("WD{}", key)) return bit(2 * key + 1);
  }
  return std::nullopt;
}

template <class Find>
std::uint64_t read_joined(LineReader& line, std::string_view text, Position at, const Find& find_name,
                          std::string_view expected, std::uint64_t max) {
  std::uint64_t value = 0;
  Position part_at = at;
  for (;;) {
    const std::size_t bar = text.find('|');
    const std::string_view part = text.substr(0, bar);
    if (const std::optional<std::uint64_t> named = find_name(part)) {
      value |= *named;
    } else if (!part.empty() && part[0] >= '0' && part[0] <= '9') {
      value |= line.parse_number(part, part_at, expected, max);
    } else {
      line.fail(part_at,
                fmt::format("expected {}: names of bits or numbers, joined by |, found {}", expected, quoted(part)));
    }
    if (bar == std::string_view::npos || line.failed()) break;
    text.remove_prefix(bar + 1);
    part_at.column += static_cast<unsigned>(bar) + 1;
  }
  if (value > max) line.fail(at, fmt::format("expected {} of at most {:#x}", expected, max));
  return value;
}

}  // namespace

std::optional<std::uint64_t> find_bit(BitSet set, std::string_view name) {
  switch (set) {
    case BitSet::PageFaultCode: return find(kPageFaultCode, name);
    case BitSet::EptQualification: return find(kEptQualification, name);
    case BitSet::GuestEntry: return find(kGuestEntry, name);
    case BitSet::EptEntry: return find(kEptEntry, name);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> find_register_bit(std::string_view register_name, std::string_view name) {
  if (register_name == "cr0") return find(kCr0, name);
  if (register_name == "cr3") return find(kCr3, name);
  if (register_name == "cr4") return find(kCr4, name);
  if (register_name == "efer") return find(kEfer, name);
  if (register_name == "rflags") return find(kRflags, name);
  if (register_name == "pkru") return find_key_right(name);
  if (ends_with(register_name, ".attr")) return find(kSegment, name);
  return std::nullopt;
}

std::uint64_t read_bits(LineReader& line, std::string_view text, Position at, BitSet set, std::string_view expected,
                        std::uint64_t max) {
  return read_joined(
      line, text, at, [set](std::string_view name) { return find_bit(set, name); }, expected, max);
}

std::uint64_t read_register_bits(LineReader& line, std::string_view text, Position at, std::string_view register_name,
                                 std::uint64_t max) {
  return read_joined(
      line, text, at, [register_name](std::string_view name) { return find_register_bit(register_name, name); },
      fmt::format("a value of {}", register_name), max);
}

}  // namespace vmmu::tb
