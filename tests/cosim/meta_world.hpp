// Tables of every pair of page sizes, registers of every mode, and random accesses to them: what the metamorphic test
// repeats. Nothing of it changes while accesses are compared.
#pragma once

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "device/rig.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb {

enum class Mode : std::uint8_t {
  Native,
  DirectSegment,
  Nested,
  VmmDirect,
  GuestDirect,
  DualDirect,
  Compromis,
  Shadow,
};
inline constexpr unsigned kModes = 8;
inline constexpr unsigned kSizePairs = 9;
const char* to_string(Mode mode);

// Context 0 is the subject, context 1 the traffic beside it.
class MetaWorld {
 public:
  MetaWorld(Rig& rig, Preset preset, std::uint64_t seed);

  // Pair: guest size + 3 * nested size. Natively, and in shadow paging, only the guest's counts.
  // False: the build does not have the mode.
  bool enter(Mode mode, unsigned pair);
  Access access();   // of the subject
  Access traffic();  // beside it
  // Enough pages of each size to take the place of everything in the L1.
  std::vector<Access> evictions() const { return evictions_; }

  const ContextRegs& regs() const { return regs_; }
  std::uint64_t random() { return random_(); }

 private:
  struct Page {
    GuestVirt gva;
    GuestPhys gpa;
    PageSize size = PageSize::k4K;
    std::vector<std::uint64_t> spots;  // offsets of parts that have a nested page of their own
  };
  struct Tables {
    std::unique_ptr<PageTables> tables;
    std::vector<Page> pages;
    std::uint64_t memory = 0;  // hPA of the area
    bool nested = false;
  };

  bool chance(unsigned percent) { return random_() % 100 < percent; }
  Tables build(unsigned pair, bool nested, std::uint64_t base);
  void add_page(Tables& t, PageSize guest, PageSize nested);
  void spoil(const Tables& t, const Page& page);
  void build_traffic(std::uint64_t base);
  void choose_controls(bool nested);
  bool choose_segments(Mode mode, const Tables& t);
  void enter_shadow(const Tables& t);

  Rig& rig_;
  Preset preset_;
  std::mt19937_64 random_;
  std::array<Tables, kSizePairs> nested_;
  std::array<Tables, 3> native_;
  const Tables* current_ = nullptr;
  ContextRegs regs_;
  std::vector<Access> evictions_;
  std::unique_ptr<PageTables> traffic_;
};

}  // namespace vmmu::tb
