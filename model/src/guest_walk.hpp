// From a linear address to a host-physical one: the guest segment or the guest's tables, each gPA of which goes through
// the nested level.
#pragma once

#include "outcome.hpp"
#include "walk_env.hpp"

namespace vmmu {

// The whole answer: the canonical check, the guest segment, then attempts until none is lost to another writer.
Result translate(const WalkEnv& env);

}  // namespace vmmu
