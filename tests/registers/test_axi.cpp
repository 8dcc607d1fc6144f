// The AXI4-Lite port: byte strobes, order of the channels, accesses that overlap, back-pressure.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

std::uint64_t seed_or(std::uint64_t fallback) {
  const char* text = std::getenv("VMMU_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 0);
}

}  // namespace

TEST_CASE("AXI: a write of a part of a word is refused and changes nothing", "[registers][axi]") {
  AxilBench bench;
  bench.put(address_of("MAXPHYADDR"), 0);  // COMMIT would be rejected, with an event
  for (unsigned strobes = 0; strobes < 0xf; ++strobes) {
    INFO("strobes " << strobes);
    for (const char* name : {"GLOBAL_CTRL", "CTRL", "CR3", "PML_INDEX", "COMMIT", "INV_ADDR", "INV_COMMAND"}) {
      INFO(name);
      const std::uint32_t addr = address_of(name);
      const std::uint32_t before = bench.get(addr);
      CHECK(bench.write(addr, ~before, strobes) == AxiResp::SlvErr);
      CHECK(bench.get(addr) == before);
    }
    CHECK(bench.get(address_of("EVENTS")) == 0);
    CHECK(bench.get(address_of("INV_STATUS")) == 0);
  }
}

TEST_CASE("AXI: a partial write does not clear events", "[registers][axi]") {
  AxilBench bench;
  bench.put(address_of("MAXPHYADDR"), 0);
  CHECK(bench.commit(0) == AxiResp::Okay);
  CHECK(bench.write(address_of("EVENTS"), 0xff, 1) == AxiResp::SlvErr);
  CHECK(bench.get(address_of("EVENTS")) == 1);
}

TEST_CASE("AXI: the two low bits of an address are not looked at", "[registers][axi]") {
  AxilBench bench;
  for (std::uint32_t i = 0; i < 4; ++i) {
    bench.put(address_of("PKRU") + i, 40 + i);
    CHECK(bench.get(address_of("PKRU") + 3 - i) == 40 + i);
  }
}

TEST_CASE("AXI: reads and writes that overlap, under back-pressure, neither get lost nor mixed up",
          "[registers][axi]") {
  const std::uint64_t seed = seed_or(20);
  for (const unsigned stall : {0u, 20u, 80u}) {
    INFO("VMMU_SEED=" << seed << " stall " << stall);
    AxilBench bench(seed, stall);
    std::mt19937_64 random(seed + stall);
    // Reads of registers of context 0, which stand still; writes to registers of the other contexts.
    const std::vector<std::uint32_t> still = {address_of("FAULT_TARGET"), address_of("CR3"), address_of("CR3") + 4,
                                              address_of("INV_ADDR"), address_of("PaBits")};
    std::map<std::uint32_t, std::uint32_t> expected;
    for (const std::uint32_t addr : still) {
      if (addr != address_of("PaBits")) bench.put(addr, static_cast<std::uint32_t>(random()));
      expected[addr] = bench.get(addr);
    }
    const char* written[] = {"FAULT_TARGET", "PKRU", "CR3", "PML_ADDR", "INV_ADDR"};
    constexpr std::uint32_t kNothing = 0x08000;
    unsigned replies = 0;
    constexpr unsigned kAccesses = 1500;
    for (unsigned i = 0; i < kAccesses; ++i) {
      const bool undefined = random() % 8 == 0;
      const AxiResp wanted = undefined ? AxiResp::SlvErr : AxiResp::Okay;
      if (random() % 2 == 0) {
        const std::uint32_t addr = undefined ? kNothing + 4 * (i % 64) : still[random() % still.size()];
        const AxiReply reply{wanted, undefined ? 0 : expected[addr]};
        bench.queue_read(addr, [&replies, reply](const AxiReply& r) {
          CHECK(r == reply);
          ++replies;
        });
      } else {
        const unsigned ctx = 1 + static_cast<unsigned>(random() % (contexts() - 1));
        const std::uint32_t addr = undefined ? address_of("CTRL", ctx) + 4 : address_of(written[random() % 5], ctx);
        const auto word = static_cast<std::uint32_t>(random());
        if (!undefined) expected[addr] = word;
        bench.queue_write(addr, word, [&replies, wanted](const AxiReply& r) {
          CHECK(r.resp == wanted);
          ++replies;
        });
      }
      bench.cycles(static_cast<unsigned>(random() % 12));
    }
    bench.wait_axi();
    CHECK(replies == kAccesses);
    for (const auto& [addr, word] : expected) CHECK(bench.get(addr) == word);
  }
}

TEST_CASE("AXI: an access alone is answered 6 cycles after it was taken at the latest", "[registers][axi]") {
  AxilBench bench;
  bench.cycles(50);  // the first accesses after reset wait until the registers are cleared
  bench.cycles(20);  // the context bank writes its reset values
  std::uint64_t longest = 0;
  for (const RegisterInfo& info : kRegisterTable) {
    if (info.kind == RegisterKind::Command) continue;
    INFO(info.name);
    const std::uint32_t addr = register_address(info, 1);
    for (const bool write : {false, true}) {
      const std::uint64_t begin = bench.now();
      std::uint64_t end = 0;
      const auto done = [&](const AxiReply&) { end = bench.now(); };
      if (write) {
        bench.queue_write(addr, 0, done);
      } else {
        bench.queue_read(addr, done);
      }
      bench.wait_axi();
      CHECK(end - begin <= 6);
      longest = std::max(longest, end - begin);
    }
  }
  CHECK(longest == 6);
}

TEST_CASE("AXI: a read and a write that both wait take turns", "[registers][axi]") {
  AxilBench bench;
  std::string order;
  for (unsigned i = 0; i < 8; ++i) {
    bench.queue_read(address_of("PKRU"), [&](const AxiReply&) { order += 'r'; });
    bench.queue_write(address_of("PKRU"), i, [&](const AxiReply&) { order += 'w'; });
  }
  bench.wait_axi();
  CHECK(order.size() == 16);
  CHECK(order.find("rrr") == std::string::npos);
  CHECK(order.find("www") == std::string::npos);
}

TEST_CASE("AXI: registers are reached while requests and walks are under way", "[registers][axi]") {
  AxilBench bench(3, 30);
  PageTables tables(tables_of(0), bench.words());
  for (unsigned i = 0; i < 32; ++i) {
    REQUIRE(tables.map({kPage.value + 0x1000 * i}, {kFrame.value + 0x1000 * i}) == MapError::None);
  }
  bench.activate(0, tables.regs(plain_regs()));
  for (unsigned i = 0; i < 32; ++i) {
    bench.send({kPage.value + 0x1000 * i});
    bench.put(address_of("PKRU", 1), i);
    CHECK(bench.get(address_of("PKRU", 1)) == i);
  }
  bench.wait_answers();
  CHECK(bench.get(register_named("REQUESTS"), 0) == 32);
  CHECK(bench.get(register_named("FAULTS"), 0) == 0);
}
