// Registers of segments: what COMMIT and GCOMMIT accept and refuse, on both sides of each boundary.
#include <array>

#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

enum : std::uint32_t {
  kAccepted = 0,
  kVirt = 2,
  kMaxPhyAddr = 4,
  kShadow = 7,
  kVsegMiss = 8,
  kOverlap = 9,
  kWrap = 10
};
enum : std::uint32_t { kVirtBit = 1u << 0, kShadowBit = 1u << 12, kPromoteBit = 1u << 17, kVsegMissBit = 1u << 18 };
constexpr std::uint32_t kCommitRejected = 1;
constexpr std::uint32_t kGuestCommitRejected = 4;

constexpr std::uint64_t kPageBytes = 0x1000;
constexpr std::uint64_t kTopOfGpa = std::uint64_t{1} << 52;
constexpr unsigned kSegments = 4;

struct Segment {
  std::uint64_t base = 0;
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;
};

class World {
 public:
  World() : tables_(tables_of(0), bench.words()) {
    REQUIRE(tables_.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
    regs = tables_.regs(plain_regs());
    regs.vpid = 3;
    regs.fault_target = 77;
    bench.stage(0, regs);
    set_ctrl(kVirtBit | kVsegMissBit);
  }

  // Bits of CTRL beside those of paging.
  void set_ctrl(std::uint32_t bits) { bench.put(address_of("CTRL"), reg::ctrl_word(regs) | bits); }
  void set_guest(const Segment& s) {
    bench.put(register_named("GSEG_BASE"), 0, s.base);
    bench.put(register_named("GSEG_LIMIT"), 0, s.limit);
    bench.put(register_named("GSEG_OFFSET"), 0, s.offset);
  }
  void set_vmm(unsigned n, const Segment& s) {
    bench.put(register_named("VSEG_BASE"), 0, s.base, n);
    bench.put(register_named("VSEG_LIMIT"), 0, s.limit, n);
    bench.put(register_named("VSEG_OFFSET"), 0, s.offset, n);
  }
  std::uint32_t commit() { return judge("COMMIT", "EVENTS", kCommitRejected); }
  std::uint32_t gcommit() { return judge("GCOMMIT", "GUEST_EVENTS", kGuestCommitRejected); }

  AxilBench bench;
  ContextRegs regs;

 private:
  // The reason; an event of this page and of no other tells that there is one.
  std::uint32_t judge(std::string_view command, std::string_view events, std::uint32_t event) {
    CHECK(bench.write(address_of(command), 1) == AxiResp::Okay);
    const std::uint32_t reason = bench.get(address_of(command));
    CHECK(bench.get(address_of(events)) == (reason == kAccepted ? 0 : event));
    CHECK(bench.get(address_of(events == "EVENTS" ? "GUEST_EVENTS" : "EVENTS")) == 0);
    bench.put(address_of(events), event);
    return reason;
  }

  PageTables tables_;
};

}  // namespace

TEST_CASE("COMMIT accepts adjoining VMM segments and rejects those that share one page", "[registers][segment]") {
  World w;
  for (unsigned a = 0; a < kSegments; ++a) {
    for (unsigned b = 0; b < kSegments; ++b) {
      if (a == b) continue;
      INFO("segments " << a << " and " << b);
      w.set_vmm(a, {0x10000, 0x20000, 0});
      w.set_vmm(b, {0x20000, 0x30000, 0});
      CHECK(w.commit() == kAccepted);
      w.set_vmm(b, {0x1f000, 0x30000, 0});
      CHECK(w.commit() == kOverlap);
      w.set_vmm(a, {});
      CHECK(w.commit() == kAccepted);
      w.set_vmm(b, {});
    }
  }
}

TEST_CASE("COMMIT rejects a VMM segment inside another one, and two equal ones", "[registers][segment]") {
  World w;
  w.set_vmm(0, {0x10000, 0x20000, 0});
  w.set_vmm(3, {0x14000, 0x15000, 0});
  CHECK(w.commit() == kOverlap);
  w.set_vmm(3, {0x10000, 0x20000, 0x100000});
  CHECK(w.commit() == kOverlap);
  w.set_vmm(3, {0, kTopOfGpa, 0});
  CHECK(w.commit() == kOverlap);
  // Only VMM segments are held against one another: the guest's is of other addresses.
  w.set_vmm(3, {});
  w.set_guest({0x10000, 0x20000, 0});
  CHECK(w.commit() == kAccepted);
}

TEST_CASE("COMMIT: an empty segment overlaps nothing and wraps nowhere", "[registers][segment]") {
  World w;
  w.set_vmm(0, {0x10000, 0x20000, 0});
  for (const Segment& empty : {Segment{0x18000, 0x18000, 0}, Segment{0x19000, 0x18000, 0}, Segment{0x18000, 0, 0},
                               Segment{0x18000, 0x17000, ~std::uint64_t{0x17fff}}}) {
    w.set_vmm(1, empty);
    CHECK(w.commit() == kAccepted);
  }
  for (const Segment& empty : {Segment{0x18000, 0x18000, 0}, Segment{~std::uint64_t{0xfff}, 0, 0x2000}}) {
    w.set_guest(empty);
    CHECK(w.commit() == kAccepted);
    CHECK(w.gcommit() == kAccepted);
  }
}

TEST_CASE("COMMIT rejects a segment whose image goes one page over the end of the 64-bit space",
          "[registers][segment]") {
  World w;
  constexpr Segment kSegment{0x10000, 0x20000, 0};
  // Offsets at which the image ends at the end of the space, and at which it begins at 0.
  const std::uint64_t last = 0 - kSegment.limit;
  const std::uint64_t first = 0 - kSegment.base;
  const std::array<std::pair<std::uint64_t, std::uint32_t>, 6> cases = {{{last, kAccepted},
                                                                         {last + kPageBytes, kWrap},
                                                                         {first - kPageBytes, kWrap},
                                                                         {first, kAccepted},
                                                                         {0, kAccepted},
                                                                         {std::uint64_t{1} << 52, kAccepted}}};
  for (const auto& [offset, reason] : cases) {
    const Segment moved{kSegment.base, kSegment.limit, offset};
    for (unsigned n = 0; n < kSegments; ++n) {
      INFO("VMM segment " << n << " offset " << offset);
      w.set_vmm(n, moved);
      CHECK(w.commit() == reason);
      w.set_vmm(n, {});
    }
    INFO("guest segment offset " << offset);
    w.set_guest(moved);
    CHECK(w.commit() == reason);
    CHECK(w.gcommit() == reason);
    w.set_guest({});
  }
}

TEST_CASE("COMMIT accepts a VMM segment of the whole guest-physical space", "[registers][segment]") {
  World w;
  w.set_vmm(2, {0, kTopOfGpa, 0});
  CHECK(w.commit() == kAccepted);
  CHECK(w.bench.get(register_named("VSEG_LIMIT"), 0, 2) == kTopOfGpa);
  w.set_vmm(2, {0, kTopOfGpa, 0 - kTopOfGpa});
  CHECK(w.commit() == kAccepted);
  w.set_vmm(2, {0, kTopOfGpa, kPageBytes - kTopOfGpa});
  CHECK(w.commit() == kWrap);
  // LIMIT has 53 bits: what is above them does not exist.
  w.set_vmm(2, {0, 2 * kTopOfGpa, 0});
  CHECK(w.bench.get(register_named("VSEG_LIMIT"), 0, 2) == 0);
  CHECK(w.commit() == kAccepted);
}

TEST_CASE("COMMIT accepts a guest segment up to the last page but one of the 64-bit space", "[registers][segment]") {
  World w;
  w.set_guest({std::uint64_t{0xffff8} << 44, ~std::uint64_t{0xfff}, std::uint64_t{1} << 47});
  CHECK(w.commit() == kAccepted);
  w.set_guest({0, ~std::uint64_t{0xfff}, kPageBytes});
  CHECK(w.commit() == kAccepted);
  w.set_guest({0, ~std::uint64_t{0xfff}, 2 * kPageBytes});
  CHECK(w.commit() == kWrap);
}

TEST_CASE("COMMIT rejects VMM segments without virtualization, but not a guest segment", "[registers][segment]") {
  World w;
  w.set_ctrl(kVsegMissBit);
  w.set_vmm(3, {0x10000, 0x11000, 0});
  CHECK(w.commit() == kVirt);
  w.set_vmm(3, {0x10000, 0x10000, 0});
  w.set_guest({0x10000, 0x20000, 0});
  CHECK(w.commit() == kAccepted);
}

TEST_CASE("COMMIT rejects VMM segments with neither EPT nor VSEG_MISS", "[registers][segment]") {
  World w;
  w.set_vmm(0, {0x10000, 0x11000, 0});
  CHECK(w.commit() == kAccepted);
  w.set_ctrl(kVirtBit);
  CHECK(w.commit() == kVsegMiss);
  w.set_ctrl(kVirtBit | kPromoteBit);
  CHECK(w.commit() == kVsegMiss);
  constexpr std::uint32_t kEptBit = 2;
  w.bench.put(register_named("EPTP"), 0, 0x800000 | 0x1e);
  w.set_ctrl(kVirtBit | kEptBit);
  CHECK(w.commit() == kAccepted);
  w.set_ctrl(kVirtBit | kEptBit | kVsegMissBit);
  CHECK(w.commit() == kAccepted);
}

TEST_CASE("COMMIT: VSEG_MISS and SEG_PROMOTE_EN are legal whatever the mode", "[registers][segment]") {
  World w;
  for (const std::uint32_t bits :
       {kPromoteBit + 0u, kVsegMissBit + 0u, kPromoteBit | kVsegMissBit, kVirtBit | kPromoteBit | kVsegMissBit}) {
    w.set_ctrl(bits);
    CHECK(w.commit() == kAccepted);
  }
}

TEST_CASE("COMMIT rejects SHADOW without VIRT, with EPT, and with any segment", "[registers][segment][shadow]") {
  World w;
  w.set_ctrl(kShadowBit);
  CHECK(w.commit() == kVirt);
  w.set_ctrl(kShadowBit | kVirtBit);
  w.set_guest({0x10000, 0x11000, 0});
  CHECK(w.commit() == kShadow);
  w.set_guest({});
  w.set_vmm(1, {0x10000, 0x11000, 0});
  CHECK(w.commit() == kShadow);
  w.set_ctrl(kShadowBit | kVirtBit | kVsegMissBit);
  CHECK(w.commit() == kShadow);
  w.set_vmm(1, {});
  w.bench.put(register_named("EPTP"), 0, 0x800000 | 0x1e);
  w.set_ctrl(kShadowBit | kVirtBit | 2);
  CHECK(w.commit() == kShadow);
}

TEST_CASE("COMMIT reports the first reason in the documented order", "[registers][segment]") {
  World w;
  w.set_vmm(0, {0x10000, 0x20000, 0 - std::uint64_t{0x18000}});  // wraps
  w.set_vmm(1, {0x18000, 0x20000, 0});                           // overlaps
  w.set_ctrl(kShadowBit);                                        // no VIRT, shadow with segments, no VSEG_MISS
  w.bench.put(address_of("MAXPHYADDR"), 31);
  CHECK(w.commit() == kVirt);
  w.set_ctrl(kShadowBit | kVirtBit);
  CHECK(w.commit() == kMaxPhyAddr);
  w.bench.put(address_of("MAXPHYADDR"), 40);
  CHECK(w.commit() == kShadow);
  w.set_ctrl(kVirtBit);
  CHECK(w.commit() == kVsegMiss);
  w.set_ctrl(kVirtBit | kVsegMissBit);
  CHECK(w.commit() == kOverlap);
  w.set_vmm(1, {});
  CHECK(w.commit() == kWrap);
  w.set_vmm(0, {});
  CHECK(w.commit() == kAccepted);
}

TEST_CASE("COMMIT judges the segments of its own context", "[registers][segment]") {
  World w;
  w.set_vmm(0, {0x10000, 0x20000, 0});
  w.set_vmm(1, {0x18000, 0x28000, 0});
  CHECK(w.commit() == kOverlap);
  CHECK(w.bench.commit(1) == AxiResp::Okay);
  CHECK(w.bench.get(address_of("COMMIT", 1)) == kAccepted);
  CHECK(w.commit() == kOverlap);
}

TEST_CASE("GCOMMIT leaves the staged and the active registers of the host page as they are", "[registers][segment]") {
  World w;
  CHECK(w.commit() == kAccepted);
  w.bench.put(address_of("FAULT_TARGET"), 88);
  w.bench.put(address_of("MAXPHYADDR"), 31);  // what the host has staged is not judged
  w.set_vmm(0, {0x10000, 0x20000, 0});
  w.set_vmm(1, {0x18000, 0x28000, 0});
  w.set_guest({0x7000000, 0x7001000, 0});
  CHECK(w.gcommit() == kAccepted);
  CHECK(w.bench.translate({0x9000000}).target == 77);
  CHECK(w.bench.translate(kPage).hpa == kFrame.value);
  CHECK(w.bench.get(address_of("FAULT_TARGET")) == 88);
  CHECK(w.commit() == kMaxPhyAddr);
}

TEST_CASE("GCOMMIT rejects a guest segment under SHADOW", "[registers][segment][shadow]") {
  World w;
  w.set_ctrl(kVirtBit | kShadowBit);
  CHECK(w.commit() == kAccepted);
  w.bench.cycles(50);
  w.bench.put(address_of("EVENTS"), ~0u);  // no shadow root
  w.set_guest({0x10000, 0x11000, 0});
  CHECK(w.gcommit() == kShadow);
  w.set_guest({0x11000, 0x11000, 0});
  CHECK(w.gcommit() == kAccepted);
}

TEST_CASE("a rejected GCOMMIT raises the interrupt of its own guest until the event is cleared",
          "[registers][segment][guest]") {
  AxilBench bench;
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
    bench.put(register_named("GSEG_LIMIT"), ctx, 0x2000);
    bench.put(register_named("GSEG_OFFSET"), ctx, ~std::uint64_t{0xfff});
    CHECK(bench.write(address_of("GCOMMIT", ctx), 1) == AxiResp::Okay);
    CHECK(bench.get(address_of("GCOMMIT", ctx)) == kWrap);
    CHECK(bench.irq_guest() == 1u << ctx);
    CHECK_FALSE(bench.irq_host());
    CHECK(bench.get(address_of("COMMIT", ctx)) == 0);
    bench.put(address_of("GUEST_EVENTS", ctx), ~kGuestCommitRejected);
    CHECK(bench.get(address_of("GUEST_EVENTS", ctx)) == kGuestCommitRejected);
    bench.put(address_of("GUEST_EVENTS", ctx), kGuestCommitRejected);
    bench.cycle();
    CHECK(bench.irq_guest() == 0);
    // A later one that is accepted clears the reason.
    bench.put(register_named("GSEG_OFFSET"), ctx, 0);
    CHECK(bench.write(address_of("GCOMMIT", ctx), 1) == AxiResp::Okay);
    CHECK(bench.get(address_of("GCOMMIT", ctx)) == kAccepted);
  }
}

TEST_CASE("GCOMMIT while an earlier COMMIT has requests under the old registers gets SLVERR and changes nothing",
          "[registers][segment]") {
  World w;
  CHECK(w.commit() == kAccepted);
  w.bench.memory().withhold(true);
  w.bench.send({0x9000000});  // under the registers so far, until memory answers
  w.set_guest({0x7000000, 0x7001000, 0});
  CHECK(w.gcommit() == kAccepted);
  for (const std::string_view command : {"GCOMMIT", "COMMIT", "GCOMMIT"}) {
    CHECK(w.bench.write(address_of(command), 1) == AxiResp::SlvErr);
    CHECK(w.bench.get(address_of(command)) == kAccepted);
  }
  CHECK(w.bench.irq_guest() == 0);
  CHECK_FALSE(w.bench.irq_host());
  CHECK(w.bench.get(register_named("GSEG_BASE"), 0) == 0x7000000);
  w.bench.memory().withhold(false);
  w.bench.memory().release();
  w.bench.wait_answers();
  CHECK(w.gcommit() == kAccepted);
}
