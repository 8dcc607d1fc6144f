#include "prl_log.hpp"

#include <limits>

#include "log_record.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu {

namespace {

using namespace prl_status;

bool stuck(const LiveRegs& live) { return (live.prl_status & kBothFull) == kBothFull; }
bool second_in_use(const LiveRegs& live) { return (live.prl_status & kSecondInUse) != 0; }
std::uint8_t full_bit(bool second) { return second ? kSecondFull : kFirstFull; }

void use_buffer(LiveRegs& live, bool second) {
  live.prl_status = static_cast<std::uint8_t>((live.prl_status & kBothFull) | (second ? kSecondInUse : 0));
  live.index(Log::Prl) = kLastIndex;
}

// The published log keeps its last slot free: at index 0 the next record is the one that finds the log full.
bool has_room(const ContextRegs& regs, const LiveRegs& live) {
  if (log_full(live, Log::Prl)) return false;
  return regs.prl_double ? !stuck(live) : live.index(Log::Prl) != 0;
}

void drop(const WalkEnv& env, std::uint64_t record) {
  if (env.live.prl_drops != std::numeric_limits<std::uint32_t>::max()) ++env.live.prl_drops;
  if (env.observer != nullptr) env.observer->on_drop(Log::Prl, record);
  // A log that memory refused is not full, and LOG_ERROR has told of it. With two buffers the event came when the
  // second one filled.
  if (env.regs.prl_double || log_closed(env.live, Log::Prl)) return;
  if ((env.live.prl_status & kFirstFull) == 0) env.live.events |= event_bit(Event::PrlFull);
  env.live.prl_status |= kFirstFull;
}

// The last slot of a buffer was written: on to the other one, unless software has not emptied it yet.
void finish_buffer(LiveRegs& live) {
  const bool second = second_in_use(live);
  live.prl_status |= full_bit(second);
  live.events |= event_bit(Event::PrlFull);
  if (!stuck(live)) use_buffer(live, !second);
}

}  // namespace

void prl_append(const WalkEnv& env, GuestPhys gpa) {
  const std::uint64_t record = gpa.value & kFrameMask;
  if (!has_room(env.regs, env.live)) return drop(env, record);
  const bool second = env.regs.prl_double && second_in_use(env.live);
  const std::uint64_t page = second ? env.regs.prl_addr2 : env.regs.prl_addr;
  const std::uint16_t index = env.live.index(Log::Prl);
  if (!append_record(env, Log::Prl, HostPhys{log_slot(page, index)}, record)) return;
  if (env.live.index(Log::Prl) == env.regs.prl_watermark) env.live.events |= event_bit(Event::PrlWatermark);
  if (index == 0) finish_buffer(env.live);
}

void prl_rearm(const ContextRegs& regs, LiveRegs& live, std::uint8_t full_bits) {
  const bool was_stuck = regs.prl_double && stuck(live);
  const bool other = !second_in_use(live);  // of two full buffers the one that was filled first
  full_bits &= kBothFull;
  live.prl_status &= static_cast<std::uint8_t>(~full_bits);
  if (!was_stuck || full_bits == 0) return;
  use_buffer(live, (full_bits & full_bit(other)) != 0 ? other : !other);
}

}  // namespace vmmu
