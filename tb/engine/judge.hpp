// Says which answers memory and registers allow: now, or for a walk that read each entry at some time of its own, some
// of them long ago from a cache.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/cache_ages.hpp"
#include "engine/register_set.hpp"
#include "engine/walk_trace.hpp"
#include "engine/word_history.hpp"
#include "vmmu/mmu.hpp"

namespace vmmu::tb {

// What one request did to memory, without what memory refused.
struct Deeds {
  std::vector<WalkTrace::Read> reads;
  std::vector<WalkTrace::Swap> swaps;
  std::vector<std::uint64_t> records;
};

// Where the logs whose room a walk needs stood before it.
struct LogIndices {
  std::uint16_t pml = 0;
  std::uint16_t epml = 0;
};

class Judge {
 public:
  // Both outlive this object. `words` is the memory that the RTL sees.
  Judge(BuildParams params, const SparseMem& words, const WordHistory& history);

  struct Verdict {
    Result result;
    bool wants_write = false;
  };

  // The answer of memory as it is.
  Verdict now(const Access& access, const RegisterSet& regs, WalkObserver* observer = nullptr);

  // A walk and what it may rest on.
  struct Question {
    const Access& access;
    const RegisterSet& regs;
    Window window;
    // Register sets under which the guest's structure caches may have been filled, the latest first: they placed the
    // tables down to some level, later ones those below it. The registers of the walk do the rest.
    std::vector<RegisterSet> older = {};
    // Register sets that differ from those of the walk in what its nested entries were cached under.
    std::vector<RegisterSet> nested_under = {};
  };

  // Whether some walk that read each entry at a time of its own gives `wanted`. A success must also have found or set
  // all its flags. A fault rests on no cache. `trace` becomes that of the last walk tried. After kMostTries walks the
  // answer is no: so many software writes to the tables of one walk are not judged.
  static constexpr unsigned kMostTries = 1u << 16;
  bool possible(const Question& question, const Result& wanted, WalkTrace& trace);

  // The same for one request alone, of which all is known: the walk must also have read, in order, what the RTL read,
  // and have made its swaps and records. It may be an attempt that found a fault, if one without caches, on memory as
  // it is, then did the rest.
  bool explains(const Question& question, const Result& wanted, const Deeds& deeds, const LogIndices& before,
                WalkTrace& trace);

 private:
  // An entry that is about to be read.
  struct Place {
    Table table = Table::Guest;
    unsigned level = 0;
  };

  class View final : public PhysMem {
   public:
    View(const SparseMem& words, const WordHistory& history) : words_(words), history_(history) {}
    std::optional<std::uint64_t> read(HostPhys addr) override { return peek(addr); }
    std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t, std::uint64_t) override {
      return peek(addr);
    }
    bool write(HostPhys, std::uint64_t) override { return true; }
    std::uint64_t peek(HostPhys addr) const override;

    bool choosing = false;  // else: memory as it is
    Window window;
    bool mbe = false;
    std::optional<Place> reading;  // empty: a swap looks at what is there
    // A walk reads one word after the other: none before this cycle any more.
    mutable std::uint64_t reached = 0;
    // A word of a bitmap is read without notice; its swap sees what the read saw.
    const ContextRegs* bitmaps = nullptr;  // registers that say where they are; null: there are none
    mutable std::unordered_map<std::uint64_t, std::uint64_t> bitmap_words;
    // Words as they were before the RTL set flags in them.
    std::unordered_map<std::uint64_t, std::uint64_t> before;
    // The nth decision with several ways out takes way n; 0 is the newest.
    struct Choice {
      unsigned taken = 0;
      unsigned count = 0;
    };
    unsigned pick(unsigned count) const;
    mutable std::vector<Choice> choices;
    mutable std::size_t next = 0;

   private:
    std::uint64_t current(HostPhys addr) const;
    std::uint64_t choose(HostPhys addr, std::uint64_t cached_since) const;
    std::uint64_t choose_bitmap(HostPhys addr) const;
    bool may_be_cached(std::uint64_t word) const;
    const SparseMem& words_;
    const WordHistory& history_;
  };

  // Tells the view what is read, and goes on to later registers.
  class Guide;

  using Fits = std::function<bool(const Mmu::Peek&, const WalkTrace&)>;
  bool search(const Question& question, const Window& window, const Fits& fits, WalkTrace& trace);
  bool rest_explained(const Question& question, const Result& wanted, const Deeds& deeds, const WalkTrace& first,
                      WalkTrace& rest);
  void load(unsigned ctx, const RegisterSet& regs);
  bool next_choice();

  View view_;
  Mmu mmu_;
  std::vector<std::optional<RegisterSet>> loaded_;
};

}  // namespace vmmu::tb
