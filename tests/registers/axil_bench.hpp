// vmmu_top behind vmmu_csr_axil, as a processor and a guest see it: an AXI4-Lite master that waits and hurries at
// random, translation requests, the invalidation port, memory.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "device/axi.hpp"
#include "device/memory.hpp"
#include "engine/engine.hpp"
#include "registers/register_table.hpp"

class VerilatedContext;
class Vvmmu_axil;

namespace vmmu::tb {

struct AxiReply {
  AxiResp resp = AxiResp::Okay;
  std::uint32_t data = 0;  // of a read
  bool operator==(const AxiReply&) const = default;
};

struct Answer {
  bool fault = false;
  std::uint64_t hpa = 0;
  std::uint32_t target = 0;  // FAULT_TARGET of a fault
  bool walked = false;       // not answered from the TLB
};

// Fails its test when an assertion of the RTL fired or a port broke its protocol.
class AxilBench {
 public:
  // `stall_percent`: share of cycles, 0 .. 99, in which each AXI channel does not offer or take anything.
  explicit AxilBench(std::uint64_t seed = 1, unsigned stall_percent = 0);
  ~AxilBench();
  AxilBench(const AxilBench&) = delete;
  AxilBench& operator=(const AxilBench&) = delete;

  static constexpr Preset kPreset = Preset::Server;

  void reset();
  void cycle();
  void cycles(unsigned n);
  std::uint64_t now() const { return now_; }  // number of the cycle

  // AXI4-Lite. The queued forms may be under way together; `done` is called with the reply.
  using Done = std::function<void(const AxiReply&)>;
  void queue_read(std::uint32_t addr, Done done);
  void queue_write(std::uint32_t addr, std::uint32_t word, Done done, unsigned strobes = 0xf);
  bool axi_idle() const { return reads_.empty() && writes_.empty(); }
  void wait_axi();
  AxiReply read(std::uint32_t addr);
  AxiResp write(std::uint32_t addr, std::uint32_t word, unsigned strobes = 0xf);

  // What must succeed: one word, and a whole register of one or two words.
  std::uint32_t get(std::uint32_t addr);
  void put(std::uint32_t addr, std::uint32_t word);
  std::uint64_t get(const RegisterInfo& info, unsigned ctx, unsigned index = 0);
  void put(const RegisterInfo& info, unsigned ctx, std::uint64_t value, unsigned index = 0);

  // Writes every staged register of the context; COMMIT and the reason that it then reads.
  void stage(unsigned ctx, const ContextRegs& regs);
  AxiResp commit(unsigned ctx);
  Reject reason(unsigned ctx);
  void activate(unsigned ctx, const ContextRegs& regs);  // both; must be accepted

  // Translation of a user access. send() only presents it; answers come in answer() or are counted.
  Answer translate(GuestVirt gva, unsigned ctx = 0, Op op = Op::Read);
  void send(GuestVirt gva, unsigned ctx = 0, Op op = Op::Read);
  unsigned outstanding() const { return sent_ - answered_; }
  void wait_answers();
  const Answer& last() const { return last_; }  // the latest answer

  // The system's invalidation port. False: error reply. start_... presents it and returns its id; only when none is
  // presented. Several may wait for their acknowledgement.
  bool invalidate(const Invalidation& inv);
  unsigned start_invalidation(const Invalidation& inv);
  bool invalidation_presented() const;  // and not taken yet
  bool invalidation_pending() const { return invalidation_presented() || !inv_waiting_.empty(); }
  bool invalidation_pending(unsigned id) const;

  bool irq_host() const { return irq_host_; }
  std::uint16_t irq_guest() const { return irq_guest_; }
  Memory& memory() { return memory_; }
  SparseMem& words() { return words_; }

 private:
  struct Transfer {
    std::uint32_t addr = 0;
    std::uint32_t word = 0;
    unsigned strobes = 0xf;
    Done done;
  };
  bool stalls() { return stall_percent_ != 0 && random_() % 100 < stall_percent_; }
  void drive();
  void sample();
  void sample_axi();
  void sample_response();
  void sample_invalidation();
  template <class Condition>
  void until(Condition condition, const char* what);
  void error(std::string text) { errors_.push_back(std::move(text)); }

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vvmmu_axil> model_;
  SparseMem words_;
  Memory memory_;
  DeviceInputs in_;  // of the memory port
  DeviceOutputs out_;
  std::mt19937_64 random_;
  unsigned stall_percent_;
  std::uint64_t now_ = 0;

  // Transfers whose reply is missing, and how many of them each channel has taken.
  std::deque<Transfer> reads_, writes_;
  std::size_t ar_taken_ = 0, aw_taken_ = 0, w_taken_ = 0;
  bool r_waited_ = false, b_waited_ = false;
  AxiReply r_shown_;
  AxiResp b_shown_ = AxiResp::Okay;

  unsigned sent_ = 0, answered_ = 0;
  Answer last_;
  std::set<unsigned> inv_waiting_;  // ids taken and not acknowledged
  unsigned next_inv_id_ = 0;
  bool inv_error_ = false;
  bool irq_host_ = false;
  std::uint16_t irq_guest_ = 0;
  std::vector<std::string> errors_;
};

// The register of that name, as rtl/vmmu.rdl describes it. Throws when there is none.
const RegisterInfo& register_named(std::string_view name);
// Byte address of its low word on the page of the context.
std::uint32_t address_of(std::string_view name, unsigned ctx = 0);

}  // namespace vmmu::tb
