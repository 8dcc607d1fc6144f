// Translations that the RTL may still answer from its caches: each walk leaves one, each invalidation
// that covers it takes it away. Over-invalidation by the RTL is legal, so nothing here must be answered.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/engine.hpp"
#include "engine/register_set.hpp"
#include "vmmu/registers.hpp"

namespace vmmu::tb {

// What a cached entry is tagged with (architecture 7).
struct SpaceTag {
  unsigned ctx = 0;
  bool virt = false;
  std::uint16_t vpid = 0;  // 0 unless virt
  std::uint16_t pcid = 0;  // 0 without PCIDE
  bool global = false;     // then pcid does not count
  bool nested = false;
  std::uint64_t eptp_root = 0;  // 0 unless nested

  static SpaceTag of(unsigned ctx, const ContextRegs& regs);
  // Whether an entry with this tag answers requests in space `now`.
  bool answers(const SpaceTag& now) const;
};

struct StaleEntry {
  SpaceTag tag;
  std::uint64_t gva = 0;  // page aligned
  PageSize size = PageSize::k4K;
  std::shared_ptr<const RegisterSet> regs;  // under which it was walked
  std::uint64_t since = 0;                  // the walk read nothing before this cycle
  std::uint64_t walked = 0;                 // nor after this one
  std::uint64_t epoch = 0;                  // software changes before it was complete
  bool steady = true;                       // and none while it went on
  // A covering invalidation: no request accepted after the first cycle, and no response after the
  // second, may come from it.
  std::uint64_t no_accept_after = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t no_response_after = std::numeric_limits<std::uint64_t>::max();

  bool usable(std::uint64_t accepted, std::uint64_t responded) const {
    return accepted <= no_accept_after && responded <= no_response_after;
  }
};

// True if the invalidation, given the registers of its context when it is accepted, must remove the entry.
bool covers(const Invalidation& inv, const ContextRegs& regs, const StaleEntry& entry);
// The same for a request in flight, of which only context, registers and address are known.
bool covers_access(const Invalidation& inv, const ContextRegs& regs, const Access& access,
                   const ContextRegs& access_regs);

class StaleSet {
 public:
  void add(StaleEntry entry);
  void clear() {
    pages_.clear();
    count_ = 0;
  }
  bool empty() const { return count_ == 0; }

  // Entries for that address, newest first, until `visit` returns true. Returns whether it did.
  bool any(unsigned ctx, std::uint64_t gva, const std::function<bool(const StaleEntry&)>& visit) const;

  void invalidation_accepted(const Invalidation& inv, const ContextRegs& regs, std::uint64_t cycle);
  // Entries covered by it answer no response after this cycle; with nothing in flight they are dropped.
  void invalidation_acknowledged(std::uint64_t cycle, bool drop);
  // It got an error reply and has done nothing.
  void invalidation_refused();

 private:
  static std::uint64_t key(unsigned ctx, std::uint64_t gva, PageSize size);
  std::unordered_map<std::uint64_t, std::vector<StaleEntry>> pages_;
  std::size_t count_ = 0;
};

}  // namespace vmmu::tb
