// Every register of the description: value after reset, bits that it takes, words, access.
#include "device/register_map.hpp"
#include "worlds.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

// The pages that the register has: one, or one per context.
unsigned pages_of(const RegisterInfo& info) { return info.page == RegisterPage::Global ? 1 : contexts(); }

// Holds what was written until the next write.
bool is_storage(const RegisterInfo& info) {
  return info.writable != 0 && info.kind != RegisterKind::Command && !info.write_one_to_clear;
}

// A value that no other register and no other context gets.
std::uint64_t value_of(std::size_t number, unsigned ctx) {
  return (std::uint64_t{number} * 16 + ctx + 1) * 0x9e3779b97f4a7c15;
}

template <class Visit>
void for_each_register(Visit visit) {
  for (const RegisterInfo& info : kRegisterTable) {
    for (unsigned ctx = 0; ctx < pages_of(info); ++ctx) {
      for (unsigned index = 0; index < info.count; ++index) {
        INFO(page_name(info.page) << " register " << info.name << " of context " << ctx << " element " << index);
        visit(info, ctx, index);
      }
    }
  }
}

std::uint64_t reset_value(const RegisterInfo& info) {
  if (info.name == "MAXPHYADDR") return 46;
  for (std::size_t i = 0; i < kNumParameters; ++i) {
    if (info.name == kParameterNames[i]) return preset_info(AxilBench::kPreset).values[i];
  }
  return info.reset;
}

}  // namespace

TEST_CASE("registers: every register has its documented value after reset", "[registers]") {
  AxilBench bench;
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    const std::uint64_t value = bench.get(info, ctx, index);
    if (info.name == "CYCLES") {
      CHECK((value > 0 && value < 100'000));
    } else {
      CHECK(value == reset_value(info));
    }
  });
}

TEST_CASE("registers: a second reset brings the values after reset back", "[registers]") {
  AxilBench bench;
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    if (is_storage(info)) bench.put(info, ctx, ~std::uint64_t{0}, index);
  });
  bench.reset();
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    if (info.name != "CYCLES") CHECK(bench.get(info, ctx, index) == reset_value(info));
  });
}

TEST_CASE("registers: a register takes and returns exactly the bits that it has", "[registers]") {
  AxilBench bench;
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    if (!is_storage(info)) return;
    for (const std::uint64_t value : {~std::uint64_t{0}, std::uint64_t{0}, value_of(1, ctx)}) {
      bench.put(info, ctx, value, index);
      CHECK(bench.get(info, ctx, index) == (value & info.writable));
    }
  });
}

TEST_CASE("registers: each register has storage of its own in each context", "[registers]") {
  AxilBench bench;
  const auto number = [](const RegisterInfo& info) { return static_cast<std::size_t>(&info - kRegisterTable); };
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    if (is_storage(info)) bench.put(info, ctx, value_of(number(info), ctx), index);
  });
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    if (is_storage(info)) CHECK(bench.get(info, ctx, index) == (value_of(number(info), ctx) & info.writable));
  });
}

TEST_CASE("registers: the words of a 64-bit register are written one without the other", "[registers]") {
  AxilBench bench;
  unsigned checked = 0;
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    if (!is_storage(info) || info.width != 64) return;
    const std::uint32_t addr = register_address(info, ctx, index);
    bench.put(info, ctx, 0x1111111122222222, index);
    bench.put(addr, 0x33333333);
    CHECK(bench.get(info, ctx, index) == (0x1111111133333333 & info.writable));
    bench.put(addr + 4, 0x44444444);
    CHECK(bench.get(addr + 4) == (0x44444444 & (info.writable >> 32)));
    CHECK(bench.get(info, ctx, index) == (0x4444444433333333 & info.writable));
    ++checked;
  });
  // CR3, EPTP, PML_ADDR, two of PRL, EPML_ADDR, INV_ADDR, BASE, LIMIT and OFFSET of a guest and four VMM segments, four
  // bitmaps, two filters, shadow roots
  CHECK(checked == (7 + 3 * 5 + 4 + 8 + 2 * 8) * contexts());
}

TEST_CASE("registers: a read-only register refuses writes and keeps its value", "[registers]") {
  AxilBench bench;
  bench.put(address_of("GLOBAL_CTRL"), 2);  // counters stand still
  for_each_register([&](const RegisterInfo& info, unsigned ctx, unsigned index) {
    if (info.writable != 0) return;
    const std::uint64_t before = bench.get(info, ctx, index);
    const std::uint32_t addr = register_address(info, ctx, index);
    for (std::uint32_t word = 0; word < info.width / 32; ++word) {
      CHECK(bench.write(addr + 4 * word, ~static_cast<std::uint32_t>(before)) == AxiResp::SlvErr);
    }
    CHECK(bench.get(info, ctx, index) == before);
  });
}

TEST_CASE("registers: the description and the constants of the testbench name the same addresses", "[registers]") {
  CHECK(address_of("COMMIT", 1) == reg::host(1, reg::Host::Commit));
  CHECK(address_of("LOG_ERROR_REC", 3) == reg::host(3, reg::Host::LogErrorRec));
  CHECK(address_of("CYCLES", 2) == reg::counter(2, reg::Count::Cycles));
  CHECK(address_of("CheckStages") == reg::capability(reg::Cap::CheckStages));
  CHECK(address_of("GLOBAL_CTRL") == reg::kGlobalCtrl);
}
