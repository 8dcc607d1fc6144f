// The page tables that a trace is replayed on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "trace/trace.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu::tb {

enum class ReplayMode : std::uint8_t { Native, Nested };

// One way to replay a trace. vmm_page means nothing to native paging.
struct ReplayCase {
  ReplayMode mode = ReplayMode::Native;
  PageSize guest_page = PageSize::k4K;
  PageSize vmm_page = PageSize::k4K;
};

// The numbers of the 4 KiB pages that the accesses touch, each once, in order of first touch.
std::vector<std::uint64_t> touched_pages(const std::vector<PackedAccess>& accesses);

// Every guest page that holds a touched page gets the next free frame, in order of first touch, with P|W|U and its
// accessed and dirty flags clear. Under EPT, host frames are the guest frames moved up by a constant; only what the
// guest touches (tables, and the touched 4 KiB pages) gets EPT leaves of the VMM's page size. EPTP[6] is set and EPT's
// flags are clear as well, so that the first touches really set them.
class AddressSpace {
 public:
  using Poke = std::function<void(HostPhys, std::uint64_t)>;

  // Writes the tables through `poke`. An error tells what does not fit into 2^pa_bits bytes.
  static std::variant<AddressSpace, std::string> build(const ReplayCase& replay_case,
                                                       const std::vector<std::uint64_t>& pages, unsigned pa_bits,
                                                       const Poke& poke);

  const ContextRegs& regs() const { return regs_; }
  // What the MMU must answer for an address in a touched page.
  Translation expected(GuestVirt gva) const;
  // References of one full walk: g + (g+1)*h for g guest and h nested levels (architecture, section 3).
  static unsigned references_per_walk(const ReplayCase& replay_case);

 private:
  AddressSpace(const ReplayCase& replay_case, unsigned pa_bits);
  GuestPhys frame(GuestVirt gva) const;  // of the guest page that holds gva

  ReplayCase case_;
  ContextRegs regs_;
  std::unordered_map<std::uint64_t, std::uint64_t> frames_;  // guest page number to frame index
};

}  // namespace vmmu::tb
