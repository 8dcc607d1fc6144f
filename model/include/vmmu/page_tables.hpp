// Builds page tables in memory: a guest's, and with EPT the nested ones that the guest's tables live behind.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_set>

#include "vmmu/entry_bits.hpp"
#include "vmmu/phys_mem.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// Attributes of a guest leaf. The defaults are those of the scenario language: P|W|U.
struct GuestAttr {
  bool writable = true;
  bool user = true;
  bool no_execute = false;
  bool global = false;
  bool accessed = false;
  bool dirty = false;
  std::uint8_t pat = 0;  // PAT index {PAT, PCD, PWT}, 0 .. 7
  std::uint8_t key = 0;  // protection key, 0 .. 15
};

// Attributes of an EPT leaf. The defaults are those of the scenario language: R|W|X, write-back.
struct EptAttr {
  bool read = true;
  bool write = true;
  bool execute = true;
  bool user_execute = false;     // bit 10, which only MBE looks at
  std::uint8_t memory_type = 6;  // 0 .. 7, also the illegal ones 2, 3, 7
  bool ignore_pat = false;
  bool accessed = false;
  bool dirty = false;
};

enum class [[nodiscard]] MapError : std::uint8_t{
    None,
    AlreadyMapped,   // the entry is in use: the page, a part of it, or a table for parts of it
    LargePageAbove,  // an entry above is a leaf already
    Misaligned,      // an address is no multiple of the page size
    OutOfRange,      // gVA not canonical, gPA at or above 2^48 under EPT, or an address at or above 2^52
    NoEpt,           // emap() without nested paging
    TableCollision,  // the next table page is one that holds a table already
};
const char* to_string(MapError error);

// Where an entry stands and what it holds.
struct EntryPlace {
  unsigned level = 0;
  GuestPhys gpa;  // guest entries: their guest-physical address (equal to hpa without EPT); EPT entries: 0
  HostPhys hpa;
  std::uint64_t word = 0;
};

// A change of one entry: bits cleared first, then bits set.
struct EntryEdit {
  std::uint64_t clear = 0;
  std::uint64_t set = 0;
};

struct TableConfig {
  bool nested = false;                   // with EPT
  unsigned guest_levels = 4;             // 4 or 5
  bool accessed_dirty = false;           // EPTP[6]
  PageSize nested_page = PageSize::k4K;  // size of the EPT leaves made without being asked for
  // Host address minus guest-physical address of these leaves, modulo 2^64; a multiple of nested_page.
  std::uint64_t offset = 0;
  EptAttr nested_attr = {};          // attributes of these leaves
  GuestPhys guest_tables{0x100000};  // guest tables are taken upward from here, 4 KiB each, root first
  HostPhys ept_tables{0x200000};     // EPT tables likewise
};

// One address space. Words go out through a callback (or straight into a SparseMem) as they are made.
// The builder keeps its own image of what it wrote and never reads memory: flags that the MMU sets are
// not seen, and an edit writes the entry as the builder knows it. Data pages are not written.
//
// With EPT every guest table page, and every page that map() maps, that emap() has not covered before
// gets an EPT leaf of size nested_page at gPA + offset, in order of first need. Non-leaf entries
// permit everything, so that the leaf alone decides; edit_guest() and edit_ept() change that.
class PageTables {
 public:
  using Poke = std::function<void(HostPhys, std::uint64_t)>;

  PageTables(const TableConfig& config, Poke poke);
  PageTables(const TableConfig& config, SparseMem& memory);  // memory outlives the builder

  // Maps one guest page. An error in its own operands changes nothing; TableCollision, and an error of
  // the EPT leaves that it implies, may leave new tables behind that map nothing.
  MapError map(GuestVirt gva, GuestPhys gpa, PageSize size = PageSize::k4K, const GuestAttr& attr = {});
  // Maps one guest-physical page.
  MapError emap(GuestPhys gpa, HostPhys hpa, PageSize size = PageSize::k4K, const EptAttr& attr = {});
  // Covers [gpa, gpa + bytes) with EPT leaves of size nested_page where there are none yet. Where smaller
  // leaves are in the way, the gaps between them get the largest leaves that fit.
  MapError cover(GuestPhys gpa, std::uint64_t bytes);

  // Root registers. PCID and the like are the caller's.
  std::uint64_t cr3() const;
  std::uint64_t eptp() const;  // 0 without EPT
  // `base` with what the tables decide: virt and ept_en (both only set), la57, cr3, eptp.
  ContextRegs regs(ContextRegs base = {}) const;

  // The level-`level` entry (5..1 guest, 4..1 EPT, 1 = 4 KiB level) that the address uses. Empty when a
  // level above has no table for it. Levels below a leaf do not exist.
  std::optional<EntryPlace> guest_entry(GuestVirt gva, unsigned level) const;
  std::optional<EntryPlace> ept_entry(GuestPhys gpa, unsigned level) const;
  // Edits that entry and returns it as it is afterwards; empty as above.
  std::optional<EntryPlace> edit_guest(GuestVirt gva, unsigned level, const EntryEdit& edit);
  std::optional<EntryPlace> edit_ept(GuestPhys gpa, unsigned level, const EntryEdit& edit);

  // Where a guest-physical address lies in host memory (without EPT: the same number).
  std::optional<HostPhys> host_of(GuestPhys gpa) const;

  std::uint64_t guest_table_pages() const { return guest_pages_; }
  std::uint64_t ept_table_pages() const { return ept_pages_; }

 private:
  std::optional<EntryPlace> deepest_guest(GuestVirt gva, unsigned level) const;
  EntryPlace deepest_ept(GuestPhys gpa, unsigned level) const;
  MapError judge_map(GuestVirt gva, GuestPhys gpa, PageSize size) const;
  MapError judge_emap(GuestPhys gpa, HostPhys hpa, PageSize size) const;
  MapError add_guest_table(GuestPhys& page);
  MapError add_ept_table(HostPhys& page);
  MapError make_guest_entry(GuestVirt gva, unsigned level, HostPhys& addr);
  MapError make_ept_entry(GuestPhys gpa, unsigned level, HostPhys& addr);
  MapError claim(HostPhys page);
  MapError cover_page(GuestPhys gpa);
  std::optional<EntryPlace> edit(std::optional<EntryPlace> place, const EntryEdit& change);
  void write(HostPhys addr, std::uint64_t word);

  TableConfig config_;
  Poke poke_;
  SparseMem image_;
  std::unordered_set<std::uint64_t> table_pages_;  // host page numbers
  std::uint64_t guest_pages_ = 0;
  std::uint64_t ept_pages_ = 0;
};

}  // namespace vmmu
