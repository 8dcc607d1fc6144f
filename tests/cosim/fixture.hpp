// What the co-simulation tests share: a device with tables in its memory, and a guard against tests that
// check nothing.
#pragma once

#include <cstdlib>
#include <string>

#include "catch.hpp"
#include "device/rig.hpp"
#include "engine/describe.hpp"
#include "engine/preset_info.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb {

inline std::string preset_name(Preset preset) { return std::string(preset_info(preset).name); }

// Seed of random tests: VMMU_SEED, or the given one.
inline std::uint64_t seed_or(std::uint64_t fallback) {
  const char* text = std::getenv("VMMU_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 0);
}

// From acceptance to answer, with data M cycles after a read was taken (microarchitecture, budgets).
inline std::uint64_t walk_cycles(Preset preset, std::uint64_t references, std::uint64_t m) {
  return references * (m + 1) + 3 + (preset_info(preset).has_l2() ? 2 : 0);
}

// Where tests keep things. All below 2^40, so that they fit every preset.
inline constexpr GuestVirt kPage{0x400000};
inline constexpr GuestPhys kFrame{0x40000000};

// A rig whose test fails when an assertion or a port check fired, or when nothing was translated.
// VMMU_WAVE names an FST file to write, in a build with tracing.
class RigFixture {
 public:
  explicit RigFixture(Preset preset, unsigned latency = 10, std::uint64_t seed = 1)
      : RigFixture(options(preset, latency, seed)) {}
  explicit RigFixture(const RigOptions& options) : rig(options) {}
  ~RigFixture() {
    for (const std::string& error : rig.take_errors()) {
      UNSCOPED_INFO(error);
      failed_ = true;
    }
    CHECK_FALSE(failed_);
    CHECK(translated_ > 0);
  }
  RigFixture(const RigFixture&) = delete;
  RigFixture& operator=(const RigFixture&) = delete;

  Response run(const Access& access, unsigned port = 0) {
    ++translated_;
    const Response response = rig.run(access, &accepted, port);
    cycles = response.cycle - accepted;
    return response;
  }
  void commit(unsigned ctx, const ContextRegs& regs) {
    Reject reject = Reject::None;
    REQUIRE(rig.commit(ctx, regs, &reject));
    REQUIRE(reject == Reject::None);
  }
  void saw_translation() { ++translated_; }
  // With CACHE_BYPASS walks make all their references.
  void bypass(bool on) { REQUIRE(rig.write_register(reg::kGlobalCtrl, on ? reg::kCacheBypass : 0)); }

  Rig rig;
  std::uint64_t accepted = 0;  // cycle of acceptance of the last run()
  std::uint64_t cycles = 0;    // from there to its response

 protected:
  static RigOptions options(Preset preset, unsigned latency, std::uint64_t seed = 1) {
    RigOptions o;
    o.preset = preset;
    o.device.seed = seed;
    o.timing.latency_min = o.timing.latency_max = latency;
    if (const char* wave = std::getenv("VMMU_WAVE")) o.device.wave_file = wave;
    return o;
  }

 private:
  std::uint64_t translated_ = 0;
  bool failed_ = false;
};

inline Access read_of(GuestVirt gva) { return {gva, Op::Read, true, false, false, 0}; }
inline Access write_of(GuestVirt gva) { return {gva, Op::Write, true, false, false, 0}; }

inline GuestAttr flags_set() {
  GuestAttr attr;
  attr.accessed = attr.dirty = true;
  return attr;
}

// Registers of a plain 64-bit user process.
inline ContextRegs plain_regs() {
  ContextRegs regs;
  regs.wp = regs.nxe = true;
  regs.maxphyaddr = 40;
  return regs;
}

inline HostPhys hpa_of(const Result& result) {
  REQUIRE(std::holds_alternative<Translation>(result));
  return std::get<Translation>(result).hpa;
}

// Sets the accessed flag in every table entry above the leaf that the page uses.
inline void set_upper_flags(PageTables& tables, GuestVirt gva, unsigned levels = 4) {
  for (unsigned level = levels; level > 1; --level) (void)tables.edit_guest(gva, level, {0, pt::A});
}

}  // namespace vmmu::tb
