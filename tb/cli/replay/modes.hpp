// The modes that a trace can be replayed in, and what each is made of (docs/modes.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vmmu/types.hpp"

namespace vmmu::tb {

enum class ReplayMode : std::uint8_t {
  Native,
  NativeDs,
  Nested,
  VmmDirect,
  GuestDirect,
  DualDirect,
  Compromis,
  Shadow,
};

// There is no mode register: these are the registers that make the mode.
struct ModeTraits {
  ReplayMode mode;
  std::string_view name;  // as --modes takes it
  bool virtualized;
  bool ept;            // EPT_EN
  bool guest_segment;  // one, over what the trace touches
  bool vmm_segments;   // over all guest memory: one, or with Compromis as many as the build has
  // Which page sizes mean something. Guest pages mean nothing where a guest segment stands in for them, VMM pages
  // nothing where a VMM segment does, or where nothing is virtualized.
  bool guest_pages;
  bool vmm_pages;
};

inline constexpr std::array<ModeTraits, 8> kModes = {{
    {ReplayMode::Native, "native", false, false, false, false, true, false},
    {ReplayMode::NativeDs, "native-ds", false, false, true, false, false, false},
    {ReplayMode::Nested, "nested", true, true, false, false, true, true},
    {ReplayMode::VmmDirect, "vmm-direct", true, true, false, true, true, false},
    {ReplayMode::GuestDirect, "guest-direct", true, true, true, false, false, true},
    {ReplayMode::DualDirect, "dual-direct", true, true, true, true, false, false},
    {ReplayMode::Compromis, "compromis", true, false, false, true, true, false},
    {ReplayMode::Shadow, "shadow", true, false, false, false, true, true},
}};

constexpr const ModeTraits& traits(ReplayMode mode) { return kModes[static_cast<std::size_t>(mode)]; }

// One way to replay a trace. Sizes that mean nothing to the mode are 4K.
struct ReplayCase {
  ReplayMode mode = ReplayMode::Native;
  PageSize guest_page = PageSize::k4K;
  PageSize vmm_page = PageSize::k4K;
  // Transparent huge pages: 2 MiB where the program has so much in one piece, else guest_page, which is 4K then.
  bool thp = false;
};

// What the MMU has that replays it.
struct Capabilities {
  unsigned pa_bits = 52;
  unsigned vmm_segments = 4;
  unsigned shadow_roots = 8;
};

// Why this build cannot do that mode; empty if it can.
inline std::optional<std::string> missing(ReplayMode mode, const Capabilities& capabilities) {
  if (mode == ReplayMode::Shadow && capabilities.shadow_roots == 0) return "this build has no shadow roots";
  if (traits(mode).vmm_segments && capabilities.vmm_segments == 0) return "this build has no VMM segments";
  return std::nullopt;
}

}  // namespace vmmu::tb
