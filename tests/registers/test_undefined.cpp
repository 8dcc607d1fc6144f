// Addresses at which there is nothing.
#include <set>

#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint32_t kPageBytes = 0x1000;

std::set<std::uint32_t> defined_words() {
  std::set<std::uint32_t> words;
  for (const RegisterInfo& info : kRegisterTable) {
    const unsigned pages = info.page == RegisterPage::Global ? 1 : contexts();
    for (unsigned ctx = 0; ctx < pages; ++ctx) {
      for (unsigned index = 0; index < info.count; ++index) {
        for (std::uint32_t word = 0; word < info.width / 32; ++word) {
          words.insert(register_address(info, ctx, index) + 4 * word);
        }
      }
    }
  }
  return words;
}

std::vector<std::uint32_t> snapshot(AxilBench& bench, const std::set<std::uint32_t>& words) {
  std::vector<std::uint32_t> values;
  for (const std::uint32_t addr : words) values.push_back(bench.get(addr));
  return values;
}

// Reads and writes every undefined one of these words; returns how many there are.
unsigned check_refused(AxilBench& bench, const std::set<std::uint32_t>& defined, std::uint32_t begin, std::uint32_t end,
                       std::uint32_t step) {
  unsigned refused = 0;
  for (std::uint32_t addr = begin; addr < end; addr += step) {
    if (defined.count(addr) != 0) continue;
    INFO("address " << addr);
    CHECK(bench.read(addr) == AxilReply{AxiResp::SlvErr, 0});
    CHECK(bench.write(addr, 0xffffffff) == AxiResp::SlvErr);
    ++refused;
  }
  return refused;
}

// Every staged register and operand holds something; counters stand still.
void fill(AxilBench& bench) {
  bench.put(address_of("GLOBAL_CTRL"), 2);
  for (const RegisterInfo& info : kRegisterTable) {
    if (info.writable == 0 || info.kind == RegisterKind::Command || info.page == RegisterPage::Global) continue;
    for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
      for (unsigned index = 0; index < info.count; ++index) bench.put(info, ctx, 0x0123456789abcdef + ctx, index);
    }
  }
}

}  // namespace

TEST_CASE("registers: every undefined word of the global page is refused and changes nothing", "[registers]") {
  AxilBench bench;
  fill(bench);
  const auto defined = defined_words();
  const auto before = snapshot(bench, defined);
  CHECK(check_refused(bench, defined, 0, kPageBytes, 4) == kPageBytes / 4 - 3 - kNumParameters);
  CHECK(snapshot(bench, defined) == before);
}

TEST_CASE("registers: every undefined word of every host page is refused and changes nothing", "[registers]") {
  AxilBench bench;
  fill(bench);
  const auto defined = defined_words();
  const auto before = snapshot(bench, defined);
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
    const std::uint32_t page = address_of("CTRL", ctx);
    CHECK(check_refused(bench, defined, page, page + kPageBytes, 4) > 700);
  }
  CHECK(snapshot(bench, defined) == before);
}

TEST_CASE("registers: every undefined word of every guest page is refused and changes nothing", "[registers]") {
  AxilBench bench;
  fill(bench);
  const auto defined = defined_words();
  const auto before = snapshot(bench, defined);
  for (unsigned ctx = 0; ctx < contexts(); ++ctx) {
    const std::uint32_t page = address_of("INV_ADDR", ctx);
    CHECK(check_refused(bench, defined, page, page + kPageBytes, 4) == kPageBytes / 4 - 6 - 16 - 5);
  }
  CHECK(snapshot(bench, defined) == before);
}

TEST_CASE("registers: what lies between, behind and instead of the pages is refused and changes nothing",
          "[registers]") {
  AxilBench bench;
  fill(bench);
  const auto defined = defined_words();
  const auto before = snapshot(bench, defined);
  check_refused(bench, defined, kPageBytes, address_of("CTRL"), 0x1fc);
  // Pages of contexts that the build does not have: the words that are defined in the others.
  for (unsigned ctx = contexts(); ctx < 16; ++ctx) {
    check_refused(bench, defined, address_of("CTRL", ctx), address_of("CTRL", ctx) + 0x200, 4);
    check_refused(bench, defined, address_of("INV_ADDR", ctx), address_of("INV_ADDR", ctx) + 0x80, 4);
  }
  check_refused(bench, defined, address_of("CTRL", 16), 0x100000, 0xffc);
  CHECK(snapshot(bench, defined) == before);
}

TEST_CASE("registers: the guest page has no COMMIT of the host's registers", "[registers]") {
  AxilBench bench;
  constexpr std::uint32_t kHostCommitOffset = 0x38;
  CHECK(bench.write(address_of("INV_ADDR") + kHostCommitOffset, 1) == AxiResp::SlvErr);
}
