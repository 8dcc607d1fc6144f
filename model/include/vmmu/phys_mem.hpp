// Host-physical memory as the MMU sees it: 8-byte words, each access may fail on the bus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "vmmu/types.hpp"

namespace vmmu {

// The seam between the model and whatever holds memory. Addresses are 8-byte aligned.
// An empty optional or `false` is a bus error.
class PhysMem {
 public:
  virtual ~PhysMem() = default;
  virtual std::optional<std::uint64_t> read(HostPhys addr) = 0;
  // Writes `desired` if the word equals `expected`. Returns the word found before.
  virtual std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) = 0;
  virtual bool write(HostPhys addr, std::uint64_t word) = 0;
  // Looks without counting as an access and without failing.
  virtual std::uint64_t peek(HostPhys addr) const = 0;
};

// Memory whose unlisted words are 0. Pages are made by the first write into them and found through an
// open-addressed hash table, fast enough for traces of many millions of walks.
class SparseMem : public PhysMem {
 public:
  SparseMem();
  ~SparseMem() override;
  SparseMem(const SparseMem& other);
  SparseMem& operator=(const SparseMem& other);
  SparseMem(SparseMem&&) noexcept;
  SparseMem& operator=(SparseMem&&) noexcept;

  std::optional<std::uint64_t> read(HostPhys addr) override;
  std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) override;
  bool write(HostPhys addr, std::uint64_t word) override;
  std::uint64_t peek(HostPhys addr) const override;
  void poke(HostPhys addr, std::uint64_t word);  // software writes
  void clear();

 private:
  struct Page;
  struct Slot {
    std::uint64_t number = 0;
    Page* page = nullptr;  // null: the slot is free
  };
  std::size_t slot_of(std::uint64_t number) const;
  const Page* find(std::uint64_t number) const;
  Page& find_or_make(std::uint64_t number);
  void grow();

  std::vector<Slot> slots_;  // a power of two of them, at most half in use; empty: no page yet
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace vmmu
