// Memory as an AXI4 subordinate: channels that wait, replies of different ids in any order, a monitor for
// exclusive accesses, and the trouble that a test asks for. It watches the MMU's inner memory port too, so
// that log() tells of reads, compare-and-swaps and writes as if there were no AXI between.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "device/memory.hpp"

namespace vmmu::tb {

enum class AxiStep : std::uint8_t { Read, ExclusiveRead, ExclusiveWrite, Write };

// When address and data of a write are taken. AMBA allows each (AXI4, A3.3.1).
enum class AxiWriteOrder : std::uint8_t { Free, AddressFirst, DataFirst };

// Latency, order and the share of cycles without ready are those of MemoryTiming; each channel decides on its own.
// The latency of a write counts from the later of its address and its data.
struct AxiBehaviour {
  bool exclusives = true;               // off: as a memory without a monitor, OKAY to every exclusive access
  unsigned exclusive_fail_percent = 0;  // share of monitored exclusive writes that fail all the same, 0 .. 99
  // An injected error or race of a compare-and-swap may strike its exclusive write instead of its read.
  bool vary_pairs = false;
  AxiWriteOrder write_order = AxiWriteOrder::Free;
};

// One reply, in the order in which they were given.
struct AxiReply {
  AxiStep step = AxiStep::Read;
  std::uint8_t id = 0;
  HostPhys addr;
  std::uint64_t data = 0;  // read or written
  AxiResp resp = AxiResp::Okay;
};

class AxiMemory final : public Memory {
 public:
  using Memory::Memory;

  void set_behaviour(const AxiBehaviour& behaviour) { behaviour_ = behaviour; }
  const AxiBehaviour& behaviour() const { return behaviour_; }

  // The next n replies to that step are `resp` whatever memory would say: nothing is written, and ExOkay of an
  // exclusive read sets no monitor.
  void inject_reply(AxiStep step, AxiResp resp, unsigned n = 1);

  const std::vector<AxiReply>& replies() const { return replies_; }

  void reset() override;
  void release() override;
  void clear_log() override;
  void drive(std::uint64_t now, DeviceInputs& in) override;
  void sample(std::uint64_t now, const DeviceInputs& in, const DeviceOutputs& out) override;

 private:
  struct Pending {
    AxiAddress address;
    std::uint64_t data = 0;  // of a write
    std::uint64_t due = 0;
  };
  using Queue = std::deque<Pending>;

  // A request of the inner port that has no reply yet.
  struct Inner {
    DeviceOutputs::MemRequest request;
    bool fail = false;           // it gets an error reply
    bool fail_at_write = false;  // the error strikes the exclusive write
    std::uint64_t before = 0;    // of a write: the word before
  };

  void drive_readies(DeviceInputs& in);
  void sample_inner(const DeviceOutputs& out);
  void sample_requests(std::uint64_t now, const DeviceInputs& in, const DeviceOutputs& out);
  void enqueue(Queue& queue, Queue& withheld, const Pending& pending);
  std::optional<Pending> pick(std::uint64_t now, Queue& queue);

  AxiReadData read(const AxiAddress& a);
  AxiReadData exclusive_read(const AxiAddress& a);
  AxiResp write(const Pending& p);
  AxiResp exclusive_write(const Pending& p);
  bool race_waits_for_write(const AxiAddress& a);
  bool refused(const AxiAddress& a);
  AxiResp any_error() { return percent() < 50 ? AxiResp::SlvErr : AxiResp::DecErr; }
  std::optional<AxiResp> injected(AxiStep step);
  void change(HostPhys addr, std::uint64_t word) override;

  AxiBehaviour behaviour_;
  Queue reads_, withheld_reads_;
  Queue writes_, withheld_writes_;
  std::deque<AxiAddress> write_addresses_;  // that wait for data
  std::deque<AxiWriteData> write_data_;     // that waits for its address
  bool r_waits_ = false;                    // shown and not taken
  bool b_waits_ = false;
  std::array<Inner, 256> inner_;
  std::map<std::uint8_t, HostPhys> monitor_;  // by id: the word that its exclusive write may still write
  std::map<AxiStep, std::deque<AxiResp>> injected_;
  std::vector<AxiReply> replies_;
};

}  // namespace vmmu::tb
