// The registers that a scenario can name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmmu::tb {

// Registers that this version has, in the order of the table of names.
enum class Reg : std::uint8_t {
  Cr0,
  Cr3,
  Cr4,
  Efer,
  Rflags,
  Pkru,
  MaxPhyAddr,
  Page1G,
  Eptp,
  Vpid,
  Mbe,
  AdvInfo,
  Pml,
  PmlAddr,
  PmlIndex,
  VirtOn,
  PmlWatermark,
};
inline constexpr std::size_t kNumRegs = 17;

// Position in the table of names. The first kNumRegs are those of Reg; the others belong to parts of the
// architecture that this version does not have (segments, filters, shadow roots, further logs).
using RegIndex = std::uint16_t;
constexpr RegIndex reg_index(Reg reg) { return static_cast<RegIndex>(reg); }
constexpr bool is_present(RegIndex index) { return index < kNumRegs; }

struct RegisterName {
  std::string name;
  std::uint64_t max;  // largest value that the register holds
};

const RegisterName& register_name(RegIndex index);
std::optional<RegIndex> find_register(std::string_view name);

}  // namespace vmmu::tb
