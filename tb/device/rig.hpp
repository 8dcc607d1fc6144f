// A device with its clock, its memory and the requesters of its ports: what engines and tests drive.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "device/axi_checker.hpp"
#include "device/axi_memory.hpp"
#include "device/axil_checker.hpp"
#include "device/axil_manager.hpp"
#include "device/device.hpp"
#include "device/memory.hpp"
#include "device/register_map.hpp"
#include "device/staged_segments.hpp"

namespace vmmu::tb {

enum class Source : std::uint8_t { L1, Walk, Segment, L2 };  // numbers of source_e

struct Response {
  unsigned ctx = 0;
  std::uint8_t id = 0;
  Source source = Source::L1;
  Result result;
  std::uint64_t cycle = 0;  // in which the response was valid (and taken)
  unsigned port = 0;
};

// The device did not answer within the limit. The message says to what.
class Hang : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct RigOptions {
  Preset preset = Preset::Server;
  DeviceOptions device;
  MemoryTiming timing;
  AxiBehaviour axi;                      // with device.axi: memory is an AXI4 subordinate, under a checker
  unsigned axil_stall_percent = 0;       // with device.axi: registers are reached over AXI4-Lite, see AxilManager
  unsigned response_stall_percent = 0;   // share of cycles without rsp_ready, 0 .. 99
  std::uint64_t hang_limit = 2'000'000;  // cycles that anything may take
};

class Rig {
 public:
  explicit Rig(const RigOptions& options);
  ~Rig();

  // Reset of the device and of everything outstanding. Memory words and timing stay.
  void reset();
  // One clock cycle.
  void cycle();
  void cycles(std::uint64_t n);
  std::uint64_t now() const { return now_; }  // number of the cycle that comes next

  Device& device() { return *device_; }
  Memory& memory() { return *memory_; }
  AxiMemory* axi_memory() { return axi_memory_; }  // null without device.axi
  const AxiChecker& axi_checker() const { return axi_checker_; }
  AxilManager& axil() { return axil_; }  // of no use without device.axi
  const AxilChecker& axil_checker() const { return axil_checker_; }
  SparseMem& words() { return words_; }
  const SparseMem& words() const { return words_; }
  void set_response_stall(unsigned percent) { response_stall_ = percent; }
  // The requester of that port takes no answer while `on`.
  void hold_responses(unsigned port, bool on) { hold_responses_[port] = on; }

  // Register port, until the response. Over AXI4-Lite a register of 64 bits takes two accesses, low word first.
  std::optional<std::uint64_t> read_register(std::uint32_t addr);  // empty: error reply
  bool write_register(std::uint32_t addr, std::uint64_t word);     // false: error reply
  // A read that must succeed.
  std::uint64_t get(std::uint32_t addr);
  std::uint64_t capability(reg::Cap c) { return get(reg::capability(c)); }

  // Writes every staged register of the context and COMMIT. False: refused as busy; else `reject` tells.
  bool commit(unsigned ctx, const ContextRegs& regs, Reject* reject = nullptr);

  // The registers alone, without COMMIT.
  void stage(unsigned ctx, const ContextRegs& regs);

  unsigned ports() const { return device_->ports(); }
  // Presents a request in the cycles that follow, until it is taken; only when none is presented at that port. The id
  // is free there.
  void present(const Access& access, std::uint8_t id, unsigned port = 0);
  bool presented(unsigned port = 0) const { return device_->in.req[port].valid; }  // and not taken yet
  std::uint64_t taken(unsigned port = 0) const { return taken_[port]; }  // in which cycle the latest request was
  // The same, and waits; returns the cycle in which it was taken.
  std::uint64_t send(const Access& access, std::uint8_t id, unsigned port = 0);
  // Called for each request, in the cycle in which it is taken.
  std::function<void(unsigned port, std::uint64_t cycle)> on_request_taken;
  // Called for each response, in the cycle in which it is taken.
  std::function<void(const Response&)> on_response;
  // One request alone to its end, without on_response. `accepted` gets the cycle of acceptance.
  Response run(const Access& access, std::uint64_t* accepted = nullptr, unsigned port = 0);

  // Invalidation port. start_... presents it in the cycles that follow and returns its id; only when none is presented.
  // Several may be outstanding: those of a context with SHADOW are acknowledged after SYNC_DONE.
  std::uint8_t start_invalidation(const Invalidation& inv);
  bool invalidation_presented() const { return device_->in.inv.valid; }  // and not taken yet
  bool invalidation_pending() const { return invalidation_presented() || !inv_waiting_.empty(); }
  bool invalidation_pending(std::uint8_t id) const {
    return (invalidation_presented() && device_->in.inv.id == id) || inv_waiting_.count(id) != 0;
  }
  bool invalidation_failed() const { return inv_error_; }  // of the last one acknowledged
  bool invalidate(const Invalidation& inv);                // until acknowledged; false: error reply
  // With its id; an error reply is an acknowledgement too.
  std::function<void(std::uint8_t)> on_invalidation_accepted;
  std::function<void(std::uint8_t)> on_invalidation_acknowledged;

  // Called in each cycle, when inputs and outputs stand as they will at the rising edge.
  std::function<void()> on_cycle;

  // Until nothing is outstanding at the memory port and has not been for a few cycles.
  void settle();

  // What went wrong beside wrong answers: assertions of the RTL, protocol of the ports.
  std::vector<std::string> take_errors();

 private:
  template <class Done>
  void until(Done done, const char* what);
  void sample_axi(bool rst_n);
  std::optional<std::uint32_t> read_word(std::uint32_t addr);
  bool write_word(std::uint32_t addr, std::uint64_t word);
  void sample_response(unsigned port);
  void sample_invalidation();
  void clear_inputs();
  std::unique_ptr<Memory> make_memory(const RigOptions& options);

  std::unique_ptr<Device> device_;
  SparseMem words_;
  AxiMemory* axi_memory_ = nullptr;
  std::unique_ptr<Memory> memory_;
  AxiChecker axi_checker_;
  AxilManager axil_;
  AxilChecker axil_checker_;
  std::mt19937_64 random_;
  unsigned response_stall_ = 0;
  std::uint64_t hang_limit_;
  std::uint64_t now_ = 0;
  std::array<bool, kMaxPorts> hold_responses_ = {};
  std::array<bool, kMaxPorts> response_waited_ = {};
  std::array<DeviceOutputs::Response, kMaxPorts> waited_;
  std::array<std::uint64_t, kMaxPorts> taken_ = {};
  std::optional<Response> alone_;
  bool run_alone_ = false;
  std::uint8_t alone_id_ = 0;
  unsigned alone_port_ = 0;
  std::set<std::uint8_t> inv_waiting_;  // ids taken and not acknowledged
  std::uint8_t next_inv_id_ = 0;
  StagedSegments staged_segments_;
  bool inv_error_ = false;
  std::vector<std::string> errors_;
};

}  // namespace vmmu::tb
