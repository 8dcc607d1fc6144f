// What the scenario runner and the trace replayer drive: the model, the Verilated RTL, or both in lock step.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vmmu/registers.hpp"
#include "vmmu/shadow.hpp"
#include "vmmu/types.hpp"

namespace vmmu::tb {

enum class Preset : std::uint8_t { Paper, Server, ServerBig, Tiny };  // numbers of vmmu_pkg
enum class CommitStatus : std::uint8_t { Ok, Rejected, Busy };

enum class InvOp : std::uint8_t {  // numbers of inv_op_e
  Invlpg,
  Invpcid0,
  Invpcid1,
  Invpcid2,
  Invpcid3,
  LoadCr3,
  Invvpid0,
  Invvpid1,
  Invvpid2,
  Invvpid3,
  Invept1,
  Invept2,
  Invctx,
  All,
};
struct Invalidation {
  InvOp op = InvOp::All;
  unsigned ctx = 0;
  std::uint64_t addr = 0;  // gVA, CR3 value or EPTP, after op
  std::uint16_t pcid = 0;
  std::uint16_t vpid = 0;
};

// Counters that an expectation can name. Sums over all contexts.
enum class Counter : std::uint8_t {
  Refs,
  GuestRefs,
  NestedRefs,
  Swaps,
  L1Hits,
  Walks,
  PmlRecords,
  SegmentChecks,  // addresses compared with a level whose segments are not all empty
  FilterHits,     // of these, in range and escaped
  L2Hits,
  NtlbHits,     // guest-physical pages that the nested TLB translated
  BitmapReads,  // words of segment bitmaps
  PrlRecords,
  EpmlRecords,
  PrlDrops,
  WalkCycles,  // cycles in use, summed over the walk slots
  Merged,      // requests that joined a walk on its way
};
inline constexpr std::size_t kNumCounters = 17;

struct NamedCount {
  std::string name;
  std::uint64_t value = 0;
};

// What one access did.
struct AccessRecord {
  Access access;
  Result result;
  std::map<HostPhys, std::uint64_t> changed_words;  // words written by the access that differ from before, final values
  std::optional<std::uint16_t> changed_pml_index;   // of the access's context, and so are these two
  std::optional<std::uint16_t> changed_prl_index;
  std::optional<std::uint16_t> changed_epml_index;
  std::uint64_t cycles = 0;              // accept to response; 0 from the model
  std::vector<std::string> differences;  // lock step: what the contract does not allow
};

class Engine {
 public:
  virtual ~Engine() = default;

  virtual std::string_view name() const = 0;  // "rtl", "model", "both"
  virtual unsigned pa_bits() const = 0;
  virtual unsigned num_contexts() const = 0;
  virtual unsigned num_vmm_segments() const { return 0; }  // 0 .. kMaxVmmSegments
  virtual unsigned shadow_roots() const { return 0; }      // rows of the shadow-root buffer; 0: no shadow paging

  // Logs that this engine has beside PML: read log, guest's log, dirty bitmaps of VMM segments.
  virtual bool prl() const { return false; }
  virtual bool epml() const { return false; }
  virtual bool seg_log() const { return false; }

  // A new scenario: memory all 0, registers and caches as after reset.
  virtual void reset() = 0;
  // Global control CACHE_BYPASS: no lookup, no fill.
  virtual void set_cache_bypass(bool on) = 0;

  virtual void poke(HostPhys addr, std::uint64_t word) = 0;
  virtual std::uint64_t peek(HostPhys addr) const = 0;

  virtual CommitStatus commit(unsigned ctx, const ContextRegs& regs) = 0;
  virtual void set_pml_index(unsigned ctx, std::uint16_t index) = 0;
  virtual std::uint16_t pml_index(unsigned ctx) = 0;
  // The same for any log that this engine has; others are never written, and theirs is as after reset.
  virtual void set_log_index(unsigned ctx, Log log, std::uint16_t index) {
    if (log == Log::Pml) set_pml_index(ctx, index);
  }
  virtual std::uint16_t log_index(unsigned ctx, Log log) { return log == Log::Pml ? pml_index(ctx) : 0x1ff; }
  // PRL_STATUS as bits of prl_status, writing one to clear them; records that the PRL has dropped since they were
  // cleared.
  virtual std::uint8_t prl_status(unsigned /*ctx*/) { return 0; }
  virtual void clear_prl_status(unsigned /*ctx*/, std::uint8_t /*full_bits*/) {}
  virtual std::uint32_t prl_drops(unsigned /*ctx*/) { return 0; }
  virtual void clear_prl_drops(unsigned /*ctx*/) {}
  // Returns false on an error reply (invalid operand).
  virtual bool invalidate(const Invalidation& inv) = 0;

  // Shadow paging, in a build that has it. A row counts at the next search: commit(), LOAD_CR3 or root_done(). While a
  // context is held, accesses of it may be issued but not waited for.
  virtual void set_shadow_row(unsigned /*ctx*/, unsigned /*row*/, const ShadowRow&) {}
  virtual void root_done(unsigned /*ctx*/) {}
  virtual bool held(unsigned /*ctx*/) { return false; }
  // Software has synchronized for the context's oldest waiting invalidation, which is done now. False: none waits.
  // invalidate() returns at once for one that has to wait; beyond those that the queue holds, the requester keeps it.
  virtual bool sync_done(unsigned /*ctx*/) { return false; }

  // One access alone, to its end.
  virtual AccessRecord access(const Access& access) = 0;

  // Several in flight. issue() may return completions of earlier ones through the sink given to
  // on_complete(); sync() returns when all are complete. changed_words is left empty here.
  virtual void on_complete(std::function<void(const AccessRecord&)> sink) = 0;
  virtual void issue(const Access& access) = 0;
  virtual void sync() = 0;

  // Returns an empty optional for a counter that this engine does not have (the model has no caches).
  virtual std::optional<std::uint64_t> counter(Counter c) = 0;
  // Every counter of the hardware's registers (docs/registers.md), sums over all contexts, in their order: register
  // name in small letters, with _k for element k of an array; without the clock. None in the model.
  virtual std::vector<NamedCount> all_counters() { return {}; }
  virtual std::uint64_t cycles() const = 0;  // clock cycles since construction; 0 for the model

  // Events of the context that are pending, as bits; and write one to clear.
  virtual std::uint32_t events(unsigned ctx) = 0;
  virtual void clear_events(unsigned ctx, std::uint32_t bits) = 0;
  // Those of the guest's page.
  virtual std::uint32_t guest_events(unsigned /*ctx*/) { return 0; }
  virtual void clear_guest_events(unsigned /*ctx*/, std::uint32_t /*bits*/) {}

  // The next n memory requests to that word get an error reply.
  virtual void inject_bus_error(HostPhys addr, unsigned n) = 0;
  // Software writes `word` just before the next compare-and-swap of that word.
  virtual void inject_race(HostPhys addr, std::uint64_t word) = 0;

  // Differences found in lock step since construction, for the closing line; empty for single engines.
  virtual std::uint64_t mismatches() const { return 0; }
};

// Which request port an access comes in at, in a build with several.
enum class PortChoice : std::uint8_t {
  First,        // always the first
  ByOperation,  // fetches at the last, data at the first
  Random        // drawn from the seed; requests of several ports are presented together
};

struct EngineOptions {
  Preset preset = Preset::Server;
  std::string wave_file;         // FST; empty: none
  unsigned memory_latency = 10;  // cycles from accept to data valid, >= 1
  std::uint64_t seed = 1;
  // The RTL behind its AXI4 master, with random back-pressure, latency, order and failing exclusives from the
  // seed. memory_latency is then the middle of what is chosen; the model takes no notice.
  bool axi = false;
  PortChoice ports = PortChoice::First;
};

std::unique_ptr<Engine> make_model_engine(const EngineOptions& options);
// Throws std::runtime_error when the build does not have the preset.
std::unique_ptr<Engine> make_rtl_engine(const EngineOptions& options);
std::unique_ptr<Engine> make_lockstep_engine(const EngineOptions& options);
// Presets that this executable was built with.
std::vector<Preset> built_presets();

}  // namespace vmmu::tb
