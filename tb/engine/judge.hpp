// Says which answers memory and registers allow: now, or for a walk that read each
// entry at some time of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/register_set.hpp"
#include "engine/walk_trace.hpp"
#include "engine/word_history.hpp"
#include "vmmu/mmu.hpp"

namespace vmmu::tb {

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

  // Whether some walk that read each entry at a time of its own, from cycle `since` to cycle `until`, gives
  // `wanted`. A success must also have found or set all its flags. `trace` becomes that of the last walk
  // tried. After kMostTries walks the answer is no: so many software writes to the tables of one walk are
  // not judged.
  static constexpr unsigned kMostTries = 4096;
  static constexpr std::uint64_t kNow = ~std::uint64_t{0};
  bool possible(std::uint64_t since, std::uint64_t until, const Access& access, const RegisterSet& regs,
                const Result& wanted, WalkTrace& trace);

 private:
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
    std::uint64_t until = 0;
    // A walk reads one word after the other: none before this cycle any more.
    mutable std::uint64_t reached = 0;
    // The nth read of a word with several versions takes choice n; 0 is the newest.
    struct Choice {
      unsigned taken = 0;
      unsigned count = 0;
    };
    mutable std::vector<Choice> choices;
    mutable std::size_t next = 0;

   private:
    std::uint64_t choose(HostPhys addr) const;
    const SparseMem& words_;
    const WordHistory& history_;
  };

  enum class LogRoom : std::uint8_t { Room, Full };  // what the walk is told of its PML log
  void prepare(const Access& access, const RegisterSet& regs, LogRoom room);
  bool next_choice();

  View view_;
  Mmu mmu_;
  std::vector<std::optional<RegisterSet>> loaded_;
};

}  // namespace vmmu::tb
