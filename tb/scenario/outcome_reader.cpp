#include "scenario/outcome_reader.hpp"

#include <fmt/format.h>

#include "scenario/bit_names.hpp"
#include "scenario/entry_reader.hpp"
#include "scenario/vocabulary.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kMaxPat = 7;
constexpr std::uint64_t kMaxMemoryType = 7;

PageSize read_size(LineReader& line) {
  const Position at = line.here();
  const std::string_view token = line.take("a page size 4K, 2M or 1G");
  const std::optional<PageSize> size = parse_word<PageSize>(token);
  if (!size) line.fail(at, fmt::format("expected a page size 4K, 2M or 1G, found {}", quoted(token)));
  return size.value_or(PageSize::k4K);
}

// ok HPA|* [size S] [pat N] [emt N] [ipat]
void read_ok(LineReader& line, Outcome& outcome) {
  if (!line.accept("*")) outcome.address = line.number("a host-physical address or *");
  while (!line.at_end()) {
    if (!outcome.size && line.accept("size")) {
      outcome.size = read_size(line);
    } else if (!outcome.pat && line.accept("pat")) {
      outcome.pat = static_cast<std::uint8_t>(line.number("a PAT index", kMaxPat));
    } else if (!outcome.emt && line.accept("emt")) {
      outcome.emt = static_cast<std::uint8_t>(line.number("an EPT memory type", kMaxMemoryType));
    } else if (!outcome.ipat && line.accept("ipat")) {
      outcome.ipat = true;
    } else {
      return;
    }
  }
}

void read_gpa(LineReader& line, Outcome& outcome) { outcome.address = line.number("a guest-physical address"); }
void read_gla(LineReader& line, Outcome& outcome) { outcome.linear = line.number("a guest linear address"); }

// A code as a number, in the sugar layer also by the names of its bits. `text` stands at `at`.
std::uint64_t read_code(LineReader& line, std::string_view text, Position at, BitSet set, std::string_view expected) {
  if (line.layer() == Layer::Flat) return line.parse_number(text, at, expected);
  return read_bits(line, text, at, set, expected);
}

void read_pf(LineReader& line, Outcome& outcome) {
  constexpr std::string_view kExpected = "a page-fault error code";
  const Position at = line.here();
  const std::string_view token = line.take(kExpected);
  if (!line.failed()) outcome.code = read_code(line, token, at, BitSet::PageFaultCode, kExpected);
}

// ept QUAL[/MASK] [gpa A] [gla A]
void read_ept(LineReader& line, Outcome& outcome) {
  const Position at = line.here();
  const std::string_view token = line.take("an exit qualification");
  const std::size_t slash = token.find('/');
  constexpr BitSet kSet = BitSet::EptQualification;
  if (line.failed()) return;
  outcome.code = read_code(line, token.substr(0, slash), at, kSet, "an exit qualification");
  if (slash != std::string_view::npos) {
    const Position mask_at{at.line, at.column + static_cast<unsigned>(slash) + 1};
    outcome.code_mask = read_code(line, token.substr(slash + 1), mask_at, kSet, "a mask");
  }
  while (!line.at_end()) {
    if (!outcome.address && line.accept("gpa")) {
      read_gpa(line, outcome);
    } else if (!outcome.linear && line.accept("gla")) {
      read_gla(line, outcome);
    } else {
      return;
    }
  }
}

// seg g|v ADDR
void read_seg(LineReader& line, Outcome& outcome) {
  const Position at = line.here();
  const std::string_view level = line.take("g or v");
  if (level != "g" && level != "v") line.fail(at, fmt::format("expected g or v, found {}", quoted(level)));
  outcome.guest_segment = level == "g";
  outcome.address = line.number("an address");
}

void require(LineReader& line, std::string_view token) {
  if (!line.accept(token)) {
    line.fail(line.here(),
              fmt::format("expected {}, found {}", token, line.at_end() ? "the end of the line" : quoted(line.peek())));
  }
}

void read_kind(LineReader& line, Outcome& outcome) {
  const Position at = line.here();
  const std::string_view token = line.take("an outcome");
  const std::optional<OutcomeKind> kind = parse_word<OutcomeKind>(token);
  if (!kind) {
    line.fail(at, fmt::format("expected an outcome (ok pf gp ept misconfig pmlfull epmlfull seg vsegexit shadowmiss "
                              "buserror unsup), found {}",
                              quoted(token)));
    return;
  }
  outcome.kind = *kind;
  switch (*kind) {
    case OutcomeKind::Ok: read_ok(line, outcome); break;
    case OutcomeKind::PageFault: read_pf(line, outcome); break;
    case OutcomeKind::EptViolation: read_ept(line, outcome); break;
    case OutcomeKind::EptMisconfig:
      if (line.accept("gpa")) read_gpa(line, outcome);
      break;
    case OutcomeKind::SegmentFault: read_seg(line, outcome); break;
    case OutcomeKind::VsegExit:
      require(line, "gpa");
      read_gpa(line, outcome);
      break;
    case OutcomeKind::ShadowMiss:
      require(line, "gla");
      read_gla(line, outcome);
      break;
    case OutcomeKind::BusError: outcome.address = line.number("a host-physical address"); break;
    case OutcomeKind::NonCanonical:
    case OutcomeKind::PmlFull:
    case OutcomeKind::EpmlFull:
    case OutcomeKind::Unsupported: break;
  }
}

// ADDR=WORD[~IGNORED] or REG=VALUE
Change read_change(LineReader& line) {
  const Position at = line.here();
  const std::string_view token = line.take("a change");
  const std::size_t equals = token.find('=');
  if (equals == std::string_view::npos) {
    line.fail(at, fmt::format("expected ADDR=WORD, REG=VALUE or ..., found {}", quoted(token)));
    return {};
  }
  const std::string_view left = token.substr(0, equals);
  const std::string_view right = token.substr(equals + 1);
  const Position right_at{at.line, at.column + static_cast<unsigned>(equals) + 1};
  Change change;
  if (const std::optional<RegIndex> reg = find_register(left)) {
    change.reg = reg;
    change.value = line.parse_number(right, right_at, "a register value", register_name(*reg).max);
    return change;
  }
  const bool numeric = !left.empty() && left[0] >= '0' && left[0] <= '9';
  if (!numeric) {
    line.fail(at, fmt::format("expected an address or the name of a register, found {}", quoted(left)));
    return {};
  }
  change.addr = line.check_word_address(line.parse_number(left, at, "an address"), at);
  const std::size_t tilde = right.find('~');
  change.value = line.parse_number(right.substr(0, tilde), right_at, "a word");
  if (tilde != std::string_view::npos) {
    const Position tilde_at{right_at.line, right_at.column + static_cast<unsigned>(tilde) + 1};
    change.ignored = line.parse_number(right.substr(tilde + 1), tilde_at, "the bits to ignore");
  }
  return change;
}

bool ends_outcome(const LineReader& line) { return line.at_end() || line.peek() == "or" || line.peek() == "ctx"; }

bool names_entry(const LineReader& line) {
  const std::string_view token = line.peek();
  return line.layer() == Layer::Sugar && (token.substr(0, 3) == "pt[" || token.substr(0, 4) == "ept[");
}

Outcome read_outcome(LineReader& line, std::size_t alternative, std::vector<EntryChange>* entries) {
  Outcome outcome;
  read_kind(line, outcome);
  if (!line.accept("|")) return outcome;
  while (!ends_outcome(line) && !outcome.open) {
    if (line.accept("...")) {
      outcome.open = true;
    } else if (names_entry(line)) {
      entries->push_back(read_entry_change(line, alternative, outcome.changes.size()));
      outcome.changes.emplace_back();
    } else {
      outcome.changes.push_back(read_change(line));
    }
  }
  return outcome;
}

}  // namespace

std::vector<Outcome> read_outcomes(LineReader& line, std::vector<EntryChange>* entries) {
  std::vector<Outcome> outcomes;
  do {
    outcomes.push_back(read_outcome(line, outcomes.size(), entries));
  } while (line.accept("or"));
  return outcomes;
}

}  // namespace vmmu::tb
