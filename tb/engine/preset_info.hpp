// The build parameters of every preset, as the RTL package states them (cfg_t, preset_cfg).
// The hardware reports the same numbers in its capability registers; a lock-step test compares the two.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/engine.hpp"

namespace vmmu::tb {

inline constexpr std::size_t kNumParameters = 33;

// Names in the order of cfg_t: parameter n is read at RegGlobalCaps + 8 * n.
inline constexpr std::array<std::string_view, kNumParameters> kParameterNames = {
    "NumPorts",  "NumContexts", "PaBits",   "L1Sets4K",       "L1Ways4K",    "L1Sets2M",       "L1Ways2M",
    "L1Ways1G",  "L2Sets",      "L2Ways",   "NtlbEntries",    "PscEntries",  "NumVmmSegments", "NumWalks",
    "MissQueue", "NumSpaces",   "LogQueue", "WatchdogCycles", "CheckStages", "SegmentAtL1",    "ShadowRoots",
    "NtlbWays",  "NtlbLarge",   "NtlbInL2", "PscWays",        "Psc3Entries", "Psc3Ways",       "Psc4Entries",
    "L2Sets2M",  "L2Ways2M",    "Prl",      "Epml",           "SegLog"};

struct PresetInfo {
  Preset preset;
  std::string_view name;  // as --preset takes it
  std::array<std::uint32_t, kNumParameters> values;

  constexpr unsigned num_ports() const { return values[0]; }
  constexpr unsigned num_contexts() const { return values[1]; }
  constexpr unsigned pa_bits() const { return values[2]; }
  constexpr unsigned l1_sets_4k() const { return values[3]; }
  constexpr unsigned l1_ways_4k() const { return values[4]; }
  constexpr unsigned l2_sets() const { return values[8]; }
  constexpr unsigned l2_ways() const { return values[9]; }
  constexpr bool has_l2() const { return l2_sets() != 0; }
  constexpr bool has_l2_2m() const { return values[28] != 0; }
  constexpr bool has_nested_tlb() const { return values[10] != 0 || values[23] != 0; }  // its own, or in the L2
  constexpr bool has_structure_caches() const { return values[11] != 0; }
  constexpr unsigned num_vmm_segments() const { return values[12]; }
  constexpr unsigned num_walks() const { return values[13]; }
  constexpr unsigned shadow_roots() const { return values[20]; }
  constexpr bool has_prl() const { return values[30] != 0; }
  constexpr bool has_epml() const { return values[31] != 0; }
  constexpr bool has_seg_log() const { return values[32] != 0; }
};

// Position = number of the preset.
inline constexpr std::array<PresetInfo, 4> kPresets = {{
    {Preset::Paper, "paper", {1, 2, 52, 16, 4, 8,  4, 4,     128, 4,     // up to L2Ways
                              0, 0, 1,  1,  2, 16, 8, 16384, 0,   0, 8,  // up to ShadowRoots
                              0, 0, 0,  0,  0, 0,  0,                    // caches of the walker
                              0, 0, 1,  1,  1}},
    {Preset::Server, "server", {2,   4,  52, 16, 4,  8,  4, 8,     256, 8,     // up to L2Ways
                                64,  64, 4,  8,  8,  16, 8, 16384, 0,   0, 8,  // up to ShadowRoots
                                4,   8,  0,  4,  16, 4,  4,                    // caches of the walker
                                128, 4,  1,  1,  1}},
    {Preset::ServerBig, "server-big", {2,   4,    52, 16, 4,  8,  4, 8,     256, 8,     // up to L2Ways
                                       64,  1024, 4,  8,  8,  16, 8, 16384, 0,   0, 8,  // up to ShadowRoots
                                       4,   8,    0,  4,  32, 4,  4,                    // caches of the walker
                                       128, 4,    1,  1,  1}},
    {Preset::Tiny, "tiny", {1, 2, 40, 1, 8, 1, 4, 2,     16, 4,     // up to L2Ways
                            8, 4, 2,  2, 2, 8, 4, 16384, 0,  0, 0,  // up to ShadowRoots
                            8, 2, 0,  4, 2, 2, 2,                   // caches of the walker
                            0, 0, 0,  0, 0}},
}};

constexpr const PresetInfo& preset_info(Preset preset) { return kPresets[static_cast<std::size_t>(preset)]; }

constexpr std::optional<Preset> preset_by_name(std::string_view name) {
  for (const PresetInfo& info : kPresets) {
    if (info.name == name) return info.preset;
  }
  return std::nullopt;
}

}  // namespace vmmu::tb
