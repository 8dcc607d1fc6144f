// The page tables and segments that a trace is replayed on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "modes.hpp"
#include "trace/trace.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/shadow.hpp"
#include "vmmu/types.hpp"

namespace vmmu::tb {

// The numbers of the 4 KiB pages that the accesses touch, each once, in order of first touch.
std::vector<std::uint64_t> touched_pages(const std::vector<PackedAccess>& accesses);

// What one access must come to, with nothing cached (architecture, section 3).
struct Expectation {
  Translation translation;
  unsigned references = 0;  // of a full walk: g + (g+1)*h for g guest and h nested levels, less with segments
  unsigned checks = 0;      // addresses compared with segments
};

// The guest's memory begins with page tables; its pages follow in order of first touch, with P|W|U and clear
// accessed and dirty flags. With a guest segment they lie as the trace has them: one range, holes included, which take
// addresses but no table entries. The host's memory is one run at a constant offset, or with Compromis one run per
// segment. Only what is touched and not translated by a segment gets entries of the chosen size, guest tables and EPT
// alike. EPTP[6] is set. See docs/modes.md for the choices.
class AddressSpace {
 public:
  using Poke = std::function<void(HostPhys, std::uint64_t)>;

  // Writes the tables through `poke`. An error tells what does not fit.
  static std::variant<AddressSpace, std::string> build(const ReplayCase& replay_case,
                                                       const std::vector<std::uint64_t>& pages,
                                                       const Capabilities& capabilities, const Poke& poke);

  const ContextRegs& regs() const { return regs_; }
  // Row 0 of the shadow-root buffer, in mode Shadow.
  const std::optional<ShadowRow>& shadow_row() const { return shadow_row_; }
  // For an address in a touched page.
  Expectation expected(GuestVirt gva) const;
  // References and checks of a full walk, when those of all touched pages are the same.
  std::optional<unsigned> references_per_walk() const;

 private:
  friend class SpaceBuilder;
  struct Page {
    std::uint64_t frame = 0;  // host page number
    PageSize size = PageSize::k4K;
    std::uint8_t references = 0;
    std::uint8_t checks = 0;
  };

  ContextRegs regs_;
  std::optional<ShadowRow> shadow_row_;
  std::unordered_map<std::uint64_t, Page> pages_;  // by guest-virtual page number
};

}  // namespace vmmu::tb
