#include "scenario/table_maker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
constexpr std::uint64_t kPhysicalEnd = bit(52);
constexpr std::uint64_t kNestedEnd = bit(48);  // four levels of EPT
constexpr std::uint64_t kWriteBack = 6;

unsigned leaf_level(PageSize size) { return 1 + static_cast<unsigned>(size); }

// The defaults of the language: P|W|U; R|W|X and write-back.
std::uint64_t leaf_word(TableKind kind, std::uint64_t frame, PageSize size) {
  const std::uint64_t large = size == PageSize::k4K ? 0 : pt::PS;
  if (kind == TableKind::Guest) return frame | large | pt::P | pt::W | pt::U;
  return frame | large | ept::R | ept::W | ept::X | kWriteBack << ept::kMemoryTypeShift;
}

bool is_canonical(std::uint64_t address, unsigned levels) {
  const unsigned unused = 64 - (12 + 9 * levels);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << unused) >> unused) == address;
}

}  // namespace

void TableMaker::note_emap(const MapLine& line) {
  const std::uint64_t bytes = line.count << page_shift(line.size);
  emaps_.emplace(line.from, Range{line.from + bytes, line.to});
}

void TableMaker::start(const TableMakerConfig& config) {
  config_ = config;
  guest_ = TableTree(config.guest_levels);
}

std::optional<std::pair<std::uint64_t, TableMaker::Range>> TableMaker::emap_of(std::uint64_t gpa) const {
  const auto after = emaps_.upper_bound(gpa);
  if (after == emaps_.begin()) return std::nullopt;
  const auto& found = *std::prev(after);
  if (gpa >= found.second.end) return std::nullopt;
  return found;
}

std::string TableMaker::host_of(std::uint64_t gpa, std::uint64_t& hpa) const {
  hpa = gpa;
  if (!config_.nested) return "";
  const auto emap = emap_of(gpa);
  hpa = emap ? emap->second.hpa + (gpa - emap->first) : gpa + config_.offset;
  if (hpa < kPhysicalEnd) return "";
  return fmt::format("guest page {:#x} would lie at {:#x}, expected a host address below 2^52", gpa, hpa);
}

// A page of the address space can be mapped once.
std::string TableMaker::check_free(const MapLine& line, std::uint64_t address, unsigned level) const {
  const TableTree& tables = tree(line.kind);
  if (tables.leaf_at_or_above(address, level)) return fmt::format("{:#x} is mapped already", address);
  if (level > 1 && tables.has_table(address, level - 1)) {
    return fmt::format("{:#x} is mapped already, at least a part of it by smaller pages", address);
  }
  return "";
}

// The next page for a table: a gPA or, for EPT, an hPA.
std::string TableMaker::take_page(TableKind kind, bool root, std::uint64_t& page) {
  const bool guest = kind == TableKind::Guest;
  const std::uint64_t root_page = guest ? config_.guest_root : config_.ept_root;
  std::uint64_t& next = guest ? config_.guest_pages : config_.ept_pages;
  if (root) {
    page = root_page;
  } else {
    if (next == root_page) next += kPage;
    page = next;
    next += kPage;
  }
  const std::uint64_t end = guest && config_.nested && !root ? kNestedEnd : kPhysicalEnd;
  if (page < end) return "";
  return fmt::format("no room for table pages at {:#x}: `tables` says where they come from", page);
}

// Makes the tables that the address lacks, from the root down to those with entries of `level`.
std::string TableMaker::make_tables(TableKind kind, std::uint64_t address, unsigned level) {
  const bool guest = kind == TableKind::Guest;
  TableTree& tables = guest ? guest_ : ept_;
  const std::uint64_t permissions = guest ? pt::P | pt::W | pt::U : ept::R | ept::W | ept::X;
  const std::uint64_t execute = !guest && config_.user_execute ? ept::XU : 0;
  for (unsigned l = tables.levels(); l >= level; --l) {
    if (tables.has_table(address, l)) continue;
    const bool root = l == tables.levels();
    std::uint64_t page = 0;
    if (std::string error = take_page(kind, root, page); !error.empty()) return error;
    std::uint64_t host = page;
    if (guest) {
      if (std::string error = host_of(page, host); !error.empty()) return error;
      needed_.emplace_back(page, kPage);
    }
    if (!used_.insert(host).second) {
      return fmt::format("the next {} table would lie on another table at {:#x}: `tables` says where they come from",
                         guest ? "guest" : "EPT", host);
    }
    if (!root) words_.emplace_back(tables.entry(address, l + 1), page | permissions | execute);
    tables.add_table(address, l, host);
  }
  return "";
}

// The leaves of one line.
std::string TableMaker::make_leaves(const MapLine& line, std::uint64_t& pages_left) {
  TableTree& tables = line.kind == TableKind::Guest ? guest_ : ept_;
  const unsigned level = leaf_level(line.size);
  if (line.count > pages_left) return "expected fewer pages: the file maps too many";
  pages_left -= line.count;
  for (std::uint64_t i = 0; i < line.count; ++i) {
    const std::uint64_t from = line.from + (i << page_shift(line.size));
    const std::uint64_t to = line.to + (i << page_shift(line.size));
    if (std::string error = check_free(line, from, level); !error.empty()) return error;
    if (std::string error = make_tables(line.kind, from, level); !error.empty()) return error;
    words_.emplace_back(tables.entry(from, level), line.edit.applied_to(leaf_word(line.kind, to, line.size)));
    tables.make_leaf(from, level);
    if (line.kind == TableKind::Guest) needed_.emplace_back(to, page_bytes(line.size));
  }
  return "";
}

std::string TableMaker::map(const MapLine& line, std::uint64_t& pages_left) {
  const unsigned levels = guest_.levels();
  const std::uint64_t last = line.from + ((line.count << page_shift(line.size)) - 1);
  const bool canonical = is_canonical(line.from, levels) && is_canonical(last, levels);
  if (!canonical || (line.from ^ last) >> 63 != 0) {
    return fmt::format("expected pages whose addresses are canonical, found {:#x} .. {:#x}", line.from, last);
  }
  needed_.clear();
  if (std::string error = make_leaves(line, pages_left); !error.empty()) return error;
  if (!config_.nested) return "";
  for (const auto& [gpa, bytes] : std::exchange(needed_, {})) {
    if (std::string error = cover(gpa, bytes, pages_left); !error.empty()) return error;
  }
  return "";
}

std::string TableMaker::emap(const MapLine& line, std::uint64_t& pages_left) {
  if (!config_.nested) return "expected `ept` in the scenario: without it there is nothing to map here";
  return make_leaves(line, pages_left);
}

// Gives every 4 KiB of the pages a leaf that no emap of the scenario covers. Nothing maps a gPA at or above 2^48.
std::string TableMaker::cover(std::uint64_t gpa, std::uint64_t bytes, std::uint64_t& pages_left) {
  const std::uint64_t end = std::min(gpa + bytes, kNestedEnd);
  for (std::uint64_t page = gpa; page < end; page += kPage) {
    if (const auto emap = emap_of(page)) {
      page = emap->second.end - kPage;
      continue;
    }
    if (ept_.is_leaf(page, 1)) continue;
    MapLine leaf;
    leaf.kind = TableKind::Ept;
    leaf.from = page;
    if (std::string error = host_of(page, leaf.to); !error.empty()) return error;
    if (std::string error = make_leaves(leaf, pages_left); !error.empty()) return error;
  }
  return "";
}

std::string TableMaker::find(const EntryName& name, std::uint64_t& host) const {
  const bool guest = name.kind == TableKind::Guest;
  if (!guest && !config_.nested) return "expected `ept` in the scenario: without it there are no EPT entries";
  const TableTree& tables = tree(name.kind);
  if (name.level > tables.levels()) {
    return fmt::format("expected a level L1 .. L{}, found L{} (five levels need CR4.LA57)", tables.levels(),
                       name.level);
  }
  if (guest ? !is_canonical(name.address, tables.levels()) : name.address >= kNestedEnd) {
    return fmt::format("expected an address that the tables can map, found {:#x}", name.address);
  }
  if (name.level < tables.levels() && tables.leaf_at_or_above(name.address, name.level + 1)) {
    return fmt::format("{:#x} has no entry of level {}: a larger page maps it", name.address, name.level);
  }
  if (!tables.has_table(name.address, name.level)) {
    return fmt::format("{:#x} has no table of level {} here: map a page near it first", name.address, name.level);
  }
  host = tables.entry(name.address, name.level);
  return "";
}

}  // namespace vmmu::tb
