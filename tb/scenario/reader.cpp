#include "scenario/reader.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "scenario/statement_reader.hpp"

namespace vmmu::tb {
namespace {

class FileReader {
 public:
  FileReader(std::string_view text, const std::string& file_name) : rest_(text) { file_.name = file_name; }

  std::variant<ScenarioFile, ReadError> read() {
    while (!rest_.empty()) {
      const std::size_t newline = rest_.find('\n');
      LineReader line(rest_.substr(0, newline), ++number_);
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
    if (line.peek() == "mmu") {
      line.fail(at, "the sugar layer (`mmu 1`) is not supported in this version, expected the flat layer");
      return;
    }
    if (!line.accept("scenario")) {
      line.fail(at, fmt::format("expected `scenario`, found {}", quoted(line.peek())));
      return;
    }
    open_.emplace();
    open_->at = at;
    open_->name = line.take("the name of the scenario");
    line.expect_end();
    accessed_ = false;
  }

  void read_inside(LineReader& line) {
    if (line.accept("end")) {
      line.expect_end();
      file_.scenarios.push_back(std::move(*open_));
      open_.reset();
      return;
    }
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
  unsigned number_ = 0;
  ScenarioFile file_;
  std::optional<Scenario> open_;
  bool accessed_ = false;  // the open scenario has an access already
};

}  // namespace

std::string ReadError::text() const { return fmt::format("{}:{}:{}: {}", file, at.line, at.column, message); }

std::variant<ScenarioFile, ReadError> read_scenarios(std::string_view text, const std::string& file_name) {
  return FileReader(text, file_name).read();
}

}  // namespace vmmu::tb
