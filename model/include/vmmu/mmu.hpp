// The reference model: an untimed, cacheless MMU that does to memory exactly what the contract says.
#pragma once

#include <cstdint>
#include <vector>

#include "vmmu/observer.hpp"
#include "vmmu/phys_mem.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

struct BuildParams {
  unsigned num_contexts = 4;     // 2 .. 16
  unsigned pa_bits = 52;         // 36 .. 52
  unsigned max_restarts = 1024;  // a walk restarted more often than this is a bus error at the word that it lost
};

class Mmu {
 public:
  Mmu(BuildParams params, PhysMem& memory);

  // Judges `regs` and, if they are legal, makes them active at once. Otherwise the old ones stay and
  // Event::CommitRejected is raised. ctx is below num_contexts.
  Reject commit(unsigned ctx, const ContextRegs& regs);
  const ContextRegs& active(unsigned ctx) const;

  // A full walk with all its effects on memory, logs and events.
  Result access(const Access& access, WalkObserver* observer = nullptr);

  // The same walk without any effect: no flag, record, counter or event. Nothing of what it would
  // write is written; `wants_write` tells whether it would have set a flag. The walk reads back what it
  // would have written, so the result is that of the access, unless the bus fails or another writer
  // interferes: memory is only looked at.
  struct Peek {
    Result result;
    bool wants_write = false;
  };
  Peek peek(const Access& access, WalkObserver* observer = nullptr) const;

  std::uint16_t pml_index(unsigned ctx) const;
  void set_pml_index(unsigned ctx, std::uint16_t index);
  bool event(unsigned ctx, Event e) const;
  // Clearing Event::LogError also makes room in the log that it closed.
  void clear_event(unsigned ctx, Event e);

 private:
  struct Context {
    ContextRegs regs;
    LiveRegs live;
  };

  BuildParams params_;
  PhysMem& memory_;
  std::vector<Context> contexts_;
};

}  // namespace vmmu
