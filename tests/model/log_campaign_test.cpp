// No page lost, ever: random writes, cleanings, changes of mode and slow software, with every log read back.
// VMMU_SEED replays one run; VMMU_RUNS and VMMU_WRITES set the extent of the long campaign (scripts/log-campaign).
#include <cstdio>
#include <cstdlib>

#include "log_machine.hpp"

namespace vmmu::test {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

LogTotals run_all(std::uint64_t runs, std::uint64_t writes) {
  LogTotals sum;
  const bool replay = std::getenv("VMMU_SEED") != nullptr;
  const std::uint64_t first = setting("VMMU_SEED", 1);
  for (std::uint64_t seed = first; seed < first + (replay ? 1 : runs); ++seed) {
    LogMachine machine(seed);
    const std::string wrong = machine.run(writes);
    INFO("VMMU_SEED=" << seed << " after " << machine.totals().writes << " writes: " << wrong);
    CHECK(wrong.empty());
    sum += machine.totals();
    if (!wrong.empty()) break;
  }
  std::printf(
      "seeds from %llu: %llu writes, records read: %llu PML, %llu EPML, %llu PRL, %llu dropped; %llu accesses found a "
      "log "
      "full, %llu pages cleaned, %llu changes of registers, %llu refusals by memory\n",
      static_cast<unsigned long long>(first), static_cast<unsigned long long>(sum.writes),
      static_cast<unsigned long long>(sum.pml), static_cast<unsigned long long>(sum.epml),
      static_cast<unsigned long long>(sum.prl), static_cast<unsigned long long>(sum.drops),
      static_cast<unsigned long long>(sum.full), static_cast<unsigned long long>(sum.cleaned),
      static_cast<unsigned long long>(sum.modes), static_cast<unsigned long long>(sum.errors));
  return sum;
}

// A campaign in which one of these never happened shows nothing about it.
void check_busy(const LogTotals& sum) {
  for (const std::uint64_t n : {sum.pml, sum.epml, sum.prl, sum.drops, sum.full, sum.cleaned, sum.modes, sum.errors}) {
    CHECK(n > 0);
  }
}

}  // namespace

TEST_CASE("log property: logged is written since last cleaned, in every mode", "[quick]") {
  check_busy(run_all(30, 10000));
}

TEST_CASE("log campaign: no page lost in long runs", "[.][campaign]") {
  check_busy(run_all(setting("VMMU_RUNS", 100), setting("VMMU_WRITES", 1000000)));
}

}  // namespace vmmu::test
