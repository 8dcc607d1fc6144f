// Compares what the RTL answered and did to memory with the reference model (architecture 13).
//
// One request alone: swaps, records, changed words and the answer are equal, in order. So are the table reads, less
// those that the walker's caches save; none may be left out with the caches bypassed or before a fault. An
// answer from the L1 is the current translation with no flag left to set, or one that a walk since the
// last covering invalidation left behind.
//
// Several in flight: each answer is judged against the memory that the RTL sees; a walk may have read
// each entry at any time since its request was accepted. When nothing is in flight any more, the sums
// of table reads are no larger (equal with the caches bypassed), the memory words and the log records are equal. If
// software changed tables, registers or injected faults meanwhile, or a log ran full, the order decides what was read
// and which flags were set: then reads are not compared, the flags and records are taken over from the RTL, and each
// swap and record is judged for itself only. A record that memory refuses then makes the RTL's log full but not the
// model's: clear Event::LogError before requests go on one at a time.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "device/device.hpp"
#include "device/memory.hpp"
#include "engine/cache_ages.hpp"
#include "engine/engine.hpp"
#include "engine/judge.hpp"
#include "engine/log_books.hpp"
#include "engine/model_memory.hpp"
#include "engine/register_set.hpp"
#include "engine/stale_set.hpp"
#include "engine/word_history.hpp"
#include "vmmu/mmu.hpp"

namespace vmmu::tb {

// What the RTL answered.
struct Answer {
  Access access;
  Result result;
  bool from_walk = false;
  std::uint64_t accepted = 0;   // cycle
  std::uint64_t responded = 0;  // cycle
  bool from_segments = false;   // the dual check: no walk, and no cache either
  std::uint32_t prl_drops = 0;  // records of the page-reference log that were dropped meanwhile; alone only
  bool from_l2 = false;         // judged like an answer of the L1, but the segments were held against it
};

// The live registers of a context's logs, as the RTL reads them.
struct LogState {
  // Those of the logs that nobody uses are as after reset.
  LogState(int pml = 0x1ff) { regs.index(Log::Pml) = static_cast<std::uint16_t>(pml); }  // NOLINT: a plain index is one
  LiveRegs regs;
};

constexpr std::uint32_t event_mask(Event e) { return std::uint32_t{1} << static_cast<unsigned>(e); }

using Differences = std::vector<std::string>;

class Scoreboard {
 public:
  // `words` is the memory that the RTL sees; it outlives this object.
  Scoreboard(BuildParams params, const SparseMem& words, WalkerCaches caches = {});

  void reset();
  void set_cache_bypass(bool on) { bypass_ = on; }
  // Index after reset, or written by software.
  void set_log_index(unsigned ctx, Log log, std::uint16_t index);
  void set_pml_index(unsigned ctx, std::uint16_t index) { set_log_index(ctx, Log::Pml, index); }
  std::uint16_t pml_index(unsigned ctx) const { return model_->pml_index(ctx); }
  Mmu& model() { return *model_; }
  // Events of the log that the records seen have raised, as bits; the model's own among them, unless they
  // were raised while the order of requests in flight decided.
  std::uint32_t log_events(unsigned ctx) const { return books_.events(ctx); }
  std::uint32_t log_guest_events(unsigned ctx) const { return books_.guest_events(ctx); }
  void clear_events(unsigned ctx, std::uint32_t bits);
  void clear_guest_events(unsigned ctx, std::uint32_t bits);
  void clear_prl_status(unsigned ctx, std::uint8_t full_bits);
  // The page-reference log goes on from where the RTL's stands.
  void renew_prl(unsigned ctx, std::uint16_t index, std::uint8_t status);
  ModelMemory& memory() { return memory_; }

  // Software. `now` is the cycle from which it holds.
  Reject commit(unsigned ctx, const ContextRegs& regs);
  const RegisterSet& active(unsigned ctx) const { return *active_[ctx]; }
  // Shadow paging: LOAD_CR3 and ROOT_DONE, which search the buffer. Requests that were held go on with what is found.
  void load_cr3(unsigned ctx, std::uint64_t cr3);
  void root_done(unsigned ctx);
  // Before the RTL's memory is written.
  void poke(HostPhys addr, std::uint64_t word, std::uint64_t now);
  void inject_error(HostPhys addr, unsigned n);
  void inject_race(HostPhys addr, std::uint64_t word);
  // The RTL's memory is about to make that injected write.
  void race_happens(HostPhys addr, std::uint64_t word, std::uint64_t now);
  // The RTL has set flags in that word.
  void swap_happens(HostPhys addr, std::uint64_t before, std::uint64_t now);
  // Several may be open, told apart by id. What an invalidation covers may be answered until it is acknowledged.
  void invalidation_accepted(unsigned id, const Invalidation& inv, std::uint64_t cycle);
  void invalidation_acknowledged(unsigned id);
  void invalidation_refused(unsigned id);  // an error reply: nothing was done

  // One request alone, and all that memory did for it.
  Differences check_alone(const Answer& answer, const std::vector<Transaction>& log);

  // Whether check_alone() has taken effects over from the RTL since this was asked last: its page-reference log may
  // have been changed by drops, which the model does not know.
  bool took_effects() { return std::exchange(took_effects_, false); }

  // Several in flight, told apart by id.
  void accepted(unsigned id, const Access& access, std::uint64_t cycle);
  Differences check_answer(unsigned id, const Answer& answer);
  unsigned in_flight() const { return in_flight_; }
  // Segment checks and filter hits since reset, as the model counts them; empty once requests were in flight together,
  // because a request that joins the walk of another makes checks of its own or not, after the order of things.
  struct SegmentCounts {
    std::uint64_t checks = 0;
    std::uint64_t filter_hits = 0;
  };
  std::optional<SegmentCounts> segment_counts() const { return segment_counts_; }
  // Nothing is in flight any more. `log` is all that memory did since the last such check. `logs` is what the RTL reads
  // now, of each context. The model leaves the page-reference log out while several are in flight: its records are
  // judged by their places and number, and renew_prl() has to come before requests go on alone.
  Differences check_quiet(const std::vector<Transaction>& log, const std::vector<LogState>& logs);

 private:
  struct Flight {
    bool busy = false;
    Access access;
    std::shared_ptr<const RegisterSet> regs;
    Window window;                                 // of what its answer may rest on
    std::uint64_t epoch = 0;                       // software changes before it was accepted
    bool held = false;                             // its context waits for a shadow root
    std::shared_ptr<const RegisterSet> or_regs;    // LOAD_CR3 came in the meantime: its registers may be these
    bool may_be_held = false;                      // by a TLB, until an invalidation in that time
    std::vector<TakenInvalidation> invalidations;  // acknowledged while it was in flight
  };
  // Registers that walks were made under, and hence entries of the walker's caches.
  struct UsedRegs {
    std::shared_ptr<const RegisterSet> regs;
    SpaceTag tag;
    std::uint64_t last = 0;  // cycle
  };
  struct Verified {
    std::uint64_t key = ~std::uint64_t{0};
    std::uint64_t epoch = 0;
    Translation translation;
  };

  void new_epoch() { ++epoch_; }
  bool walker_caches() const { return !bypass_ && (caches_.guest || caches_.nested); }
  Window window_of(unsigned ctx, const RegisterSet& regs, std::uint64_t accepted);
  void used(unsigned ctx, const std::shared_ptr<const RegisterSet>& regs, std::uint64_t cycle);
  // With the register sets that the walker's caches may have been filled under.
  Judge::Question question(const Access& access, const RegisterSet& regs, const Window& window) const;
  // Whether the caches of the walker can only say what memory and registers say now, on that path.
  bool settled(const Judge::Question& question, const WalkTrace& path);
  Differences check_hit(const Answer& answer, const std::shared_ptr<const RegisterSet>& regs);
  Differences check_walk_alone(const Answer& answer, const std::vector<Transaction>& log, const LogIndices& before);
  // What the RTL did from entries that are legally stale: its effects replace those of the model.
  bool stale_explains(const Answer& answer, const std::vector<Transaction>& log, const LogIndices& before,
                      const WalkTrace& path, WalkTrace& trace);
  void take_effects(const Answer& answer, const std::vector<Transaction>& log, std::uint32_t events_before);
  std::uint32_t model_log_events(unsigned ctx) const;
  // Memory refuses the model what it refused the RTL's last attempt.
  void refuse_as_in(const Answer& answer, const std::vector<Transaction>& log);
  bool verified_before(const Answer& answer, std::uint64_t key) const;
  // Whether tables that changed while requests waited explain the hit: those since it was accepted, or
  // since an earlier request for the page was, whose walk has filled the L1 and whose answer is yet to come.
  bool changing_tables_allow(const Flight& flight, const Answer& answer, WalkTrace& trace);
  Differences judge_answer(Flight& flight, const Answer& answer);
  bool stale_allows(const Answer& answer, const RegisterSet& regs, WalkTrace& trace);
  // The entry that a walk may have left in the L1.
  void remember_walk(const Answer& answer, const Flight& flight, const WalkTrace& trace);
  Result run_model(const Access& access, const RegisterSet& regs, WalkTrace& trace);
  void check_source(const Answer& answer, const WalkTrace& trace, Differences& out) const;
  void check_isolation(const Answer& answer, const RegisterSet& regs, const WalkTrace& trace, Differences& out) const;
  void take_active(unsigned ctx);
  // A fault because a flag or a bit of a bitmap could not be set: requests under other registers may have set it since,
  // or one that had the last room in the log that is full.
  bool missing_flags_allow(const Flight& flight, const Answer& answer, WalkTrace& trace);
  Differences explain_without_model(const Flight& flight, const Answer& answer);
  // Returns whether the RTL read all that the model did, and nothing else.
  bool compare_log(const Answer& answer, const std::vector<Transaction>& log, const WalkTrace& trace,
                   Differences& out) const;
  bool caches_explain_reads(const Answer& answer, const std::vector<Transaction>& log, const WalkTrace& trace) const;
  void judge_transactions(const std::vector<Transaction>& log, std::optional<unsigned> alone, Differences& out);
  void compare_guest_logs(const std::vector<LogState>& logs, Differences& out);
  bool sets_bitmap_bit(const Transaction& t) const;
  bool is_prl(const Transaction& t) const;
  std::vector<Transaction> without_prl(const std::vector<Transaction>& log) const;
  // Whether a TLB may hold the page, so that a walk for it leaves no record in the page-reference log.
  bool may_be_held(const Access& access, const RegisterSet& regs) const;
  void expect_reference(const Answer& answer, const Flight& flight);
  void compare_references(const std::vector<Transaction>& log, const std::vector<LogState>& logs, Differences& out);
  void compare_words(const std::vector<Transaction>& log, bool exact, Differences& out);
  void compare_window(const std::vector<Transaction>& log, Differences& out);
  void compare_bus_errors(const std::vector<Transaction>& log, Differences& out) const;

  BuildParams params_;
  const SparseMem& words_;
  WordHistory history_;
  WordHistory swapped_;  // by the RTL, in this window
  ModelMemory memory_;
  std::optional<Mmu> model_;
  Judge judge_;
  WalkerCaches caches_;
  StaleSet stale_;
  CacheAges ages_;
  std::vector<std::vector<UsedRegs>> used_;  // by context, the latest first
  std::vector<std::shared_ptr<const RegisterSet>> active_;
  bool bypass_ = false;
  std::uint64_t epoch_ = 0;  // of software changes
  std::vector<Verified> verified_;

  std::optional<SegmentCounts> segment_counts_;
  std::array<Flight, 256 * kMaxPorts> flight_;
  unsigned in_flight_ = 0;
  std::map<unsigned, TakenInvalidation> open_;             // invalidations accepted, not acknowledged; by id
  std::vector<std::uint64_t> bus_errors_;                  // addresses answered in this window
  bool stirred_ = false;                                   // effects of this window depend on an order that nobody sees
  std::unordered_map<std::uint64_t, std::int64_t> reads_;  // by address: model's minus the RTL's, this window
  std::vector<WalkTrace::Record> records_;                 // of the model, this window
  LogBooks books_;
  bool took_effects_ = false;
  struct References {
    std::uint64_t due = 0;    // answers that leave a record
    std::uint64_t least = 0;  // those of them for pages that no TLB holds
  };
  std::vector<References> references_;  // of this window, by context
};

}  // namespace vmmu::tb
