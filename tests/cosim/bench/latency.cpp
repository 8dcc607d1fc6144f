// Latency of walks, hits and segments, and what they do side by side.
#include <fmt/format.h>

#include <numeric>

#include "rows.hpp"

namespace vmmu::tb::bench {
namespace {

constexpr unsigned kLatency = 10;  // of memory, where nothing else is said
constexpr const char* kPerCycle = "1/cycle";

unsigned lookup_of_l2(Preset preset) { return preset_info(preset).has_l2() ? 2 : 0; }

std::vector<std::uint64_t> pages(unsigned first, unsigned number, PageSize size = PageSize::k4K) {
  std::vector<std::uint64_t> gvas(number);
  for (unsigned n = 0; n < number; ++n) gvas[n] = page_at(first + n, size);
  return gvas;
}

// Both levels map every page to itself, so that any level may be a segment.
constexpr Segment kAll{0, std::uint64_t{1} << 32, 0, seg::R | seg::W | seg::X | seg::U};

void make_dual(ContextRegs& regs) {
  regs.gseg = kAll;
  regs.vseg[0] = as_vmm_registers(kAll);
}

void l2_rows(Rows& rows, Preset preset, PageSize size) {
  const bool small = size == PageSize::k4K;
  Rig rig(rig_options(preset, 1));
  constexpr unsigned kMany = 64;  // more than the L1 has of one size in builds with a small L2, and no more than the L2
  const PresetInfo& info = preset_info(preset);
  const unsigned l1 = small ? info.values[3] * info.values[4] : info.values[5] * info.values[6];
  const unsigned number = std::max(kMany / 2, 2 * l1);
  Layout layout;
  layout.guest = size;
  layout.pages = number;
  commit(rig, build(rig.words(), layout));
  (void)burst(rig, pages(0, number, size));
  rig.cycles(20);  // what the last ones fill
  // The first of them have left the L1.
  std::uint64_t accepted = 0;
  const Response one = rig.run(user_read(page_at(0, size)), &accepted);
  if (one.source != Source::L2) return;  // the L2 of this build keeps none of this size
  const std::string what = small ? "L2 hit, 4 KiB" : "L2 hit, 2 MiB";
  rows.add(info.name, what, small ? 3 : 4, static_cast<double>(one.cycle - accepted), "cycles", Better::Low,
           small ? "3" : "");
  const Burst hits = burst(rig, pages(1, l1 / 2, size));
  if (!hits.all_from(Source::L2)) throw std::runtime_error("the L2 has lost pages that it should hold");
  rows.add(info.name, what + ", throughput", 1, hits.accepted_per_cycle(), kPerCycle, Better::High);
}

void at_l1_rows(Rows& rows, Preset preset) {
  for (const bool dual : {false, true}) {
    RigOptions options = rig_options(preset, kLatency);
    options.device.segment_at_l1 = true;
    Rig rig(options);
    Layout layout;
    layout.nested = dual;
    ContextRegs regs = build(rig.words(), layout);
    if (dual) {
      make_dual(regs);
    } else {
      regs.gseg = kAll;
    }
    commit(rig, regs);
    const std::string what = dual ? "SegmentAtL1, dual" : "SegmentAtL1, native";
    const double latency = static_cast<double>(cycles_of(rig, user_read(page_at(0))));
    rows.add(preset_info(preset).name, what, dual ? 2 : 1, latency, "cycles", Better::Low);
    rows.add(preset_info(preset).name, what + ", throughput", 1, burst(rig, pages(1, 64)).accepted_per_cycle(),
             kPerCycle, Better::High);
  }
}

// What a page-modification record adds to a write that sets the dirty flag.
void log_row(Rows& rows, Preset preset) {
  std::uint64_t cycles[2] = {};
  for (const bool logged : {false, true}) {
    Rig rig(rig_options(preset, kLatency));
    Layout layout;
    layout.nested = layout.ept_flags = true;
    ContextRegs regs = build(rig.words(), layout);
    regs.pml_en = logged;
    regs.pml_addr = 0x8000'0000;
    commit(rig, regs);
    Access write = user_read(page_at(0));
    write.op = Op::Write;
    cycles[logged] = cycles_of(rig, write);
    rig.settle();
    if (logged && rig.get(reg::host(0, reg::Host::PmlIndex)) == 0x1ff) throw std::runtime_error("nothing was logged");
  }
  rows.add(preset_info(preset).name, "log records of a write, cycles added to its walk", 0,
           static_cast<double>(cycles[1]) - static_cast<double>(cycles[0]), "cycles", Better::Low);
}

// Reads and writes of clean pages, without logs and with those that need no translation: one at a time, so that the
// log's queue has room, and as fast as they are taken, when the walks may have to wait for it.
void log_trace_rows(Rows& rows, Preset preset) {
  constexpr unsigned kPages = 300;  // what becomes dirty fits in the log, tables included
  std::vector<Access> trace;
  std::uint64_t random = 1;
  for (unsigned n = 0; n < 2000; ++n) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    Access access = user_read(page_at((random >> 33) % kPages) + (random >> 13) % 0xff8);
    if ((random >> 60) < 5) access.op = Op::Write;
    trace.push_back(access);
  }
  const bool has_prl = preset_info(preset).has_prl();
  for (const bool alone : {true, false}) {
    std::uint64_t cycles[2] = {};
    for (const bool logged : {false, true}) {
      Rig rig(rig_options(preset, kLatency));
      Layout layout;
      layout.nested = layout.ept_flags = true;
      layout.pages = kPages;
      layout.attr.dirty = false;
      ContextRegs regs = build(rig.words(), layout);
      regs.pml_en = logged;
      regs.pml_addr = 0x8000'0000;
      regs.prl_en = logged && has_prl;
      if (regs.prl_en) regs.prl_addr = 0x8000'1000;
      commit(rig, regs);
      if (alone) {
        for (const Access& access : trace) cycles[logged] += cycles_of(rig, access);
      } else {
        const Burst b = burst(rig, trace);
        cycles[logged] = b.last_answer() - b.first();
      }
      rig.settle();
      if (logged && rig.get(reg::host(0, reg::Host::PmlIndex)) > 0x1ff - kPages / 2) {
        throw std::runtime_error("little was logged");
      }
    }
    rows.add(preset_info(preset).name,
             fmt::format("logs ({}) over 2,000 accesses {}, {} cycles, cycles added", has_prl ? "PML, PRL" : "PML",
                         alone ? "one at a time" : "as fast as they are taken", cycles[0]),
             0, static_cast<double>(cycles[1]) - static_cast<double>(cycles[0]), "cycles", Better::Low);
  }
}

// COMMIT from the write to its acknowledgement, and requests that hit meanwhile.
void commit_rows(Rows& rows, Preset preset) {
  Rig rig(rig_options(preset, kLatency));
  Layout layout;
  layout.nested = true;
  const ContextRegs regs = build(rig.words(), layout);
  commit(rig, regs);
  commit(rig, regs, 1);
  (void)rig.run(user_read(page_at(0)));
  rig.stage(1, regs);
  unsigned answers = 0;
  rig.on_response = [&](const Response& r) { answers += r.source == Source::L1; };
  const std::uint64_t start = rig.now();
  std::uint64_t acknowledged = 0;
  unsigned sent = 0;
  auto& write = rig.device().in.reg;
  write = {true, true, reg::host(1, reg::Host::Commit), 1};
  while (acknowledged == 0) {
    if (!rig.presented()) rig.present(user_read(page_at(0)), static_cast<std::uint8_t>(sent++));
    rig.cycle();
    if (rig.device().out.reg_req_ready) write.valid = false;
    if (rig.device().out.reg_rsp_valid) acknowledged = rig.now() - 1;
  }
  rig.cycles(2);
  rig.on_response = nullptr;
  const double cycles = static_cast<double>(acknowledged - start);
  rows.add(preset_info(preset).name, "COMMIT, from write to acknowledgement", 24, cycles, "cycles", Better::Low);
  rows.add(preset_info(preset).name, "COMMIT, cycles in which no hit was answered", 0, cycles + 1 - answers, "cycles",
           Better::Low);
}

// Two requests to a page that is cached nowhere.
void merge_row(Rows& rows, Preset preset) {
  Rig rig(rig_options(preset, kLatency));
  Layout layout;
  layout.nested = true;
  commit(rig, build(rig.words(), layout));
  const std::uint64_t before = rig.get(reg::counter(0, reg::Count::Walks));
  (void)burst(rig, {page_at(0), page_at(0) + 8});
  rows.add(preset_info(preset).name, "two requests to one missing page, walks", 1,
           static_cast<double>(rig.get(reg::counter(0, reg::Count::Walks)) - before), "walks", Better::Low, "2");
}

}  // namespace

void latency_rows(Rows& rows, Preset preset) {
  const std::string_view name = preset_info(preset).name;
  for (const unsigned m : {1u, 10u, 100u}) {
    for (const bool nested : {false, true}) {
      for (const PageSize size : {PageSize::k4K, PageSize::k2M}) {
        if (nested && size != PageSize::k4K && m != 10) continue;
        Rig rig(rig_options(preset, m));
        Layout layout;
        layout.nested = nested;
        layout.guest = layout.host = size;
        commit(rig, build(rig.words(), layout));
        const unsigned levels = size == PageSize::k4K ? 4 : 3;
        const unsigned before = static_cast<unsigned>(rig.memory().accepted());
        const double cycles = static_cast<double>(cycles_of(rig, user_read(page_at(0))));
        const unsigned references = static_cast<unsigned>(rig.memory().accepted()) - before;
        const std::string peer = std::to_string(references * (m + 2) + 5) + ", for as many references";
        rows.add(name,
                 std::string(nested ? "nested" : "native") + " walk of " + (levels == 4 ? "4 KiB" : "2 MiB") + ", " +
                     std::to_string(references) + " references, M = " + std::to_string(m),
                 references * (m + 1) + 3 + lookup_of_l2(preset), cycles, "cycles", Better::Low, peer.c_str());
        if (m == 1 && size == PageSize::k4K) {
          rows.add(name, std::string("L1 hit, ") + (nested ? "nested" : "native"), 1,
                   static_cast<double>(cycles_of(rig, user_read(page_at(0)))), "cycles", Better::Low, "1");
        }
      }
    }
  }
}

// A miss in each mode, beside the native walk of the same run: the checks of segments and filters cost no cycle. With
// the dual check there is no walk.
void mode_rows(Rows& rows, Preset preset) {
  const std::string_view name = preset_info(preset).name;
  const auto miss = [&](bool nested, const auto& change) {
    Rig rig(rig_options(preset, kLatency));
    Layout layout;
    layout.nested = nested;
    ContextRegs regs = build(rig.words(), layout);
    change(regs);
    commit(rig, regs);
    return static_cast<double>(cycles_of(rig, user_read(page_at(0))));
  };
  const double native = miss(false, [](ContextRegs&) {});
  const auto mode = [&](const char* what, double budget, bool nested, const auto& change) {
    rows.add(name, std::string(what) + ", L1 miss, M = 10", budget, miss(nested, change), "cycles", Better::Low);
  };
  mode("VMM Direct, 4 references, beside native", native, true,
       [](ContextRegs& r) { r.vseg[0] = as_vmm_registers(kAll); });
  mode("Guest Direct, 4 references, beside native", native, true, [](ContextRegs& r) { r.gseg = kAll; });
  mode("Compromis, 4 references, beside native", native, false, [](ContextRegs& r) {
    r.virt = r.vseg_miss = true;
    r.vseg[0] = as_vmm_registers(kAll);
  });
  mode("both segments", 2, true, make_dual);
  mode("Direct Segment, native", 2, false, [](ContextRegs& r) { r.gseg = kAll; });
  Rig rig(rig_options(preset, kLatency));
  Layout layout;
  layout.nested = true;
  ContextRegs regs = build(rig.words(), layout);
  make_dual(regs);
  commit(rig, regs);
  rows.add(name, "both segments, L1 miss, throughput", 1, burst(rig, pages(0, 128)).accepted_per_cycle(), kPerCycle,
           Better::High);
  for (const Preset at_l1 : device_at_l1_presets()) {
    if (at_l1 == preset) at_l1_rows(rows, preset);
  }
}

void throughput_rows(Rows& rows, Preset preset) {
  const std::string_view name = preset_info(preset).name;
  Rig rig(rig_options(preset, 100));
  Layout layout;
  layout.pages = 2;
  commit(rig, build(rig.words(), layout));
  (void)rig.run(user_read(page_at(0)));
  const Burst hits = burst(rig, std::vector<std::uint64_t>(100, page_at(0)));
  rows.add(name, "L1 hits, throughput", 1, hits.accepted_per_cycle(), kPerCycle, Better::High, "1");
  std::vector<std::uint64_t> behind_a_miss(100, page_at(0));
  behind_a_miss[0] = page_at(1);
  const Burst under = burst(rig, behind_a_miss);
  if (under.answers[0].source != Source::Walk) throw std::runtime_error("there was no walk to hit under");
  rows.add(name, "L1 hits, throughput while a walk is outstanding", 1, under.accepted_per_cycle(), kPerCycle,
           Better::High, "none: a miss blocks");
  if (preset_info(preset).has_l2()) {
    l2_rows(rows, preset, PageSize::k4K);
    l2_rows(rows, preset, PageSize::k2M);
  }
  merge_row(rows, preset);
  log_row(rows, preset);
  log_trace_rows(rows, preset);
  commit_rows(rows, preset);
}

}  // namespace vmmu::tb::bench
