#include "scenario/sugar_reader.hpp"

#include <fmt/format.h>

#include <utility>

#include "scenario/bit_names.hpp"
#include "scenario/entry_reader.hpp"
#include "scenario/outcome_reader.hpp"
#include "scenario/statement_reader.hpp"
#include "scenario/vocabulary.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kPageBytes = page_bytes(PageSize::k4K);
constexpr std::uint64_t kPhysicalEnd = bit(52);
constexpr std::uint64_t kMaxSegmentNumber = 15;

Position moved(Position at, std::size_t columns) { return {at.line, at.column + static_cast<unsigned>(columns)}; }

// A word NAME=VALUE, taken apart.
struct Setting {
  std::string_view name;
  std::string_view value;
  Position at;
  Position value_at;
};

Setting read_setting(LineReader& line, std::string_view expected) {
  Setting setting;
  setting.at = line.here();
  const std::string_view token = line.take(expected);
  const std::size_t equals = token.find('=');
  if (equals == std::string_view::npos) {
    line.fail(setting.at, fmt::format("expected {}, found {}", expected, quoted(token)));
    return setting;
  }
  setting.name = token.substr(0, equals);
  setting.value = token.substr(equals + 1);
  setting.value_at = moved(setting.at, equals + 1);
  return setting;
}

std::uint64_t setting_number(LineReader& line, const Setting& setting, std::uint64_t max = ~std::uint64_t{0}) {
  return line.parse_number(setting.value, setting.value_at, fmt::format("a value of {}", setting.name), max);
}

std::uint64_t setting_page(LineReader& line, const Setting& setting, std::uint64_t max) {
  const std::uint64_t address = setting_number(line, setting, max);
  if (address % kPageBytes != 0) {
    line.fail(setting.value_at, fmt::format("expected a multiple of 4096, found {}", quoted(setting.value)));
  }
  return address;
}

// A setting may stand once in a line.
void check_once(LineReader& line, bool given, const Setting& setting) {
  if (given) line.fail(setting.at, fmt::format("{} is given twice", setting.name));
}

bool more(const LineReader& line) { return !line.at_end() && line.peek() != "ctx"; }

RegisterLine read_reg(LineReader& line) {
  RegisterLine registers;
  do {
    const Setting setting = read_setting(line, "REGISTER=VALUE");
    const std::optional<RegIndex> reg = find_register(setting.name);
    if (!reg) {
      line.fail(setting.at, fmt::format("expected the name of a register, found {}", quoted(setting.name)));
      break;
    }
    const std::uint64_t value =
        read_register_bits(line, setting.value, setting.value_at, setting.name, largest_set_value(*reg));
    registers.writes.push_back({RegVerb::Set, *reg, value});
  } while (more(line));
  return registers;
}

TablesLine read_tables(LineReader& line) {
  TablesLine tables;
  do {
    const Setting setting = read_setting(line, "guest=A or ept=A");
    if (setting.name != "guest" && setting.name != "ept") {
      line.fail(setting.at, fmt::format("expected guest=A or ept=A, found {}", quoted(setting.name)));
      break;
    }
    std::optional<std::uint64_t>& place = setting.name == "guest" ? tables.guest : tables.ept;
    check_once(line, place.has_value(), setting);
    place = setting_page(line, setting, kPhysicalEnd - 1);
  } while (!line.at_end());
  return tables;
}

EptLine read_ept(LineReader& line) {
  constexpr std::uint64_t kMaxIndex = 0xffff;
  EptLine ept;
  bool offset_given = false;
  while (!line.at_end()) {
    if (!ept.accessed_dirty && line.accept("ad")) {
      ept.accessed_dirty = true;
      continue;
    }
    const Setting setting = read_setting(line, "ad, offset=A, pml=A or index=N");
    if (setting.name == "offset") {
      check_once(line, offset_given, setting);
      offset_given = true;
      ept.offset = setting_page(line, setting, ~std::uint64_t{0});
    } else if (setting.name == "pml") {
      check_once(line, ept.pml.has_value(), setting);
      ept.pml = setting_number(line, setting);
    } else if (setting.name == "index") {
      check_once(line, ept.index.has_value(), setting);
      ept.index = setting_number(line, setting, kMaxIndex);
    } else {
      line.fail(setting.at, fmt::format("expected ad, offset=A, pml=A or index=N, found {}", quoted(setting.name)));
    }
  }
  return ept;
}

void expect_arrow(LineReader& line) {
  if (!line.accept("->")) {
    line.fail(line.here(),
              fmt::format("expected ->, found {}", line.at_end() ? "the end of the line" : quoted(line.peek())));
  }
}

void check_aligned(LineReader& line, std::uint64_t address, PageSize size, Position at) {
  if (address % page_bytes(size) != 0) {
    line.fail(at, fmt::format("expected a multiple of the page size {}, found {:#x}; addr= makes misaligned leaves",
                              word(size), address));
  }
}

// The whole range ends at or below `end`.
void check_below(LineReader& line, std::uint64_t first, std::uint64_t bytes, unsigned end_bit, Position at) {
  if (first >= bit(end_bit) || bytes > bit(end_bit) - first) {
    line.fail(
        at, fmt::format("expected pages that end at or below 2^{}, found {:#x} bytes at {:#x}", end_bit, bytes, first));
  }
}

// map GVA -> GPA, emap GPA -> HPA, [4K|2M|1G] [xCOUNT] [EDIT...]
MapLine read_map(LineReader& line, TableKind kind) {
  MapLine map;
  map.kind = kind;
  map.from_at = line.here();
  map.from = line.number(kind == TableKind::Guest ? "a guest-virtual address" : "a guest-physical address");
  expect_arrow(line);
  const Position to_at = line.here();
  map.to = line.number(kind == TableKind::Guest ? "a guest-physical address" : "a host-physical address");
  if (const std::optional<PageSize> size = parse_word<PageSize>(line.peek())) {
    map.size = *size;
    line.take("a page size");
  }
  if (line.peek().substr(0, 1) == "x") {
    const Position at = line.here();
    const std::string_view count = line.take("a count").substr(1);
    map.count = line.parse_number(count, moved(at, 1), "a number of pages", kPhysicalEnd >> page_shift(map.size));
    if (map.count == 0) line.fail(at, "expected at least one page, found 'x0'");
  }
  if (line.failed()) return map;
  check_aligned(line, map.from, map.size, map.from_at);
  check_aligned(line, map.to, map.size, to_at);
  const std::uint64_t bytes = map.count << page_shift(map.size);
  if (kind == TableKind::Ept) check_below(line, map.from, bytes, 48, map.from_at);
  check_below(line, map.to, bytes, 52, to_at);
  map.edit = read_edits(line, kind);
  return map;
}

// entry pt|ept ADDR L<n> EDIT...
EntryLine read_entry(LineReader& line) {
  EntryLine entry;
  entry.entry.at = line.here();
  entry.entry.kind = read_table_kind(line);
  entry.entry.address = line.number("an address");
  const Position level_at = line.here();
  const std::string_view level = line.take("a level");
  if (line.failed()) return entry;
  entry.entry.level = parse_level(line, level, level_at, entry.entry.kind);
  if (line.at_end()) line.fail(line.here(), "expected an edit, found the end of the line");
  entry.edit = read_edits(line, entry.entry.kind);
  return entry;
}

std::uint64_t read_rights(LineReader& line, std::uint64_t all, bool guest) {
  if (!more(line)) return all;
  const Position at = line.here();
  const std::string_view token = line.take("permissions");
  constexpr std::string_view kLetters = "rwxu";
  const std::string_view letters = kLetters.substr(0, guest ? 4 : 3);
  std::uint64_t rights = 0;
  for (const char c : token) {
    const std::size_t place = letters.find(c);
    if (place == std::string_view::npos || (rights & bit(static_cast<unsigned>(place))) != 0) {
      line.fail(at, fmt::format("expected some of the letters {}, each once, found {}", letters, quoted(token)));
      return 0;
    }
    rights |= bit(static_cast<unsigned>(place));
  }
  return rights;
}

// segment guest|vmm[N] BASE LIMIT OFFSET [rwxu]
RegisterLine read_segment(LineReader& line) {
  const Position at = line.here();
  const std::string_view name = line.take("guest or vmm[N]");
  const bool guest = name == "guest";
  std::string prefix = guest ? "gseg" : "vseg0";
  if (!guest && name.substr(0, 3) != "vmm") {
    line.fail(at, fmt::format("expected guest or vmm[N], found {}", quoted(name)));
  } else if (!guest && name.size() > 3) {
    const std::string_view digits = name.substr(3);
    prefix =
        fmt::format("vseg{}", line.parse_number(digits, moved(at, 3), "the number of a segment", kMaxSegmentNumber));
  }
  RegisterLine registers;
  const auto add = [&](std::string_view part, std::uint64_t value) {
    registers.writes.push_back({RegVerb::Set, *find_register(fmt::format("{}.{}", prefix, part)), value});
  };
  const auto max = [&](std::string_view part) {
    return register_name(*find_register(fmt::format("{}.{}", prefix, part))).max;
  };
  if (line.failed()) return registers;
  add("base", line.number("a base", max("base")));
  add("limit", line.number("a limit", max("limit")));
  add("offset", line.number("an offset", max("offset")));
  add("attr", read_rights(line, max("attr"), guest));
  return registers;
}

// read|write|fetch user|kernel GVA [ctx N] [-> OUTCOME]. Lists of changes are open.
FlatLine read_plain_access(LineReader& line, Op op, unsigned& ctx, bool& ctx_given) {
  FlatLine flat;
  AccessStatement access;
  access.op = op;
  const Position at = line.here();
  const std::string_view privilege = line.take("user or kernel");
  if (privilege != "user" && privilege != "kernel") {
    line.fail(at, fmt::format("expected user or kernel, found {}", quoted(privilege)));
  }
  access.privilege = privilege == "user" ? Privilege::User : Privilege::Supervisor;
  access.gva = line.number("an address");
  read_ctx(line, ctx, ctx_given);
  if (line.accept("->")) access.expected = read_outcomes(line, &flat.entry_changes);
  for (Outcome& outcome : access.expected) outcome.open = true;
  flat.statement.body = std::move(access);
  return flat;
}

std::optional<Op> plain_access(std::string_view verb) {
  if (verb == "read") return Op::Read;
  if (verb == "write") return Op::Write;
  if (verb == "fetch") return Op::Fetch;
  return std::nullopt;
}

}  // namespace

bool is_sugar_verb(std::string_view verb) {
  for (const std::string_view w : {"reg", "tables", "ept", "map", "emap", "entry", "segment"}) {
    if (w == verb) return true;
  }
  return plain_access(verb).has_value();
}

SugarStatement read_sugar_statement(LineReader& line) {
  SugarStatement result;
  result.at = line.here();
  const std::string_view verb = line.peek();
  if (!is_sugar_verb(verb)) {
    FlatLine flat;
    flat.statement = read_statement(line, &flat.entry_changes);
    result.ctx = flat.statement.ctx;
    result.body = std::move(flat);
    return result;
  }
  line.take("a statement");
  bool ctx_given = false;
  if (verb == "tables") {
    result.body = read_tables(line);
  } else if (verb == "ept") {
    result.body = read_ept(line);
  } else if (verb == "map" || verb == "emap") {
    result.body = read_map(line, verb == "map" ? TableKind::Guest : TableKind::Ept);
  } else if (verb == "entry") {
    result.body = read_entry(line);
  } else if (verb == "reg" || verb == "segment") {
    result.body = verb == "reg" ? read_reg(line) : read_segment(line);
    read_ctx(line, result.ctx, ctx_given);
  } else {
    FlatLine flat = read_plain_access(line, *plain_access(verb), result.ctx, ctx_given);
    read_ctx(line, result.ctx, ctx_given);
    flat.statement.at = result.at;
    flat.statement.ctx = result.ctx;
    result.body = std::move(flat);
  }
  line.expect_end();
  return result;
}

}  // namespace vmmu::tb
