// The registers that a scenario can name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/engine.hpp"
#include "vmmu/registers.hpp"

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
  Bitmap = Vfilter + 4,  // of each of kMaxVmmSegments segments
  SegLog = Bitmap + 4,
  Prl,
  PrlDouble,
  PrlAddr,
  PrlAddr2,
  PrlIndex,
  PrlWatermark,
  PrlTarget,
  PrlDrops,
  PrlStatus,
  Epml,
  EpmlTrigger,
  EpmlAddr,
  EpmlIndex,
  EpmlWatermark,
};
inline constexpr std::size_t kNumRegs = static_cast<std::size_t>(Reg::EpmlWatermark) + 1;
// The register that holds the index of a log.
constexpr Reg index_reg(Log log) {
  return log == Log::Pml ? Reg::PmlIndex : log == Log::Prl ? Reg::PrlIndex : Reg::EpmlIndex;
}
inline constexpr std::array kLogs = {Log::Pml, Log::Prl, Log::Epml};

enum class SegmentPart : std::uint8_t { Base, Limit, Offset, Attr };
constexpr Reg moved(Reg first, unsigned n) { return static_cast<Reg>(static_cast<unsigned>(first) + n); }
constexpr Reg gseg_reg(SegmentPart part) { return moved(Reg::Gseg, static_cast<unsigned>(part)); }
constexpr Reg vseg_reg(unsigned n, SegmentPart part) { return moved(Reg::Vseg, 4 * n + static_cast<unsigned>(part)); }

// Position in the table of names. The first kNumRegs are those of Reg; the others belong to parts of the
// architecture that this version does not have (further VMM segments).
using RegIndex = std::uint16_t;
constexpr RegIndex reg_index(Reg reg) { return static_cast<RegIndex>(reg); }
constexpr bool is_present(RegIndex index) { return index < kNumRegs; }

struct RegisterName {
  std::string name;
  std::uint64_t max;  // largest value that the register holds
};

// Whether the engine's build has the register.
bool build_has(RegIndex index, const Engine& engine);

const RegisterName& register_name(RegIndex index);
std::optional<RegIndex> find_register(std::string_view name);

}  // namespace vmmu::tb
