#include "scenario/reader.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "scenario/expand.hpp"
#include "scenario/statement_reader.hpp"
#include "scenario/sugar_reader.hpp"

namespace vmmu::tb {
namespace {

class FileReader {
 public:
  FileReader(std::string_view text, const std::string& file_name, const ReadLimits& limits)
      : rest_(text), pages_left_(limits.pages) {
    file_.name = file_name;
  }

  std::variant<ScenarioFile, ReadError> read() {
    while (!rest_.empty()) {
      const std::size_t newline = rest_.find('\n');
      LineReader line(rest_.substr(0, newline), ++number_, layer_);
      rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
      read_line(line);
      if (line.failed()) return ReadError{file_.name, line.error_at(), line.error()};
    }
    if (open_) {
      return ReadError{file_.name,
                       {number_ + 1, 1},
                       fmt::format("expected `end` of scenario {} (line {}), found the end of the file",
                                   quoted(open_->name), open_->at.line)};
    }
    if (file_.scenarios.empty()) {
      return ReadError{file_.name, {number_ + 1, 1}, "expected `scenario`, found the end of the file"};
    }
    return std::move(file_);
  }

 private:
  void read_line(LineReader& line) {
    if (line.at_end()) return;
    if (open_) {
      read_inside(line);
    } else {
      read_outside(line);
    }
  }

  void read_outside(LineReader& line) {
    const Position at = line.here();
    if (line.accept("mmu")) {
      read_version(line, at);
      return;
    }
    begun_ = true;
    if (!line.accept("scenario")) {
      line.fail(at, fmt::format("expected `scenario`, found {}", quoted(line.peek())));
      return;
    }
    open_.emplace();
    open_->at = at;
    open_->name = line.take("the name of the scenario");
    line.expect_end();
    sugar_ = {at, open_->name, {}};
    accessed_ = false;
  }

  // `mmu 1`, before everything else.
  void read_version(LineReader& line, Position at) {
    if (begun_) {
      line.fail(at, "expected `mmu 1` in the first line of the file");
      return;
    }
    constexpr std::uint64_t kVersion = 1;
    const Position version_at = line.here();
    const std::uint64_t version = line.number("the version of the sugar layer", kVersion);
    if (version != kVersion) line.fail(version_at, "expected version 1 of the sugar layer, found 0");
    line.expect_end();
    begun_ = true;
    layer_ = Layer::Sugar;
  }

  void read_inside(LineReader& line) {
    if (line.accept("end")) {
      line.expect_end();
      if (layer_ == Layer::Sugar) expand_open(line);
      file_.scenarios.push_back(std::move(*open_));
      open_.reset();
    } else if (layer_ == Layer::Sugar) {
      sugar_.statements.push_back(read_sugar_statement(line));
    } else if (is_sugar_verb(line.peek())) {
      line.fail(line.here(), fmt::format("expected a statement or `end`, found {}: a word of the sugar layer, for "
                                         "files whose first line is `mmu 1`",
                                         quoted(line.peek())));
    } else {
      read_flat(line);
    }
  }

  void expand_open(LineReader& line) {
    if (line.failed()) return;
    auto flat = expand(sugar_, pages_left_);
    if (const auto* error = std::get_if<ExpandError>(&flat)) {
      line.fail(error->at, error->message);
    } else {
      open_ = std::move(std::get<Scenario>(flat));
    }
  }

  void read_flat(LineReader& line) {
    Statement statement = read_statement(line);
    if (line.failed()) return;
    const auto* write = std::get_if<RegWrite>(&statement.body);
    if (accessed_ && write != nullptr && write->verb == RegVerb::Set) {
      line.fail(statement.at, "expected every `set` before the first access; use `now`");
      return;
    }
    accessed_ = accessed_ || std::holds_alternative<AccessStatement>(statement.body);
    open_->statements.push_back(std::move(statement));
  }

  std::string_view rest_;
  std::uint64_t pages_left_;
  unsigned number_ = 0;
  Layer layer_ = Layer::Flat;
  bool begun_ = false;  // something that is no comment was read
  ScenarioFile file_;
  std::optional<Scenario> open_;
  SugarScenario sugar_;    // the open scenario, in the sugar layer
  bool accessed_ = false;  // the open scenario has an access already
};

}  // namespace

std::string ReadError::text() const { return fmt::format("{}:{}:{}: {}", file, at.line, at.column, message); }

std::variant<ScenarioFile, ReadError> read_scenarios(std::string_view text, const std::string& file_name,
                                                     const ReadLimits& limits) {
  return FileReader(text, file_name, limits).read();
}

}  // namespace vmmu::tb
