// The checker of isolation is itself checked: what it lets pass and what it reports.
#include "catch.hpp"
#include "engine/isolation.hpp"
#include "engine/judge.hpp"
#include "vmmu/entry_bits.hpp"
#include "vmmu/page_tables.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr GuestVirt kPage{0x400000};
constexpr GuestPhys kFrame{0x5000};
constexpr std::uint64_t kOffset = std::uint64_t{4} << 30;

// A nested guest with one page, and the trace of the walk that answers for it.
struct Nested {
  Nested() {
    TableConfig config;
    config.nested = true;
    config.offset = kOffset;
    tables = std::make_unique<PageTables>(config, words);
    REQUIRE(tables->map(kPage, kFrame) == MapError::None);
    regs = tables->regs(ContextRegs{});
  }
  // Empty: no breach.
  std::string breach(HostPhys hpa) {
    WordHistory history;
    Judge judge(BuildParams{}, words, history);
    WalkTrace trace;
    judge.now({kPage, Op::Read, true, false, false, 0}, RegisterSet(regs), &trace);
    return isolation_breach(regs, kPage, hpa, trace, words);
  }

  SparseMem words;
  std::unique_ptr<PageTables> tables;
  ContextRegs regs;
};

constexpr HostPhys kRight{kOffset + kFrame.value};

}  // namespace

TEST_CASE("isolation: the frame that the nested table maps passes, any other is a breach", "[isolation]") {
  Nested n;
  CHECK(n.breach(kRight).empty());
  CHECK_FALSE(n.breach({kRight.value + 0x1000}).empty());
  CHECK_FALSE(n.breach({kFrame.value}).empty());
}

TEST_CASE("isolation: the image of a VMM segment passes to its last byte", "[isolation]") {
  Nested n;
  n.regs.vseg[2] = {0x10000, 0x12000, 0x70000, seg::kVmmMask};
  CHECK(n.breach({0x80000}).empty());
  CHECK(n.breach({0x81fff}).empty());
  CHECK_FALSE(n.breach({0x82000}).empty());
  CHECK_FALSE(n.breach({0x7ffff}).empty());
  n.regs.vseg[2].limit = n.regs.vseg[2].base;
  CHECK_FALSE(n.breach({0x80000}).empty());
}

TEST_CASE("isolation: with VSEG_MISS = 1 the nested table allows nothing", "[isolation]") {
  Nested n;
  n.regs.vseg[0] = {0x10000, 0x12000, 0x70000, seg::kVmmMask};
  CHECK(n.breach(kRight).empty());
  n.regs.vseg_miss = true;
  CHECK_FALSE(n.breach(kRight).empty());
}

TEST_CASE("isolation: an entry that was taken away no longer allows its frame", "[isolation]") {
  Nested n;
  REQUIRE(n.tables->edit_ept(kFrame, 1, {ept::R | ept::W | ept::X, 0}).has_value());
  CHECK_FALSE(n.breach(kRight).empty());
}

TEST_CASE("isolation: says nothing of native contexts, of shadow paging and of guests with neither level",
          "[isolation]") {
  Nested n;
  n.regs.virt = false;
  CHECK(n.breach({0x1234000}).empty());
  n.regs.virt = true;
  n.regs.ept_en = false;
  CHECK(n.breach({0x1234000}).empty());
  n.regs.ept_en = n.regs.shadow = true;
  CHECK(n.breach({0x1234000}).empty());
}
