// The TLB that stands in front of a cacheless MMU.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/engine.hpp"

namespace vmmu::tb {

// One set-associative array of 4 KiB pages, true LRU.
class PageCache {
 public:
  // sets: a power of two, or 0 for an array that never holds anything; ways >= 1.
  PageCache(std::size_t sets, std::size_t ways);

  struct Entry {
    std::uint64_t page = 0;
    std::uint64_t used = 0;  // larger is younger
    bool valid = false;
    bool writable = false;  // a write went through this entry: nothing is left to set or to log
  };
  Entry* find(std::uint64_t page);
  void insert(std::uint64_t page, bool writable);
  void clear();

 private:
  Entry* set_of(std::uint64_t page) { return &entries_[(page & (sets_ - 1)) * ways_]; }

  std::size_t sets_;
  std::size_t ways_;
  std::uint64_t now_ = 0;
  std::vector<Entry> entries_;
};

// The L1 and L2 of a preset for pages of 4 KiB, so that the model sees what an MMU with caches would walk, and PRL what
// such an MMU would log. A choice that differs from the RTL: replacement is true LRU, the RTL's is tree pseudo-LRU.
class TlbFilter {
 public:
  explicit TlbFilter(Preset preset);

  enum class Hit : std::uint8_t {
    No,    // neither level holds the page
    Held,  // it is held, but not for a write: the MMU walks again, and PRL has no part in it
    Yes,   // answered, nothing happens in memory
  };
  // A page that only the L2 holds is brought into the L1.
  Hit look_up(std::uint64_t page, Op op);
  // The access was answered by a walk.
  void insert(std::uint64_t page, Op op);
  // Software has invalidated.
  void flush();

 private:
  PageCache l1_;
  PageCache l2_;
};

}  // namespace vmmu::tb
