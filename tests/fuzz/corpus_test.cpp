// The corpus of the fuzz targets reaches every statement of the grammar.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scenario/reader.hpp"
#include "scenario/sugar_reader.hpp"
#include "scenario/vocabulary.hpp"
#include "trace/record_reader.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

std::vector<std::string> files_of(const std::string& target) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(VMMU_CORPUS "/" + target)) {
    files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Values of each enumeration, and other things by name, that were seen in files that read without an error.
class Seen {
 public:
  template <class Enum>
  void add(const char* what, Enum value) {
    numbers_[what].insert(static_cast<std::size_t>(value));
  }
  void check_all(const char* what, std::size_t count) {
    INFO(what);
    for (std::size_t i = 0; i < count; ++i) {
      INFO("number " << i);
      CHECK(numbers_[what].count(i) == 1);
    }
    CHECK(numbers_[what].size() == count);
  }

 private:
  std::map<std::string, std::set<std::size_t>> numbers_;
};

// ---- Scenarios.

void note_outcomes(const std::vector<Outcome>& outcomes, Seen& seen) {
  seen.add("alternatives", std::min<std::size_t>(outcomes.size(), 2));
  for (const Outcome& o : outcomes) {
    seen.add("outcome", o.kind);
    seen.add("open list", o.open);
    if (o.size) seen.add("size", *o.size);
    if (o.kind == OutcomeKind::Ok) seen.add("any address", !o.address);
    if (o.kind == OutcomeKind::Ok) seen.add("pat, emt, ipat", o.pat && o.emt && o.ipat);
    if (o.kind == OutcomeKind::EptViolation) seen.add("mask", o.code_mask != ~std::uint64_t{0});
    if (o.kind == OutcomeKind::SegmentFault) seen.add("segment of guest", o.guest_segment);
    for (const Change& c : o.changes) {
      seen.add("register changed", c.reg.has_value());
      seen.add("ignored bits", c.ignored != 0);
    }
  }
}

struct NoteBody {
  Seen& seen;
  void operator()(const RegWrite& s) const { seen.add("register verb", s.verb); }
  void operator()(const AccessStatement& s) const {
    seen.add("waits", s.wait);
    seen.add("operation", s.op);
    seen.add("privilege", s.privilege);
    note_outcomes(s.expected, seen);
  }
  void operator()(const CommitStatement& s) const {
    seen.add("commit expects", s.expected.has_value());
    if (s.expected) seen.add("commit", *s.expected);
  }
  void operator()(const Invalidation& s) const { seen.add("invalidation", s.op); }
  void operator()(const ExpectCounter& s) const {
    seen.add("counter", s.counter);
    seen.add("comparison", s.comparison);
  }
  void operator()(const ExpectEvent& s) const {
    seen.add("any event", s.event.has_value());
    if (s.event) seen.add("event", *s.event);
  }
  void operator()(const BusErrors& s) const { seen.add("several bus errors", s.count != 1); }
  template <class Other>
  void operator()(const Other&) const {}
};

Seen read_all_scenarios(const std::string& target) {
  Seen seen;
  for (const std::string& file : files_of(target)) {
    const auto read = read_scenarios(content(file), file);
    seen.add("error", std::holds_alternative<ReadError>(read));
    if (std::holds_alternative<ReadError>(read)) continue;
    for (const Scenario& scenario : std::get<ScenarioFile>(read).scenarios) {
      for (const Statement& s : scenario.statements) {
        seen.add("statement", s.body.index());
        seen.add("other context", s.ctx != 0);
        std::visit(NoteBody{seen}, s.body);
      }
    }
  }
  return seen;
}

// Every line of the sugar files, as the reader of sugar sees it; and the words of the lines.
Seen read_sugar_lines(std::set<std::string>& words) {
  Seen seen;
  for (const std::string& file : files_of("scenario_sugar")) {
    const std::string text = content(file);
    if (std::holds_alternative<ReadError>(read_scenarios(text, file))) continue;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      LineReader reader(line, 1, Layer::Sugar);
      const std::string_view verb = reader.peek();
      if (verb.empty() || verb == "mmu" || verb == "scenario" || verb == "end") continue;
      const SugarStatement statement = read_sugar_statement(reader);
      REQUIRE_FALSE(reader.failed());
      seen.add("line", statement.body.index());
      if (const auto* map = std::get_if<MapLine>(&statement.body)) {
        seen.add("kind mapped", map->kind);
        seen.add("page size", map->size);
        seen.add("several pages", map->count > 1);
      }
      if (const auto* entry = std::get_if<EntryLine>(&statement.body)) {
        seen.add("kind edited", entry->entry.kind);
        seen.add("level", entry->entry.level - 1);
      }
      if (const auto* flat = std::get_if<FlatLine>(&statement.body)) {
        for (const EntryChange& change : flat->entry_changes) seen.add("kind changed", change.entry.kind);
      }
      std::istringstream in(line);
      for (std::string word; in >> word;) words.insert(word.substr(0, word.find('=') + 1));
      std::istringstream again(line);
      for (std::string word; again >> word;) words.insert(word);
    }
  }
  return seen;
}

// ---- Traces.

Seen read_traces(const std::string& target, std::optional<TraceFormat> format) {
  Seen seen;
  for (const std::string& file : files_of(target)) {
    auto opened = open_input(file);
    REQUIRE(std::holds_alternative<std::unique_ptr<Input>>(opened));
    auto& input = std::get<std::unique_ptr<Input>>(opened);
    const bool compressed = input->compressed();
    RecordReader reader(std::move(input), format);
    for (;;) {
      const auto next = reader.next();
      seen.add("error", std::holds_alternative<InputError>(next));
      if (std::holds_alternative<InputError>(next)) break;
      seen.add("compressed", compressed);
      seen.add("format", reader.format());
      const auto& record = std::get<std::optional<TraceRecord>>(next);
      if (!record) break;
      seen.add("kind", static_cast<std::size_t>(record->kind) - 1);
      seen.add("upper half", record->gva.value >> 63);
    }
  }
  return seen;
}

}  // namespace

TEST_CASE("corpus: flat scenarios reach every statement, outcome and word of the language", "[corpus]") {
  Seen seen = read_all_scenarios("scenario_flat");
  seen.check_all("statement", std::variant_size_v<StatementBody>);
  seen.check_all("outcome", 12);
  seen.check_all("invalidation", 14);
  seen.check_all("counter", kNumCounterNames);
  seen.check_all("event", kNumEventNames);
  for (const char* of_three :
       {"register verb", "operation", "privilege", "commit", "comparison", "size", "alternatives"}) {
    seen.check_all(of_three, 3);
  }
  for (const char* both :
       {"error", "other context", "waits", "open list", "any address", "pat, emt, ipat", "mask", "segment of guest",
        "register changed", "ignored bits", "commit expects", "any event", "several bus errors"}) {
    seen.check_all(both, 2);
  }
}

TEST_CASE("corpus: sugar scenarios reach every line, edit and name", "[corpus]") {
  std::set<std::string> words;
  Seen seen = read_sugar_lines(words);
  seen.check_all("line", std::variant_size_v<SugarBody>);
  for (const char* both : {"kind mapped", "kind edited", "kind changed", "several pages"}) seen.check_all(both, 2);
  seen.check_all("page size", 3);
  seen.check_all("level", 5);
  read_all_scenarios("scenario_sugar").check_all("error", 2);
  for (const char* word : {"read",
                           "write",
                           "fetch",
                           "user",
                           "kernel",
                           "ad",
                           "offset=",
                           "pml=",
                           "index=",
                           "guest=",
                           "ept=",
                           "addr=",
                           "mt=",
                           "=",
                           "+A|D",
                           "-W",
                           "+bit59",
                           "-bit59",
                           "guest",
                           "vmm",
                           "vmm3",
                           "ru",
                           "rwx",
                           "x3",
                           "P|W|U|RSVD|I|PK",
                           "r|w|x|er|ew|ex|exu|lin|final|us|rw|nx",
                           "ctx",
                           "or"}) {
    INFO(word);
    CHECK(words.count(word) == 1);
  }
}

TEST_CASE("corpus: traces reach every format, kind and compression", "[corpus]") {
  Seen lackey = read_traces("trace_lackey", TraceFormat::Lackey);
  lackey.check_all("kind", 4);
  Seen text = read_traces("trace_text", TraceFormat::Text);
  text.check_all("kind", 3);
  Seen champsim = read_traces("trace_champsim", TraceFormat::ChampSim);
  champsim.check_all("kind", 3);
  for (Seen* seen : {&lackey, &text, &champsim}) {
    seen->check_all("error", 2);
    seen->check_all("upper half", 2);
  }
  Seen any = read_traces("trace_any", std::nullopt);
  any.check_all("format", 3);
  any.check_all("compressed", 2);
  any.check_all("error", 2);
}
