#include "scenario/outcome_reader.hpp"

#include <fmt/format.h>

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

// ept QUAL[/MASK] [gpa A] [gla A]
void read_ept(LineReader& line, Outcome& outcome) {
  const Position at = line.here();
  const std::string_view token = line.take("an exit qualification");
  const std::size_t slash = token.find('/');
  outcome.code = line.parse_number(token.substr(0, slash), at, "an exit qualification");
  if (slash != std::string_view::npos) {
    const Position mask_at{at.line, at.column + static_cast<unsigned>(slash) + 1};
    outcome.code_mask = line.parse_number(token.substr(slash + 1), mask_at, "a mask");
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
    case OutcomeKind::PageFault: outcome.code = line.number("a page-fault error code"); break;
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

Outcome read_outcome(LineReader& line) {
  Outcome outcome;
  read_kind(line, outcome);
  if (!line.accept("|")) return outcome;
  while (!ends_outcome(line) && !outcome.open) {
    if (line.accept("...")) {
      outcome.open = true;
    } else {
      outcome.changes.push_back(read_change(line));
    }
  }
  return outcome;
}

}  // namespace

std::vector<Outcome> read_outcomes(LineReader& line) {
  std::vector<Outcome> outcomes;
  do {
    outcomes.push_back(read_outcome(line));
  } while (line.accept("or"));
  return outcomes;
}

}  // namespace vmmu::tb
