// Accesses and answers in words, for reports of differences.
#pragma once

#include <string>

#include "device/memory.hpp"
#include "vmmu/types.hpp"

namespace vmmu::tb {

std::string describe(const Access& access);
std::string describe(const Result& result);
std::string describe(const Transaction& transaction);

}  // namespace vmmu::tb
