#include "sweep.hpp"

#include <fmt/format.h>

namespace vmmu::tb {
namespace {

// The guest's tables of a second region of 2 MiB, whose pages lie in the new place: its last table is what the changes
// put in the place of the pages' own.
constexpr GuestVirt kTwin{kPage.value + 0x200000};
constexpr GuestVirt kNeighbour{kPage.value + 0x100000};  // its entries stand in the pages' tables
constexpr GuestPhys kOtherTables{0x700000};              // of the second root
constexpr unsigned kStreamGap = 3;                       // cycles between requests while the event lasts
constexpr unsigned kStreamBefore = 5;                    // requests from its beginning on
constexpr unsigned kStreamAfter = 2;                     // and after its end

TableConfig nested_config(std::uint64_t offset) {
  TableConfig config;
  config.nested = true;
  config.offset = offset;
  return config;
}

RigOptions sweep_options(Preset preset) {
  RigOptions o;
  o.preset = preset;
  o.timing.latency_min = o.timing.latency_max = kSweepLatency;
  o.hang_limit = 20'000;  // cycles; a whole trial takes less
  return o;
}

const char* name_of(Start start) {
  const char* names[] = {"cold", "warm", "cached"};
  return names[static_cast<unsigned>(start)];
}

}  // namespace

Sweep::Sweep(Preset preset) : RigFixture(sweep_options(preset)), tables_(nested_config(kHost), rig.words()) {
  const auto map = [&](GuestVirt gva, std::uint64_t frame) {
    REQUIRE(tables_.map(gva, GuestPhys{frame}, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables_, gva);
  };
  for (unsigned n = 0; n < kSweepPages; ++n) {
    map(page(n), kOldFrames + n * 0x1000);
    map(GuestVirt{kTwin.value + n * 0x1000}, kNewFrames + n * 0x1000);
  }
  map(kNeighbour, kOldFrames + 0x100000);
  regs = tables_.regs(plain_regs());
  regs.pge = regs.pcide = true;
  regs.cr3 |= 5;
  regs.vpid = 9;
  build_other_root(kTwin);
  build_native();
  rig.on_response = [this](const Response& r) {
    if (r.id >= flights_.size()) fail(fmt::format("an answer to id {}, which nobody asked for", r.id));
    Flight& flight = flights_[r.id];
    if (flight.accepted == kNever) fail(fmt::format("id {} answered before it was accepted", r.id));
    if (flight.answered != kNever) fail(fmt::format("id {} answered twice", r.id));
    flight.answered = r.cycle;
    flight.result = r.result;
    saw_translation();
  };
  commit(0, regs);
}

// A root, and the tables on the way, that differ from the first ones in the last step only.
void Sweep::build_other_root(GuestVirt twin) {
  REQUIRE(tables_.cover(kOtherTables, 3 * 0x1000) == MapError::None);
  std::uint64_t below = tables_.guest_entry(twin, 2)->word & kFrameMask;
  for (unsigned level = 2; level <= 4; ++level) {
    const std::uint64_t table = kOtherTables.value + (level - 2) * 0x1000;
    const EntryPlace like = *tables_.guest_entry(kPage, level);
    rig.words().poke(HostPhys{kHost + table + like.hpa.value % 0x1000}, (like.word & ~kFrameMask) | below);
    below = table;
  }
  other_cr3 = below | 6;
}

void Sweep::build_native() {
  TableConfig config;
  config.guest_tables = GuestPhys{0x3'0000'0000};
  PageTables tables(config, rig.words());
  for (unsigned n = 0; n < kSweepPages; ++n) {
    REQUIRE(tables.map(page(n), GuestPhys{new_place(n)}, PageSize::k4K, flags_set()) == MapError::None);
  }
  set_upper_flags(tables, kPage);
  native = tables.regs(plain_regs());
  native.pge = native.pcide = true;
  native.cr3 |= 5;  // as under EPT, so that only virtualization tells the two apart
}

void Sweep::poke(HostPhys addr, std::uint64_t word) {
  originals_.emplace_back(addr, rig.words().peek(addr));
  rig.memory().poke(addr, word);
}

void Sweep::restore() {
  for (auto it = originals_.rbegin(); it != originals_.rend(); ++it) rig.memory().poke(it->first, it->second);
  originals_.clear();
}

void Sweep::change(Change what, unsigned pages) {
  const EntryPlace pointer = *tables_.guest_entry(kPage, 2);
  const std::uint64_t twin = tables_.guest_entry(kTwin, 2)->word;
  const auto move = [&](const EntryPlace& entry, std::uint64_t frame) {
    poke(entry.hpa, (entry.word & ~kFrameMask) | frame);
  };
  switch (what) {
    case Change::None: break;
    case Change::GuestLeaf:
      for (unsigned n = 0; n < pages; ++n) move(*tables_.guest_entry(page(n), 1), kNewFrames + n * 0x1000);
      break;
    case Change::GuestPointer: poke(pointer.hpa, twin); break;
    case Change::NestedLeaf:
      for (unsigned n = 0; n < pages; ++n)
        move(*tables_.ept_entry(GuestPhys{kOldFrames + n * 0x1000}, 1), new_place(n));
      break;
    case Change::NestedTable:
      move(*tables_.ept_entry(GuestPhys{pointer.word & kFrameMask}, 1), kHost + (twin & kFrameMask));
      break;
  }
}

void Sweep::drop_all() {
  if (!rig.invalidate({InvOp::All, 0, 0, 0, 0})) fail("ALL was answered with an error");
}

Disturbance Sweep::invalidation(std::string name, const Invalidation& inv, Change what, bool one_page) {
  Disturbance e;
  e.name = std::move(name);
  e.rule = what == Change::None ? Rule::Untouched : Rule::Memory;
  e.one_page = one_page;
  auto id = std::make_shared<std::uint8_t>();
  e.begin = [this, inv, what, one_page, id] {
    change(what, one_page ? 1 : kSweepPages);
    *id = rig.start_invalidation(inv);
  };
  e.over = [this, id] {
    if (rig.invalidation_pending(*id)) return false;
    if (rig.invalidation_failed()) fail("the invalidation was answered with an error");
    return true;
  };
  e.after = [this] { restore(); };
  return e;
}

Disturbance Sweep::commit_to(std::string name, const ContextRegs& next) {
  Disturbance e;
  e.name = std::move(name);
  e.rule = Rule::Registers;
  e.before = [this, next] { rig.stage(0, next); };
  e.begin = [this] { rig.device().in.reg = {true, true, reg::host(0, reg::Host::Commit), 1}; };
  e.over = [this] {
    const DeviceOutputs& out = rig.device().out;
    if (out.reg_req_ready) rig.device().in.reg.valid = false;
    if (out.reg_rsp_valid && out.reg_error) fail("COMMIT was answered with an error");
    return out.reg_rsp_valid;
  };
  // Back again, without an invalidation: what was filled meanwhile must answer under its own tags only.
  e.after = [this] { commit(0, regs); };
  return e;
}

// Requests go to the ports in turn.
void Sweep::present(unsigned page_number) {
  port_ = static_cast<unsigned>(flights_.size()) % rig.ports();
  rig.present(read_of(page(page_number)), static_cast<std::uint8_t>(flights_.size()), port_);
  flights_.push_back({page_number, kNever, kNever, {}});
}

void Sweep::step() {
  const bool presented = rig.presented(port_);
  rig.cycle();
  if (presented && !rig.presented(port_)) flights_.back().accepted = rig.now() - 1;
}

bool Sweep::all_answered() const {
  for (const Flight& flight : flights_) {
    if (flight.answered == kNever) return false;
  }
  return true;
}

void Sweep::prepare(const Point& point) {
  drop_all();
  flights_.clear();
  begun_ = ended_ = kNever;
  if (point.start == Start::Cold) return;
  (void)run(read_of(kNeighbour));
  if (point.start == Start::Warm) return;
  for (unsigned n = 0; n < point.walks; ++n) (void)run(read_of(page(n)));
}

void Sweep::run_undisturbed(unsigned walks) {
  while (flights_.size() < walks || !all_answered()) {
    if (!rig.presented(port_) && flights_.size() < walks) present(static_cast<unsigned>(flights_.size()));
    step();
  }
}

unsigned Sweep::length(Start start, unsigned walks) {
  prepare({start, walks, 0});
  const std::uint64_t first = rig.now();
  run_undisturbed(walks);
  return static_cast<unsigned>(rig.now() - first);
}

void Sweep::run_pages(const Disturbance& event, const Point& point) {
  const std::uint64_t first = rig.now();
  unsigned streamed = 0;
  unsigned after = 0;
  std::uint64_t next = 0;  // cycle of the next request of the stream
  for (;;) {
    const std::uint64_t now = rig.now();
    if (now == first + point.delay) {
      begun_ = now;
      event.begin();
    }
    if (!rig.presented(port_)) {
      unsigned& count = ended_ == kNever ? streamed : after;
      const unsigned limit = ended_ == kNever ? kStreamBefore : kStreamAfter;
      if (flights_.size() < point.walks) {
        present(static_cast<unsigned>(flights_.size()));
      } else if (begun_ != kNever && now >= next && count < limit) {
        present(count++ % point.walks);
        next = now + kStreamGap;
      }
    }
    step();
    if (begun_ != kNever && ended_ == kNever && event.over()) ended_ = rig.now() - 1;
    if (after == kStreamAfter && all_answered()) return;
    if (rig.now() - first > 20'000) fail("not everything was answered, or the event was not acknowledged");
  }
}

void Sweep::judge(const Disturbance& event, const Flight& flight) {
  const Translation* t = std::get_if<Translation>(&flight.result);
  const bool is_old = t != nullptr && t->hpa.value == old_place(flight.page);
  const bool is_new = t != nullptr && t->hpa.value == new_place(flight.page);
  const bool before = flight.accepted < begun_;
  const bool after = flight.accepted > ended_;
  bool may_be_old = true;
  bool may_be_new = event.rule != Rule::Untouched;
  if (event.rule == Rule::Registers) {
    may_be_old = !after;
    may_be_new = !before;
  } else if (event.rule == Rule::Memory) {
    may_be_old = flight.answered <= ended_ || (event.one_page && flight.page != 0);
    may_be_new = flight.answered >= begun_;
  }
  if (before && flight.answered >= begun_) ++overtaken_;
  if ((is_old && may_be_old) || (is_new && may_be_new)) return;
  fail(fmt::format("page {}, accepted in cycle {}, answered in {}: {}; the event began in {} and was over in {}",
                   flight.page, flight.accepted, flight.answered, describe(flight.result), begun_, ended_));
}

void Sweep::trial(const Disturbance& event, const Point& point) {
  ++trials_;
  where_ = fmt::format("{}, {} walks {}, in cycle {}", event.name, point.walks, name_of(point.start), point.delay);
  prepare(point);
  if (event.before) event.before();
  run_pages(event, point);
  for (const Flight& flight : flights_) judge(event, flight);
  read_again(event, point.walks);
  if (event.after) event.after();
  if (event.rule != Rule::Registers) return;
  begun_ = kNever;
  read_again({}, point.walks);
}

// What is left behind: found by a miss or a hit, then by a hit, at each port.
void Sweep::read_again(const Disturbance& event, unsigned walks) {
  for (unsigned n = 0; n < walks; ++n) {
    for (unsigned k = 0; k < 2 * rig.ports(); ++k) {
      const Response r = run(read_of(page(n)), k % rig.ports());
      judge(event, {n, accepted, r.cycle, r.result});
    }
  }
}

void Sweep::bus_error(unsigned nth, unsigned walks) {
  ++trials_;
  where_ = fmt::format("{} walks, request {} refused", walks, nth);
  prepare({Start::Cold, walks, 0});
  rig.memory().clear_log();
  rig.memory().fail_request(nth);
  run_undisturbed(walks);
  HostPhys refused;
  for (const Transaction& t : rig.memory().log()) {
    if (t.error) refused = t.addr;
  }
  unsigned faults = 0;
  for (const Flight& flight : flights_) {
    const Fault* fault = std::get_if<Fault>(&flight.result);
    if (fault == nullptr) {
      judge({}, flight);
    } else if (fault->kind != FaultKind::BusError || fault->address != refused.value || ++faults > 1) {
      fail(fmt::format("page {}: {}, refused was {:#x}", flight.page, describe(flight.result), refused.value));
    }
  }
  faults_ += faults;
  read_again({}, walks);
}

void Sweep::fail(const std::string& what) const { FAIL(where_ << ": " << what); }

}  // namespace vmmu::tb
