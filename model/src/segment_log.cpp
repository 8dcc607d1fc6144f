#include "segment_log.hpp"

#include "pml_log.hpp"

namespace vmmu {

namespace {

// True: our own swap set the bit. False: somebody else has meanwhile.
Outcome<bool> set_bit(const WalkEnv& env, HostPhys addr, std::uint64_t word, std::uint64_t bit) {
  for (unsigned tries = 0; (word & bit) == 0; ++tries) {
    // Another writer that changes the word for ever must not hang the walk.
    if (tries > env.max_restarts) return bus_error(env, addr);
    const std::optional<std::uint64_t> found = env.memory.compare_swap(addr, word, word | bit);
    if (!found) return bus_error(env, addr);
    if (env.observer != nullptr) env.observer->on_bitmap_swap(addr, word, word | bit, *found);
    if (*found == word) return true;
    word = *found;
  }
  return false;
}

}  // namespace

std::optional<Stop> log_segment_write(const WalkEnv& env, const Segment& segment, GuestPhys gpa, EpmlRecord epml) {
  if (!env.regs.seg_log_en) return std::nullopt;
  const HostPhys addr = bitmap_word(env.regs, static_cast<unsigned>(&segment - env.regs.vseg.data()), gpa);
  const std::uint64_t bit = std::uint64_t{1} << (page_in_segment(segment, gpa) % 64);

  const std::optional<std::uint64_t> word = env.memory.read(addr);
  if (!word) return bus_error(env, addr);
  if (env.observer != nullptr) env.observer->on_bitmap_read(addr, *word);
  if ((*word & bit) != 0) return std::nullopt;

  if (env.regs.pml_en && pml_full(env.live)) return make_fault(env, FaultKind::PmlFull);
  if (std::optional<Stop> stop = epml.make_room(env)) return stop;
  const Outcome<bool> set = set_bit(env, addr, *word, bit);
  if (const Stop* stop = std::get_if<Stop>(&set)) return *stop;
  if (!std::get<bool>(set)) return std::nullopt;
  if (env.regs.pml_en) pml_append(env, gpa);
  epml.append(env);
  return std::nullopt;
}

}  // namespace vmmu
