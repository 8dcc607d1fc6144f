// Memory in which writes are only remembered: a walk on it reads back what it wrote, and nothing is changed.
#pragma once

#include <utility>
#include <vector>

#include "vmmu/phys_mem.hpp"

namespace vmmu {

class ScratchMem : public PhysMem {
 public:
  explicit ScratchMem(const PhysMem& below) : below_(below) {}

  std::optional<std::uint64_t> read(HostPhys addr) override;
  std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) override;
  bool write(HostPhys addr, std::uint64_t word) override;
  std::uint64_t peek(HostPhys addr) const override;

  bool written() const { return !words_.empty(); }

 private:
  const PhysMem& below_;
  std::vector<std::pair<HostPhys, std::uint64_t>> words_;  // newest last; a walk writes a few dozen at most
};

}  // namespace vmmu
