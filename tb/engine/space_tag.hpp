// What cached translations are tagged with, and which of them each invalidation must remove (architecture 7 and 9).
#pragma once

#include <cstdint>

#include "engine/engine.hpp"
#include "vmmu/registers.hpp"

namespace vmmu::tb {

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
  bool operator==(const SpaceTag&) const = default;
};

// In all of these `regs` are the registers of inv.ctx when the invalidation was accepted.

// Whether it must remove the translation of addresses first .. last.
bool covers_page(const Invalidation& inv, const ContextRegs& regs, const SpaceTag& tag, std::uint64_t first,
                 std::uint64_t last);
// Whether it surely concerns a request in flight, of which only context, registers and address are known.
bool covers_access(const Invalidation& inv, const ContextRegs& regs, const Access& access,
                   const ContextRegs& access_regs);
// Whether it must remove pointers of the guest's tables: those by address take all of their space (SDM 4.10.4.1).
bool covers_structures(const Invalidation& inv, const ContextRegs& regs, const SpaceTag& tag);
// Whether it must remove what was read in the nested tables below that root.
bool covers_nested(const Invalidation& inv, unsigned ctx, std::uint64_t eptp_root);

}  // namespace vmmu::tb
