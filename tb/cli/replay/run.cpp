#include "run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace vmmu::tb {

namespace {

constexpr std::size_t kMaxSamples = 5;
constexpr std::uint64_t kProgressStep = 1 << 14;

// Judges every completion against the address space that was built, whichever engine gave it.
class Judge {
 public:
  explicit Judge(const AddressSpace& space) : space_(space) {}

  void operator()(const AccessRecord& record) {
    ++answered_;
    differences_ += record.differences.size();
    for (const std::string& difference : record.differences) note(difference);
    const GuestVirt gva = record.access.gva;
    const auto* translation = std::get_if<Translation>(&record.result);
    const Expectation expectation = space_.expected(gva);
    const Translation& expected = expectation.translation;
    references_ += expectation.references;
    checks_ += expectation.checks;
    if (translation != nullptr && *translation == expected) return;
    ++wrong_;
    if (translation == nullptr) {
      const Fault& fault = std::get<Fault>(record.result);
      note(fmt::format("gVA {:#x}: expected a translation, got fault kind {} code {:#x} address {:#x}", gva.value,
                       static_cast<unsigned>(fault.kind), fault.code, fault.address));
    } else {
      note(fmt::format("gVA {:#x}: expected hPA {:#x} in a page of {} bytes, got {:#x} in {} bytes", gva.value,
                       expected.hpa.value, page_bytes(expected.size), translation->hpa.value,
                       page_bytes(translation->size)));
    }
  }

  std::uint64_t answered() const { return answered_; }
  std::uint64_t wrong() const { return wrong_; }
  std::uint64_t differences() const { return differences_; }
  // What the accesses cost with nothing cached.
  std::uint64_t references() const { return references_; }
  std::uint64_t checks() const { return checks_; }
  std::vector<std::string>& samples() { return samples_; }

  void note(std::string text) {
    if (samples_.size() < kMaxSamples) samples_.push_back(std::move(text));
  }

 private:
  const AddressSpace& space_;
  std::uint64_t answered_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t differences_ = 0;
  std::uint64_t references_ = 0;
  std::uint64_t checks_ = 0;
  std::vector<std::string> samples_;
};

using Counts = std::map<Counter, std::optional<std::uint64_t>>;

Counts read_counters(Engine& engine) {
  Counts counts;
  for (const Counter counter : {Counter::Refs, Counter::L1Hits, Counter::L2Hits, Counter::NtlbHits, Counter::Merged,
                                Counter::Walks, Counter::WalkCycles, Counter::SegmentChecks, Counter::FilterHits}) {
    counts[counter] = engine.counter(counter);
  }
  return counts;
}

// Counted since `before`.
std::optional<std::uint64_t> since(const Counts& before, const Counts& after, Counter counter) {
  const auto begin = before.at(counter);
  const auto end = after.at(counter);
  if (!begin || !end) return std::nullopt;
  return *end - *begin;
}

// Builds the address space in the engine's memory and makes its registers active. Returns why not, or an empty string.
std::string set_up(Engine& engine, const AddressSpace& space) {
  if (space.shadow_row()) engine.set_shadow_row(0, 0, *space.shadow_row());
  if (engine.commit(0, space.regs()) != CommitStatus::Ok) return "the MMU rejected the registers at COMMIT";
  if (engine.held(0)) return "the MMU did not find the shadow root";
  return "";
}

// Holds a count against what the layout says. Caches can only lower it.
void check_count(Judge& judge, ReplayRow& row, const char* what, std::optional<std::uint64_t> counted,
                 std::uint64_t wanted, bool exact) {
  if (!counted || (exact ? *counted == wanted : *counted <= wanted)) return;
  ++row.mismatches;
  judge.note(fmt::format("{} {}, expected {}{}", *counted, what, exact ? "" : "at most ", wanted));
}

void check_cost(Judge& judge, ReplayRow& row, bool uncached) {
  if (uncached) {
    check_count(judge, row, "references", row.references, judge.references(), true);
    check_count(judge, row, "segment checks", row.checks, judge.checks(), true);
  } else if (row.walks && row.wanted_per_walk) {
    check_count(judge, row, "references", row.references, *row.walks * *row.wanted_per_walk, false);
  }
}

}  // namespace

Capabilities capabilities_of(const Engine& engine) {
  return {engine.pa_bits(), engine.num_vmm_segments(), engine.shadow_roots()};
}

std::variant<ReplayRow, std::string> replay_once(Engine& engine, const ReplayCase& replay_case, const Trace& trace,
                                                 const std::vector<std::uint64_t>& pages,
                                                 const std::function<void(std::uint64_t)>& done, Caches caches) {
  ReplayRow row;
  row.replay_case = replay_case;
  const Capabilities capabilities = capabilities_of(engine);
  if (const auto reason = missing(replay_case.mode, capabilities)) {
    row.unsupported = *reason;
    done(trace.accesses.size());
    return row;
  }
  engine.reset();
  engine.set_cache_bypass(caches == Caches::Bypassed);
  auto built = AddressSpace::build(replay_case, pages, capabilities,
                                   [&](HostPhys addr, std::uint64_t word) { engine.poke(addr, word); });
  if (auto* error = std::get_if<std::string>(&built)) return std::move(*error);
  const AddressSpace& space = std::get<AddressSpace>(built);
  if (std::string error = set_up(engine, space); !error.empty()) return error;

  Judge judge(space);
  engine.on_complete([&judge](const AccessRecord& record) { judge(record); });
  const Counts before = read_counters(engine);
  const std::vector<NamedCount> all_before = engine.all_counters();
  const std::uint64_t first_cycle = engine.cycles();
  const std::uint64_t first_mismatch = engine.mismatches();
  const auto begin = std::chrono::steady_clock::now();
  Access access;
  access.user = true;
  std::uint64_t unreported = 0;
  for (const PackedAccess packed : trace.accesses) {
    access.gva = packed.gva();
    access.op = packed.op();
    engine.issue(access);
    if (++unreported == kProgressStep) done(std::exchange(unreported, 0));
  }
  engine.sync();
  done(unreported);
  const std::uint64_t last_cycle = engine.cycles();

  row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  row.accesses = trace.accesses.size();
  const Counts after = read_counters(engine);
  row.references = since(before, after, Counter::Refs).value_or(0);
  row.walks = since(before, after, Counter::Walks);
  row.l2_hits = since(before, after, Counter::L2Hits);
  row.ntlb_hits = since(before, after, Counter::NtlbHits);
  row.merged = since(before, after, Counter::Merged);
  row.walk_cycles = since(before, after, Counter::WalkCycles);
  row.checks = since(before, after, Counter::SegmentChecks);
  row.filter_hits = since(before, after, Counter::FilterHits);
  row.counters = engine.all_counters();
  for (std::size_t n = 0; n < row.counters.size(); ++n) row.counters[n].value -= all_before[n].value;
  row.wanted_per_walk = space.references_per_walk();
  if (const auto hits = since(before, after, Counter::L1Hits)) row.misses = row.accesses - *hits;
  if (const std::uint64_t cycles = last_cycle - first_cycle; cycles != 0) row.cycles = cycles;
  // The sink refers to what ends here.
  engine.on_complete([](const AccessRecord&) {});

  if (judge.answered() != row.accesses) {
    judge.note(fmt::format("{} accesses issued, {} answered", row.accesses, judge.answered()));
  }
  const std::uint64_t lost =
      judge.answered() < row.accesses ? row.accesses - judge.answered() : judge.answered() - row.accesses;
  // The engine counts its own differences; those of a record are among them.
  const std::uint64_t differences = std::max(engine.mismatches() - first_mismatch, judge.differences());
  row.mismatches = differences + judge.wrong() + lost;
  if (lost == 0) check_cost(judge, row, caches == Caches::Bypassed || !row.misses);
  row.samples = std::move(judge.samples());
  return row;
}

ReplayResult replay_all(const MakeEngine& make_engine, const std::vector<ReplayCase>& cases, const Trace& trace,
                        unsigned jobs, const std::function<void(std::uint64_t)>& progress, Caches caches) {
  const std::vector<std::uint64_t> pages = touched_pages(trace.accesses);
  ReplayResult result;
  result.rows.resize(cases.size());
  std::mutex mutex;  // guards result.error, total and the calls of progress
  std::uint64_t total = 0;
  std::atomic<std::size_t> next{0};
  const auto done = [&](std::uint64_t count) {
    const std::lock_guard<std::mutex> lock(mutex);
    total += count;
    progress(total);
  };
  const auto fail = [&](const std::string& error) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (result.error.empty()) result.error = error;
    next = cases.size();
  };
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < cases.size(); i = next++) {
        const std::unique_ptr<Engine> engine = make_engine();
        auto replayed = replay_once(*engine, cases[i], trace, pages, done, caches);
        if (const auto* error = std::get_if<std::string>(&replayed)) return fail(*error);
        result.rows[i] = std::get<ReplayRow>(std::move(replayed));
      }
    } catch (const std::exception& error) {
      fail(error.what());
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < jobs; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return result;
}

}  // namespace vmmu::tb
