// Random contexts with random tables, and random things that requesters and software do to them.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "engine/engine.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb {

struct WorldOptions {
  unsigned contexts = 2;
  unsigned pa_bits = 40;
  unsigned pages = 24;     // for each context
  bool logging = true;     // contexts with EPT dirty flags may log
  bool segments = false;   // of both levels, with filters
  bool same_page = false;  // few pages, so that walks of the same entries meet
};

class RandomWorld {
 public:
  using Poke = PageTables::Poke;
  // All tables are written through `poke`, at once and by later changes.
  RandomWorld(std::uint64_t seed, const WorldOptions& options, Poke poke);

  const ContextRegs& regs(unsigned ctx) const { return contexts_[ctx].regs; }
  unsigned contexts() const { return static_cast<unsigned>(contexts_.size()); }
  std::uint64_t random() { return random_(); }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  Access access();
  // Software changes a table entry, or puts back one that it changed.
  void change_entry();
  // An invalidation with valid operands that may or may not cover what changed.
  Invalidation invalidation();
  // Other controls, PCID or keys for that context, the same tables.
  ContextRegs other_regs(unsigned ctx);

 private:
  struct Page {
    GuestVirt gva;
    GuestPhys gpa;
    PageSize size = PageSize::k4K;
  };
  struct Context {
    ContextRegs regs;
    std::unique_ptr<PageTables> tables;
    std::vector<Page> pages;
    std::uint64_t tables_gpa = 0;  // gPA of the first guest table
    std::uint64_t data = 0;        // gPA below which no data page lies
    std::uint64_t host = 0;        // host address minus gPA, of tables and data
  };
  struct Changed {
    HostPhys addr;
    std::uint64_t original = 0;
  };

  void build(unsigned ctx, const WorldOptions& options);
  void add_page(Context& context, GuestPhys area);
  void set_controls(ContextRegs& regs, bool nested);
  void set_segments(Context& context);
  std::uint64_t changed_word(std::uint64_t word, bool nested);

  std::mt19937_64 random_;
  bool segments_ = false;
  Poke poke_;
  std::vector<Context> contexts_;
  std::vector<Changed> changed_;
};

}  // namespace vmmu::tb
