// vmmu_axi_top as a processor and a guest see it: its AXI4-Lite port above all, translation requests, the invalidation
// port, and AXI4 memory. Both AXI interfaces are under their checkers.
#pragma once

#include <cstdint>
#include <string_view>

#include "device/rig.hpp"
#include "registers/register_table.hpp"

namespace vmmu::tb {

struct Answer {
  bool fault = false;
  std::uint64_t hpa = 0;
  std::uint32_t target = 0;  // FAULT_TARGET of a fault
  bool walked = false;       // not answered from the TLB
};

// Fails its test when an assertion of the RTL fired or a port broke its protocol. VMMU_WAVE names an FST file to write.
class AxilBench {
 public:
  // `stall_percent`: of AxilManager.
  explicit AxilBench(std::uint64_t seed = 1, unsigned stall_percent = 0);
  ~AxilBench();
  AxilBench(const AxilBench&) = delete;
  AxilBench& operator=(const AxilBench&) = delete;

  static constexpr Preset kPreset = Preset::Server;

  void reset();
  void cycle() { rig_.cycle(); }
  void cycles(unsigned n) { rig_.cycles(n); }
  std::uint64_t now() const { return rig_.now(); }  // number of the cycle

  // AXI4-Lite. The queued forms may be under way together.
  using Done = AxilManager::Done;
  void queue_read(std::uint32_t addr, Done done);
  void queue_write(std::uint32_t addr, std::uint32_t word, Done done, unsigned strobes = 0xf);
  bool axi_idle() { return rig_.axil().idle(); }
  void wait_axi();
  AxilReply read(std::uint32_t addr);
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

  // Translation of a user access. send() only presents it; answers are counted.
  Answer translate(GuestVirt gva, unsigned ctx = 0, Op op = Op::Read);
  void send(GuestVirt gva, unsigned ctx = 0, Op op = Op::Read);
  unsigned outstanding() const { return sent_ - answered_; }
  void wait_answers();
  const Answer& last() const { return last_; }  // the latest answer

  // The system's invalidation port. False: error reply. start_... presents it and returns its id; only when none is
  // presented. Several may wait for their acknowledgement.
  bool invalidate(const Invalidation& inv) { return rig_.invalidate(inv); }
  std::uint8_t start_invalidation(const Invalidation& inv) { return rig_.start_invalidation(inv); }
  bool invalidation_presented() const { return rig_.invalidation_presented(); }  // and not taken yet
  bool invalidation_pending() const { return rig_.invalidation_pending(); }
  bool invalidation_pending(unsigned id) const { return rig_.invalidation_pending(static_cast<std::uint8_t>(id)); }

  bool irq_host() { return rig_.device().out.irq_host; }
  std::uint16_t irq_guest() { return rig_.device().out.irq_guest; }
  Memory& memory() { return rig_.memory(); }
  SparseMem& words() { return rig_.words(); }

 private:
  template <class Condition>
  void until(Condition condition, const char* what);

  Rig rig_;
  unsigned sent_ = 0, answered_ = 0;
  Answer last_;
};

// The register of that name, as rtl/vmmu.rdl describes it. Throws when there is none.
const RegisterInfo& register_named(std::string_view name);
// Byte address of its low word on the page of the context.
std::uint32_t address_of(std::string_view name, unsigned ctx = 0);

}  // namespace vmmu::tb
