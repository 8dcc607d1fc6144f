#include "entry_flags.hpp"

#include "vmmu/entry_bits.hpp"

namespace vmmu {

namespace {

constexpr std::uint64_t flag_mask(Table table) { return table == Table::Guest ? pt::A | pt::D : ept::A | ept::D; }

constexpr std::uint64_t dirty_flag(Table table) { return table == Table::Guest ? pt::D : ept::D; }

}  // namespace

Outcome<std::uint64_t> set_flags(const WalkEnv& env, const EntryRead& entry, std::uint64_t wanted, EpmlRecord& epml) {
  std::uint64_t expected = entry.word;
  for (unsigned tries = 0; (expected & wanted) != wanted; ++tries) {
    // Another writer that takes a flag back for ever must not hang the walk.
    if (tries > env.max_restarts) return bus_error(env, entry.addr);
    const std::uint64_t desired = expected | wanted;
    if ((desired & ~expected & dirty_flag(entry.table)) != 0) {
      if (const std::optional<Stop> stop = epml.make_room(env)) return *stop;
    }
    const std::optional<std::uint64_t> found = env.memory.compare_swap(entry.addr, expected, desired);
    if (!found) return bus_error(env, entry.addr);
    if (env.observer != nullptr) {
      env.observer->on_swap(entry.table, entry.level, entry.addr, expected, desired, *found);
    }
    if (*found == expected) return desired & ~expected;
    if (((*found ^ expected) & ~flag_mask(entry.table)) != 0) return Restart{entry.addr};
    expected = *found;
  }
  return std::uint64_t{0};
}

Outcome<std::uint64_t> set_flags(const WalkEnv& env, const EntryRead& entry, std::uint64_t wanted) {
  EpmlRecord none = EpmlRecord::none();
  return set_flags(env, entry, wanted, none);
}

}  // namespace vmmu
