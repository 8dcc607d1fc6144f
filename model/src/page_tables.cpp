#include "vmmu/page_tables.hpp"

#include <utility>

namespace vmmu {

namespace {

constexpr unsigned kEptLevels = 4;
constexpr std::uint64_t kGuestTable = pt::P | pt::W | pt::U;
constexpr std::uint64_t kEptTable = ept::R | ept::W | ept::X | ept::XU;

constexpr unsigned level_of(PageSize size) { return static_cast<unsigned>(size) + 1; }
constexpr std::uint64_t index_of(std::uint64_t address, unsigned level) { return (address >> (9 * level + 3)) & 0x1ff; }

// An entry that says where something is. Any other word than 0 is in use, present or not.
constexpr bool is_leaf(std::uint64_t word, unsigned level) {
  return level == 1 || (level <= 3 && (word & pt::PS) != 0);  // the same bit in both formats
}
static_assert(pt::PS == ept::PS);

bool aligned(std::uint64_t address, PageSize size) { return (address & (page_bytes(size) - 1)) == 0; }

bool within(std::uint64_t address, PageSize size, unsigned width) { return address <= bit(width) - page_bytes(size); }

bool canonical(GuestVirt gva, unsigned levels) {
  const std::uint64_t upper = bit_range(63, levels == 5 ? 56 : 47);
  return (gva.value & upper) == 0 || (gva.value & upper) == upper;
}

std::uint64_t flag(bool on, std::uint64_t mask) { return on ? mask : 0; }

std::uint64_t leaf_word(GuestPhys gpa, PageSize size, const GuestAttr& attr) {
  const bool large = size != PageSize::k4K;
  return gpa.value | pt::P | flag(attr.writable, pt::W) | flag(attr.user, pt::U) | flag(attr.no_execute, pt::NX) |
         flag(attr.global, pt::G) | flag(attr.accessed, pt::A) | flag(attr.dirty, pt::D) | flag(large, pt::PS) |
         flag((attr.pat & 1) != 0, pt::PWT) | flag((attr.pat & 2) != 0, pt::PCD) |
         flag((attr.pat & 4) != 0, large ? pt::PAT_LARGE : pt::PAT) | std::uint64_t{attr.key} << pt::kKeyShift;
}

std::uint64_t leaf_word(HostPhys hpa, PageSize size, const EptAttr& attr) {
  return hpa.value | flag(attr.read, ept::R) | flag(attr.write, ept::W) | flag(attr.execute, ept::X) |
         flag(attr.user_execute, ept::XU) | std::uint64_t{attr.memory_type} << ept::kMemoryTypeShift |
         flag(attr.ignore_pat, ept::IPAT) | flag(attr.accessed, ept::A) | flag(attr.dirty, ept::D) |
         flag(size != PageSize::k4K, ept::PS);
}

// Whether the deepest existing entry on the way to `level` leaves room for a new leaf there.
MapError judge_room(const EntryPlace& deepest, unsigned level) {
  if (deepest.word == 0) return MapError::None;
  return deepest.level == level ? MapError::AlreadyMapped : MapError::LargePageAbove;
}

}  // namespace

const char* to_string(MapError error) {
  switch (error) {
    case MapError::None: return "no error";
    case MapError::AlreadyMapped: return "the page, or a part of it, is mapped already";
    case MapError::LargePageAbove: return "a larger page maps the address already";
    case MapError::Misaligned: return "an address is no multiple of the page size";
    case MapError::OutOfRange: return "an address is out of range";
    case MapError::NoEpt: return "there is no nested paging";
    case MapError::TableCollision: return "the next table page holds a table already";
  }
  return "unknown error";
}

PageTables::PageTables(const TableConfig& config, Poke poke) : config_(config), poke_(std::move(poke)) {
  if (config_.nested) {
    table_pages_.insert(config_.ept_tables.value >> 12);
    ept_pages_ = 1;
  }
}

PageTables::PageTables(const TableConfig& config, SparseMem& memory)
    : PageTables(config, [&memory](HostPhys addr, std::uint64_t word) { memory.poke(addr, word); }) {}

// ---------------------------------------------------------------- roots

std::uint64_t PageTables::cr3() const { return config_.guest_tables.value; }

std::uint64_t PageTables::eptp() const {
  if (!config_.nested) return 0;
  return config_.ept_tables.value | eptp::kWriteBack | eptp::kWalkLengthFour |
         flag(config_.accessed_dirty, eptp::kAccessedDirty);
}

ContextRegs PageTables::regs(ContextRegs base) const {
  if (config_.nested) base.virt = base.ept_en = true;
  base.la57 = config_.guest_levels == 5;
  base.cr3 = cr3();
  base.eptp = eptp();
  return base;
}

// ---------------------------------------------------------------- finding entries

EntryPlace PageTables::deepest_ept(GuestPhys gpa, unsigned level) const {
  HostPhys table = config_.ept_tables;
  for (unsigned at = kEptLevels;; --at) {
    const HostPhys addr{table.value + 8 * index_of(gpa.value, at)};
    const std::uint64_t word = image_.peek(addr);
    if (at == level || word == 0 || is_leaf(word, at)) return {at, {}, addr, word};
    table = {word & kFrameMask};
  }
}

// Empty when a table lies where EPT maps nothing.
std::optional<EntryPlace> PageTables::deepest_guest(GuestVirt gva, unsigned level) const {
  GuestPhys table = config_.guest_tables;
  for (unsigned at = config_.guest_levels;; --at) {
    const GuestPhys gpa{table.value + 8 * index_of(gva.value, at)};
    const std::optional<HostPhys> addr = host_of(gpa);
    if (!addr) return std::nullopt;
    const std::uint64_t word = image_.peek(*addr);
    if (at == level || word == 0 || is_leaf(word, at)) return EntryPlace{at, gpa, *addr, word};
    table = {word & kFrameMask};
  }
}

std::optional<EntryPlace> PageTables::guest_entry(GuestVirt gva, unsigned level) const {
  if (level < 1 || level > config_.guest_levels) return std::nullopt;
  const std::optional<EntryPlace> place = deepest_guest(gva, level);
  return place && place->level == level ? place : std::nullopt;
}

std::optional<EntryPlace> PageTables::ept_entry(GuestPhys gpa, unsigned level) const {
  if (!config_.nested || level < 1 || level > kEptLevels) return std::nullopt;
  const EntryPlace place = deepest_ept(gpa, level);
  return place.level == level ? std::optional(place) : std::nullopt;
}

std::optional<HostPhys> PageTables::host_of(GuestPhys gpa) const {
  if (!config_.nested) return HostPhys{gpa.value};
  const EntryPlace leaf = deepest_ept(gpa, 1);
  if (leaf.word == 0) return std::nullopt;
  const std::uint64_t offset = page_bytes(static_cast<PageSize>(leaf.level - 1)) - 1;
  return HostPhys{(leaf.word & kFrameMask & ~offset) | (gpa.value & offset)};
}

// ---------------------------------------------------------------- editing entries

std::optional<EntryPlace> PageTables::edit(std::optional<EntryPlace> place, const EntryEdit& change) {
  if (place) {
    place->word = (place->word & ~change.clear) | change.set;
    write(place->hpa, place->word);
  }
  return place;
}

std::optional<EntryPlace> PageTables::edit_guest(GuestVirt gva, unsigned level, const EntryEdit& change) {
  return edit(guest_entry(gva, level), change);
}

std::optional<EntryPlace> PageTables::edit_ept(GuestPhys gpa, unsigned level, const EntryEdit& change) {
  return edit(ept_entry(gpa, level), change);
}

void PageTables::write(HostPhys addr, std::uint64_t word) {
  image_.poke(addr, word);
  poke_(addr, word);
}

// ---------------------------------------------------------------- making tables

MapError PageTables::claim(HostPhys page) {
  return table_pages_.insert(page.value >> 12).second ? MapError::None : MapError::TableCollision;
}

MapError PageTables::add_ept_table(HostPhys& page) {
  page = {config_.ept_tables.value + 4096 * ept_pages_};
  const MapError error = claim(page);
  if (error == MapError::None) ++ept_pages_;
  return error;
}

MapError PageTables::add_guest_table(GuestPhys& page) {
  page = {config_.guest_tables.value + 4096 * guest_pages_};
  if (config_.nested) {
    if (const MapError error = cover_page(page); error != MapError::None) return error;
  }
  const MapError error = claim(*host_of(page));
  if (error == MapError::None) ++guest_pages_;
  return error;
}

// The address of the level-`level` entry that gpa uses, with all tables above it.
MapError PageTables::make_ept_entry(GuestPhys gpa, unsigned level, HostPhys& addr) {
  EntryPlace place = deepest_ept(gpa, level);
  while (place.level > level) {
    HostPhys table;
    if (const MapError error = add_ept_table(table); error != MapError::None) return error;
    write(place.hpa, table.value | kEptTable);
    place = deepest_ept(gpa, level);
  }
  addr = place.hpa;
  return MapError::None;
}

MapError PageTables::make_guest_entry(GuestVirt gva, unsigned level, HostPhys& addr) {
  GuestPhys table;
  if (guest_pages_ == 0) {  // the root
    if (const MapError error = add_guest_table(table); error != MapError::None) return error;
  }
  std::optional<EntryPlace> place = deepest_guest(gva, level);
  while (place && place->level > level) {
    if (const MapError error = add_guest_table(table); error != MapError::None) return error;
    write(place->hpa, table.value | kGuestTable);
    place = deepest_guest(gva, level);
  }
  if (!place) return MapError::OutOfRange;  // an edit took a table away from where EPT maps it
  addr = place->hpa;
  return MapError::None;
}

// ---------------------------------------------------------------- mapping pages

MapError PageTables::judge_emap(GuestPhys gpa, HostPhys hpa, PageSize size) const {
  if (!config_.nested) return MapError::NoEpt;
  if (!aligned(gpa.value, size) || !aligned(hpa.value, size)) return MapError::Misaligned;
  if (!within(gpa.value, size, 48) || !within(hpa.value, size, 52)) return MapError::OutOfRange;
  return judge_room(deepest_ept(gpa, level_of(size)), level_of(size));
}

MapError PageTables::emap(GuestPhys gpa, HostPhys hpa, PageSize size, const EptAttr& attr) {
  if (const MapError error = judge_emap(gpa, hpa, size); error != MapError::None) return error;
  HostPhys addr;
  if (const MapError error = make_ept_entry(gpa, level_of(size), addr); error != MapError::None) return error;
  write(addr, leaf_word(hpa, size, attr));
  return MapError::None;
}

MapError PageTables::judge_map(GuestVirt gva, GuestPhys gpa, PageSize size) const {
  if (!aligned(gva.value, size) || !aligned(gpa.value, size)) return MapError::Misaligned;
  if (!canonical(gva, config_.guest_levels)) return MapError::OutOfRange;
  if (!within(gpa.value, size, config_.nested ? 48 : 52)) return MapError::OutOfRange;
  const std::optional<EntryPlace> deepest = deepest_guest(gva, level_of(size));
  return deepest ? judge_room(*deepest, level_of(size)) : MapError::None;
}

MapError PageTables::map(GuestVirt gva, GuestPhys gpa, PageSize size, const GuestAttr& attr) {
  if (const MapError error = judge_map(gva, gpa, size); error != MapError::None) return error;
  HostPhys addr;
  if (const MapError error = make_guest_entry(gva, level_of(size), addr); error != MapError::None) return error;
  write(addr, leaf_word(gpa, size, attr));
  return config_.nested ? cover(gpa, page_bytes(size)) : MapError::None;
}

// One EPT leaf for the page of gpa, if there is none: nested_page large, or smaller where a larger one
// would meet what is mapped already.
MapError PageTables::cover_page(GuestPhys gpa) {
  if (deepest_ept(gpa, 1).word != 0) return MapError::None;
  for (unsigned size = static_cast<unsigned>(config_.nested_page);; --size) {
    const PageSize page = static_cast<PageSize>(size);
    const GuestPhys base{gpa.value & ~(page_bytes(page) - 1)};
    const MapError error = emap(base, {base.value + config_.offset}, page, config_.nested_attr);
    if (error != MapError::AlreadyMapped || size == 0) return error;
  }
}

MapError PageTables::cover(GuestPhys gpa, std::uint64_t bytes) {
  if (!config_.nested) return MapError::NoEpt;
  const std::uint64_t end = gpa.value + bytes;
  for (std::uint64_t at = gpa.value; at < end;) {
    if (const MapError error = cover_page({at}); error != MapError::None) return error;
    const std::uint64_t leaf = page_bytes(static_cast<PageSize>(deepest_ept({at}, 1).level - 1));
    at = (at & ~(leaf - 1)) + leaf;
  }
  return MapError::None;
}

}  // namespace vmmu
