#include "vmmu/mmu.hpp"

#include <algorithm>

#include "commit_rules.hpp"
#include "guest_walk.hpp"
#include "prl_log.hpp"
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
  Context& context = contexts_[ctx];
  const ContextRegs wanted = as_registers(regs);
  const Reject reject = judge_commit(wanted, params_);
  if (reject == Reject::None) {
    context.regs = wanted;
    search_root(context);
  } else {
    context.live.events |= event_bit(Event::CommitRejected);
  }
  return reject;
}

Reject Mmu::commit_guest(unsigned ctx, const GuestRegs& regs) {
  Context& context = contexts_[ctx];
  ContextRegs wanted = context.regs;
  static_cast<GuestRegs&>(wanted) = regs;
  wanted = as_registers(wanted);
  const Reject reject = judge_guest_commit(wanted, params_);
  if (reject == Reject::None) {
    context.regs = wanted;
  } else {
    context.live.guest_events |= event_bit(GuestEvent::CommitRejected);
  }
  return reject;
}

void Mmu::load_cr3(unsigned ctx, std::uint64_t cr3) {
  contexts_[ctx].regs.cr3 = cr3;
  search_root(contexts_[ctx]);
}

// Architecture 11: whenever a CR3 becomes active under SHADOW.
void Mmu::search_root(Context& context) {
  context.held = false;
  if (!context.regs.shadow) return;
  if (const std::optional<std::uint64_t> root = find_shadow_root(context.regs, context.shadow_rows)) {
    context.live.shadow_root = *root;
  } else {
    context.held = true;
    context.live.events |= event_bit(Event::ShadowRoot);
  }
}

void Mmu::set_shadow_row(unsigned ctx, unsigned row, const ShadowRow& value) {
  contexts_[ctx].shadow_rows[row] = value;
}

const ShadowRow& Mmu::shadow_row(unsigned ctx, unsigned row) const { return contexts_[ctx].shadow_rows[row]; }

void Mmu::root_done(unsigned ctx) { search_root(contexts_[ctx]); }

bool Mmu::queue_sync(const SyncRequest& request) {
  if (!sync_queue_.push(request)) return false;
  contexts_[request.ctx].live.events |= event_bit(Event::SyncPending);
  return true;
}

const ContextRegs& Mmu::active(unsigned ctx) const { return contexts_[ctx].regs; }

void Mmu::restore(unsigned ctx, const ContextRegs& regs, std::uint64_t shadow_root, bool held) {
  contexts_[ctx].regs = regs;
  contexts_[ctx].live.shadow_root = shadow_root;
  contexts_[ctx].held = held;
}

Result Mmu::access(const Access& access, WalkObserver* observer) {
  Context& context = contexts_[access.ctx];
  return translate({context.regs, access, memory_, context.live, observer, params_.max_restarts, log_error_record_});
}

Mmu::Peek Mmu::peek(const Access& access, WalkObserver* observer) const {
  const Context& context = contexts_[access.ctx];
  ScratchMem scratch(memory_);
  LiveRegs live = context.live;
  std::uint64_t log_error_record = 0;
  Access unrecorded = access;
  unrecorded.held = true;
  const Result result =
      translate({context.regs, unrecorded, scratch, live, observer, params_.max_restarts, log_error_record});
  return {result, scratch.written()};
}

std::uint16_t Mmu::log_index(unsigned ctx, Log log) const { return contexts_[ctx].live.index(log); }

void Mmu::set_log_index(unsigned ctx, Log log, std::uint16_t index) {
  Context& context = contexts_[ctx];
  context.live.index(log) = index;
  if (log == Log::Prl && !context.regs.prl_double) context.live.prl_status &= ~prl_status::kFirstFull;
}

void Mmu::clear_prl_status(unsigned ctx, std::uint8_t full_bits) {
  prl_rearm(contexts_[ctx].regs, contexts_[ctx].live, full_bits);
}

bool Mmu::event(unsigned ctx, Event e) const { return (contexts_[ctx].live.events & event_bit(e)) != 0; }

void Mmu::clear_event(unsigned ctx, Event e) {
  contexts_[ctx].live.events &= ~event_bit(e);
  if (e == Event::LogError) contexts_[ctx].live.closed_logs = 0;
}

bool Mmu::event(unsigned ctx, GuestEvent e) const { return (contexts_[ctx].live.guest_events & event_bit(e)) != 0; }

void Mmu::clear_event(unsigned ctx, GuestEvent e) { contexts_[ctx].live.guest_events &= ~event_bit(e); }

}  // namespace vmmu
