// Translations that the RTL may still answer from its TLBs: each walk leaves one, each invalidation that covers it
// takes it away. Over-invalidation by the RTL is legal, so nothing here must be answered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/cache_ages.hpp"
#include "engine/engine.hpp"
#include "engine/register_set.hpp"
#include "engine/space_tag.hpp"

namespace vmmu::tb {

struct StaleEntry {
  SpaceTag tag;
  std::uint64_t gva = 0;  // page aligned
  PageSize size = PageSize::k4K;
  std::shared_ptr<const RegisterSet> regs;  // under which it was walked
  Window window;                            // when its words were read
  std::uint64_t epoch = 0;                  // software changes before it was complete
  bool steady = true;                       // and none while it went on
};

// An invalidation that was accepted.
struct TakenInvalidation {
  Invalidation inv;
  std::shared_ptr<const RegisterSet> regs;  // of its context at that time
  std::uint64_t since = 0;                  // cycle
};

bool covers(const TakenInvalidation& taken, const StaleEntry& entry);
// What is left of the window of something that it covers: it may have been read anew since.
void read_anew(const TakenInvalidation& taken, const SpaceTag& tag, Window& window);

class StaleSet {
 public:
  void add(StaleEntry entry);
  void clear() { pages_.clear(); }
  bool empty() const { return pages_.empty(); }

  // Entries for that address, newest first, until `visit` returns true. Returns whether it did.
  bool any(unsigned ctx, std::uint64_t gva, const std::function<bool(const StaleEntry&)>& visit) const;

  // Acknowledged now: until then everything may have been answered.
  void invalidated(const TakenInvalidation& taken);
  // The oldest read that may still matter.
  std::uint64_t oldest() const;

 private:
  static std::uint64_t key(unsigned ctx, std::uint64_t gva, PageSize size);
  std::unordered_map<std::uint64_t, std::vector<StaleEntry>> pages_;
};

}  // namespace vmmu::tb
