// A scenario file, as read. One struct per kind of statement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/engine.hpp"
#include "scenario/register_names.hpp"

namespace vmmu::tb {

// A place in a file, both from 1.
struct Position {
  unsigned line = 1;
  unsigned column = 1;
  bool operator==(const Position&) const = default;
};

enum class OutcomeKind : std::uint8_t {
  Ok,
  PageFault,
  NonCanonical,
  EptViolation,
  EptMisconfig,
  PmlFull,
  EpmlFull,
  SegmentFault,
  VsegExit,
  ShadowMiss,
  BusError,
  Unsupported,
};

// `ADDR=WORD[~IGNORED]` or `REG=VALUE`.
struct Change {
  std::optional<RegIndex> reg;  // empty: a word of memory
  std::uint64_t addr = 0;       // of the word
  std::uint64_t value = 0;
  std::uint64_t ignored = 0;  // bits of the word that are not compared
  bool operator==(const Change&) const = default;
};

// What an access did, or what is expected of it; then an empty member means "not compared".
struct Outcome {
  OutcomeKind kind = OutcomeKind::Unsupported;
  std::optional<std::uint64_t> address;  // ok: hPA; ept, misconfig, vsegexit: gPA; seg: gVA or gPA; buserror: hPA
  std::optional<std::uint64_t> linear;   // ept, shadowmiss: gVA
  std::uint64_t code = 0;                // pf: error code; ept: qualification
  std::uint64_t code_mask = ~std::uint64_t{0};  // ept: bits of the qualification that are compared
  bool guest_segment = false;                   // seg: `g`
  std::optional<PageSize> size;                 // these four: ok
  std::optional<std::uint8_t> pat;
  std::optional<std::uint8_t> emt;
  std::optional<bool> ipat;
  std::vector<Change> changes;
  bool open = false;  // closing `...`: further changes are allowed
  bool operator==(const Outcome&) const = default;
};

enum class Privilege : std::uint8_t { User, Supervisor, Implicit };
enum class Comparison : std::uint8_t { Equal, AtMost, AtLeast };

// Counters by the names of the language, in the order of the table in vocabulary.cpp.
enum class CounterName : std::uint8_t {
  Refs,
  GuestRefs,
  NestedRefs,
  Cas,
  Bitmap,
  Checks,
  FilterHits,
  L1Hit,
  L2Hit,
  NtlbHit,
  Walks,
  RecordsPml,
  RecordsPrl,
  RecordsEpml,
  DropsPrl,
};
inline constexpr std::size_t kNumCounterNames = 15;

// Events by the names of the language. The first eight are the bits of the host event register.
enum class EventName : std::uint8_t {
  CommitRejected,
  PmlWatermark,
  PrlFull,
  PrlWatermark,
  LogError,
  ShadowRoot,
  SyncPending,
  Watchdog,
  EpmlFull,
  EpmlWatermark,
};
inline constexpr std::size_t kNumEventNames = 10;

enum class RegVerb : std::uint8_t { Set, Now, Stage };
struct RegWrite {
  RegVerb verb = RegVerb::Set;
  RegIndex reg = 0;
  std::uint64_t value = 0;
};
struct MemWords {
  std::uint64_t addr = 0;
  std::vector<std::uint64_t> words;
};
struct PokeWord {
  std::uint64_t addr = 0;
  std::uint64_t word = 0;
};
struct AccessStatement {
  bool wait = true;  // `access`; otherwise `issue`
  Op op = Op::Read;
  Privilege privilege = Privilege::User;
  std::uint64_t gva = 0;
  std::vector<Outcome> expected;  // alternatives; none: nothing is expected
};
struct SyncStatement {};
struct CommitStatement {
  std::optional<CommitStatus> expected;
};
struct ExpectCounter {
  CounterName counter = CounterName::Refs;
  Comparison comparison = Comparison::Equal;
  std::uint64_t count = 0;
};
struct ExpectEvent {
  std::optional<EventName> event;  // empty: `noevent`
};
struct BusErrors {
  std::uint64_t addr = 0;
  unsigned count = 1;
};
struct RaceWord {
  std::uint64_t addr = 0;
  std::uint64_t word = 0;
};
// `escape guest|vmm ADDR`: a register write, like `set` before the run begins and like `now` after it.
struct EscapePage {
  bool guest = true;
  std::uint64_t addr = 0;
};
struct ShadowRootRow {
  unsigned slot = 0;
  ShadowRow row;
};
struct RootDone {};
struct SyncDone {};

using StatementBody =
    std::variant<RegWrite, MemWords, PokeWord, AccessStatement, SyncStatement, CommitStatement, Invalidation,
                 ExpectCounter, ExpectEvent, BusErrors, RaceWord, EscapePage, ShadowRootRow, RootDone, SyncDone>;

struct Statement {
  Position at;
  unsigned ctx = 0;  // an Invalidation's own `ctx` is filled when it is run
  StatementBody body;
};

struct Scenario {
  Position at;
  std::string name;
  std::vector<Statement> statements;
};

struct ScenarioFile {
  std::string name;  // of the file, for messages
  std::vector<Scenario> scenarios;
};

}  // namespace vmmu::tb
