#include "rows.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace vmmu::tb::bench {

void Rows::add(std::string_view preset, const std::string& event, double budget, double measured, const char* unit,
               Better better, const char* peer) {
  const std::string name(preset);
  const bool ok = better == Better::Low ? measured <= budget : measured >= budget;
  std::printf("%-12s %-78s %12.2f %12.2f %-14s %-5s %s\n", name.c_str(), event.c_str(), budget, measured, unit,
              ok ? "true" : "false", peer);
  rows_.push_back({{"preset", name},
                   {"event", event},
                   {"budget", budget},
                   {"measured", measured},
                   {"unit", unit},
                   {"peer", peer},
                   {"ok", ok}});
}

GuestAttr flags_set() {
  GuestAttr attr;
  attr.accessed = attr.dirty = true;
  return attr;
}

ContextRegs regs_for(const PageTables& tables) {
  ContextRegs regs;
  regs.wp = regs.nxe = true;
  regs.maxphyaddr = 40;
  return tables.regs(regs);
}

ContextRegs build(SparseMem& words, const Layout& layout) {
  TableConfig config;
  config.nested = layout.nested;
  config.nested_page = layout.host;
  config.accessed_dirty = layout.ept_flags;
  config.nested_attr.accessed = config.nested_attr.dirty = layout.ept_flags_set;
  config.ept_tables = HostPhys{0x1'0000'0000};  // out of the way of a GiB of pages and of their guest tables
  PageTables tables(config, words);
  const std::uint64_t region = std::uint64_t{1} << 21;
  for (std::uint64_t n = 0; n < layout.pages; ++n) {
    const std::uint64_t offset = page_bytes(layout.guest) * n;
    const GuestVirt gva{kPage.value + offset};
    if (tables.map(gva, {kFrame.value + offset}, layout.guest, layout.attr) != MapError::None) {
      throw std::runtime_error("a page of the bench could not be mapped");
    }
    if (layout.guest == PageSize::k4K && offset % region != 0) continue;  // its tables have their flags already
    for (unsigned level = 4; level > 1; --level) (void)tables.edit_guest(gva, level, {0, pt::A});
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

void commit(Rig& rig, const ContextRegs& regs, unsigned ctx) {
  Reject reject = Reject::None;
  if (!rig.commit(ctx, regs, &reject) || reject != Reject::None) throw std::runtime_error("COMMIT was refused");
}

void invalidate(Rig& rig, InvOp op) {
  if (!rig.invalidate({op, 0, 0, 0, 0})) throw std::runtime_error("an invalidation was refused");
}

std::uint64_t cycles_of(Rig& rig, const Access& access) {
  std::uint64_t accepted = 0;
  return rig.run(access, &accepted).cycle - accepted;
}

std::uint64_t Burst::last_answer() const {
  std::uint64_t last = 0;
  for (const Response& r : answers) last = std::max(last, r.cycle);
  return last;
}

bool Burst::all_from(Source source) const {
  return std::all_of(answers.begin(), answers.end(), [source](const Response& r) { return r.source == source; });
}

double Burst::accepted_per_cycle() const {
  return static_cast<double>(accepted.size()) / static_cast<double>(accepted.back() - accepted.front() + 1);
}

Burst burst(Rig& rig, const std::vector<std::uint64_t>& gvas) {
  std::vector<Access> reads;
  for (const std::uint64_t gva : gvas) reads.push_back(user_read(gva));
  return burst(rig, reads);
}

Burst burst(Rig& rig, const std::vector<Access>& accesses) {
  constexpr std::size_t kIds = 192;
  Burst b;
  b.accepted.resize(accesses.size());
  b.answers.resize(accesses.size());
  std::vector<std::size_t> position(kIds);
  std::vector<bool> used(kIds);
  std::size_t answered = 0;
  rig.on_response = [&](const Response& r) {
    b.answers[position[r.id]] = r;
    used[r.id] = false;
    ++answered;
  };
  std::size_t next = 0;
  while (answered < accesses.size()) {
    const std::size_t id = next % kIds;
    if (next < accesses.size() && !rig.presented() && !used[id]) {
      rig.present(accesses[next], static_cast<std::uint8_t>(id));
      position[id] = next++;
      used[id] = true;
    }
    const bool presented = rig.presented();
    rig.cycle();
    if (presented && !rig.presented()) b.accepted[next - 1] = rig.now() - 1;
  }
  rig.on_response = nullptr;
  return b;
}

}  // namespace vmmu::tb::bench
