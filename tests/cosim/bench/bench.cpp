// Measures the cycle budgets and the speed of the simulation and of the model. Each row says what the budget is.
// VMMU_BENCH=cycles leaves out the speeds, which take most of the time.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "engine/engine.hpp"
#include "rows.hpp"
#include "vmmu/mmu.hpp"

namespace vmmu::tb::bench {
namespace {

// Walks of distinct pages, all slots busy: cycles for each.
void overlap_row(Rows& rows, Preset preset) {
  constexpr unsigned kPages = 200;
  Rig rig(rig_options(preset, 10));
  Layout layout;
  layout.nested = true;
  layout.pages = kPages;
  commit(rig, build(rig.words(), layout));
  std::vector<std::uint64_t> gvas;
  for (unsigned i = 0; i < kPages; ++i) gvas.push_back(page_at(i));
  const Burst walks = burst(rig, gvas);
  const double slots = preset_info(preset).values[13];
  rows.add(preset_info(preset).name, "nested walks overlapped, M = 10, for each walk", 24 * 11 / slots,
           static_cast<double>(walks.last_answer() - walks.first()) / kPages, "cycles", Better::Low,
           "183, one at a time, 15 references");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void engine_rows(Rows& rows, Preset preset, bool lockstep) {
  const std::string name(preset_info(preset).name);
  EngineOptions options;
  options.preset = preset;
  const std::unique_ptr<Engine> engine = lockstep ? make_lockstep_engine(options) : make_rtl_engine(options);
  TableConfig config;
  config.nested = true;
  PageTables tables(config, [&](HostPhys a, std::uint64_t w) { engine->poke(a, w); });
  constexpr unsigned kPages = 256;
  for (unsigned i = 0; i < kPages; ++i) (void)tables.map({kPage.value + 0x1000 * i}, {kFrame.value + 0x1000 * i});
  engine->commit(0, regs_for(tables));
  const char* who = lockstep ? "lock step" : "RTL alone";
  for (const bool hits : {true, false}) {
    const unsigned pages = hits ? 4 : kPages;  // 4 pages fit the smallest L1
    const unsigned accesses = hits ? 100000 : 2000;
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t before = engine->cycles();
    for (unsigned i = 0; i < accesses; ++i)
      engine->issue(user_read(kPage.value + 0x1000 * (i * 7 % pages) + i % 512 * 8));
    engine->sync();
    const double seconds = seconds_since(start);
    const double cycles = static_cast<double>(engine->cycles() - before);
    const std::string traffic = hits ? "hits" : "misses";
    rows.add(name, std::string(who) + ", " + traffic + ", accesses per second", 0, accesses / seconds, "1/s",
             Better::High);
    rows.add(name, std::string(who) + ", " + traffic + ", million cycles per second", lockstep ? 0.25 : 0.5,
             cycles / seconds / 1e6, "Mcycle/s", Better::High, lockstep ? "" : "0.6 to 0.9, quoted");
  }
}

void model_rows(Rows& rows) {
  for (const bool nested : {false, true}) {
    SparseMem words;
    Mmu mmu({}, words);
    constexpr unsigned kPages = 64;
    Layout layout;
    layout.nested = nested;
    layout.pages = kPages;
    if (mmu.commit(0, build(words, layout)) != Reject::None) throw std::runtime_error("the model refused COMMIT");
    constexpr unsigned kAccesses = 1000000;
    std::uint64_t sum = 0;
    const auto start = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < kAccesses; ++i) {
      const Result result = mmu.access(user_read(kPage.value + 0x1000 * (i % kPages)));
      if (const Translation* t = std::get_if<Translation>(&result)) sum += t->hpa.value;
    }
    const double seconds = seconds_since(start);
    rows.add("model", nested ? "full 2D walks per second" : "native walks per second", nested ? 2e6 : 0,
             sum != 0 ? kAccesses / seconds : 0, "1/s", Better::High);
  }
}

int run(const char* json_file) {
  const char* part = std::getenv("VMMU_BENCH");
  const bool speeds = part == nullptr || std::strcmp(part, "cycles") != 0;
  Rows rows;
  for (const Preset preset : built_presets()) {
    latency_rows(rows, preset);
    mode_rows(rows, preset);
    throughput_rows(rows, preset);
    overlap_row(rows, preset);
    invalidation_rows(rows, preset);
    footprint_rows(rows, preset);
    if (!speeds) continue;
    engine_rows(rows, preset, false);
    engine_rows(rows, preset, true);
  }
  if (speeds) model_rows(rows);
  if (json_file == nullptr) return 0;
  std::ofstream out(json_file);
  out << rows.json().dump(2) << "\n";
  return out ? 0 : 2;
}

}  // namespace
}  // namespace vmmu::tb::bench

int main(int argc, char** argv) {
  if (argc == 1) return vmmu::tb::bench::run(nullptr);
  if (argc == 3 && std::strcmp(argv[1], "--json") == 0) return vmmu::tb::bench::run(argv[2]);
  std::fprintf(stderr, "usage: vmmu_bench [--json FILE]\n");
  return 2;
}
