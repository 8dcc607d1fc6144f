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
  Shadow,
  VsegMiss,
  SegPromote,
  Gseg,                    // base, limit, offset, attr: SegmentPart
  Vseg = Gseg + 4,         // the same for each of kMaxVmmSegments segments
  Gfilter = Vseg + 4 * 4,  // lanes 0 .. 3
  Vfilter = Gfilter + 4,
};
inline constexpr std::size_t kNumRegs = static_cast<std::size_t>(Reg::Vfilter) + 4;

enum class SegmentPart : std::uint8_t { Base, Limit, Offset, Attr };
constexpr Reg moved(Reg first, unsigned n) { return static_cast<Reg>(static_cast<unsigned>(first) + n); }
constexpr Reg gseg_reg(SegmentPart part) { return moved(Reg::Gseg, static_cast<unsigned>(part)); }
constexpr Reg vseg_reg(unsigned n, SegmentPart part) { return moved(Reg::Vseg, 4 * n + static_cast<unsigned>(part)); }

// Position in the table of names. The first kNumRegs are those of Reg; the others belong to parts of the
// architecture that this version does not have (further logs, segment bitmaps).
using RegIndex = std::uint16_t;
constexpr RegIndex reg_index(Reg reg) { return static_cast<RegIndex>(reg); }
constexpr bool is_present(RegIndex index) { return index < kNumRegs; }

struct RegisterName {
  std::string name;
  std::uint64_t max;  // largest value that the register holds
};

// Whether a build with that many VMM segments and shadow roots has the register.
bool build_has(RegIndex index, unsigned vmm_segments, unsigned shadow_roots);

const RegisterName& register_name(RegIndex index);
std::optional<RegIndex> find_register(std::string_view name);

}  // namespace vmmu::tb
