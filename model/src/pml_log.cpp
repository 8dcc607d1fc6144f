#include "pml_log.hpp"

#include "log_record.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu {

bool pml_full(const LiveRegs& live) { return log_full(live, Log::Pml); }

void pml_append(const WalkEnv& env, GuestPhys gpa) {
  const HostPhys slot{log_slot(env.regs.pml_addr, env.live.index(Log::Pml))};
  if (!append_record(env, Log::Pml, slot, gpa.value & kFrameMask)) return;
  if (env.live.index(Log::Pml) == env.regs.pml_watermark) env.live.events |= event_bit(Event::PmlWatermark);
}

}  // namespace vmmu
