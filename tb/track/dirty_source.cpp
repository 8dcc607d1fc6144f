#include "track/dirty_source.hpp"

#include <algorithm>
#include <utility>

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {

namespace {
constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);

// Clears a page's dirty flag or bit where the hypervisor keeps it.
void clean_nested(Machine& machine, GuestPhys page) {
  if (const auto place = machine.bitmap_place(page)) {
    machine.poke(place->word, machine.peek(place->word) & ~bit(place->bit));
  } else if (const auto leaf = machine.ept_leaf(page)) {
    machine.poke(*leaf, machine.peek(*leaf) & ~ept::D);
  }
}

}  // namespace

DirtySource::DirtySource(Machine& machine) : machine_(machine) {
  machine_.on_fault([this](const Fault& fault) { return handle(fault); });
}

DirtySource::~DirtySource() {
  machine_.on_fault([](const Fault&) { return false; });
}

std::vector<std::uint64_t> DirtySource::take_pages() {
  std::vector<std::uint64_t> pages = std::exchange(seen_, {});
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  return pages;
}

void DirtySource::drain(Log log) {
  for (const std::uint64_t record : machine_.drain(log)) {
    seen_.push_back(record / kPage);
    ++records_;
  }
}

bool PmlSource::handle(const Fault& fault) {
  if (fault.kind != FaultKind::PmlFull) return false;
  ++log_full_;
  drain(Log::Pml);
  return true;
}

std::vector<std::uint64_t> PmlSource::collect() {
  drain(Log::Pml);
  std::vector<std::uint64_t> pages = take_pages();
  for (const std::uint64_t page : pages) clean_nested(machine_, {page * kPage});
  machine_.invalidate_nested();
  return pages;
}

SpmlSource::SpmlSource(Machine& machine) : DirtySource(machine) {
  for (const std::uint64_t page : machine.pages()) reverse_.emplace(machine.gpa_of(page).value / kPage, page);
}

bool SpmlSource::handle(const Fault& fault) {
  if (fault.kind != FaultKind::PmlFull) return false;
  ++log_full_;
  drain(Log::Pml);
  return true;
}

std::vector<std::uint64_t> SpmlSource::collect() {
  drain(Log::Pml);
  std::vector<std::uint64_t> pages;
  for (const std::uint64_t page : take_pages()) {
    clean_nested(machine_, {page * kPage});
    // The kernel's own pages, tables among them, are none of the process.
    if (const auto own = reverse_.find(page); own != reverse_.end()) pages.push_back(own->second);
  }
  machine_.invalidate_nested();
  std::sort(pages.begin(), pages.end());
  return pages;
}

bool EpmlSource::handle(const Fault& fault) {
  if (fault.kind != FaultKind::EpmlFull) return false;
  ++log_full_;
  machine_.engine().clear_guest_events(0, event_bit(GuestEvent::EpmlFull));
  drain(Log::Epml);
  return true;
}

std::vector<std::uint64_t> EpmlSource::collect() {
  drain(Log::Epml);
  std::vector<std::uint64_t> pages = take_pages();
  for (const std::uint64_t page : pages) {
    const HostPhys leaf = machine_.guest_leaf(page).value();
    machine_.poke(leaf, machine_.peek(leaf) & ~pt::D);
  }
  machine_.invalidate_guest();
  return pages;
}

ProcSource::ProcSource(Machine& machine) : DirtySource(machine) {
  for (const std::uint64_t page : machine_.pages()) protect(page);
  machine_.invalidate_guest();
}

void ProcSource::protect(std::uint64_t page) {
  const HostPhys leaf = machine_.guest_leaf(page).value();
  machine_.poke(leaf, machine_.peek(leaf) & ~pt::W);
}

bool ProcSource::handle(const Fault& fault) {
  constexpr std::uint16_t kPresentWrite = 3;  // bits 0 and 1 of the error code
  if (fault.kind != FaultKind::PageFault || (fault.code & kPresentWrite) != kPresentWrite) return false;
  ++faults_;
  const std::uint64_t page = fault.gva.value / kPage;
  seen_.push_back(page);
  const HostPhys leaf = machine_.guest_leaf(page).value();
  machine_.poke(leaf, machine_.peek(leaf) | pt::W);  // more rights need no invalidation
  return true;
}

std::vector<std::uint64_t> ProcSource::collect() {
  std::vector<std::uint64_t> pages = take_pages();
  for (const std::uint64_t page : pages) protect(page);
  machine_.invalidate_guest();
  return pages;
}

std::unique_ptr<DirtySource> make_source(Technique technique, Machine& machine) {
  switch (technique) {
    case Technique::Epml: return std::make_unique<EpmlSource>(machine);
    case Technique::Spml: return std::make_unique<SpmlSource>(machine);
    case Technique::Proc: return std::make_unique<ProcSource>(machine);
  }
  return nullptr;
}

Logging logging_of(Technique technique) {
  Logging logging;
  logging.pml = technique == Technique::Spml;
  logging.epml = technique == Technique::Epml;
  return logging;
}

}  // namespace vmmu::tb
