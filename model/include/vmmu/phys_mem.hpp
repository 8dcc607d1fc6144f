// Host-physical memory as the MMU sees it: 8-byte words, each access may fail on the bus.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "vmmu/types.hpp"

namespace vmmu {

// The seam between the model and whatever holds memory. Addresses are 8-byte aligned.
// An empty optional or `false` is a bus error.
class PhysMem {
 public:
  virtual ~PhysMem() = default;
  virtual std::optional<std::uint64_t> read(HostPhys addr) = 0;
  // Writes `desired` if the word equals `expected`. Returns the word found before.
  virtual std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected,
                                                    std::uint64_t desired) = 0;
  virtual bool write(HostPhys addr, std::uint64_t word) = 0;
  // Looks without counting as an access and without failing.
  virtual std::uint64_t peek(HostPhys addr) const = 0;
};

// Memory whose unlisted words are 0.
class SparseMem : public PhysMem {
 public:
  std::optional<std::uint64_t> read(HostPhys addr) override;
  std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected,
                                            std::uint64_t desired) override;
  bool write(HostPhys addr, std::uint64_t word) override;
  std::uint64_t peek(HostPhys addr) const override;
  void poke(HostPhys addr, std::uint64_t word);  // software writes
  void clear();

 private:
  // Page number to the 512 words of the page; fast enough for traces of millions of accesses.
  struct Page;
  std::unordered_map<std::uint64_t, std::uint64_t> words_;
};

}  // namespace vmmu
