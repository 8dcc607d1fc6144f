// The page tables of the example: a guest of 256 KiB whose memory begins at a host address other than 0, four levels of
// its own and four of EPT, all pages of 4 KiB.
#pragma once

#include <cstdint>

#include "system.hpp"

namespace example {

constexpr std::uint64_t kPageBytes = 4096;

// Flags of guest entries (SDM vol. 3, table 4-20) and of EPT entries (SDM vol. 3, table 29-7).
enum : std::uint64_t { kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 1 << 5, kDirty = 1 << 6 };
enum : std::uint64_t {
  kEptRead = 1,
  kEptWrite = 2,
  kEptFetch = 4,
  kEptWriteBack = 6 << 3,
  kEptAccessed = 1 << 8,
  kEptDirty = 1 << 9
};
constexpr std::uint64_t kGuestPointer = kPresent | kWritable | kUser;
constexpr std::uint64_t kEptPointer = kEptRead | kEptWrite | kEptFetch;

class Guest {
 public:
  static constexpr std::uint64_t kBase = 0x40000;   // host address of the guest's address 0
  static constexpr std::uint64_t kBytes = 0x40000;  // of the guest's memory

  // Tables are empty, but the EPT maps the first kTablePages pages, where the guest's tables come to lie.
  explicit Guest(System& system) : system_(system) {
    for (std::uint64_t page = 0; page < kTablePages; ++page) ept_map(page * kPageBytes);
  }

  std::uint64_t cr3() const { return kGuestRoot; }
  // Write-back, four levels, accessed and dirty flags (SDM vol. 3, table 25-9).
  std::uint64_t eptp() const { return kEptRoot | 6 | 3 << 3 | 1 << 6; }

  // Maps one page; the entry may be there already.
  void map(std::uint64_t gva, std::uint64_t gpa) { store_guest(entry(gva), gpa | kGuestPointer); }
  void ept_map(std::uint64_t gpa) { ept_map(gpa, kBase + gpa); }
  void ept_map(std::uint64_t gpa, std::uint64_t hpa) {
    system_.store(ept_entry(gpa), hpa | kEptPointer | kEptWriteBack);
  }
  // Last-level entries as the MMU left them.
  std::uint64_t leaf(std::uint64_t gva) { return load_guest(entry(gva)); }
  std::uint64_t ept_leaf(std::uint64_t gpa) { return system_.load(ept_entry(gpa)); }

 private:
  static constexpr std::uint64_t kGuestRoot = 0x1000;  // guest physical
  static constexpr std::uint64_t kEptRoot = 0x1000;    // host physical
  static constexpr std::uint64_t kTablePages = 16;

  static std::uint64_t slot(std::uint64_t address, unsigned level) { return (address >> (3 + 9 * level) & 511) * 8; }
  std::uint64_t load_guest(std::uint64_t gpa) { return system_.load(kBase + gpa); }
  void store_guest(std::uint64_t gpa, std::uint64_t word) { system_.store(kBase + gpa, word); }

  // Address of the last-level entry; tables on the way are made when they are missing.
  std::uint64_t entry(std::uint64_t gva) {
    std::uint64_t table = kGuestRoot;
    for (unsigned level = 4; level > 1; --level) {
      const std::uint64_t at = table + slot(gva, level);
      if ((load_guest(at) & kPresent) == 0) store_guest(at, (next_guest_table_ += kPageBytes) | kGuestPointer);
      table = load_guest(at) & ~(kPageBytes - 1);
    }
    return table + slot(gva, 1);
  }
  std::uint64_t ept_entry(std::uint64_t gpa) {
    std::uint64_t table = kEptRoot;
    for (unsigned level = 4; level > 1; --level) {
      const std::uint64_t at = table + slot(gpa, level);
      if ((system_.load(at) & kEptPointer) == 0) system_.store(at, (next_ept_table_ += kPageBytes) | kEptPointer);
      table = system_.load(at) & ~(kPageBytes - 1);
    }
    return table + slot(gpa, 1);
  }

  System& system_;
  std::uint64_t next_guest_table_ = kGuestRoot;
  std::uint64_t next_ept_table_ = kEptRoot;
};

}  // namespace example
