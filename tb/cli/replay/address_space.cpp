#include "address_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "vmmu/page_tables.hpp"

namespace vmmu::tb {

namespace {

// Physical memory: tables below, frames above. 4 GiB of table pages serve any trace that fits into memory.
constexpr std::uint64_t kTables = std::uint64_t{1} << 20;
constexpr std::uint64_t kFrames = std::uint64_t{1} << 32;
// Host address minus guest-physical address: the host's own tables lie below.
constexpr std::uint64_t kHostOffset = std::uint64_t{1} << 32;

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);

bool tables_overflow(std::uint64_t table_pages) { return table_pages > (kFrames - kTables) / kPage; }

// Maps what the guest touches, one EPT leaf of the VMM's page size at a time.
MapError cover_touched(PageTables& ept, const AddressSpace& space, const std::vector<std::uint64_t>& pages,
                       std::uint64_t guest_table_pages) {
  if (const MapError error = ept.cover({kTables}, guest_table_pages * kPage); error != MapError::None) return error;
  for (const std::uint64_t page : pages) {
    const HostPhys hpa = space.expected({page * kPage}).hpa;
    if (const MapError error = ept.cover({hpa.value - kHostOffset}, kPage); error != MapError::None) return error;
  }
  return MapError::None;
}

std::string describe(MapError error) { return fmt::format("page tables: {}", to_string(error)); }

}  // namespace

std::vector<std::uint64_t> touched_pages(const std::vector<PackedAccess>& accesses) {
  std::vector<std::uint64_t> pages;
  std::unordered_set<std::uint64_t> seen;
  // Programs stay on few pages for long: the last page of each kind of access spares most look-ups.
  std::uint64_t last[3] = {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}};
  for (const PackedAccess access : accesses) {
    const std::uint64_t page = access.gva().value / kPage;
    std::uint64_t& memo = last[static_cast<unsigned>(access.op())];
    if (page == memo) continue;
    memo = page;
    if (seen.insert(page).second) pages.push_back(page);
  }
  return pages;
}

AddressSpace::AddressSpace(const ReplayCase& replay_case, unsigned pa_bits) : case_(replay_case) {
  regs_.wp = true;
  regs_.nxe = true;
  regs_.pge = true;
  regs_.vpid = replay_case.mode == ReplayMode::Nested ? 1 : 0;
  regs_.maxphyaddr = static_cast<std::uint8_t>(std::min(pa_bits, 46U));
}

std::variant<AddressSpace, std::string> AddressSpace::build(const ReplayCase& replay_case,
                                                            const std::vector<std::uint64_t>& pages, unsigned pa_bits,
                                                            const Poke& poke) {
  const bool nested = replay_case.mode == ReplayMode::Nested;
  const std::uint64_t offset = nested ? kHostOffset : 0;
  AddressSpace space(replay_case, pa_bits);

  // Guest tables are built as if not virtualized; under EPT their words go to where the host keeps the guest's memory.
  TableConfig guest_config;
  guest_config.guest_tables = {kTables};
  PageTables guest(guest_config, [&](HostPhys addr, std::uint64_t word) { poke({addr.value + offset}, word); });
  const std::uint64_t room = (std::uint64_t{1} << space.regs_.maxphyaddr) - kFrames - offset;
  const std::uint64_t bytes = page_bytes(replay_case.guest_page);
  for (const std::uint64_t page : pages) {
    const std::uint64_t gva = page * kPage;
    const auto [place, added] = space.frames_.try_emplace(gva / bytes, space.frames_.size());
    if (!added) continue;
    if (space.frames_.size() > room / bytes) {
      return fmt::format("the trace touches more pages of {} bytes than {} physical-address bits can hold", bytes,
                         pa_bits);
    }
    const GuestVirt base{gva & ~(bytes - 1)};
    const MapError error = guest.map(base, space.frame(base), replay_case.guest_page);
    if (error != MapError::None) return describe(error);
  }
  if (tables_overflow(guest.guest_table_pages())) return std::string("the trace needs more than 4 GiB of page tables");
  if (!nested) {
    space.regs_ = guest.regs(space.regs_);
    return space;
  }

  TableConfig ept_config;
  ept_config.nested = true;
  ept_config.accessed_dirty = true;
  ept_config.nested_page = replay_case.vmm_page;
  ept_config.offset = kHostOffset;
  ept_config.guest_tables = {kTables};
  ept_config.ept_tables = {kTables};
  PageTables ept(ept_config, poke);
  const MapError error = cover_touched(ept, space, pages, guest.guest_table_pages());
  if (error != MapError::None) return describe(error);
  if (tables_overflow(ept.ept_table_pages())) return std::string("the trace needs more than 4 GiB of EPT tables");
  space.regs_ = ept.regs(space.regs_);
  space.regs_.cr3 = guest.cr3();
  return space;
}

GuestPhys AddressSpace::frame(GuestVirt gva) const {
  const std::uint64_t bytes = page_bytes(case_.guest_page);
  return {kFrames + frames_.at(gva.value / bytes) * bytes};
}

Translation AddressSpace::expected(GuestVirt gva) const {
  const bool nested = case_.mode == ReplayMode::Nested;
  Translation translation;
  translation.hpa.value =
      frame(gva).value + (gva.value & (page_bytes(case_.guest_page) - 1)) + (nested ? kHostOffset : 0);
  translation.size = nested ? std::min(case_.guest_page, case_.vmm_page) : case_.guest_page;
  return translation;
}

unsigned AddressSpace::references_per_walk(const ReplayCase& replay_case) {
  const auto levels = [](PageSize size) { return 4 - static_cast<unsigned>(size); };
  const unsigned guest = levels(replay_case.guest_page);
  if (replay_case.mode == ReplayMode::Native) return guest;
  return guest + (guest + 1) * levels(replay_case.vmm_page);
}

}  // namespace vmmu::tb
