#include "track/working_set.hpp"

namespace vmmu::tb {

WorkingSet::Estimate WorkingSet::iterate() {
  Estimate estimate;
  estimate.logged = counts_.size();
  for (const auto& [page, count] : counts_) {
    if (count > config_.tau) ++estimate.pages;
  }
  unchanged_ = last_ == estimate.pages ? unchanged_ + config_.mu : 0;
  last_ = estimate.pages;
  // Nothing above the threshold is no answer yet: a slow program needs more than one mu to get there.
  if (estimate.pages != 0 && unchanged_ >= config_.omega) {
    estimate.settled = true;
    answer_ = estimate.pages;
    counts_.clear();
    last_.reset();
    unchanged_ = 0;
  }
  estimate.answer = answer_;
  return estimate;
}

}  // namespace vmmu::tb
