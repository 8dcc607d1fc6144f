#include "wave.hpp"

#include <fmt/format.h>

#include <utility>

namespace vmmu::tb {
namespace {

constexpr std::size_t kLongestQuiet = 4;

}  // namespace

void Wave::bit(const std::string& name, std::function<bool()> value) {
  Row row;
  row.name = name;
  row.wire = true;
  row.valid = std::move(value);
  rows_.push_back(std::move(row));
}

void Wave::bus(const std::string& name, std::function<bool()> valid, std::function<bool()> ready,
               std::function<std::string()> label) {
  Row row;
  row.name = name;
  row.valid = std::move(valid);
  row.ready = std::move(ready);
  row.label = std::move(label);
  rows_.push_back(std::move(row));
}

void Wave::space() { rows_.emplace_back(); }

void Wave::sample() {
  for (Row& row : rows_) {
    if (!row.valid) continue;
    const bool valid = row.valid();
    Cell cell;
    if (row.wire) {
      cell.label = std::string(1, valid ? '1' : '0');
    } else if (valid) {
      cell.label = row.label();
      cell.fresh = !row.held;
    }
    if (!row.wire) row.held = valid && !row.ready();
    row.cells.push_back(std::move(cell));
  }
  ++cycles_;
}

// Nothing differs from the cycle before.
bool Wave::quiet(std::size_t cycle) const {
  for (const Row& row : rows_) {
    if (row.cells.empty()) continue;
    if (row.cells[cycle].fresh || row.cells[cycle].label != row.cells[cycle - 1].label) return false;
  }
  return true;
}

std::string Wave::json(std::size_t first) const {
  // Cycles that are drawn; of a long quiet time the first is, and one more as a gap.
  std::vector<std::size_t> drawn;
  std::vector<bool> gap;
  std::string foot;
  for (std::size_t c = first; c < cycles_; ++c) {
    std::size_t end = c;
    while (end < cycles_ && end > first && quiet(end)) ++end;
    const bool skip = end - c > kLongestQuiet;
    drawn.push_back(c);
    gap.push_back(skip);
    if (!skip) continue;
    foot += fmt::format("{}{} cycles", foot.empty() ? "the gap: " : ", the next: ", end - c);
    c = end - 1;
  }
  std::string text = "{\"signal\": [\n";
  text += fmt::format("  {{\"name\": \"clk_i\", \"wave\": \"p{}\"}}", std::string(drawn.size() - 1, '.'));
  for (const Row& row : rows_) {
    if (row.cells.empty()) {
      text += ",\n  {}";
      continue;
    }
    std::string wave;
    std::string data;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      const Cell& cell = row.cells[drawn[i]];
      const bool same = i > 0 && !cell.fresh && cell.label == row.cells[drawn[i] - 1].label;
      if (gap[i]) {
        wave += '|';
      } else if (same) {
        wave += '.';
      } else if (row.wire) {
        wave += cell.label;
      } else if (cell.label.empty()) {
        wave += 'x';
      } else {
        wave += '=';
        data += fmt::format("{}\"{}\"", data.empty() ? "" : ", ", cell.label);
      }
    }
    text += fmt::format(",\n  {{\"name\": \"{}\", \"wave\": \"{}\"", row.name, wave);
    text += data.empty() ? "}" : fmt::format(", \"data\": [{}]}}", data);
  }
  text += "\n], \"config\": {\"hscale\": 2}";
  if (!foot.empty()) text += fmt::format(", \"foot\": {{\"text\": \"{}\"}}", foot);
  text += "}\n";
  return text;
}

}  // namespace vmmu::tb
