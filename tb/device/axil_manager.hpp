// The processor at the AXI4-Lite port: queued reads and writes, each channel waiting and hurrying on its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <random>

#include "device/axil.hpp"

namespace vmmu::tb {

struct AxilReply {
  AxiResp resp = AxiResp::Okay;
  std::uint32_t data = 0;  // of a read
  bool operator==(const AxilReply&) const = default;
};

class AxilManager {
 public:
  // `stall_percent`: share of cycles, 0 .. 99, in which a channel does not begin to offer, or does not take, anything.
  AxilManager(std::uint64_t seed, unsigned stall_percent) : random_(seed), stall_percent_(stall_percent) {}

  // Forgets what is queued and under way.
  void reset();

  // Reads and writes may be under way together; `done` is called with the reply, in the cycle in which it is taken.
  using Done = std::function<void(const AxilReply&)>;
  void queue_read(std::uint32_t addr, Done done);
  void queue_write(std::uint32_t addr, std::uint32_t word, Done done, unsigned strobes = 0xf);
  bool idle() const { return reads_.empty() && writes_.empty(); }

  // One clock cycle: drive() before the signals settle, sample() after. A reply that nobody waits for is dropped here
  // and is a violation for AxilChecker.
  void drive(AxilFromManager& m);
  void sample(const AxilFromManager& m, const AxilFromSubordinate& s);

 private:
  struct Transfer {
    std::uint32_t addr = 0;
    std::uint32_t word = 0;
    unsigned strobes = 0xf;
    Done done;
  };
  bool stalls() { return stall_percent_ != 0 && random_() % 100 < stall_percent_; }
  static void answer(std::deque<Transfer>& queue, const AxilReply& reply);

  std::mt19937_64 random_;
  unsigned stall_percent_;
  // Transfers whose reply is missing, and how many of them each channel has handed over.
  std::deque<Transfer> reads_, writes_;
  std::size_t ar_taken_ = 0, aw_taken_ = 0, w_taken_ = 0;
  bool drop_ar_ = false, drop_aw_ = false, drop_w_ = false;  // handed over in the cycle before
};

}  // namespace vmmu::tb
