#include "log_record.hpp"

namespace vmmu {

bool append_record(const WalkEnv& env, Log log, HostPhys slot, std::uint64_t record) {
  if (!env.memory.write(slot, record)) {
    env.live.events |= event_bit(Event::LogError);
    env.live.closed_logs |= static_cast<std::uint8_t>(1u << static_cast<unsigned>(log));
    env.log_error_record = record;
    return false;
  }
  if (env.observer != nullptr) env.observer->on_record(log, slot, record);
  std::uint16_t& index = env.live.index(log);
  index = static_cast<std::uint16_t>(index - 1);
  return true;
}

}  // namespace vmmu
