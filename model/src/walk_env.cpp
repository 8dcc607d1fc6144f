#include "walk_env.hpp"

namespace vmmu {

Fault make_fault(const WalkEnv& env, FaultKind kind, std::uint16_t code, std::uint64_t address) {
  return {kind, code, env.regs.fault_target, env.access.gva, true, address};
}

Fault bus_error(const WalkEnv& env, HostPhys addr) { return make_fault(env, FaultKind::BusError, 0, addr.value); }

}  // namespace vmmu
