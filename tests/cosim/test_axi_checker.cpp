// The AXI checker is itself tested: good traffic passes, and for each rule a bad signal is caught.
#include <functional>

#include "catch.hpp"
#include "device/axi_checker.hpp"

using namespace vmmu::tb;

namespace {

// Both sides of an interface, driven by hand.
class Bus {
 public:
  explicit Bus(bool one_beat = true) : checker(AxiCheckerOptions{one_beat}) {
    m.r_ready = m.b_ready = true;
    s.ar_ready = s.aw_ready = s.w_ready = true;
  }
  void cycle() { checker.sample(now++, true, m, s); }

  // One transfer each.
  void ar(const AxiAddress& a) {
    m.ar = a;
    cycle();
    m.ar.valid = false;
  }
  void aw(const AxiAddress& a) {
    m.aw = a;
    cycle();
    m.aw.valid = false;
  }
  void w(std::uint8_t strb = 0xff, bool last = true) {
    m.w = {true, 0x1234, strb, last};
    cycle();
    m.w.valid = false;
  }
  void r(std::uint8_t id, AxiResp resp = AxiResp::Okay, bool last = true) {
    s.r = {true, id, 0x5678, resp, last};
    cycle();
    s.r.valid = false;
  }
  void b(std::uint8_t id, AxiResp resp = AxiResp::Okay) {
    s.b = {true, id, resp};
    cycle();
    s.b.valid = false;
  }

  AxiChecker checker;
  AxiFromManager m;
  AxiFromSubordinate s;
  std::uint64_t now = 0;
};

constexpr std::uint8_t kIncr = static_cast<std::uint8_t>(AxiBurst::Incr);
constexpr std::uint64_t kWord = 0x1000;
constexpr std::uint64_t kOtherWord = 0x2000;

AxiAddress word(std::uint8_t id, std::uint64_t addr = kWord) { return {true, id, addr, 0, 3, kIncr, false, 2, 3}; }
AxiAddress exclusive(std::uint8_t id, std::uint64_t addr = kWord) {
  AxiAddress a = word(id, addr);
  a.lock = true;
  return a;
}
AxiAddress burst(std::uint8_t id, AxiBurst type, unsigned beats, std::uint8_t size = 3, std::uint64_t addr = kWord) {
  AxiAddress a = word(id, addr);
  a.len = static_cast<std::uint8_t>(beats - 1);
  a.size = size;
  a.burst = static_cast<std::uint8_t>(type);
  return a;
}

// Exactly this rule was broken, once, and the text says which.
void check_caught(Bus& bus, AxiRule rule) {
  const auto violations = bus.checker.take();
  for (const AxiViolation& v : violations) UNSCOPED_INFO(v.text);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].rule == rule);
  CHECK(violations[0].text.find(rule_name(rule)) != std::string::npos);
}

void check_clean(Bus& bus) {
  bus.checker.finish(bus.now);
  const auto violations = bus.checker.take();
  for (const AxiViolation& v : violations) UNSCOPED_INFO(v.text);
  CHECK(violations.empty());
  CHECK(bus.checker.transfers() > 0);
}

}  // namespace

// ---------------------------------------------------------------- good traffic

TEST_CASE("axi checker: reads of several ids, answered in any order, pass", "[axi][checker]") {
  Bus bus;
  for (std::uint8_t id = 0; id < 4; ++id) bus.ar(word(id, kWord + 8u * id));
  for (const unsigned id : {2u, 0u, 3u, 1u}) bus.r(static_cast<std::uint8_t>(id));
  bus.ar(word(7));
  bus.ar(word(7, kOtherWord));
  bus.r(7);
  bus.r(7, AxiResp::SlvErr);
  check_clean(bus);
}

TEST_CASE("axi checker: write address before, with and after its data pass", "[axi][checker]") {
  Bus bus;
  bus.aw(word(1));
  bus.w();
  bus.b(1);
  bus.w();
  bus.cycle();
  bus.aw(word(2));
  bus.b(2, AxiResp::DecErr);
  bus.m.aw = word(3);
  bus.w();
  bus.m.aw.valid = false;
  bus.b(3);
  check_clean(bus);
}

TEST_CASE("axi checker: exclusive pairs that win, lose and are given up pass", "[axi][checker]") {
  Bus bus;
  for (const AxiResp verdict : {AxiResp::Okay, AxiResp::ExOkay, AxiResp::SlvErr}) {
    bus.ar(exclusive(1));
    bus.r(1, AxiResp::ExOkay);
    bus.aw(exclusive(1));
    bus.w();
    bus.b(1, verdict);
  }
  bus.ar(exclusive(1, kOtherWord));
  bus.r(1, AxiResp::ExOkay);
  bus.ar(exclusive(1));
  bus.r(1, AxiResp::Okay);
  check_clean(bus);
}

TEST_CASE("axi checker: what waits for ready unchanged passes", "[axi][checker]") {
  Bus bus;
  bus.s = {};
  bus.m.r_ready = bus.m.b_ready = false;
  bus.m.ar = word(1);
  bus.m.aw = word(2);
  bus.m.w = {true, 0x1234, 0xff, true};
  for (unsigned i = 0; i < 3; ++i) bus.cycle();
  bus.s.ar_ready = bus.s.aw_ready = bus.s.w_ready = true;
  bus.cycle();
  bus.m.ar.valid = bus.m.aw.valid = bus.m.w.valid = false;
  bus.s.r = {true, 1, 0x5678, AxiResp::Okay, true};
  bus.s.b = {true, 2, AxiResp::Okay};
  for (unsigned i = 0; i < 3; ++i) bus.cycle();
  bus.m.r_ready = bus.m.b_ready = true;
  bus.cycle();
  bus.s.r.valid = bus.s.b.valid = false;
  bus.cycle();
  check_clean(bus);
}

TEST_CASE("axi checker: bursts of every type pass where bursts are allowed", "[axi][checker]") {
  Bus bus(false);
  bus.ar(burst(1, AxiBurst::Incr, 3));
  bus.r(1, AxiResp::Okay, false);
  bus.r(1, AxiResp::Okay, false);
  bus.r(1);
  bus.aw(burst(2, AxiBurst::Wrap, 2, 2, kWord + 4));
  bus.w(0xf0, false);
  bus.w(0x0f);
  bus.b(2);
  bus.aw(burst(3, AxiBurst::Fixed, 2, 1, kWord + 2));
  bus.w(0x0c, false);
  bus.w(0x04);
  bus.b(3);
  bus.aw(burst(4, AxiBurst::Incr, 2, 3, kWord + 3));  // unaligned: the first beat is short
  bus.w(0xf8, false);
  bus.w();
  bus.b(4);
  check_clean(bus);
}

// ---------------------------------------------------------------- handshakes

TEST_CASE("axi checker: a valid that is high in reset is caught, on each channel", "[axi][checker]") {
  const std::function<void(Bus&)> raise[] = {
      [](Bus& bus) { bus.m.ar.valid = true; }, [](Bus& bus) { bus.m.aw.valid = true; },
      [](Bus& bus) { bus.m.w.valid = true; }, [](Bus& bus) { bus.s.r.valid = true; },
      [](Bus& bus) { bus.s.b.valid = true; }};
  for (const auto& bad : raise) {
    Bus bus;
    bad(bus);
    bus.checker.sample(0, false, bus.m, bus.s);
    check_caught(bus, AxiRule::ValidInReset);
  }
}

namespace {

// Every channel offers something that nobody takes.
Bus all_channels_wait() {
  Bus bus;
  bus.ar(word(1));
  bus.aw(word(2));
  bus.w();
  bus.s.ar_ready = bus.s.aw_ready = bus.s.w_ready = false;
  bus.m.r_ready = bus.m.b_ready = false;
  bus.m.ar = word(3);
  bus.m.aw = word(4);
  bus.m.w = {true, 0x1234, 0xff, true};
  bus.s.r = {true, 1, 0x5678, AxiResp::Okay, true};
  bus.s.b = {true, 2, AxiResp::Okay};
  bus.cycle();
  return bus;
}

}  // namespace

TEST_CASE("axi checker: a valid that falls before ready is caught, on each channel", "[axi][checker]") {
  const std::function<void(Bus&)> withdraw[] = {
      [](Bus& bus) { bus.m.ar.valid = false; }, [](Bus& bus) { bus.m.aw.valid = false; },
      [](Bus& bus) { bus.m.w.valid = false; }, [](Bus& bus) { bus.s.r.valid = false; },
      [](Bus& bus) { bus.s.b.valid = false; }};
  for (const auto& bad : withdraw) {
    Bus bus = all_channels_wait();
    bad(bus);
    bus.cycle();
    check_caught(bus, AxiRule::ValidWithdrawn);
  }
}

TEST_CASE("axi checker: a payload that changes before ready is caught, field by field", "[axi][checker]") {
  const std::function<void(Bus&)> change[] = {[](Bus& bus) { bus.m.ar.addr ^= 8; },
                                              [](Bus& bus) { bus.m.ar.id ^= 1; },
                                              [](Bus& bus) { bus.m.ar.lock = true; },
                                              [](Bus& bus) { bus.m.ar.prot ^= 1; },
                                              [](Bus& bus) { bus.m.aw.addr ^= 8; },
                                              [](Bus& bus) { bus.m.aw.cache ^= 1; },
                                              [](Bus& bus) { bus.m.w.data ^= 1; },
                                              [](Bus& bus) { bus.m.w.strb = 1; },
                                              [](Bus& bus) { bus.s.r.data ^= 1; },
                                              [](Bus& bus) { bus.s.r.resp = AxiResp::SlvErr; },
                                              [](Bus& bus) { bus.s.b.resp = AxiResp::SlvErr; }};
  for (const auto& bad : change) {
    Bus bus = all_channels_wait();
    bad(bus);
    bus.cycle();
    check_caught(bus, AxiRule::PayloadChanged);
  }
}

// ---------------------------------------------------------------- addresses

namespace {

void check_address_caught(const AxiAddress& bad, AxiRule rule) {
  for (const bool write : {false, true}) {
    Bus bus(false);
    if (write) {
      bus.aw(bad);
    } else {
      bus.ar(bad);
    }
    check_caught(bus, rule);
  }
}

}  // namespace

TEST_CASE("axi checker: the reserved burst type is caught", "[axi][checker]") {
  AxiAddress bad = word(1);
  bad.burst = 3;
  check_address_caught(bad, AxiRule::BurstReserved);
}

TEST_CASE("axi checker: FIXED and WRAP bursts of a length they cannot have are caught", "[axi][checker]") {
  check_address_caught(burst(1, AxiBurst::Fixed, 17), AxiRule::BurstLength);
  for (const unsigned beats : {1u, 3u, 32u})
    check_address_caught(burst(1, AxiBurst::Wrap, beats), AxiRule::BurstLength);
}

TEST_CASE("axi checker: an unaligned wrapping burst is caught", "[axi][checker]") {
  check_address_caught(burst(1, AxiBurst::Wrap, 4, 3, kWord + 4), AxiRule::WrapUnaligned);
}

TEST_CASE("axi checker: a beat wider than the bus is caught", "[axi][checker]") {
  check_address_caught(burst(1, AxiBurst::Incr, 1, 4), AxiRule::SizeTooLarge);
}

TEST_CASE("axi checker: a burst across a 4 KiB boundary is caught", "[axi][checker]") {
  check_address_caught(burst(1, AxiBurst::Incr, 2, 3, kWord + 0xff8), AxiRule::CrossesPage);
}

TEST_CASE("axi checker: reserved cache bits are caught", "[axi][checker]") {
  AxiAddress bad = word(1);
  bad.cache = 0x4;
  check_address_caught(bad, AxiRule::CacheReserved);
}

TEST_CASE("axi checker: what is not one aligned beat of 8 bytes is caught where bursts are not allowed",
          "[axi][checker]") {
  for (const AxiAddress& bad : {burst(1, AxiBurst::Incr, 2), burst(1, AxiBurst::Incr, 1, 2),
                                burst(1, AxiBurst::Fixed, 1), burst(1, AxiBurst::Incr, 1, 3, kWord + 4)}) {
    Bus bus;
    bus.ar(bad);
    check_caught(bus, AxiRule::NotOneBeat);
  }
}

// ---------------------------------------------------------------- data and replies

TEST_CASE("axi checker: strobes outside of the lanes of a narrow write are caught", "[axi][checker]") {
  Bus bus(false);
  bus.aw(burst(1, AxiBurst::Incr, 1, 2, kWord + 4));
  bus.w(0xff);
  check_caught(bus, AxiRule::StrobeOutsideLanes);
}

TEST_CASE("axi checker: WLAST missing or early is caught, also when data come before the address", "[axi][checker]") {
  Bus missing;
  missing.aw(word(1));
  missing.w(0xff, false);
  check_caught(missing, AxiRule::WriteLastWrong);
  Bus early(false);
  early.w(0xff, true);
  early.w(0xff, true);
  early.aw(burst(1, AxiBurst::Incr, 2));
  check_caught(early, AxiRule::WriteLastWrong);
}

TEST_CASE("axi checker: RLAST missing or early is caught", "[axi][checker]") {
  Bus missing;
  missing.ar(word(1));
  missing.r(1, AxiResp::Okay, false);
  check_caught(missing, AxiRule::ReadLastWrong);
  Bus early(false);
  early.ar(burst(1, AxiBurst::Incr, 2));
  early.r(1, AxiResp::Okay, true);
  check_caught(early, AxiRule::ReadLastWrong);
}

TEST_CASE("axi checker: read data that nobody asked for are caught", "[axi][checker]") {
  Bus other_id;
  other_id.ar(word(1));
  other_id.r(2);
  check_caught(other_id, AxiRule::ReadWithoutRequest);
  Bus twice;
  twice.ar(word(1));
  twice.r(1);
  twice.r(1);
  check_caught(twice, AxiRule::ReadWithoutRequest);
  Bus same_cycle;
  same_cycle.s.r = {true, 1, 0, AxiResp::Okay, true};
  same_cycle.ar(word(1));
  check_caught(same_cycle, AxiRule::ReadWithoutRequest);
}

TEST_CASE("axi checker: a write reply without a complete write is caught", "[axi][checker]") {
  Bus no_data;
  no_data.aw(word(1));
  no_data.b(1);
  check_caught(no_data, AxiRule::WriteReplyWithoutRequest);
  Bus no_address;
  no_address.w();
  no_address.b(0);
  check_caught(no_address, AxiRule::WriteReplyWithoutRequest);
  Bus other_id;
  other_id.aw(word(1));
  other_id.w();
  other_id.b(2);
  check_caught(other_id, AxiRule::WriteReplyWithoutRequest);
}

TEST_CASE("axi checker: EXOKAY to an access that is not exclusive is caught", "[axi][checker]") {
  Bus read;
  read.ar(word(1));
  read.r(1, AxiResp::ExOkay);
  check_caught(read, AxiRule::ExOkayWithoutExclusive);
  Bus write;
  write.aw(word(1));
  write.w();
  write.b(1, AxiResp::ExOkay);
  check_caught(write, AxiRule::ExOkayWithoutExclusive);
}

// ---------------------------------------------------------------- exclusives

TEST_CASE("axi checker: an exclusive access of a length that no monitor takes is caught", "[axi][checker]") {
  for (const AxiAddress& length : {burst(1, AxiBurst::Incr, 3), burst(1, AxiBurst::Incr, 32, 3)}) {
    Bus bus(false);
    AxiAddress bad = length;
    bad.lock = true;
    bus.ar(bad);
    check_caught(bus, AxiRule::ExclusiveLength);
  }
}

TEST_CASE("axi checker: an unaligned exclusive access is caught", "[axi][checker]") {
  Bus bus(false);
  AxiAddress bad = burst(1, AxiBurst::Incr, 2, 3, kWord + 8);
  bad.lock = true;
  bus.ar(bad);
  check_caught(bus, AxiRule::ExclusiveUnaligned);
}

TEST_CASE("axi checker: a cacheable exclusive access is caught", "[axi][checker]") {
  Bus bus;
  AxiAddress bad = exclusive(1);
  bad.cache = 0xf;
  bus.ar(bad);
  check_caught(bus, AxiRule::ExclusiveCacheable);
}

TEST_CASE("axi checker: an exclusive write without an exclusive read of its id is caught", "[axi][checker]") {
  Bus never;
  never.aw(exclusive(1));
  check_caught(never, AxiRule::ExclusiveWriteAlone);
  Bus other_id;
  other_id.ar(exclusive(1));
  other_id.r(1, AxiResp::ExOkay);
  other_id.aw(exclusive(2));
  check_caught(other_id, AxiRule::ExclusiveWriteAlone);
  Bus again;
  again.ar(exclusive(1));
  again.r(1, AxiResp::ExOkay);
  again.aw(exclusive(1));
  again.aw(exclusive(1));
  check_caught(again, AxiRule::ExclusiveWriteAlone);
}

TEST_CASE("axi checker: an exclusive write before its read has ended is caught", "[axi][checker]") {
  Bus bus;
  bus.ar(exclusive(1));
  bus.aw(exclusive(1));
  check_caught(bus, AxiRule::ExclusiveWriteEarly);
}

TEST_CASE("axi checker: an exclusive write unlike its read is caught, field by field", "[axi][checker]") {
  const std::function<void(AxiAddress&)> change[] = {
      [](AxiAddress& a) { a.addr ^= 8; }, [](AxiAddress& a) { a.size = 2; },  [](AxiAddress& a) { a.len = 1; },
      [](AxiAddress& a) { a.prot ^= 1; }, [](AxiAddress& a) { a.cache = 3; }, [](AxiAddress& a) { a.burst = 0; }};
  for (const auto& bad : change) {
    Bus bus(false);
    bus.ar(exclusive(1, kWord));
    bus.r(1, AxiResp::ExOkay);
    AxiAddress write = exclusive(1, kWord);
    bad(write);
    bus.aw(write);
    check_caught(bus, AxiRule::ExclusivePairDiffers);
  }
}

// ---------------------------------------------------------------- the end

TEST_CASE("axi checker: what has no reply at the end is caught", "[axi][checker]") {
  const std::function<void(Bus&)> leave[] = {[](Bus& bus) { bus.ar(word(1)); },
                                             [](Bus& bus) {
                                               bus.aw(word(1));
                                               bus.w();
                                             },
                                             [](Bus& bus) { bus.aw(word(1)); }, [](Bus& bus) { bus.w(); }};
  for (const auto& left : leave) {
    Bus bus;
    left(bus);
    bus.checker.finish(bus.now);
    check_caught(bus, AxiRule::Unanswered);
  }
}

TEST_CASE("axi checker: every rule has a name of its own", "[axi][checker]") {
  for (unsigned i = 0; i < kAxiRules; ++i) {
    const auto rule = static_cast<AxiRule>(i);
    CHECK_FALSE(rule_name(rule).empty());
    for (unsigned j = 0; j < i; ++j) CHECK(rule_name(rule) != rule_name(static_cast<AxiRule>(j)));
  }
}
