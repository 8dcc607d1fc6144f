// The working-set estimator of PRL (Bitchebe et al., VEE 2021).
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace vmmu::tb {

struct WorkingSetConfig {
  std::uint32_t tau = 50;  // a page belongs to the working set when it was logged more often than this; >= 0
  double mu = 30;          // seconds between two estimates; > 0
  double omega = 120;      // seconds for which the estimate must not change before it is an answer; >= mu
};

// Counts records per page. Every mu seconds the number of pages that were logged more than tau times is the estimate;
// once it has been the same for omega seconds it becomes the answer, and the next estimation begins with all counts 0.
class WorkingSet {
 public:
  explicit WorkingSet(const WorkingSetConfig& config) : config_(config) {}

  void record(std::uint64_t page) { ++counts_[page]; }

  struct Estimate {
    std::uint64_t pages = 0;              // logged more than tau times in this estimation
    std::uint64_t logged = 0;             // logged at all in it
    std::optional<std::uint64_t> answer;  // pages of the answer that stands: the last estimate that settled
    bool settled = false;                 // this estimate became the answer
  };
  // mu seconds have gone by since the last call, or since construction.
  Estimate iterate();

 private:
  WorkingSetConfig config_;
  std::unordered_map<std::uint64_t, std::uint32_t> counts_;
  std::optional<std::uint64_t> last_;
  double unchanged_ = 0;  // seconds
  std::optional<std::uint64_t> answer_;
};

}  // namespace vmmu::tb
