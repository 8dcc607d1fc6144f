#include "pml_log.hpp"

#include "nested_walk.hpp"

namespace vmmu {

// SDM 28.3.6: the log follows EPT dirty flags, so without them there is nothing to log.
bool pml_enabled(const ContextRegs& regs) { return regs.pml_en && ept_flags_in_use(regs); }

// SDM 28.3.6: the index is in range when it is 0 .. 511.
bool pml_full(const LiveRegs& live) {
  const bool log_error = (live.events & event_bit(Event::LogError)) != 0;
  return live.pml_index > 511 || log_error;
}

void pml_append(const WalkEnv& env, GuestPhys gpa) {
  const HostPhys slot{env.regs.pml_addr + 8 * std::uint64_t{env.live.pml_index}};
  const std::uint64_t record = gpa.value & kFrameMask;
  if (!env.memory.write(slot, record)) {
    // The index stays, so that software finds the place of the record that is missing.
    env.live.events |= event_bit(Event::LogError);
    return;
  }
  if (env.observer != nullptr) env.observer->on_record(Log::Pml, slot, record);
  env.live.pml_index = static_cast<std::uint16_t>(env.live.pml_index - 1);
  if (env.live.pml_index == env.regs.pml_watermark) env.live.events |= event_bit(Event::PmlWatermark);
}

}  // namespace vmmu
