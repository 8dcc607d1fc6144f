#include "track/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replay/run.hpp"
#include "vmmu/entry_bits.hpp"
#include "vmmu/layout/range.hpp"

namespace vmmu::tb {

namespace {

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
constexpr unsigned kLevels = 4;
constexpr std::uint64_t kEntries = 512;
constexpr std::uint16_t kFirstIndex = 511;
// The address space leaves the first MiB unused.
constexpr HostPhys kPmlPage{0x10000};
constexpr HostPhys kPrlPage{0x11000};
constexpr HostPhys kPrlPage2{0x12000};
// Software gets the event with room for 128 records left.
constexpr std::uint16_t kPrlWatermark = 128;
// A walk makes at most five records; more repetitions than that have another cause.
constexpr unsigned kMostRepeats = 16;

}  // namespace

std::string missing_logging(const Engine& engine, const Logging& logging) {
  const auto lacks = [&engine](const char* what) {
    return fmt::format("engine {} has no {} in this build", engine.name(), what);
  };
  if (logging.prl && !engine.prl()) return lacks("PRL");
  if (logging.epml && !engine.epml()) return lacks("EPML");
  if (logging.seg_log && !engine.seg_log()) return lacks("segment dirty logging");
  return "";
}

std::variant<std::unique_ptr<Machine>, std::string> Machine::build(Engine& engine, Preset preset, ReplayMode mode,
                                                                   const Logging& logging,
                                                                   const std::vector<std::uint64_t>& pages) {
  const Capabilities capabilities = capabilities_of(engine);
  if (const auto reason = missing(mode, capabilities)) return *reason;
  if (std::string reason = missing_logging(engine, logging); !reason.empty()) return reason;
  // One more page for the log of the guest's kernel, where the program has none.
  std::vector<std::uint64_t> mapped = pages;
  if (logging.epml) {
    const std::unordered_set<std::uint64_t> used(pages.begin(), pages.end());
    std::uint64_t free = 16;
    while (used.contains(free)) ++free;
    mapped.push_back(free);
  }
  engine.reset();
  auto built = AddressSpace::build({mode, PageSize::k4K, PageSize::k4K, false}, mapped, capabilities,
                                   [&engine](HostPhys addr, std::uint64_t word) { engine.poke(addr, word); });
  if (auto* error = std::get_if<std::string>(&built)) return std::move(*error);
  std::unique_ptr<Machine> machine(new Machine(engine, preset, std::get<AddressSpace>(std::move(built)), pages));
  if (logging.epml) machine->epml_page_ = mapped.back();
  machine->list_memory();
  machine->place_logs(logging);
  if (engine.commit(0, machine->regs_) != CommitStatus::Ok) {
    return std::string("the MMU rejected the registers at COMMIT");
  }
  return machine;
}

Machine::Machine(Engine& engine, Preset preset, AddressSpace space, std::vector<std::uint64_t> pages)
    : engine_(engine), space_(std::move(space)), regs_(space_.regs()), pages_(std::move(pages)) {
  if (engine.name() == "model") filter_.emplace(preset);
}

void Machine::place_logs(const Logging& logging) {
  regs_.pml_en = logging.pml;
  regs_.pml_addr = kPmlPage.value;
  regs_.prl_en = logging.prl;
  regs_.prl_double = logging.prl_double;
  if (logging.prl) {
    regs_.prl_addr = kPrlPage.value;
    regs_.prl_addr2 = kPrlPage2.value;
    regs_.prl_watermark = kPrlWatermark;
  }
  regs_.seg_log_en = logging.seg_log;
  if (logging.seg_log) {
    // The bitmap of the one segment follows its image.
    const Segment& segment = regs_.vseg[0];
    regs_.vseg_bitmap[0] = layout::align_up(segment.limit + segment.offset, kPage);
  }
  regs_.epml_en = logging.epml;
  if (logging.epml) {
    const GuestPhys buffer = walk_guest(epml_page_ * kPage).value();
    regs_.epml_addr = buffer.value;
    memory_.push_back(buffer);
  }
}

void Machine::list_memory() {
  list_tables({regs_.cr3 & kFrameMask}, kLevels);
  for (const std::uint64_t page : pages_) {
    const GuestVirt gva{page * kPage};
    const GuestPhys gpa =
        regs_.gseg.contains(gva.value) ? GuestPhys{regs_.gseg.output(gva.value)} : walk_guest(gva.value).value();
    frames_.emplace(page, Frame{gpa, space_.expected(gva).translation.hpa});
    memory_.push_back(gpa);
  }
}

void Machine::list_tables(GuestPhys table, unsigned level) {
  memory_.push_back(table);
  if (level == 1) return;
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const std::uint64_t entry = peek(host_of({table.value + 8 * i}));
    if ((entry & pt::P) != 0) list_tables({entry & kFrameMask}, level - 1);
  }
}

HostPhys Machine::host_of(GuestPhys gpa) const {
  for (const Segment& segment : regs_.vseg) {
    if (!segment.empty() && segment.contains(gpa.value)) return {segment.output(gpa.value)};
  }
  const std::optional<HostPhys> leaf = ept_leaf(gpa);
  if (!leaf) return {gpa.value};
  return {(peek(*leaf) & kFrameMask) + gpa.value % kPage};
}

// Where the last-level entry of an address stands, in tables whose addresses are gPAs (guest) or hPAs.
std::optional<HostPhys> Machine::entry_of(std::uint64_t root, std::uint64_t address, bool guest) const {
  std::uint64_t table = root & kFrameMask;
  for (unsigned level = kLevels;; --level) {
    const std::uint64_t place = table + 8 * ((address >> (9 * level + 3)) % kEntries);
    const HostPhys entry = guest ? host_of({place}) : HostPhys{place};
    if (level == 1) return entry;
    const std::uint64_t word = peek(entry);
    if ((word & pt::P) == 0) return std::nullopt;  // bit 0 is present here, read there
    table = word & kFrameMask;
  }
}

std::optional<HostPhys> Machine::ept_leaf(GuestPhys gpa) const {
  if (!regs_.ept_en) return std::nullopt;
  return entry_of(regs_.eptp, gpa.value, false);
}

std::optional<HostPhys> Machine::guest_leaf(std::uint64_t page) const {
  if (regs_.gseg.contains(page * kPage)) return std::nullopt;
  return entry_of(regs_.cr3, page * kPage, true);
}

std::optional<GuestPhys> Machine::walk_guest(std::uint64_t gva) const {
  const std::optional<HostPhys> leaf = entry_of(regs_.cr3, gva, true);
  if (!leaf) return std::nullopt;
  return GuestPhys{(peek(*leaf) & kFrameMask) + gva % kPage};
}

std::optional<Machine::BitPlace> Machine::bitmap_place(GuestPhys gpa) const {
  for (std::size_t n = 0; n < regs_.vseg.size(); ++n) {
    const Segment& segment = regs_.vseg[n];
    if (segment.empty() || !segment.contains(gpa.value)) continue;
    const std::uint64_t i = (gpa.value - segment.base) / kPage;
    return BitPlace{{regs_.vseg_bitmap[n] + 8 * (i / 64)}, static_cast<unsigned>(i % 64)};
  }
  return std::nullopt;
}

void Machine::run(PackedAccess packed) {
  const std::uint64_t page = packed.gva().value / kPage;
  const Op op = packed.op();
  const HostPhys wanted{frames_.at(page).hpa.value + packed.gva().value % kPage};
  const TlbFilter::Hit hit = filter_ ? filter_->look_up(page, op) : TlbFilter::Hit::No;
  if (hit != TlbFilter::Hit::Yes) {
    Access access;
    access.gva = packed.gva();
    access.op = op;
    access.user = true;
    access.held = hit == TlbFilter::Hit::Held;
    ++walks_;
    for (unsigned repeats = 0;; ++repeats) {
      const AccessRecord record = engine_.access(access);
      if (!record.differences.empty()) throw GuestStopped("lock step: " + record.differences.front());
      if (const auto* translation = std::get_if<Translation>(&record.result)) {
        if (translation->hpa == wanted) break;
        throw GuestStopped(fmt::format("gVA {:#x}: expected hPA {:#x}, got {:#x}", access.gva.value, wanted.value,
                                       translation->hpa.value));
      }
      const Fault& fault = std::get<Fault>(record.result);
      if (repeats < kMostRepeats && handler_(fault)) continue;
      throw GuestStopped(fmt::format("gVA {:#x}: fault kind {} code {:#x} address {:#x}, which no handler took",
                                     access.gva.value, static_cast<unsigned>(fault.kind), fault.code, fault.address));
    }
    if (filter_) filter_->insert(page, op);
  }
  if (op != Op::Write) return;
  written_.insert(page);
  poke({wanted.value & ~std::uint64_t{7}}, ++stamp_);
}

std::unordered_set<std::uint64_t> Machine::take_written() { return std::exchange(written_, {}); }

void Machine::invalidate(InvOp op) {
  Invalidation invalidation;
  invalidation.op = op;
  invalidation.vpid = regs_.vpid;
  if (op == InvOp::Invept1) invalidation.addr = regs_.eptp;
  if (!engine_.invalidate(invalidation)) throw GuestStopped("the MMU refused an invalidation");
  if (filter_) filter_->flush();
}

// INVCTX is what a change of a segment's bitmap asks for.
void Machine::invalidate_nested() { invalidate(regs_.ept_en && !regs_.seg_log_en ? InvOp::Invept1 : InvOp::Invctx); }
void Machine::invalidate_guest() { invalidate(InvOp::Invpcid2); }

std::vector<std::uint64_t> Machine::take_records(HostPhys page, std::uint16_t index) {
  std::vector<std::uint64_t> records;
  // After FFFFh comes 0: the log is full to its last slot.
  for (std::uint64_t slot = kFirstIndex; slot >= static_cast<std::uint16_t>(index + 1); --slot) {
    records.push_back(peek({page.value + 8 * slot}));
    if (slot == 0) break;
  }
  return records;
}

std::vector<std::uint64_t> Machine::drain(Log log, bool all) {
  if (log == Log::Prl && regs_.prl_double) return drain_double(all);
  const HostPhys page = log == Log::Pml   ? HostPhys{regs_.pml_addr}
                        : log == Log::Prl ? HostPhys{regs_.prl_addr}
                                          : host_of({regs_.epml_addr});
  std::vector<std::uint64_t> records = take_records(page, engine_.log_index(0, log));
  engine_.set_log_index(0, log, kFirstIndex);
  return records;
}

std::vector<std::uint64_t> Machine::drain_double(bool all) {
  const std::uint8_t status = engine_.prl_status(0);
  const bool second = (status & prl_status::kSecondInUse) != 0;
  std::vector<std::uint64_t> records;
  const auto add = [&records, this](std::uint64_t page, std::uint16_t index) {
    const std::vector<std::uint64_t> more = take_records({page}, index);
    records.insert(records.end(), more.begin(), more.end());
  };
  constexpr std::uint16_t kWhole = 0xffff;
  const bool in_use_full = (status & (second ? prl_status::kSecondFull : prl_status::kFirstFull)) != 0;
  // The buffer that is not in use was filled before the one that is.
  if ((status & (second ? prl_status::kFirstFull : prl_status::kSecondFull)) != 0) {
    add(second ? regs_.prl_addr : regs_.prl_addr2, kWhole);
  }
  if (in_use_full) add(second ? regs_.prl_addr2 : regs_.prl_addr, kWhole);
  if (all && !in_use_full) {
    add(second ? regs_.prl_addr2 : regs_.prl_addr, engine_.log_index(0, Log::Prl));
    engine_.set_log_index(0, Log::Prl, kFirstIndex);
  }
  engine_.clear_prl_status(0, status & prl_status::kBothFull);
  return records;
}

std::uint64_t Machine::drops() { return engine_.prl_drops(0); }

}  // namespace vmmu::tb
