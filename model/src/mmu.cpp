#include "vmmu/mmu.hpp"

namespace vmmu {

Mmu::Mmu(BuildParams params, PhysMem& memory)
    : params_(params), memory_(memory), contexts_(params.num_contexts) {}

Reject Mmu::commit(unsigned ctx, const ContextRegs& regs) {
  contexts_[ctx].regs = regs;
  return Reject::None;
}

const ContextRegs& Mmu::active(unsigned ctx) const { return contexts_[ctx].regs; }

Result Mmu::access(const Access& access, WalkObserver*) {
  memory_.read(HostPhys{0});
  return Fault{FaultKind::BusError, 0, active(access.ctx).fault_target, access.gva, true, params_.pa_bits};
}

Mmu::Peek Mmu::peek(const Access& access, WalkObserver*) const {
  return {Fault{FaultKind::BusError, 0, active(access.ctx).fault_target, access.gva, true, 0}, false};
}

std::uint16_t Mmu::pml_index(unsigned ctx) const { return contexts_[ctx].pml_index; }
void Mmu::set_pml_index(unsigned ctx, std::uint16_t index) { contexts_[ctx].pml_index = index; }
bool Mmu::event(unsigned ctx, Event e) const { return (contexts_[ctx].events >> static_cast<unsigned>(e)) & 1; }
void Mmu::clear_event(unsigned ctx, Event e) { contexts_[ctx].events &= ~(1u << static_cast<unsigned>(e)); }

}  // namespace vmmu
