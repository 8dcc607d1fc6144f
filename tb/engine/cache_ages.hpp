// How old what the caches of the walker hold may be: pointers of the guest's tables for each address space, nested
// entries for each EPT root. An acknowledged invalidation that covers them leaves nothing read before it was accepted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "engine/space_tag.hpp"

namespace vmmu::tb {

inline constexpr std::uint64_t kNever = ~std::uint64_t{0};

// From which cycle on the words that an answer rests on may have been read.
struct Window {
  std::uint64_t walk = 0;         // by the walk itself
  std::uint64_t guest = kNever;   // pointers in the guest's tables, by this walk or an earlier one; kNever: no cache
  std::uint64_t nested = kNever;  // nested entries that are present, likewise
  std::uint64_t until = kNever;   // nothing was read after this cycle

  std::uint64_t oldest() const { return std::min({walk, guest, nested}); }
  Window without_caches() const { return {walk, kNever, kNever, until}; }
};

// Which caches the walker of a build has.
struct WalkerCaches {
  bool guest = true;   // structure caches of the guest's tables
  bool nested = true;  // nested TLB, or structure caches of the nested tables
};

class CacheAges {
 public:
  explicit CacheAges(WalkerCaches caches) : caches_(caches) {}

  void clear() {
    spaces_.clear();
    roots_.clear();
  }
  bool empty() const { return spaces_.empty(); }
  // Of a walk in that space whose request was accepted in that cycle.
  Window window(const SpaceTag& space, std::uint64_t accepted);
  // Acknowledged now, accepted in cycle `since`; `regs` are those of its context at that time.
  void invalidated(const Invalidation& inv, const ContextRegs& regs, std::uint64_t since);
  // The oldest read that may still matter.
  std::uint64_t oldest() const;

 private:
  struct Space {
    SpaceTag tag;
    std::uint64_t since = 0;
  };
  struct Root {
    unsigned ctx = 0;
    std::uint64_t root = 0;
    std::uint64_t since = 0;
  };
  WalkerCaches caches_;
  std::vector<Space> spaces_;
  std::vector<Root> roots_;
};

}  // namespace vmmu::tb
