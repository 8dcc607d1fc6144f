#include "device/axil_manager.hpp"

#include <utility>

namespace vmmu::tb {

void AxilManager::reset() {
  reads_.clear();
  writes_.clear();
  ar_taken_ = aw_taken_ = w_taken_ = 0;
  drop_ar_ = drop_aw_ = drop_w_ = false;
}

void AxilManager::queue_read(std::uint32_t addr, Done done) { reads_.push_back({addr, 0, 0xf, std::move(done)}); }

void AxilManager::queue_write(std::uint32_t addr, std::uint32_t word, Done done, unsigned strobes) {
  writes_.push_back({addr, word, strobes, std::move(done)});
}

// What is valid stays so until it is taken.
void AxilManager::drive(AxilFromManager& m) {
  if (drop_ar_) m.ar.valid = false;
  if (drop_aw_) m.aw.valid = false;
  if (drop_w_) m.w.valid = false;
  if (!m.ar.valid && ar_taken_ < reads_.size() && !stalls()) m.ar = {true, reads_[ar_taken_].addr, 0};
  if (!m.aw.valid && aw_taken_ < writes_.size() && !stalls()) m.aw = {true, writes_[aw_taken_].addr, 0};
  if (!m.w.valid && w_taken_ < writes_.size() && !stalls()) {
    m.w = {true, writes_[w_taken_].word, static_cast<std::uint8_t>(writes_[w_taken_].strobes)};
  }
  m.r_ready = !stalls();
  m.b_ready = !stalls();
}

// The callback may queue another transfer.
void AxilManager::answer(std::deque<Transfer>& queue, const AxilReply& reply) {
  const Done done = std::move(queue.front().done);
  queue.pop_front();
  if (done) done(reply);
}

void AxilManager::sample(const AxilFromManager& m, const AxilFromSubordinate& s) {
  // Replies belong to transfers that were handed over before this cycle.
  const bool read = s.r.valid && m.r_ready && ar_taken_ > 0;
  const bool written = s.b.valid && m.b_ready && aw_taken_ > 0 && w_taken_ > 0;
  drop_ar_ = m.ar.valid && s.ar_ready;
  drop_aw_ = m.aw.valid && s.aw_ready;
  drop_w_ = m.w.valid && s.w_ready;
  ar_taken_ += drop_ar_;
  aw_taken_ += drop_aw_;
  w_taken_ += drop_w_;
  if (read) {
    --ar_taken_;
    answer(reads_, {s.r.resp, s.r.data});
  }
  if (written) {
    --aw_taken_;
    --w_taken_;
    answer(writes_, {s.b.resp, 0});
  }
}

}  // namespace vmmu::tb
