#include "scenario/statement_reader.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "scenario/outcome_reader.hpp"
#include "scenario/vocabulary.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kMaxContext = 15;  // architecture: 2 .. 16 contexts
constexpr std::uint64_t kMaxPcid = 0xfff;
constexpr std::uint64_t kMaxVpid = 0xffff;
constexpr std::uint64_t kMaxCount = 0xffff'ffff;
// MAXPHYADDR of a machine, SDM 4.1.4. `now` and `stage` write the 8-bit register, whose value COMMIT judges.
constexpr std::uint64_t kMaxMaxPhyAddr = 52;

template <class Enum>
Enum read_word(LineReader& line, std::string_view expected) {
  const Position at = line.here();
  const std::string_view token = line.take(expected);
  const std::optional<Enum> value = parse_word<Enum>(token);
  if (!value) line.fail(at, fmt::format("expected {}, found {}", expected, quoted(token)));
  return value.value_or(Enum{});
}

RegWrite read_register(LineReader& line, RegVerb verb) {
  const Position at = line.here();
  const std::string_view name = line.take("the name of a register");
  const std::optional<RegIndex> reg = find_register(name);
  if (!reg) {
    line.fail(at, fmt::format("expected the name of a register, found {}", quoted(name)));
    return {};
  }
  const std::uint64_t max = verb == RegVerb::Set ? largest_set_value(*reg) : register_name(*reg).max;
  return {verb, *reg, line.number(fmt::format("a value of {}", name), max)};
}

MemWords read_mem(LineReader& line) {
  MemWords mem;
  mem.addr = line.word_address("an address");
  do {
    line.check_word_address(mem.addr + 8 * mem.words.size(), line.here());
    mem.words.push_back(line.number("a word"));
  } while (!line.at_end());
  return mem;
}

PokeWord read_poke(LineReader& line) {
  PokeWord poke;
  poke.addr = line.word_address("an address");
  poke.word = line.number("a word");
  return poke;
}

AccessStatement read_access(LineReader& line, bool wait, unsigned& ctx, bool& ctx_given,
                            std::vector<EntryChange>* entries) {
  AccessStatement access;
  access.wait = wait;
  access.op = read_word<Op>(line, "r, w or x");
  access.privilege = read_word<Privilege>(line, "u, s or i");
  access.gva = line.number("an address");
  read_ctx(line, ctx, ctx_given);
  if (line.accept("->")) access.expected = read_outcomes(line, entries);
  return access;
}

CommitStatement read_commit(LineReader& line, unsigned& ctx, bool& ctx_given) {
  CommitStatement commit;
  read_ctx(line, ctx, ctx_given);
  if (line.accept("->")) commit.expected = read_word<CommitStatus>(line, "ok, rejected or busy");
  return commit;
}

InvOp typed(InvOp first, std::uint64_t offset) { return static_cast<InvOp>(static_cast<unsigned>(first) + offset); }

Invalidation read_invalidation(LineReader& line, std::string_view verb) {
  Invalidation inv;
  if (verb == "invlpg") {
    inv.op = InvOp::Invlpg;
    inv.addr = line.number("an address");
  } else if (verb == "invpcid") {
    inv.op = typed(InvOp::Invpcid0, line.number("a type 0 .. 3", 3));
    inv.pcid = static_cast<std::uint16_t>(line.number("a PCID", kMaxPcid));
    inv.addr = line.number("an address");
  } else if (verb == "invvpid") {
    inv.op = typed(InvOp::Invvpid0, line.number("a type 0 .. 3", 3));
    inv.vpid = static_cast<std::uint16_t>(line.number("a VPID", kMaxVpid));
    inv.addr = line.number("an address");
  } else if (verb == "invept") {
    const Position at = line.here();
    const std::uint64_t type = line.number("a type 1 or 2", 2);
    if (type == 0) line.fail(at, "expected a type 1 or 2, found '0'");
    inv.op = type == 1 ? InvOp::Invept1 : InvOp::Invept2;
    inv.addr = line.number("an EPTP");
  } else if (verb == "loadcr3") {
    inv.op = InvOp::LoadCr3;
    inv.addr = line.number("a value of cr3");
  } else {
    inv.op = verb == "invctx" ? InvOp::Invctx : InvOp::All;
  }
  return inv;
}

StatementBody read_expect(LineReader& line) {
  if (line.accept("noevent")) return ExpectEvent{};
  if (line.accept("event")) return ExpectEvent{read_word<EventName>(line, "the name of an event")};
  ExpectCounter expect;
  expect.counter = read_word<CounterName>(line, "a counter, `event` or `noevent`");
  expect.comparison = read_word<Comparison>(line, "==, <= or >=");
  expect.count = line.number("a count");
  return expect;
}

BusErrors read_buserr(LineReader& line) {
  BusErrors errors;
  errors.addr = line.word_address("an address");
  if (!line.at_end() && line.peek() != "ctx") {
    const Position at = line.here();
    errors.count = static_cast<unsigned>(line.number("a number of requests", kMaxCount));
    if (errors.count == 0) line.fail(at, "expected a number of requests of at least 1, found '0'");
  }
  return errors;
}

EscapePage read_escape(LineReader& line) {
  EscapePage escape;
  const Position at = line.here();
  const std::string_view level = line.take("guest or vmm");
  if (level != "guest" && level != "vmm") line.fail(at, fmt::format("expected guest or vmm, found {}", quoted(level)));
  escape.guest = level == "guest";
  escape.addr = line.number("an address");
  return escape;
}

// shadowroot SLOT GUESTROOT SHADOWROOT TAG
ShadowRootRow read_shadow_root(LineReader& line) {
  ShadowRootRow root;
  root.slot = static_cast<unsigned>(line.number("a slot 0 .. 7", kShadowRows - 1));
  root.row.guest_root = line.number("a guest root");
  root.row.shadow_root = line.number("a shadow root");
  root.row.tag = line.number("a tag");
  root.row.valid = true;
  return root;
}

bool is_one_of(std::string_view verb, std::initializer_list<std::string_view> words) {
  for (const std::string_view w : words) {
    if (w == verb) return true;
  }
  return false;
}

}  // namespace

std::uint64_t largest_set_value(RegIndex reg) {
  return reg == reg_index(Reg::MaxPhyAddr) ? kMaxMaxPhyAddr : register_name(reg).max;
}

void read_ctx(LineReader& line, unsigned& ctx, bool& given) {
  if (given || !line.accept("ctx")) return;
  given = true;
  ctx = static_cast<unsigned>(line.number("a context", kMaxContext));
}

Statement read_statement(LineReader& line, std::vector<EntryChange>* entries) {
  Statement statement;
  statement.at = line.here();
  const std::string_view verb = line.take("a statement");
  bool ctx_given = false;
  bool takes_ctx = true;
  if (verb == "mem") {
    statement.body = read_mem(line);
    takes_ctx = false;
  } else if (verb == "poke") {
    statement.body = read_poke(line);
    takes_ctx = false;
  } else if (const std::optional<RegVerb> write = parse_word<RegVerb>(verb)) {
    statement.body = read_register(line, *write);
  } else if (verb == "access" || verb == "issue") {
    statement.body = read_access(line, verb == "access", statement.ctx, ctx_given, entries);
  } else if (verb == "sync") {
    statement.body = SyncStatement{};
  } else if (verb == "commit") {
    statement.body = read_commit(line, statement.ctx, ctx_given);
  } else if (is_one_of(verb, {"invlpg", "invpcid", "invvpid", "invept", "invctx", "loadcr3", "flush"})) {
    statement.body = read_invalidation(line, verb);
  } else if (verb == "expect") {
    statement.body = read_expect(line);
  } else if (verb == "buserr") {
    statement.body = read_buserr(line);
  } else if (verb == "race") {
    const PokeWord race = read_poke(line);
    statement.body = RaceWord{race.addr, race.word};
  } else if (verb == "escape") {
    statement.body = read_escape(line);
  } else if (verb == "shadowroot") {
    statement.body = read_shadow_root(line);
  } else if (verb == "rootdone") {
    statement.body = RootDone{};
  } else if (verb == "syncdone") {
    statement.body = SyncDone{};
  } else {
    line.fail(statement.at, fmt::format("expected a statement or `end`, found {}", quoted(verb)));
  }
  if (takes_ctx) read_ctx(line, statement.ctx, ctx_given);
  line.expect_end();
  return statement;
}

}  // namespace vmmu::tb
