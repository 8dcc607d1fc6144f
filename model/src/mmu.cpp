#include "vmmu/mmu.hpp"

#include <algorithm>

#include "commit_rules.hpp"
#include "guest_walk.hpp"
#include "scratch_mem.hpp"
#include "walk_env.hpp"

namespace vmmu {

namespace {

// The width after reset is legal in every build.
std::uint8_t reset_width(const BuildParams& params) {
  return static_cast<std::uint8_t>(std::min<unsigned>(ContextRegs{}.maxphyaddr, params.pa_bits));
}

}  // namespace

Mmu::Mmu(BuildParams params, PhysMem& memory) : params_(params), memory_(memory), contexts_(params.num_contexts) {
  for (Context& context : contexts_) context.regs.maxphyaddr = reset_width(params_);
}

Reject Mmu::commit(unsigned ctx, const ContextRegs& regs) {
  const Reject reject = judge_commit(regs, params_.pa_bits);
  if (reject == Reject::None) {
    contexts_[ctx].regs = regs;
  } else {
    contexts_[ctx].live.events |= event_bit(Event::CommitRejected);
  }
  return reject;
}

const ContextRegs& Mmu::active(unsigned ctx) const { return contexts_[ctx].regs; }

Result Mmu::access(const Access& access, WalkObserver* observer) {
  Context& context = contexts_[access.ctx];
  return translate({context.regs, access, memory_, context.live, observer, params_.max_restarts});
}

Mmu::Peek Mmu::peek(const Access& access, WalkObserver* observer) const {
  const Context& context = contexts_[access.ctx];
  ScratchMem scratch(memory_);
  LiveRegs live = context.live;
  const Result result = translate({context.regs, access, scratch, live, observer, params_.max_restarts});
  return {result, scratch.written()};
}

std::uint16_t Mmu::pml_index(unsigned ctx) const { return contexts_[ctx].live.pml_index; }

void Mmu::set_pml_index(unsigned ctx, std::uint16_t index) { contexts_[ctx].live.pml_index = index; }

bool Mmu::event(unsigned ctx, Event e) const { return (contexts_[ctx].live.events & event_bit(e)) != 0; }

void Mmu::clear_event(unsigned ctx, Event e) { contexts_[ctx].live.events &= ~event_bit(e); }

}  // namespace vmmu
