// The memory model is itself tested: timing, order, injected trouble, and its judgement of the port.
#include "catch.hpp"
#include "device/memory.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

// A requester of the memory port, without any RTL.
class Port {
 public:
  explicit Port(const MemoryTiming& timing) : memory(words, 7) { memory.set_timing(timing); }

  // One cycle; the request is presented if given. Returns whether it was taken.
  bool cycle(const DeviceOutputs::MemRequest* request = nullptr) {
    memory.drive(now, in);
    if (in.mem_rsp.valid) replies.push_back({now, in.mem_rsp.id, in.mem_rsp.data, in.mem_rsp.error});
    out.mem_req_valid = request != nullptr;
    if (request != nullptr) out.mem_req = *request;
    memory.sample(now, in, out);
    ++now;
    return request != nullptr && in.mem_req_ready;
  }
  void cycles(unsigned n) {
    for (unsigned i = 0; i < n; ++i) cycle();
  }

  struct Reply {
    std::uint64_t cycle;
    std::uint8_t id;
    std::uint64_t data;
    bool error;
  };
  SparseMem words;
  Memory memory;
  DeviceInputs in;
  DeviceOutputs out;
  std::uint64_t now = 0;
  std::vector<Reply> replies;
};

MemoryTiming latency(unsigned cycles) {
  MemoryTiming timing;
  timing.latency_min = timing.latency_max = cycles;
  return timing;
}

DeviceOutputs::MemRequest read(std::uint8_t id, std::uint64_t addr) { return {0, id, addr, 0, 0}; }
DeviceOutputs::MemRequest swap(std::uint8_t id, std::uint64_t addr, std::uint64_t expected, std::uint64_t desired) {
  return {1, id, addr, desired, expected};
}
DeviceOutputs::MemRequest write(std::uint8_t id, std::uint64_t addr, std::uint64_t word) {
  return {2, id, addr, word, 0};
}

constexpr HostPhys kWord{0x1000};

}  // namespace

TEST_CASE("memory: a read accepted in cycle t is answered in cycle t + latency", "[memory]") {
  for (const unsigned cycles : {1u, 2u, 10u, 100u}) {
    Port port(latency(cycles));
    port.words.poke(kWord, 42);
    port.cycles(3);
    const auto request = read(5, kWord.value);
    REQUIRE(port.cycle(&request));
    port.cycles(cycles + 5);
    REQUIRE(port.replies.size() == 1);
    CHECK(port.replies[0].cycle == 3 + cycles);
    CHECK(port.replies[0].id == 5);
    CHECK(port.replies[0].data == 42);
    CHECK_FALSE(port.replies[0].error);
  }
}

TEST_CASE("memory: replies come one per cycle, in order unless told otherwise", "[memory]") {
  MemoryTiming timing;
  timing.latency_min = 1;
  timing.latency_max = 20;
  for (const bool reorder : {false, true}) {
    timing.reorder = reorder;
    Port port(timing);
    for (std::uint8_t id = 0; id < 32; ++id) {
      const auto request = read(id, kWord.value + std::uint64_t{8} * id);
      REQUIRE(port.cycle(&request));
    }
    port.cycles(80);
    REQUIRE(port.replies.size() == 32);
    bool in_order = true;
    for (std::size_t i = 1; i < port.replies.size(); ++i) {
      CHECK(port.replies[i].cycle > port.replies[i - 1].cycle);
      in_order = in_order && port.replies[i].id == port.replies[i - 1].id + 1;
    }
    CHECK(in_order == !reorder);
    CHECK(port.memory.outstanding() == 0);
  }
}

TEST_CASE("memory: a compare-and-swap writes only when the word equals the expected one", "[memory]") {
  Port port(latency(1));
  port.words.poke(kWord, 1);
  const auto lost = swap(0, kWord.value, 2, 3);
  const auto won = swap(1, kWord.value, 1, 4);
  port.cycle(&lost);
  port.cycle(&won);
  port.cycles(4);
  REQUIRE(port.memory.log().size() == 2);
  CHECK(port.replies[0].data == 1);
  CHECK_FALSE(port.memory.log()[0].swapped());
  CHECK(port.memory.log()[1].swapped());
  CHECK(port.words.peek(kWord) == 4);
}

TEST_CASE("memory: an error reply changes nothing, and only as many come as were asked for", "[memory]") {
  Port port(latency(1));
  port.words.poke(kWord, 1);
  port.memory.inject_error(kWord, 2);
  const auto refused_write = write(0, kWord.value, 9);
  const auto refused_swap = swap(1, kWord.value, 1, 9);
  const auto fine = read(2, kWord.value);
  for (const auto* request : {&refused_write, &refused_swap, &fine}) port.cycle(request);
  port.cycles(4);
  REQUIRE(port.replies.size() == 3);
  CHECK(port.replies[0].error);
  CHECK(port.replies[1].error);
  CHECK_FALSE(port.replies[2].error);
  CHECK(port.words.peek(kWord) == 1);
}

TEST_CASE("memory: an injected race comes just before the next swap of that word, once", "[memory]") {
  Port port(latency(1));
  port.words.poke(kWord, 1);
  port.memory.inject_race(kWord, 7);
  const auto look = read(0, kWord.value);
  const auto lost = swap(1, kWord.value, 1, 2);
  const auto won = swap(2, kWord.value, 7, 8);
  for (const auto* request : {&look, &lost, &won}) port.cycle(request);
  port.cycles(4);
  REQUIRE(port.replies.size() == 3);
  CHECK(port.replies[0].data == 1);
  CHECK(port.replies[1].data == 7);
  CHECK(port.words.peek(kWord) == 8);
}

TEST_CASE("memory: withheld replies come after release and not before", "[memory]") {
  Port port(latency(2));
  port.memory.withhold(true);
  const auto request = read(3, kWord.value);
  port.cycle(&request);
  port.cycles(500);
  CHECK(port.replies.empty());
  CHECK(port.memory.outstanding() == 1);
  port.memory.release();
  port.cycles(3);
  CHECK(port.replies.size() == 1);
}

TEST_CASE("memory: back-pressure stalls about as often as asked", "[memory]") {
  MemoryTiming timing = latency(1);
  timing.stall_percent = 50;
  Port port(timing);
  unsigned ready = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    port.cycle();
    ready += port.in.mem_req_ready;
  }
  CHECK(ready > 400);
  CHECK(ready < 600);
}

TEST_CASE("memory: violations of the port's protocol are caught", "[memory]") {
  Port port(latency(5));
  SECTION("nothing wrong, nothing reported") {
    const auto request = read(0, kWord.value);
    port.cycle(&request);
    port.cycles(10);
    CHECK(port.memory.take_errors().empty());
  }
  SECTION("misaligned address") {
    const auto request = read(0, kWord.value + 4);
    port.cycle(&request);
    CHECK(port.memory.take_errors().size() == 1);
  }
  SECTION("id reused while outstanding") {
    const auto request = read(0, kWord.value);
    port.cycle(&request);
    port.cycle(&request);
    CHECK(port.memory.take_errors().size() == 1);
  }
  SECTION("request withdrawn or changed before ready") {
    MemoryTiming timing = latency(1);
    timing.stall_percent = 99;
    port.memory.set_timing(timing);
    const auto first = read(0, kWord.value);
    const auto second = read(0, kWord.value + 8);
    while (port.cycle(&first)) port.cycles(2);
    port.cycle(&second);
    CHECK(port.memory.take_errors().size() == 1);
    while (port.cycle(&second)) port.cycles(2);
    port.cycle();
    CHECK(port.memory.take_errors().size() == 1);
  }
}
