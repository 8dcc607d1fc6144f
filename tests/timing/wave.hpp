// Records signals cycle by cycle and tells them as WaveJSON, the text that the timing diagrams are drawn from.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace vmmu::tb {

class Wave {
 public:
  // A single wire.
  void bit(const std::string& name, std::function<bool()> value);
  // A payload: drawn while `valid`, with its label; one transfer is one box, however long it waits for `ready`.
  void bus(const std::string& name, std::function<bool()> valid, std::function<bool()> ready,
           std::function<std::string()> label);
  // A blank line between the rows before and after.
  void space();

  void sample();  // one clock cycle
  std::size_t cycles() const { return cycles_; }

  // Cycles from `first` to the last; more than four in which nothing changes become one gap.
  std::string json(std::size_t first = 0) const;

 private:
  // What a row shows in a cycle. `fresh`: a new box, though the label may be the one before.
  struct Cell {
    std::string label;  // of a wire: 0 or 1; of a bus: empty while not valid
    bool fresh = false;
  };
  struct Row {
    std::string name;
    bool wire = false;
    std::function<bool()> valid;
    std::function<bool()> ready;
    std::function<std::string()> label;
    std::vector<Cell> cells;
    bool held = false;  // offered in the cycle before and not taken
  };
  bool quiet(std::size_t cycle) const;

  std::vector<Row> rows_;
  std::size_t cycles_ = 0;
};

}  // namespace vmmu::tb
