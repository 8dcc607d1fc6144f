#include "scenario/expand.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "scenario/table_maker.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr unsigned kContexts = 16;
constexpr unsigned kMaxLevels = 5;
constexpr std::size_t kWordsPerLine = 8;
constexpr std::uint64_t kCr4La57 = bit(12);

class Expansion {
 public:
  Expansion(const SugarScenario& scenario, std::uint64_t& pages_left) : sugar_(scenario), pages_left_(pages_left) {}

  std::variant<Scenario, ExpandError> run() {
    survey();
    flat_.at = sugar_.at;
    flat_.name = sugar_.name;
    if (!error_) start();
    for (const SugarStatement& s : sugar_.statements) {
      if (error_) return *error_;
      statement_ = &s;
      std::visit(*this, s.body);
    }
    if (error_) return *error_;
    return std::move(flat_);
  }

  // Lines, in their order; called through std::visit.
  void operator()(const TablesLine&) {}  // survey() and start() did these two
  void operator()(const EptLine&) {}
  void operator()(const RegisterLine& line) {
    for (const RegWrite& write : line.writes) add(write, statement_->ctx);
  }
  void operator()(const MapLine& line) {
    const bool guest = line.kind == TableKind::Guest;
    const std::string error = guest ? tables_.map(line, pages_left_) : tables_.emap(line, pages_left_);
    if (!error.empty()) return fail(line.from_at, error);
    write_words(tables_.take_words());
  }
  void operator()(const EntryLine& line) {
    std::uint64_t host = 0;
    if (std::string error = tables_.find(line.entry, host); !error.empty()) return fail(line.entry.at, error);
    write_words({{host, line.edit.applied_to(made_[host])}});
  }
  void operator()(const FlatLine& line);

 private:
  void fail(Position at, std::string message) {
    if (!error_) error_ = ExpandError{at, std::move(message)};
  }

  // ---- Before anything is expanded: what holds for the whole scenario.
  void survey();
  void survey_line(const TablesLine& line);
  void survey_line(const EptLine& line);
  void survey_line(const MapLine& line) {
    if (line.kind == TableKind::Ept) tables_.note_emap(line);
  }
  void survey_line(const EntryLine&) {}
  void survey_line(const RegisterLine& line) {
    for (const RegWrite& write : line.writes) survey_write(write);
  }
  void survey_line(const FlatLine& line);
  void survey_write(const RegWrite& write);
  void start();

  // ---- Flat statements.
  void add(StatementBody body, unsigned ctx) {
    Statement statement;
    statement.at = statement_ != nullptr ? statement_->at : sugar_.at;
    statement.ctx = ctx;
    statement.body = std::move(body);
    flat_.statements.push_back(std::move(statement));
  }
  void set(Reg reg, std::uint64_t value, unsigned ctx) { add(RegWrite{RegVerb::Set, reg_index(reg), value}, ctx); }
  void write_words(TableMaker::Words words);
  void resolve(AccessStatement& access, const EntryChange& change);
  std::uint64_t flags_in_doubt(const EntryName& entry) const;
  void note_access(std::uint64_t gva);

  const SugarScenario& sugar_;
  std::uint64_t& pages_left_;
  Scenario flat_;
  std::optional<ExpandError> error_;
  const SugarStatement* statement_ = nullptr;

  TableMaker tables_;
  TableMakerConfig config_;
  std::optional<std::uint64_t> guest_pages_;
  std::optional<std::uint64_t> ept_pages_;
  const EptLine* ept_ = nullptr;
  bool accessed_ = false;
  std::array<bool, kContexts> used_{};
  std::array<std::optional<std::uint64_t>, kContexts> cr3_;
  std::array<std::optional<std::uint64_t>, kContexts> eptp_;
  std::unordered_set<std::uint64_t> stated_;                               // by `mem` lines before the first access
  std::unordered_map<std::uint64_t, std::uint64_t> made_;                  // memory as the lines so far made it
  std::array<std::unordered_set<std::uint64_t>, kMaxLevels + 1> touched_;  // what accesses so far may have used
};

void Expansion::survey() {
  used_[0] = true;
  for (const SugarStatement& s : sugar_.statements) {
    statement_ = &s;
    used_[s.ctx] = true;
    std::visit([this](const auto& line) { survey_line(line); }, s.body);
    if (error_) break;
  }
  statement_ = nullptr;
  accessed_ = false;
}

void Expansion::survey_line(const TablesLine& line) {
  if (accessed_) return fail(statement_->at, "expected `tables` before the first access");
  if ((line.guest && guest_pages_) || (line.ept && ept_pages_)) {
    return fail(statement_->at, "`tables` says twice where pages come from");
  }
  if (line.guest) guest_pages_ = line.guest;
  if (line.ept) ept_pages_ = line.ept;
}

void Expansion::survey_line(const EptLine& line) {
  if (accessed_) return fail(statement_->at, "expected `ept` before the first access");
  if (ept_ != nullptr) return fail(statement_->at, "`ept` stands twice in the scenario");
  ept_ = &line;
}

void Expansion::survey_write(const RegWrite& write) {
  if (write.verb == RegVerb::Set && accessed_) {
    return fail(statement_->at, "expected every register before the first access; use `now`");
  }
  if (write.reg == reg_index(Reg::Mbe) && write.value != 0) config_.user_execute = true;
  if (write.verb != RegVerb::Set) return;
  if (write.reg == reg_index(Reg::Cr3)) cr3_[statement_->ctx] = write.value;
  if (write.reg == reg_index(Reg::Eptp)) eptp_[statement_->ctx] = write.value;
  if (write.reg == reg_index(Reg::Cr4) && statement_->ctx == 0) {
    config_.guest_levels = (write.value & kCr4La57) != 0 ? 5 : 4;
  }
}

void Expansion::survey_line(const FlatLine& line) {
  const StatementBody& body = line.statement.body;
  if (const auto* write = std::get_if<RegWrite>(&body)) survey_write(*write);
  if (std::holds_alternative<AccessStatement>(body)) accessed_ = true;
  if (const auto* mem = std::get_if<MemWords>(&body); mem != nullptr && !accessed_) {
    for (std::size_t i = 0; i < mem->words.size(); ++i) stated_.insert(mem->addr + 8 * i);
  }
}

// Registers that the tables decide, in every context that the scenario uses, unless they are given.
void Expansion::start() {
  config_.guest_pages = guest_pages_.value_or(config_.guest_pages);
  config_.ept_pages = ept_pages_.value_or(config_.ept_pages);
  config_.guest_root = cr3_[0] ? *cr3_[0] & kFrameMask : config_.guest_pages;
  config_.ept_root = eptp_[0] ? *eptp_[0] & kFrameMask : config_.ept_pages;
  config_.nested = ept_ != nullptr;
  if (ept_ != nullptr) config_.offset = ept_->offset;
  tables_.start(config_);
  for (unsigned ctx = 0; ctx < kContexts; ++ctx) {
    if (!used_[ctx]) continue;
    if (!cr3_[ctx]) set(Reg::Cr3, config_.guest_root, ctx);
    if (ept_ == nullptr) continue;
    const std::uint64_t flags = ept_->accessed_dirty ? eptp::kAccessedDirty : 0;
    const std::uint64_t eptp = config_.ept_root | eptp::kWriteBack | eptp::kWalkLengthFour | flags;
    if (!eptp_[ctx]) set(Reg::Eptp, eptp, ctx);
    if (ept_->pml) {
      set(Reg::Pml, 1, ctx);
      set(Reg::PmlAddr, *ept_->pml, ctx);
    }
    if (ept_->index) set(Reg::PmlIndex, *ept_->index, ctx);
  }
}

// `mem` lines: words at rising addresses, a few to a line. Words that the file states itself are left out.
void Expansion::write_words(TableMaker::Words words) {
  std::stable_sort(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  MemWords mem;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto [addr, word] = words[i];
    const bool repeated = i + 1 < words.size() && words[i + 1].first == addr;  // the last one counts
    if (repeated || (!accessed_ && stated_.count(addr) != 0)) continue;
    made_[addr] = word;
    const bool adjoins = !mem.words.empty() && mem.addr + 8 * mem.words.size() == addr;
    if (!adjoins || mem.words.size() == kWordsPerLine) {
      if (!mem.words.empty()) add(std::exchange(mem, {}), 0);
      mem.addr = addr;
    }
    mem.words.push_back(word);
  }
  if (!mem.words.empty()) add(std::move(mem), 0);
}

void Expansion::operator()(const FlatLine& line) {
  Statement statement = line.statement;
  if (const auto* mem = std::get_if<MemWords>(&statement.body)) {
    for (std::size_t i = 0; i < mem->words.size(); ++i) made_[mem->addr + 8 * i] = mem->words[i];
  }
  if (const auto* poke = std::get_if<PokeWord>(&statement.body)) made_[poke->addr] = poke->word;
  if (auto* access = std::get_if<AccessStatement>(&statement.body)) {
    for (const EntryChange& change : line.entry_changes) resolve(*access, change);
    note_access(access->gva);
    accessed_ = true;
  }
  flat_.statements.push_back(std::move(statement));
}

void Expansion::note_access(std::uint64_t gva) {
  for (unsigned level = 1; level <= kMaxLevels; ++level) touched_[level].insert(gva >> (12 + 9 * (level - 1)));
}

// Flags that earlier accesses may have set; what they did is not known here.
std::uint64_t Expansion::flags_in_doubt(const EntryName& entry) const {
  if (entry.kind == TableKind::Ept) return accessed_ ? ept::A | ept::D : 0;
  const bool touched = touched_[entry.level].count(entry.address >> (12 + 9 * (entry.level - 1))) != 0;
  return touched ? pt::A | pt::D : 0;
}

void Expansion::resolve(AccessStatement& access, const EntryChange& change) {
  Change result;
  if (std::string error = tables_.find(change.entry, result.addr); !error.empty()) {
    return fail(change.entry.at, error);
  }
  result.value = made_[result.addr] | change.flags;
  result.ignored = flags_in_doubt(change.entry) & ~result.value;
  access.expected[change.alternative].changes[change.change] = result;
}

}  // namespace

std::variant<Scenario, ExpandError> expand(const SugarScenario& scenario, std::uint64_t& pages_left) {
  return Expansion(scenario, pages_left).run();
}

}  // namespace vmmu::tb
