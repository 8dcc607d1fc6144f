// The AXI4-Lite checker and the manager are themselves tested: good traffic passes, and for each rule a bad signal is
// caught.
#include <vector>

#include "catch.hpp"
#include "device/axil_checker.hpp"
#include "device/axil_manager.hpp"

using namespace vmmu::tb;

namespace {

// Both sides of an interface, driven by hand.
class Bus {
 public:
  Bus() {
    m.r_ready = m.b_ready = true;
    s.ar_ready = s.aw_ready = s.w_ready = true;
  }
  void cycle() { checker.sample(now++, true, m, s); }

  // One transfer each.
  void ar(std::uint32_t addr = 0x10) {
    m.ar = {true, addr, 0};
    cycle();
    m.ar.valid = false;
  }
  void aw(std::uint32_t addr = 0x10) {
    m.aw = {true, addr, 0};
    cycle();
    m.aw.valid = false;
  }
  void w(std::uint32_t data = 1) {
    m.w = {true, data, 0xf};
    cycle();
    m.w.valid = false;
  }
  void r(AxiResp resp = AxiResp::Okay) {
    s.r = {true, 0x5678, resp};
    cycle();
    s.r.valid = false;
  }
  void b(AxiResp resp = AxiResp::Okay) {
    s.b = {true, resp};
    cycle();
    s.b.valid = false;
  }

  AxilChecker checker;
  AxilFromManager m;
  AxilFromSubordinate s;
  std::uint64_t now = 0;
};

// Exactly this rule was broken, once, and the text says which.
void check_caught(Bus& bus, AxilRule rule) {
  const auto violations = bus.checker.take();
  for (const AxilViolation& v : violations) UNSCOPED_INFO(v.text);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].rule == rule);
  CHECK(violations[0].text.find(rule_name(rule)) != std::string::npos);
}

void check_clean(Bus& bus) {
  bus.checker.finish(bus.now);
  const auto violations = bus.checker.take();
  for (const AxilViolation& v : violations) UNSCOPED_INFO(v.text);
  CHECK(violations.empty());
  CHECK(bus.checker.transfers() > 0);
}

}  // namespace

TEST_CASE("axil checker: reads and writes, overlapping and refused, pass", "[axil][checker]") {
  Bus bus;
  bus.ar();
  bus.ar(0x20);
  bus.r();
  bus.aw();
  bus.r(AxiResp::SlvErr);
  bus.w();
  bus.b();
  bus.w();  // data before their address
  bus.aw();
  bus.b(AxiResp::DecErr);
  check_clean(bus);
}

TEST_CASE("axil checker: what waits for ready unchanged passes", "[axil][checker]") {
  Bus bus;
  bus.s = {};
  bus.m.ar = {true, 0x10, 0};
  bus.m.aw = {true, 0x20, 0};
  bus.m.w = {true, 1, 0xf};
  for (unsigned i = 0; i < 3; ++i) bus.cycle();
  bus.s.ar_ready = bus.s.aw_ready = bus.s.w_ready = true;
  bus.cycle();
  bus.m = {};
  bus.s.r = {true, 7, AxiResp::Okay};
  bus.s.b = {true, AxiResp::Okay};
  for (unsigned i = 0; i < 3; ++i) bus.cycle();
  bus.m.r_ready = bus.m.b_ready = true;
  bus.cycle();
  bus.s.r.valid = bus.s.b.valid = false;
  check_clean(bus);
}

TEST_CASE("axil checker: valid in reset is caught on every channel", "[axil][checker]") {
  for (unsigned channel = 0; channel < 5; ++channel) {
    Bus bus;
    bus.m.ar.valid = channel == 0;
    bus.m.aw.valid = channel == 1;
    bus.m.w.valid = channel == 2;
    bus.s.r.valid = channel == 3;
    bus.s.b.valid = channel == 4;
    bus.checker.sample(0, false, bus.m, bus.s);
    check_caught(bus, AxilRule::ValidInReset);
  }
}

TEST_CASE("axil checker: a valid that falls or a payload that changes before ready is caught on every channel",
          "[axil][checker]") {
  for (const bool withdrawn : {true, false}) {
    for (unsigned channel = 0; channel < 5; ++channel) {
      INFO("channel " << channel << (withdrawn ? " withdrawn" : " changed"));
      Bus bus;
      bus.ar();  // so that replies have a request
      bus.aw();
      bus.w();
      bus.s.ar_ready = bus.s.aw_ready = bus.s.w_ready = bus.m.r_ready = bus.m.b_ready = false;
      if (channel == 0) bus.m.ar = {true, 0x10, 0};
      if (channel == 1) bus.m.aw = {true, 0x10, 0};
      if (channel == 2) bus.m.w = {true, 1, 0xf};
      if (channel == 3) bus.s.r = {true, 1, AxiResp::Okay};
      if (channel == 4) bus.s.b = {true, AxiResp::Okay};
      bus.cycle();
      if (channel == 0) bus.m.ar = {!withdrawn, 0x14, 0};
      if (channel == 1) bus.m.aw = {!withdrawn, 0x14, 0};
      if (channel == 2) bus.m.w = {!withdrawn, 1, 0x3};
      if (channel == 3) bus.s.r = {!withdrawn, 2, AxiResp::Okay};
      if (channel == 4) bus.s.b = {!withdrawn, AxiResp::SlvErr};
      bus.cycle();
      check_caught(bus, withdrawn ? AxilRule::ValidWithdrawn : AxilRule::PayloadChanged);
    }
  }
}

TEST_CASE("axil checker: read data that nobody asked for are caught", "[axil][checker]") {
  Bus never;
  never.r();
  check_caught(never, AxilRule::ReadWithoutRequest);
  Bus twice;
  twice.ar();
  twice.r();
  twice.r();
  check_caught(twice, AxilRule::ReadWithoutRequest);
  Bus same_cycle;
  same_cycle.s.r = {true, 1, AxiResp::Okay};
  same_cycle.ar();
  check_caught(same_cycle, AxilRule::ReadWithoutRequest);
}

TEST_CASE("axil checker: a write reply before both address and data is caught", "[axil][checker]") {
  Bus no_data;
  no_data.aw();
  no_data.b();
  check_caught(no_data, AxilRule::WriteReplyWithoutRequest);
  Bus no_address;
  no_address.w();
  no_address.b();
  check_caught(no_address, AxilRule::WriteReplyWithoutRequest);
  Bus twice;
  twice.aw();
  twice.w();
  twice.b();
  twice.b();
  check_caught(twice, AxilRule::WriteReplyWithoutRequest);
}

TEST_CASE("axil checker: EXOKAY is caught", "[axil][checker]") {
  Bus read;
  read.ar();
  read.r(AxiResp::ExOkay);
  check_caught(read, AxilRule::ExOkay);
  Bus write;
  write.aw();
  write.w();
  write.b(AxiResp::ExOkay);
  check_caught(write, AxilRule::ExOkay);
}

TEST_CASE("axil checker: what has no reply at the end is caught", "[axil][checker]") {
  for (unsigned left = 0; left < 4; ++left) {
    Bus bus;
    if (left == 0) bus.ar();
    if (left == 1 || left == 3) bus.aw();
    if (left == 2 || left == 3) bus.w();
    bus.checker.finish(bus.now);
    check_caught(bus, AxilRule::Unanswered);
  }
}

TEST_CASE("axil checker: every rule has a name of its own", "[axil][checker]") {
  for (unsigned i = 0; i < kAxilRules; ++i) {
    const auto rule = static_cast<AxilRule>(i);
    CHECK_FALSE(rule_name(rule).empty());
    for (unsigned j = 0; j < i; ++j) CHECK(rule_name(rule) != rule_name(static_cast<AxilRule>(j)));
  }
}

TEST_CASE("axil manager: hundreds of accesses keep the rules and their order, at any back-pressure",
          "[axil][manager]") {
  for (const unsigned stall : {0u, 30u, 80u}) {
    INFO("stall " << stall);
    AxilManager manager(11, stall);
    AxilChecker checker;
    AxilFromManager m;
    AxilFromSubordinate s;
    std::vector<std::uint32_t> reads, writes;  // replies, in the order in which they came
    for (std::uint32_t i = 0; i < 300; ++i) {
      manager.queue_read(4 * i, [&reads](const AxilReply& r) { reads.push_back(r.data); });
      manager.queue_write(4 * i, i, [&writes, i](const AxilReply&) { writes.push_back(i); });
    }
    // A subordinate that answers a read with its address, one at a time, and ready at every third cycle.
    std::uint64_t now = 0;
    unsigned addresses = 0, data = 0;
    for (; !manager.idle() && now < 100'000; ++now) {
      s.aw_ready = now % 3 == 0;
      s.ar_ready = s.aw_ready && !s.r.valid;
      s.w_ready = now % 3 == 1;
      manager.drive(m);
      checker.sample(now, true, m, s);
      manager.sample(m, s);
      if (s.r.valid && m.r_ready) s.r.valid = false;
      if (s.b.valid && m.b_ready) s.b.valid = false;
      if (m.ar.valid && s.ar_ready) s.r = {true, m.ar.addr, AxiResp::Okay};
      addresses += m.aw.valid && s.aw_ready;
      data += m.w.valid && s.w_ready;
      if (addresses > 0 && data > 0 && !s.b.valid) {
        s.b = {true, AxiResp::Okay};
        --addresses;
        --data;
      }
    }
    REQUIRE(manager.idle());
    checker.finish(now);
    for (const AxilViolation& v : checker.take()) FAIL_CHECK(v.text);
    CHECK(checker.transfers() == 5 * 300);
    REQUIRE(reads.size() == 300);
    for (std::uint32_t i = 0; i < 300; ++i) {
      CHECK(reads[i] == 4 * i);
      CHECK(writes[i] == i);
    }
  }
}
