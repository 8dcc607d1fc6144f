// The processor of example_system.sv: what its software would do, one function per thing that it can do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vmmu/vmmu_regs.h"

class VerilatedContext;
class Vexample_system;

namespace example {

// Register addresses come from the generated header. FIELD is a member of vmmu_host_t or vmmu_guest_t.
#define EXAMPLE_HOST(CTX, FIELD)                                                                  \
  static_cast<std::uint32_t>(offsetof(vmmu_t, ctx) + (CTX) * sizeof(vmmu_context__stride2000_t) + \
                             offsetof(vmmu_context__stride2000_t, host) + offsetof(vmmu_host_t, FIELD))
#define EXAMPLE_GUEST(CTX, FIELD)                                                                 \
  static_cast<std::uint32_t>(offsetof(vmmu_t, ctx) + (CTX) * sizeof(vmmu_context__stride2000_t) + \
                             offsetof(vmmu_context__stride2000_t, guest) + offsetof(vmmu_guest_t, FIELD))

struct CopyFault {
  unsigned kind = 0;  // fault_e of vmmu_pkg
  unsigned code = 0;
  std::uint32_t target = 0;
  std::uint64_t gva = 0;
  std::uint64_t address = 0;
};

class System {
 public:
  System();
  ~System();
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  // AXI4-Lite. False: SLVERR.
  bool write32(std::uint32_t addr, std::uint32_t word);
  bool read32(std::uint32_t addr, std::uint32_t& word);
  bool write64(std::uint32_t addr, std::uint64_t word) {
    return write32(addr, static_cast<std::uint32_t>(word)) && write32(addr + 4, static_cast<std::uint32_t>(word >> 32));
  }
  // Writes COMMIT and waits for its verdict: the reason of a rejection, 0 for none.
  unsigned commit(unsigned ctx);
  bool irq();

  // Memory by host physical address; an address is a multiple of 8.
  std::uint64_t load(std::uint64_t hpa);
  void store(std::uint64_t hpa, std::uint64_t word);

  // A host's invalidation, until it is acknowledged. False: refused.
  bool invalidate(unsigned op, unsigned ctx, std::uint64_t addr);
  // A guest's invalidation, on its own page of registers: the number of an operation of vmmu_pkg's inv_op_e.
  bool guest_invalidate(unsigned ctx, unsigned op, std::uint64_t addr);

  // The copy engine. True: everything is copied; false: stopped by fault().
  bool copy(std::uint64_t source, std::uint64_t destination, unsigned words);
  bool resume();
  CopyFault fault() const;

  // Assertions of the RTL that failed.
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  void settle();
  void edge();
  void cycle() {
    settle();
    edge();
  }
  template <class Done>
  void until(Done done, const char* what);
  bool wait_for_copy();

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vexample_system> model_;
  std::vector<std::string> errors_;
};

}  // namespace example
