// The AXI4 memory is itself tested, without any RTL: order, latency, the monitor of exclusives, injected trouble.
#include "catch.hpp"
#include "device/axi_checker.hpp"
#include "device/axi_memory.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint8_t kIncr = static_cast<std::uint8_t>(AxiBurst::Incr);
constexpr HostPhys kWord{0x1000};
constexpr HostPhys kOther{0x2000};

AxiAddress address(std::uint8_t id, HostPhys addr, bool lock = false) {
  return {true, id, addr.value, 0, 3, kIncr, lock, 2, 3};
}

// A manager that offers what it is told until it is taken; a checker watches.
class Port {
 public:
  explicit Port(const MemoryTiming& timing = {}, const AxiBehaviour& behaviour = {}, std::uint64_t seed = 7)
      : memory(words, seed) {
    memory.set_timing(timing);
    memory.set_behaviour(behaviour);
    out.axi.r_ready = out.axi.b_ready = true;
  }
  ~Port() {
    checker.finish(now);
    for (const AxiViolation& v : checker.take()) FAIL_CHECK(v.text);
    for (const std::string& e : memory.take_errors()) FAIL_CHECK(e);
  }

  void cycle() {
    memory.drive(now, in);
    memory.sample(now, in, out);
    checker.sample(now, true, out.axi, in.axi);
    if (in.axi.r.valid && out.axi.r_ready) reads.push_back(in.axi.r);
    if (in.axi.b.valid && out.axi.b_ready) writes.push_back(in.axi.b);
    if (in.axi.ar_ready) out.axi.ar.valid = false;
    if (in.axi.aw_ready) out.axi.aw.valid = false;
    if (in.axi.w_ready) out.axi.w.valid = false;
    ++now;
  }
  void start_read(std::uint8_t id, HostPhys addr, bool lock = false) {
    out.axi.ar = address(id, addr, lock);
    while (out.axi.ar.valid) cycle();
  }
  AxiReadData read(std::uint8_t id, HostPhys addr, bool lock = false) {
    start_read(id, addr, lock);
    const std::size_t before = reads.size();
    while (reads.size() == before) cycle();
    return reads.back();
  }
  AxiResp write(std::uint8_t id, HostPhys addr, std::uint64_t word, bool lock = false) {
    out.axi.aw = address(id, addr, lock);
    out.axi.w = {true, word, 0xff, true};
    const std::size_t before = writes.size();
    while (writes.size() == before) cycle();
    return writes.back().resp;
  }

  SparseMem words;
  AxiMemory memory;
  AxiChecker checker;
  DeviceInputs in;
  DeviceOutputs out;
  std::uint64_t now = 0;
  std::vector<AxiReadData> reads;
  std::vector<AxiWriteReply> writes;
};

MemoryTiming busy() {
  MemoryTiming timing;
  timing.latency_min = 1;
  timing.latency_max = 30;
  timing.reorder = true;
  timing.stall_percent = 40;
  return timing;
}

}  // namespace

TEST_CASE("axi memory: a read taken in cycle t has its data in cycle t + latency", "[axi][memory]") {
  for (const unsigned latency : {1u, 2u, 10u}) {
    MemoryTiming timing;
    timing.latency_min = timing.latency_max = latency;
    Port port(timing);
    port.words.poke(kWord, 42);
    const std::uint64_t taken = port.now;
    CHECK(port.read(5, kWord).data == 42);
    CHECK(port.now == taken + latency + 1);
  }
}

TEST_CASE("axi memory: different ids overtake each other, one id never itself", "[axi][memory]") {
  Port port(busy());
  for (std::uint64_t i = 0; i < 200; ++i) {
    const HostPhys addr{kWord.value + 8 * i};
    port.words.poke(addr, i);
    port.start_read(static_cast<std::uint8_t>(i % 4), addr);
  }
  while (port.reads.size() < 200) port.cycle();
  bool overtaken = false;
  std::uint64_t next[4] = {0, 1, 2, 3};
  for (std::size_t i = 0; i < port.reads.size(); ++i) {
    const AxiReadData& r = port.reads[i];
    CHECK(r.data == next[r.id]);
    next[r.id] += 4;
    overtaken = overtaken || r.data != i;
  }
  CHECK(overtaken);
}

TEST_CASE("axi memory: address and data of a write are taken in the order that was asked for", "[axi][memory]") {
  for (const AxiWriteOrder order : {AxiWriteOrder::Free, AxiWriteOrder::AddressFirst, AxiWriteOrder::DataFirst}) {
    AxiBehaviour behaviour;
    behaviour.write_order = order;
    Port port(busy(), behaviour);
    unsigned address_first = 0;
    unsigned data_first = 0;
    for (unsigned i = 0; i < 100; ++i) {
      port.out.axi.aw = address(1, kWord);
      port.out.axi.w = {true, i, 0xff, true};
      while (port.out.axi.aw.valid || port.out.axi.w.valid) {
        port.cycle();
        address_first += !port.out.axi.aw.valid && port.out.axi.w.valid;
        data_first += port.out.axi.aw.valid && !port.out.axi.w.valid;
      }
      while (port.writes.size() <= i) port.cycle();
      CHECK(port.words.peek(kWord) == i);
    }
    CHECK((address_first > 0) == (order != AxiWriteOrder::DataFirst));
    CHECK((data_first > 0) == (order != AxiWriteOrder::AddressFirst));
  }
}

TEST_CASE("axi memory: an exclusive pair that nobody disturbs writes", "[axi][memory]") {
  Port port(busy());
  CHECK(port.read(1, kWord, true).resp == AxiResp::ExOkay);
  CHECK(port.write(1, kOther, 9) == AxiResp::Okay);  // another word does not disturb
  CHECK(port.write(1, kWord, 5, true) == AxiResp::ExOkay);
  CHECK(port.words.peek(kWord) == 5);
}

TEST_CASE("axi memory: any write to the word in between makes an exclusive write lose", "[axi][memory]") {
  for (unsigned who = 0; who < 4; ++who) {
    Port port(busy());
    port.words.poke(kWord, 3);
    CHECK(port.read(1, kWord, true).resp == AxiResp::ExOkay);
    if (who == 0) port.memory.poke(kWord, 4);
    if (who == 1) port.memory.poke(kWord, 3);  // the same value is a write all the same
    if (who == 2) CHECK(port.write(2, kWord, 4) == AxiResp::Okay);
    if (who == 3) {
      CHECK(port.read(2, kWord, true).resp == AxiResp::ExOkay);
      CHECK(port.write(2, kWord, 4, true) == AxiResp::ExOkay);
    }
    CHECK(port.write(1, kWord, 5, true) == AxiResp::Okay);
    CHECK(port.words.peek(kWord) == (who == 1 ? 3 : 4));
  }
}

TEST_CASE("axi memory: monitored exclusive writes fail as often as asked for, and then write nothing",
          "[axi][memory]") {
  AxiBehaviour behaviour;
  behaviour.exclusive_fail_percent = 50;
  Port port(busy(), behaviour);
  unsigned lost = 0;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    const std::uint64_t before = port.words.peek(kWord);
    CHECK(port.read(1, kWord, true).resp == AxiResp::ExOkay);
    const AxiResp verdict = port.write(1, kWord, i, true);
    lost += verdict == AxiResp::Okay;
    CHECK(port.words.peek(kWord) == (verdict == AxiResp::ExOkay ? i : before));
  }
  CHECK(lost > 60);
  CHECK(lost < 140);
}

TEST_CASE("axi memory: without a monitor every exclusive access is answered OKAY", "[axi][memory]") {
  AxiBehaviour behaviour;
  behaviour.exclusives = false;
  Port port(busy(), behaviour);
  CHECK(port.read(1, kWord, true).resp == AxiResp::Okay);
  CHECK(port.write(1, kWord, 5, true) == AxiResp::Okay);
  CHECK(port.words.peek(kWord) == 5);
}

TEST_CASE("axi memory: injected replies strike their step once each and write nothing", "[axi][memory]") {
  Port port(busy());
  port.memory.inject_reply(AxiStep::Read, AxiResp::SlvErr);
  port.memory.inject_reply(AxiStep::Write, AxiResp::DecErr, 2);
  port.memory.inject_reply(AxiStep::ExclusiveRead, AxiResp::Okay);
  port.memory.inject_reply(AxiStep::ExclusiveWrite, AxiResp::Okay);
  CHECK(port.write(1, kWord, 5) == AxiResp::DecErr);
  CHECK(port.write(1, kWord, 5) == AxiResp::DecErr);
  CHECK(port.words.peek(kWord) == 0);
  CHECK(port.write(1, kWord, 5) == AxiResp::Okay);
  CHECK(port.read(1, kWord).resp == AxiResp::SlvErr);
  CHECK(port.read(1, kWord).resp == AxiResp::Okay);
  CHECK(port.read(1, kWord, true).resp == AxiResp::Okay);
  CHECK(port.read(1, kWord, true).resp == AxiResp::ExOkay);
  CHECK(port.write(1, kWord, 6, true) == AxiResp::Okay);
  CHECK(port.words.peek(kWord) == 5);
  CHECK(port.read(1, kWord, true).resp == AxiResp::ExOkay);
  CHECK(port.write(1, kWord, 6, true) == AxiResp::ExOkay);
  CHECK(port.words.peek(kWord) == 6);
}

TEST_CASE("axi memory: the next requests to a word get the errors asked for", "[axi][memory]") {
  Port port(busy());
  port.memory.inject_error(kWord, 2);
  const auto failed = [](AxiResp resp) { return resp == AxiResp::SlvErr || resp == AxiResp::DecErr; };
  CHECK(port.read(1, kOther).resp == AxiResp::Okay);
  CHECK(failed(port.read(1, kWord).resp));
  CHECK(failed(port.write(1, kWord, 5)));
  CHECK(port.words.peek(kWord) == 0);
  CHECK(port.read(1, kWord).resp == AxiResp::Okay);
}
