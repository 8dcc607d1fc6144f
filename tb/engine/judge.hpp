// Says which answers memory and registers allow: now, at an earlier time, or for a walk that read each
// entry at some time of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/walk_trace.hpp"
#include "engine/word_history.hpp"
#include "vmmu/mmu.hpp"

namespace vmmu::tb {

class Judge {
 public:
  // Both outlive this object. `words` is the memory that the RTL sees.
  Judge(BuildParams params, const SparseMem& words, const WordHistory& history);

  enum class LogRoom : std::uint8_t { Room, Full };  // what the walk is told of its PML log

  struct Verdict {
    Result result;
    bool wants_write = false;
  };

  // The answer of memory as it is, and as it was in cycle `time`.
  Verdict now(const Access& access, const ContextRegs& regs, WalkObserver* observer = nullptr,
              LogRoom room = LogRoom::Room);
  Verdict at(std::uint64_t time, const Access& access, const ContextRegs& regs);

  // Whether some walk that read each entry not before cycle `since` gives `wanted`. A success must also
  // have found or set all its flags. Empties `trace` and fills it with that walk. Gives up, and answers no, after
  // kMostTries walks: so many software writes to the tables of one walk in flight are not judged.
  static constexpr unsigned kMostTries = 4096;
  bool possible(std::uint64_t since, const Access& access, const ContextRegs& regs, const Result& wanted,
                WalkTrace& trace);

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

    enum class Mode : std::uint8_t { Now, At, Choose };
    Mode mode = Mode::Now;
    std::uint64_t time = 0;
    // Choose: the nth read of a word with several versions takes choice n; 0 is the newest.
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

  void prepare(const Access& access, const ContextRegs& regs, LogRoom room);
  bool next_choice();

  View view_;
  Mmu mmu_;
  std::vector<std::optional<ContextRegs>> loaded_;
};

}  // namespace vmmu::tb
