// The shape of a tree of page tables, whatever its entries say: which tables there are, where, and which entries are
// leaves.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vmmu::tb {

// Level 1 is that of 4 KiB pages. Addresses are those that the tree translates; only the bits that its levels use
// are looked at.
class TableTree {
 public:
  explicit TableTree(unsigned levels) : levels_(levels), tables_(levels + 1) {}
  unsigned levels() const { return levels_; }

  // The table whose entries are of that level, for that address.
  bool has_table(std::uint64_t address, unsigned level) const { return find(address, level) != nullptr; }
  void add_table(std::uint64_t address, unsigned level, std::uint64_t host_page) {
    tables_[level].emplace(key(address, level), Table{host_page, {}});
  }
  // Host address of the entry. Its table exists.
  std::uint64_t entry(std::uint64_t address, unsigned level) const {
    return find(address, level)->host_page + 8 * index(address, level);
  }
  void make_leaf(std::uint64_t address, unsigned level) {
    tables_[level].find(key(address, level))->second.leaves.set(index(address, level));
  }
  bool is_leaf(std::uint64_t address, unsigned level) const {
    const Table* table = find(address, level);
    return table != nullptr && table->leaves.test(index(address, level));
  }
  // The level of the leaf that maps the address, if there is one at that level or above.
  std::optional<unsigned> leaf_at_or_above(std::uint64_t address, unsigned level) const {
    for (unsigned l = levels_; l >= level; --l) {
      if (is_leaf(address, l)) return l;
    }
    return std::nullopt;
  }

 private:
  struct Table {
    std::uint64_t host_page;
    std::bitset<512> leaves;
  };

  static unsigned shift(unsigned level) { return 12 + 9 * (level - 1); }
  static std::size_t index(std::uint64_t address, unsigned level) { return address >> shift(level) & 511; }
  std::uint64_t key(std::uint64_t address, unsigned level) const {
    const std::uint64_t used = address & ((std::uint64_t{1} << shift(levels_ + 1)) - 1);
    return used >> shift(level + 1);
  }
  const Table* find(std::uint64_t address, unsigned level) const {
    const auto it = tables_[level].find(key(address, level));
    return it == tables_[level].end() ? nullptr : &it->second;
  }

  unsigned levels_;
  std::vector<std::unordered_map<std::uint64_t, Table>> tables_;  // by level
};

}  // namespace vmmu::tb
