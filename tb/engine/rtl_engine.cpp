#include "engine/rtl_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "engine/inv_rules.hpp"
#include "registers/register_table.hpp"

namespace vmmu::tb {
namespace {

// What a real interconnect may do to the AXI4 master and the AXI4-Lite port. None of it changes what an access means.
void add_axi_trouble(const EngineOptions& options, RigOptions& r) {
  r.device.axi = true;
  r.timing.latency_min = 1;
  r.timing.latency_max = 2 * options.memory_latency;
  r.timing.reorder = true;
  r.timing.stall_percent = 30;
  r.axi.exclusive_fail_percent = 30;
  r.axi.vary_pairs = true;
  r.axil_stall_percent = 30;
  r.axi.write_order = static_cast<AxiWriteOrder>(options.seed % 3);
}

RigOptions rig_options(const EngineOptions& options) {
  RigOptions r;
  r.preset = options.preset;
  r.device.seed = options.seed;
  r.device.wave_file = options.wave_file;
  r.timing.latency_min = r.timing.latency_max = options.memory_latency;
  if (options.axi) add_axi_trouble(options, r);
  return r;
}

// Words that differ from what they were before the first write to them.
std::map<HostPhys, std::uint64_t> changes(const std::vector<Transaction>& log, const SparseMem& words) {
  std::map<HostPhys, std::uint64_t> before;
  for (const Transaction& t : log) {
    if (t.swapped() || (t.op == MemOp::Write && !t.error)) before.emplace(t.addr, t.data);
  }
  std::map<HostPhys, std::uint64_t> changed;
  for (const auto& [addr, old] : before) {
    const std::uint64_t now = words.peek(addr);
    if (now != old) changed.emplace(addr, now);
  }
  return changed;
}

}  // namespace

RtlEngine::RtlEngine(const EngineOptions& options)
    : rig_(rig_options(options)), port_choice_(options.ports), random_(options.seed + 3) {
  flight_.resize(flight_of(rig_.ports(), 0));
  rig_.on_request_taken = [this](unsigned port, std::uint64_t cycle) {
    InFlight& f = flight_[presented_[port]];
    if (!f.presented) return;  // an access alone
    f.presented = false;
    f.accepted = cycle;
    if (on_accepted) on_accepted(presented_[port], f.access, cycle);
  };
  rig_.on_response = [this](const Response& response) { complete(response); };
  num_contexts_ = static_cast<unsigned>(rig_.capability(reg::Cap::NumContexts));
  pa_bits_ = static_cast<unsigned>(rig_.capability(reg::Cap::PaBits));
  num_vmm_segments_ = static_cast<unsigned>(rig_.capability(reg::Cap::NumVmmSegments));
  shadow_roots_ = static_cast<unsigned>(rig_.capability(reg::Cap::ShadowRoots));
  has_prl_ = rig_.capability(reg::Cap::Prl) != 0;
  has_epml_ = rig_.capability(reg::Cap::Epml) != 0;
  has_seg_log_ = rig_.capability(reg::Cap::SegLog) != 0;
  reset();
}

void RtlEngine::reset() {
  rig_.words().clear();
  rig_.reset();
  staged_.assign(num_contexts_, Staged{});
  staged_segments_.reset();
  shadow_rows_.assign(num_contexts_, ShadowRows{});
  held_.assign(num_contexts_, false);
  waiting_.clear();
  stalled_.clear();
  active_.assign(num_contexts_, ContextRegs{});
  index_.assign(num_contexts_, Indices{});
  for (unsigned ctx = 0; ctx < num_contexts_; ++ctx) pml_index(ctx);
  for (InFlight& f : flight_) f.busy = f.presented = false;
  in_flight_ = 0;
  next_id_.fill(0);
}

void RtlEngine::write(std::uint32_t addr, std::uint64_t word) {
  if (!rig_.write_register(addr, word)) {
    throw std::runtime_error(fmt::format("error reply to a write of register {:#x}", addr));
  }
}

void RtlEngine::set_cache_bypass(bool on) {
  wait_until_all_taken();
  write(reg::kGlobalCtrl, on ? reg::kCacheBypass : 0);
}

void RtlEngine::stage(unsigned ctx, reg::Host r, std::uint64_t word) {
  auto& last = staged_[ctx].words[static_cast<std::uint32_t>(r) / 8];
  if (last == word) return;
  write(reg::host(ctx, r), word);
  last = word;
}

CommitStatus RtlEngine::commit(unsigned ctx, const ContextRegs& regs) {
  wait_until_all_taken();
  using reg::Host;
  stage(ctx, Host::Ctrl, reg::ctrl_word(regs));
  stage(ctx, Host::Cr3, regs.cr3);
  stage(ctx, Host::Eptp, regs.eptp);
  stage(ctx, Host::Vpid, regs.vpid);
  stage(ctx, Host::Pkru, regs.pkru);
  stage(ctx, Host::MaxPhyAddr, regs.maxphyaddr);
  stage(ctx, Host::FaultTarget, regs.fault_target);
  stage(ctx, Host::PmlAddr, regs.pml_addr);
  stage(ctx, Host::PmlWatermark, regs.pml_watermark);
  staged_segments_.stage(ctx, regs, [this](std::uint32_t addr, std::uint64_t word) { write(addr, word); });
  if (!rig_.write_register(reg::host(ctx, Host::Commit), 1)) return CommitStatus::Busy;
  last_reject_ = static_cast<Reject>(rig_.get(reg::host(ctx, Host::Commit)));
  if (last_reject_ != Reject::None) return CommitStatus::Rejected;
  active_[ctx] = regs;
  search_root(ctx);
  return CommitStatus::Ok;
}

// What the hardware does at the same time; nothing but the event tells whether it found one.
void RtlEngine::search_root(unsigned ctx) {
  held_[ctx] = active_[ctx].shadow && !find_shadow_root(active_[ctx], shadow_rows_[ctx]);
}

void RtlEngine::set_shadow_row(unsigned ctx, unsigned row, const ShadowRow& value) {
  using reg::Shadow;
  write(reg::shadow_row(ctx, row, Shadow::GuestRoot), value.guest_root);
  write(reg::shadow_row(ctx, row, Shadow::ShadowRoot), value.shadow_root);
  write(reg::shadow_row(ctx, row, Shadow::Tag), value.tag);
  write(reg::shadow_row(ctx, row, Shadow::Valid), value.valid ? 1 : 0);
  shadow_rows_[ctx][row] = value;
}

void RtlEngine::root_done(unsigned ctx) {
  wait_until_all_taken();
  write(reg::sync(ctx, reg::Sync::RootDone), 1);
  search_root(ctx);
}

bool RtlEngine::sync_done(unsigned ctx) {
  wait_until_all_taken();
  const auto oldest =
      std::find_if(waiting_.begin(), waiting_.end(), [ctx](const WaitingInvalidation& w) { return w.ctx == ctx; });
  if (oldest == waiting_.end()) return false;
  write(reg::sync(ctx, reg::Sync::Done), 1);
  constexpr unsigned kLimit = 1'000'000;
  for (unsigned waited = 0; rig_.invalidation_pending(oldest->id); ++waited) {
    if (waited == kLimit) throw Hang("no acknowledgement of an invalidation after SYNC_DONE");
    rig_.cycle();
  }
  waiting_.erase(oldest);
  present_sync();
  return true;
}

// Hands over what the queue of the hardware has room for.
void RtlEngine::present_sync() {
  while (!stalled_.empty() && waiting_.size() < SyncQueue::kSize) {
    const std::uint8_t id = rig_.start_invalidation(stalled_.front());
    while (rig_.invalidation_presented()) rig_.cycle();
    waiting_.push_back({stalled_.front().ctx, id});
    stalled_.pop_front();
  }
}

void RtlEngine::set_pml_index(unsigned ctx, std::uint16_t index) {
  write(reg::host(ctx, reg::Host::PmlIndex), index);
  index_[ctx].pml = index;
}

std::uint16_t RtlEngine::pml_index(unsigned ctx) { return log_index(ctx, Log::Pml); }

void RtlEngine::set_log_index(unsigned ctx, Log log, std::uint16_t index) {
  write(reg::index(ctx, log), index);
  index_[ctx].of(log) = index;
}

std::uint16_t RtlEngine::log_index(unsigned ctx, Log log) {
  const auto index = static_cast<std::uint16_t>(rig_.get(reg::index(ctx, log)));
  index_[ctx].of(log) = index;
  return index;
}

std::uint8_t RtlEngine::prl_status(unsigned ctx) {
  return static_cast<std::uint8_t>(rig_.get(reg::host(ctx, reg::Host::PrlStatus)));
}

void RtlEngine::clear_prl_status(unsigned ctx, std::uint8_t full_bits) {
  write(reg::host(ctx, reg::Host::PrlStatus), full_bits);
  log_index(ctx, Log::Prl);  // a buffer that is free again may be the one in use now
}

std::uint32_t RtlEngine::prl_drops(unsigned ctx) {
  return static_cast<std::uint32_t>(rig_.get(reg::host(ctx, reg::Host::PrlDrops)));
}

void RtlEngine::clear_prl_drops(unsigned ctx) { write(reg::host(ctx, reg::Host::PrlDrops), 0); }

std::uint32_t RtlEngine::guest_events(unsigned ctx) {
  return static_cast<std::uint32_t>(rig_.get(reg::guest(ctx, reg::Guest::Events)));
}

void RtlEngine::clear_guest_events(unsigned ctx, std::uint32_t bits) {
  write(reg::guest(ctx, reg::Guest::Events), bits);
}

bool RtlEngine::invalidate(const Invalidation& inv) {
  wait_until_all_taken();
  if (needs_sync(inv, active_[inv.ctx]) && operands_valid(inv, active_[inv.ctx])) {
    stalled_.push_back(inv);
    present_sync();
    return true;
  }
  if (!rig_.invalidate(inv)) return false;
  if (inv.op == InvOp::LoadCr3) cr3_loaded(inv);
  return true;
}

// The hardware writes active and staged CR3; what it holds is read back by nobody.
void RtlEngine::cr3_loaded(const Invalidation& inv) {
  active_[inv.ctx].cr3 = inv.addr & ~kKeepEntries;
  staged_[inv.ctx].words[static_cast<std::uint32_t>(reg::Host::Cr3) / 8].reset();
  search_root(inv.ctx);
}

bool RtlEngine::logs(const Access& access) const {
  const ContextRegs& r = active_[access.ctx];
  return r.pml_en || r.prl_en || r.epml_en;
}

AccessRecord RtlEngine::run_alone(const Access& access, Completion& completion) {
  if (in_flight_ != 0) sync();
  rig_.memory().clear_log();
  const Response response = rig_.run(access, &completion.accepted, choose_port(access));
  completion.access = access;
  completion.id = response.id;
  completion.source = response.source;
  completion.result = response.result;
  completion.responded = response.cycle;

  AccessRecord record;
  record.access = access;
  record.result = response.result;
  record.cycles = response.cycle - completion.accepted;
  if (response.ctx != access.ctx) {
    record.differences.push_back(fmt::format("response names context {}, expected {}", response.ctx, access.ctx));
  }
  const auto& log = rig_.memory().log();
  const ContextRegs& regs = active_[access.ctx];
  // A record of the page-reference log may be all that an access brings to memory, and come after its answer.
  if (!log.empty() || rig_.memory().outstanding() != 0 || regs.prl_en) {
    // Reading an index waits for the records before it (architecture 10).
    const auto changed = [&](Log which) -> std::optional<std::uint16_t> {
      const std::uint16_t before = index_[access.ctx].of(which);
      const std::uint16_t after = log_index(access.ctx, which);
      return after == before ? std::nullopt : std::optional<std::uint16_t>(after);
    };
    // Dirty bitmaps of segments and the guest's log use the PML too, or its room.
    if (logs(access)) record.changed_pml_index = changed(Log::Pml);
    if (regs.prl_en) record.changed_prl_index = changed(Log::Prl);
    if (regs.epml_en) record.changed_epml_index = changed(Log::Epml);
    while (rig_.memory().outstanding() != 0 || rig_.device().out.mem_req_valid) rig_.cycle();
    record.changed_words = changes(log, rig_.words());
  }
  for (std::string& error : rig_.take_errors()) record.differences.push_back(std::move(error));
  return record;
}

AccessRecord RtlEngine::access(const Access& access) {
  Completion completion;
  return run_alone(access, completion);
}

unsigned RtlEngine::choose_port(const Access& access) {
  switch (port_choice_) {
    case PortChoice::First: return 0;
    case PortChoice::ByOperation: return access.op == Op::Fetch ? rig_.ports() - 1 : 0;
    case PortChoice::Random: return static_cast<unsigned>(random_() % rig_.ports());
  }
  return 0;
}

void RtlEngine::wait_until_taken(unsigned port) {
  constexpr std::uint64_t kLimit = 4'000'000;
  for (std::uint64_t waited = 0; rig_.presented(port); ++waited) {
    if (waited > kLimit) throw Hang(fmt::format("a request at port {} is not taken after {} cycles", port, kLimit));
    rig_.cycle();
  }
}

void RtlEngine::wait_until_all_taken() {
  for (unsigned port = 0; port < rig_.ports(); ++port) wait_until_taken(port);
}

std::uint8_t RtlEngine::free_id(unsigned port) {
  std::uint8_t& next = next_id_[port];
  for (unsigned tried = 0; flight_[flight_of(port, next)].busy; ++tried) {
    next = static_cast<std::uint8_t>((next + 1) % kIds);
    if (tried % kIds == kIds - 1) rig_.cycle();
  }
  const std::uint8_t id = next;
  next = static_cast<std::uint8_t>((id + 1) % kIds);
  return id;
}

void RtlEngine::issue(const Access& access) {
  // Nobody reads the log of requests in flight unless a scoreboard listens, which clears it itself.
  if (!on_accepted) rig_.memory().clear_log();
  const unsigned port = choose_port(access);
  wait_until_taken(port);
  const std::uint8_t id = free_id(port);
  presented_[port] = flight_of(port, id);
  flight_[presented_[port]] = {true, true, access, rig_.now()};
  ++in_flight_;
  rig_.present(access, id, port);
  // Requests of several ports may stand there together, until one of their ports is wanted again.
  if (port_choice_ != PortChoice::Random) wait_until_taken(port);
}

void RtlEngine::complete(const Response& response) {
  const unsigned flight = flight_of(response.port, response.id);
  if (response.id >= kIds || !flight_[flight].busy || flight_[flight].presented) {
    throw std::runtime_error(
        fmt::format("response to id {} of port {}, which is not outstanding", response.id, response.port));
  }
  InFlight& f = flight_[flight];
  const Completion completion{f.access, flight, response.source, response.result, f.accepted, response.cycle};
  AccessRecord record;
  record.access = f.access;
  record.result = response.result;
  record.cycles = response.cycle - f.accepted;
  f.busy = false;
  --in_flight_;
  if (on_answered) record.differences = on_answered(completion);
  if (response.ctx != f.access.ctx) {
    record.differences.push_back(fmt::format("response names context {}, expected {}", response.ctx, f.access.ctx));
  }
  for (std::string& error : rig_.take_errors()) record.differences.push_back(std::move(error));
  if (sink_) sink_(record);
}

// Requests in flight that do not wait for a shadow root.
unsigned RtlEngine::answerable() const {
  return static_cast<unsigned>(std::count_if(flight_.begin(), flight_.end(),
                                             [this](const InFlight& f) { return f.busy && !held_[f.access.ctx]; }));
}

void RtlEngine::sync() {
  wait_until_all_taken();
  std::uint64_t waited = 0;
  constexpr std::uint64_t kLimit = 4'000'000;
  while (answerable() != 0) {
    rig_.cycle();
    if (++waited > kLimit) throw Hang(fmt::format("{} requests unanswered after {} cycles", in_flight_, kLimit));
  }
  rig_.settle();
}

std::optional<std::uint64_t> RtlEngine::counter(Counter c) {
  using reg::Count;
  const auto sum = [this](Count n) {
    std::uint64_t total = 0;
    for (unsigned ctx = 0; ctx < num_contexts_; ++ctx) total += rig_.get(reg::counter(ctx, n));
    return total;
  };
  if (c == Counter::SegmentChecks || c == Counter::FilterHits) {
    // A build without the segment registers has no counters of them either.
    if (!rig_.read_register(reg::counter(0, Count::SegChecks))) return std::nullopt;
  }
  switch (c) {
    case Counter::Refs: return sum(Count::GuestRefs) + sum(Count::NestedRefs);
    case Counter::GuestRefs: return sum(Count::GuestRefs);
    case Counter::NestedRefs: return sum(Count::NestedRefs);
    case Counter::Swaps: return sum(Count::Swaps);
    case Counter::L1Hits: return sum(Count::L1Hits);
    case Counter::L2Hits: return sum(Count::L2Hits);
    case Counter::Walks: return sum(Count::Walks);
    case Counter::PmlRecords: return sum(Count::PmlRecords);
    case Counter::SegmentChecks: return sum(Count::SegChecks);
    case Counter::FilterHits: return sum(Count::FilterHits);
    case Counter::NtlbHits: return sum(Count::NtlbHits);
    case Counter::BitmapReads: return sum(Count::BitmapReads);
    case Counter::PrlRecords: return sum(Count::PrlRecords);
    case Counter::EpmlRecords: return sum(Count::EpmlRecords);
    case Counter::PrlDrops: return sum(Count::PrlDrops);
    case Counter::WalkCycles: return sum(Count::WalkCycles);
    case Counter::Merged: return sum(Count::Merged);
  }
  return std::nullopt;
}

std::vector<NamedCount> RtlEngine::all_counters() {
  using reg::Count;
  const std::uint32_t first = reg::counter(0, Count::Requests);
  const std::uint32_t last = reg::counter(0, Count::WalkSlots, reg::kNumWalkSlotCounters - 1);
  std::vector<NamedCount> counts;
  for (const RegisterInfo& info : kRegisterTable) {
    const std::uint32_t address = register_address(info, 0);
    if (info.page != RegisterPage::Host || address < first || address > last) continue;
    if (address == reg::counter(0, Count::Cycles)) continue;  // the clock, the same in every context
    std::string name(info.name);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    for (unsigned k = 0; k < info.count; ++k) {
      if (!rig_.read_register(register_address(info, 0, k))) continue;  // a build without segments lacks those of them
      NamedCount count{info.count == 1 ? name : fmt::format("{}_{}", name, k), 0};
      for (unsigned ctx = 0; ctx < num_contexts_; ++ctx) count.value += rig_.get(register_address(info, ctx, k));
      counts.push_back(std::move(count));
    }
  }
  return counts;
}

std::uint32_t RtlEngine::events(unsigned ctx) {
  // The search for a shadow root takes some cycles, and its event comes at the end.
  constexpr unsigned kSearchCycles = 40;
  if (active_[ctx].shadow) rig_.cycles(kSearchCycles);
  return static_cast<std::uint32_t>(rig_.get(reg::host(ctx, reg::Host::Events)));
}

void RtlEngine::clear_events(unsigned ctx, std::uint32_t bits) { write(reg::host(ctx, reg::Host::Events), bits); }

std::unique_ptr<Engine> make_rtl_engine(const EngineOptions& options) { return std::make_unique<RtlEngine>(options); }
std::vector<Preset> built_presets() { return device_presets(); }

}  // namespace vmmu::tb
