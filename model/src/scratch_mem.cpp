#include "scratch_mem.hpp"

#include <algorithm>

namespace vmmu {

std::optional<std::uint64_t> ScratchMem::read(HostPhys addr) { return peek(addr); }

std::optional<std::uint64_t> ScratchMem::compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) {
  const std::uint64_t found = peek(addr);
  if (found == expected) words_.emplace_back(addr, desired);
  return found;
}

bool ScratchMem::write(HostPhys addr, std::uint64_t word) {
  words_.emplace_back(addr, word);
  return true;
}

std::uint64_t ScratchMem::peek(HostPhys addr) const {
  const auto newest =
      std::find_if(words_.rbegin(), words_.rend(), [addr](const auto& entry) { return entry.first == addr; });
  return newest == words_.rend() ? below_.peek(addr) : newest->second;
}

}  // namespace vmmu
