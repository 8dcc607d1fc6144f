// Random contexts with random tables, and random things that requesters and software do to them.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "engine/engine.hpp"
#include "random_segments.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb {

struct WorldOptions {
  unsigned contexts = 2;
  unsigned pa_bits = 40;
  unsigned pages = 24;        // for each context
  bool logging = true;        // contexts with EPT dirty flags may log
  bool same_page = false;     // few pages, so that walks of the same entries meet
  bool segments = false;      // direct segments and escape filters come and go
  unsigned vmm_segments = 0;  // of the build
  bool shadow = false;        // contexts that can may walk shadow tables now and then
  // Logs beside PML come and go, in a build that has them.
  bool prl = false;
  bool prl_double = false;
  bool epml = false;
  bool seg_log = false;
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
  // Other controls, PCID, keys or segments for that context, the same tables. COMMIT may reject segments.
  ContextRegs other_regs(unsigned ctx);
  // Of a context with SHADOW: the row of the shadow-root buffer that its CR3 looks for.
  ShadowRow shadow_row(unsigned ctx) const;
  // Software clears bits of a segment's bitmap. False: the context has none.
  bool clean_bitmap(unsigned ctx);
  // COMMIT has accepted them.
  void accepted(unsigned ctx, const ContextRegs& regs) { contexts_[ctx].regs = regs; }

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
    std::unique_ptr<RandomSegments> segments;  // or null
  };
  struct Changed {
    HostPhys addr;
    std::uint64_t original = 0;
  };

  void build(unsigned ctx, const WorldOptions& options);
  void add_page(Context& context, GuestPhys area);
  void set_controls(ContextRegs& regs, bool nested);
  std::unique_ptr<RandomSegments> plan_segments(const Context& context, const WorldOptions& options,
                                                std::uint64_t memory, std::uint64_t offset);
  void set_logs(ContextRegs& regs, unsigned ctx);
  void enter_or_leave_shadow(const Context& context, ContextRegs& regs);
  // Around the ends of the guest segment.
  std::uint64_t near_segment(const Segment& s);
  std::uint64_t changed_word(std::uint64_t word, bool nested);

  std::mt19937_64 random_;
  Poke poke_;
  std::vector<Context> contexts_;
  std::vector<Changed> changed_;
  bool shadow_ = false;
  WorldOptions options_;
};

}  // namespace vmmu::tb
