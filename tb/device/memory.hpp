// The memory behind the RTL's memory port: latency, order, back-pressure, error replies and lost races
// as a test wants them, and a judge of the port's protocol.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "device/device.hpp"
#include "vmmu/phys_mem.hpp"

namespace vmmu::tb {

enum class MemOp : std::uint8_t { Read, Cas, Write };  // numbers of mem_op_e

// One request as memory carried it out, in the order in which it did.
struct Transaction {
  MemOp op = MemOp::Read;
  std::uint8_t id = 0;
  HostPhys addr;
  std::uint64_t data = 0;      // read: the word; compare-and-swap: the word found; write: the word before
  std::uint64_t wdata = 0;     // compare-and-swap: desired; write: the word
  std::uint64_t expected = 0;  // compare-and-swap only
  bool error = false;          // error reply: nothing was read or written
  bool swapped() const { return op == MemOp::Cas && !error && data == expected; }
};

struct MemoryTiming {
  unsigned latency_min = 10;   // a request accepted in cycle t is answered in cycle t + latency at the
  unsigned latency_max = 10;   // earliest; chosen evenly between both; >= 1; one reply per cycle
  bool reorder = false;        // any reply that is due may come next; else they come in order of acceptance
  unsigned stall_percent = 0;  // share of cycles without mem_req_ready, 0 .. 99
};

class Memory {
 public:
  // `words` outlives this object.
  Memory(SparseMem& words, std::uint64_t seed) : words_(words), random_(seed) {}
  virtual ~Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void set_timing(const MemoryTiming& timing) { timing_ = timing; }
  const MemoryTiming& timing() const { return timing_; }

  // Forgets what is outstanding and injected, as a reset of the whole system does. Words stay.
  virtual void reset();

  // The next n requests to that word get an error reply.
  void inject_error(HostPhys addr, unsigned n);
  // Software writes `word` just before the next compare-and-swap of that word.
  void inject_race(HostPhys addr, std::uint64_t word);
  // The nth request accepted from now on (0 = the next) gets an error reply.
  void fail_request(std::uint64_t nth);
  // Requests accepted while this is on are not answered until release().
  void withhold(bool on) { withhold_ = on; }
  virtual void release();

  // Software writes memory; on_change is told.
  void poke(HostPhys addr, std::uint64_t word) { change(addr, word); }

  unsigned outstanding() const { return outstanding_; }
  std::uint64_t accepted() const { return accepted_; }  // requests since construction

  const std::vector<Transaction>& log() const { return log_; }
  virtual void clear_log() { log_.clear(); }

  // Called after a word has got a new value.
  std::function<void(HostPhys addr, std::uint64_t before, std::uint64_t after)> on_change;

  // Called before an injected race writes.
  std::function<void(HostPhys addr, std::uint64_t word)> on_race;
  // A compare-and-swap has changed a word that held `before`.
  std::function<void(HostPhys addr, std::uint64_t before)> on_swap;
  // What was injected and has not happened yet.
  const std::map<HostPhys, unsigned>& errors_left() const { return errors_left_; }
  const std::map<HostPhys, std::uint64_t>& races_left() const { return races_; }

  // Violations of the port's protocol since the last call.
  std::vector<std::string> take_errors();

  // One clock cycle: drive() before the outputs settle, sample() after.
  virtual void drive(std::uint64_t now, DeviceInputs& in);
  virtual void sample(std::uint64_t now, const DeviceInputs& in, const DeviceOutputs& out);

 protected:
  // The port: whether a request waits as it must, and whether one that is accepted is sound and to fail.
  void judge(bool ready, const DeviceOutputs& out);
  bool begin(const DeviceOutputs::MemRequest& request);  // true: it gets an error reply
  void end(const Transaction& done);

  virtual void change(HostPhys addr, std::uint64_t word);  // every write goes through here
  bool take_error(HostPhys addr);
  void take_race(HostPhys addr);
  std::uint64_t latency();
  unsigned percent() { return static_cast<unsigned>(random_() % 100); }
  bool stalls() { return timing_.stall_percent != 0 && percent() < timing_.stall_percent; }
  void complain(std::string what) { protocol_errors_.push_back(std::move(what)); }

  SparseMem& words_;
  std::mt19937_64 random_;
  MemoryTiming timing_;
  bool withhold_ = false;

 private:
  struct Pending {
    DeviceOutputs::MemRequest request;
    std::uint64_t due = 0;
    bool fail = false;
  };

  bool pick(std::uint64_t now, Pending& picked);
  Transaction perform(const Pending& pending);

  std::deque<Pending> queue_;  // in order of acceptance
  std::deque<Pending> withheld_;
  bool used_[256] = {};  // ids that have no reply yet
  unsigned outstanding_ = 0;
  std::uint64_t accepted_ = 0;
  std::map<HostPhys, unsigned> errors_left_;
  std::map<HostPhys, std::uint64_t> races_;
  std::map<std::uint64_t, bool> fail_at_;  // by number of acceptance
  bool was_waiting_ = false;               // valid without ready in the last cycle
  DeviceOutputs::MemRequest waiting_;
  std::vector<Transaction> log_;
  std::vector<std::string> protocol_errors_;
};

}  // namespace vmmu::tb
