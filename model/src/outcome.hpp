// How a step of a walk ends: with a value, or with the reason why the walk cannot go on.
#pragma once

#include <variant>

#include "vmmu/types.hpp"

namespace vmmu {

// A swap lost to another writer who changed more than accessed and dirty flags.
struct Restart {
  HostPhys lost;
};

using Stop = std::variant<Fault, Restart>;

template <class T>
using Outcome = std::variant<T, Stop>;

}  // namespace vmmu
