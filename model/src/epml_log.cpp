#include "epml_log.hpp"

#include "log_record.hpp"
#include "nested_walk.hpp"
#include "physical_width.hpp"
#include "pml_log.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu {

namespace {

// SDM 28.3.2 knows accesses that have no linear address; a log buffer is reached by one.
constexpr GpaAccess kBufferWrite{false, true, false, false, {}, false};

// A full PML is about the access, whichever page needed it. All else is about the buffer.
Stop about_buffer(const Stop& stop) {
  const Fault* fault = std::get_if<Fault>(&stop);
  if (fault == nullptr || fault->kind == FaultKind::PmlFull) return stop;
  Fault told = *fault;
  told.gva = {};
  told.gva_valid = false;
  return told;
}

// Where the next record goes: the buffer's page is written by the guest like any other.
Outcome<HostPhys> translate_slot(const WalkEnv& env) {
  const GuestPhys gpa{log_slot(env.regs.epml_addr, env.live.index(Log::Epml))};
  const Outcome<NestedTranslation> nested = translate_gpa(env, gpa, kBufferWrite);
  if (const Stop* stop = std::get_if<Stop>(&nested)) return about_buffer(*stop);
  const HostPhys slot = std::get<NestedTranslation>(nested).hpa;
  // Nothing else has judged an address that is not translated.
  if (beyond_width(env.regs, slot.value)) return about_buffer(bus_error(env, slot));
  return slot;
}

}  // namespace

std::optional<Stop> EpmlRecord::make_room(const WalkEnv& env) {
  if (!wanted_ || slot_) return std::nullopt;
  if (with_pml_ && pml_full(env.live)) return make_fault(env, FaultKind::PmlFull);
  if (log_full(env.live, Log::Epml)) {
    env.live.guest_events |= event_bit(GuestEvent::EpmlFull);
    return make_fault(env, FaultKind::EpmlFull);
  }
  const Outcome<HostPhys> slot = translate_slot(env);
  if (const Stop* stop = std::get_if<Stop>(&slot)) return *stop;
  if (with_pml_ && pml_full(env.live)) return make_fault(env, FaultKind::PmlFull);
  slot_ = std::get<HostPhys>(slot);
  return std::nullopt;
}

void EpmlRecord::append(const WalkEnv& env) const {
  if (!slot_) return;
  constexpr std::uint64_t kPageMask = bit_range(63, 12);
  if (!append_record(env, Log::Epml, *slot_, env.access.gva.value & kPageMask)) return;
  if (env.live.index(Log::Epml) == env.regs.epml_watermark) {
    env.live.guest_events |= event_bit(GuestEvent::EpmlWatermark);
  }
}

}  // namespace vmmu
