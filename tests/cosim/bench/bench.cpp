// Measures the cycle budgets and the speed of the simulation and of the model. Each row says what the budget is.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "device/rig.hpp"
#include "engine/engine.hpp"
#include "engine/preset_info.hpp"
#include "vmmu/mmu.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb {
namespace {

constexpr GuestVirt kPage{0x40000000};
constexpr GuestPhys kFrame{0x40000000};

using Rows = nlohmann::json;

void add_row(Rows& rows, const std::string& preset, const std::string& event, double budget, double measured,
             const char* unit) {
  std::printf("%-12s %-62s %12.2f %12.2f %s\n", preset.c_str(), event.c_str(), budget, measured, unit);
  rows.push_back({{"preset", preset}, {"event", event}, {"budget", budget}, {"measured", measured}, {"unit", unit}});
}

ContextRegs regs_for(const PageTables& tables) {
  ContextRegs regs;
  regs.wp = regs.nxe = true;
  regs.maxphyaddr = 40;
  return tables.regs(regs);
}

// Tables whose flags are all set, for `pages` pages from kPage.
ContextRegs build(SparseMem& words, bool nested, PageSize guest, PageSize host, unsigned pages) {
  TableConfig config;
  config.nested = nested;
  config.nested_page = host;
  PageTables tables(config, words);
  GuestAttr attr;
  attr.accessed = attr.dirty = true;
  for (unsigned i = 0; i < pages; ++i) {
    const std::uint64_t offset = page_bytes(guest) * i;
    (void)tables.map({kPage.value + offset}, {kFrame.value + offset}, guest, attr);
    for (unsigned level = 4; level > 1; --level) (void)tables.edit_guest({kPage.value + offset}, level, {0, pt::A});
  }
  return regs_for(tables);
}

Access user_read(std::uint64_t gva) { return {GuestVirt{gva}, Op::Read, true, false, false, 0}; }

RigOptions rig_options(Preset preset, unsigned m) {
  RigOptions options;
  options.preset = preset;
  options.timing.latency_min = options.timing.latency_max = m;
  return options;
}

std::uint64_t cycles_of(Rig& rig, const Access& access) {
  std::uint64_t accepted = 0;
  return rig.run(access, &accepted).cycle - accepted;
}

void latency_rows(Rows& rows, Preset preset) {
  const std::string name(preset_info(preset).name);
  for (const unsigned m : {1u, 10u, 100u}) {
    for (const bool nested : {false, true}) {
      Rig rig(rig_options(preset, m));
      rig.commit(0, build(rig.words(), nested, PageSize::k4K, PageSize::k4K, 1));
      const unsigned references = nested ? 24 : 4;
      const std::uint64_t walk = cycles_of(rig, user_read(kPage.value));
      add_row(rows, name,
              std::string(nested ? "nested" : "native") + " walk, " + std::to_string(references) +
                  " references, M = " + std::to_string(m),
              references * (m + 1) + 3 + (preset_info(preset).has_l2() ? 2 : 0), static_cast<double>(walk), "cycles");
      if (m == 1) {
        add_row(rows, name, std::string("L1 hit, ") + (nested ? "nested" : "native"), 1,
                static_cast<double>(cycles_of(rig, user_read(kPage.value))), "cycles");
      }
    }
  }
}

// A miss in each mode, beside the native walk of the same run: the checks of segments and filters cost no cycle. With
// the dual check there is no walk. Every frame has one number at all levels, so that any level may be a segment.
void mode_rows(Rows& rows, Preset preset) {
  const std::string name(preset_info(preset).name);
  constexpr unsigned kLatency = 10;
  constexpr double kSegments = 2;  // cycles from acceptance to answer
  const Segment all{0, std::uint64_t{1} << 32, 0, seg::R | seg::W | seg::X | seg::U};
  const Segment all_vmm = as_vmm_registers(all);
  const auto miss = [&](bool nested, const auto& change) {
    Rig rig(rig_options(preset, kLatency));
    ContextRegs regs = build(rig.words(), nested, PageSize::k4K, PageSize::k4K, 1);
    change(regs);
    rig.commit(0, regs);
    return static_cast<double>(cycles_of(rig, user_read(kPage.value)));
  };
  const double native = miss(false, [](ContextRegs&) {});
  const auto mode = [&](const char* what, double budget, bool nested, const auto& change) {
    add_row(rows, name, std::string(what) + ", L1 miss, M = 10", budget, miss(nested, change), "cycles");
  };
  const unsigned lookup = preset_info(preset).has_l2() ? 2 : 0;  // of the L2, before the walk
  add_row(rows, name, "native, 4 references, L1 miss, M = 10", 4 * (kLatency + 1) + 3 + lookup, native, "cycles");
  mode("VMM Direct, 4 references, beside native", native, true, [&](ContextRegs& r) { r.vseg[0] = all_vmm; });
  mode("Guest Direct, 4 references, beside native", native, true, [&](ContextRegs& r) { r.gseg = all; });
  mode("Compromis, 4 references, beside native", native, false, [&](ContextRegs& r) {
    r.virt = r.vseg_miss = true;
    r.vseg[0] = all_vmm;
  });
  mode("Dual Direct, both segments", kSegments, true, [&](ContextRegs& r) {
    r.gseg = all;
    r.vseg[0] = all_vmm;
  });
  mode("Direct Segment, native", kSegments, false, [&](ContextRegs& r) { r.gseg = all; });
}

// Walks of distinct pages, all slots busy: cycles for each.
void overlap_row(Rows& rows, Preset preset) {
  const std::string name(preset_info(preset).name);
  constexpr unsigned kPages = 200;
  Rig rig(rig_options(preset, 10));
  rig.commit(0, build(rig.words(), true, PageSize::k4K, PageSize::k4K, kPages));
  unsigned answered = 0;
  rig.on_response = [&](const Response&) { ++answered; };
  const std::uint64_t start = rig.now();
  for (unsigned i = 0; i < kPages; ++i) rig.send(user_read(kPage.value + 0x1000 * i), static_cast<std::uint8_t>(i));
  while (answered < kPages) rig.cycle();
  const double slots = preset_info(preset).values[13];
  add_row(rows, name, "nested walks overlapped, M = 10, for each walk", 24 * 11 / slots,
          static_cast<double>(rig.now() - start) / kPages, "cycles");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void engine_rows(Rows& rows, Preset preset, bool lockstep) {
  const std::string name(preset_info(preset).name);
  EngineOptions options;
  options.preset = preset;
  const std::unique_ptr<Engine> engine = lockstep ? make_lockstep_engine(options) : make_rtl_engine(options);
  SparseMem image;
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
    add_row(rows, name, std::string(who) + ", " + traffic + ", accesses per second", 0, accesses / seconds, "1/s");
    add_row(rows, name, std::string(who) + ", " + traffic + ", million cycles per second", lockstep ? 0.25 : 0.5,
            cycles / seconds / 1e6, "Mcycle/s");
  }
}

void model_rows(Rows& rows) {
  for (const bool nested : {false, true}) {
    SparseMem words;
    Mmu mmu({}, words);
    constexpr unsigned kPages = 64;
    mmu.commit(0, build(words, nested, PageSize::k4K, PageSize::k4K, kPages));
    constexpr unsigned kAccesses = 1000000;
    std::uint64_t sum = 0;
    const auto start = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < kAccesses; ++i) {
      const Result result = mmu.access(user_read(kPage.value + 0x1000 * (i % kPages)));
      if (const Translation* t = std::get_if<Translation>(&result)) sum += t->hpa.value;
    }
    const double seconds = seconds_since(start);
    add_row(rows, "model", nested ? "full 2D walks per second" : "native walks per second", nested ? 2e6 : 0,
            sum != 0 ? kAccesses / seconds : 0, "1/s");
  }
}

int run(const char* json_file) {
  Rows rows = Rows::array();
  std::printf("%-12s %-62s %12s %12s\n", "preset", "event", "budget", "measured");
  for (const Preset preset : built_presets()) {
    latency_rows(rows, preset);
    mode_rows(rows, preset);
    overlap_row(rows, preset);
    engine_rows(rows, preset, false);
    engine_rows(rows, preset, true);
  }
  model_rows(rows);
  if (json_file == nullptr) return 0;
  std::ofstream out(json_file);
  out << rows.dump(2) << "\n";
  return out ? 0 : 2;
}

}  // namespace
}  // namespace vmmu::tb

int main(int argc, char** argv) {
  if (argc == 1) return vmmu::tb::run(nullptr);
  if (argc == 3 && std::strcmp(argv[1], "--json") == 0) return vmmu::tb::run(argv[2]);
  std::fprintf(stderr, "usage: vmmu_bench [--json FILE]\n");
  return 2;
}
