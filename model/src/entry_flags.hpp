// Accessed and dirty flags of an entry (SDM 4.8, 28.3.5; architecture 6, rule 5).
#pragma once

#include <cstdint>

#include "epml_log.hpp"
#include "outcome.hpp"
#include "walk_env.hpp"

namespace vmmu {

// Sets the `wanted` accessed and dirty flags of an entry by compare-and-swap. `epml` makes room before a swap that
// sets the dirty flag. Returns the flags that our own swap turned from 0 to 1.
Outcome<std::uint64_t> set_flags(const WalkEnv& env, const EntryRead& entry, std::uint64_t wanted, EpmlRecord& epml);

// The same for an entry that EPML does not follow.
Outcome<std::uint64_t> set_flags(const WalkEnv& env, const EntryRead& entry, std::uint64_t wanted);

}  // namespace vmmu
