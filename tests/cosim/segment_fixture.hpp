// A device whose guest is mapped by pages and by segments at once, to different places, so that an address tells which
// of the two answered.
#pragma once

#include "fixture.hpp"

namespace vmmu::tb {

// EPT and the VMM segments map every guest-physical address to the same host address, this much higher.
inline constexpr std::uint64_t kHostOffset = 0x1'0000'0000;
inline constexpr std::uint64_t kGuestOffset = 0x1000'0000;
inline constexpr GuestVirt kInside{0x4000'0000};     // first page of the guest segment
inline constexpr GuestVirt kOutside{0x1'0000'0000};  // behind it
inline constexpr std::uint64_t kGuestLimit = 0x8000'0000;
inline constexpr GuestPhys kPagedInside{0x6000'0000};  // what the guest's tables make of kInside
inline constexpr GuestPhys kPagedOutside{0x6100'0000};
inline constexpr std::uint64_t kVmmLimit = std::uint64_t{1} << 38;

inline constexpr Segment guest_segment() {
  return {kInside.value, kGuestLimit, kGuestOffset, seg::R | seg::W | seg::X | seg::U};
}
inline constexpr Segment vmm_segment() { return {0, kVmmLimit, kHostOffset, seg::R | seg::W | seg::X}; }

// What the hardware counted since the last look.
struct Counted {
  std::uint64_t references = 0;
  std::uint64_t checks = 0;
  std::uint64_t filter_hits = 0;
  std::uint64_t segment_answers = 0;
  std::uint64_t walks = 0;
  bool operator==(const Counted&) const = default;
};

class SegmentFixture : public RigFixture {
 public:
  enum class Paging { Native, Nested };

  explicit SegmentFixture(Preset preset, Paging paging, unsigned latency = 10, TableConfig config = {})
      : SegmentFixture(options(preset, latency), paging, config) {}
  SegmentFixture(const RigOptions& options, Paging paging, TableConfig config = {})
      : RigFixture(options), tables_(with(config, paging), rig.words()) {
    map(kInside, kPagedInside);
    map(kOutside, kPagedOutside);
    regs = tables_.regs(plain_regs());
    nested_ = paging == Paging::Nested;
  }

  // A page whose flags are all set already, so that walks make references only.
  void map(GuestVirt gva, GuestPhys gpa, PageSize size = PageSize::k4K, const GuestAttr& attr = flags_set()) {
    REQUIRE(tables_.map(gva, gpa, size, attr) == MapError::None);
    if (attr.accessed) set_upper_flags(tables_, gva);
  }
  void activate() { commit(0, regs); }

  HostPhys host(std::uint64_t gpa) const { return HostPhys{gpa + (nested_ ? kHostOffset : 0)}; }
  HostPhys by_segment(GuestVirt gva) const { return host(gva.value + kGuestOffset); }
  PageTables& tables() { return tables_; }

  Counted counted() {
    Counted total;
    const auto get = [&](reg::Count c) { return rig.get(reg::counter(0, c)); };
    total.references = get(reg::Count::GuestRefs) + get(reg::Count::NestedRefs);
    total.checks = get(reg::Count::SegChecks);
    total.filter_hits = get(reg::Count::FilterHits);
    total.segment_answers = get(reg::Count::SegHits);
    total.walks = get(reg::Count::Walks);
    const Counted since{total.references - last_.references, total.checks - last_.checks,
                        total.filter_hits - last_.filter_hits, total.segment_answers - last_.segment_answers,
                        total.walks - last_.walks};
    last_ = total;
    return since;
  }
  void drop_all() {
    Invalidation drop;
    drop.op = InvOp::Invctx;
    REQUIRE(rig.invalidate(drop));
  }

  ContextRegs regs;

 private:
  static TableConfig with(TableConfig config, Paging paging) {
    config.nested = paging == Paging::Nested;
    if (config.nested) config.offset = kHostOffset;
    return config;
  }
  PageTables tables_;
  Counted last_;
  bool nested_ = false;
};

inline const Fault& fault_of(const Result& result) {
  REQUIRE(std::holds_alternative<Fault>(result));
  return std::get<Fault>(result);
}
inline const Translation& translation_of(const Result& result) {
  REQUIRE(std::holds_alternative<Translation>(result));
  return std::get<Translation>(result);
}

}  // namespace vmmu::tb
