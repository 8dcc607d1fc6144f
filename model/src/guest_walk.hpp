// The walk of a linear address: the guest's tables, each reached through the nested walk.
#pragma once

#include "outcome.hpp"
#include "walk_env.hpp"

namespace vmmu {

// One attempt, from the root to the translation, with all its effects.
Outcome<Translation> walk_once(const WalkEnv& env);

// The whole answer: the canonical check, then attempts until none is lost to another writer.
Result translate(const WalkEnv& env);

}  // namespace vmmu
