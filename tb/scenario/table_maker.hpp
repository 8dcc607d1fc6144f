// Page tables as the sugar layer makes them: a guest's and EPT's, in the order that the language promises.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "scenario/sugar_ast.hpp"
#include "scenario/table_tree.hpp"

namespace vmmu::tb {

struct TableMakerConfig {
  unsigned guest_levels = 4;             // 4 or 5
  std::uint64_t guest_pages = 0x100000;  // guest tables are taken upward from here, 4 KiB each (gPA)
  std::uint64_t guest_root = 0x100000;   // gPA
  bool nested = false;                   // with EPT
  std::uint64_t ept_pages = 0x200000;    // EPT tables likewise (hPA)
  std::uint64_t ept_root = 0x200000;     // hPA
  std::uint64_t offset = 0;              // hPA minus gPA of leaves that are made unasked, modulo 2^64
  bool user_execute = false;             // MBE: non-leaf EPT entries permit execution in user mode too
};

// Every function that may fail returns what is wrong, or an empty text.
class TableMaker {
 public:
  using Words = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // host address, word

  // Pages that `emap` lines of the scenario cover, wherever they stand; all of them before the first map().
  void note_emap(const MapLine& line);
  void start(const TableMakerConfig& config);

  // One line. `pages_left` goes down by the leaves that are made; running out of it is an error.
  std::string map(const MapLine& line, std::uint64_t& pages_left);
  std::string emap(const MapLine& line, std::uint64_t& pages_left);
  // Host address of the entry.
  std::string find(const EntryName& name, std::uint64_t& host) const;

  // What the lines since the last call wrote, in the order of writing.
  Words take_words() { return std::exchange(words_, {}); }

 private:
  struct Range {
    std::uint64_t end;
    std::uint64_t hpa;
  };

  const TableTree& tree(TableKind kind) const { return kind == TableKind::Guest ? guest_ : ept_; }
  std::optional<std::pair<std::uint64_t, Range>> emap_of(std::uint64_t gpa) const;
  std::string host_of(std::uint64_t gpa, std::uint64_t& hpa) const;
  std::string check_free(const MapLine& line, std::uint64_t address, unsigned level) const;
  std::string take_page(TableKind kind, bool root, std::uint64_t& page);
  std::string make_tables(TableKind kind, std::uint64_t address, unsigned level);
  std::string cover(std::uint64_t gpa, std::uint64_t bytes, std::uint64_t& pages_left);
  std::string make_leaves(const MapLine& line, std::uint64_t& pages_left);

  TableMakerConfig config_;
  TableTree guest_{4};
  TableTree ept_{4};
  std::map<std::uint64_t, Range> emaps_;                         // by first gPA
  std::unordered_set<std::uint64_t> used_;                       // host addresses of table pages
  std::vector<std::pair<std::uint64_t, std::uint64_t>> needed_;  // gPA, bytes: pages that want EPT leaves
  Words words_;
};

}  // namespace vmmu::tb
