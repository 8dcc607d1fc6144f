#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "engine/engine.hpp"
#include "replay/address_space.hpp"
#include "replay/footprint.hpp"
#include "replay/options.hpp"
#include "replay/run.hpp"
#include "trace/trace.hpp"
#include "vmmu/phys_mem.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

// A trace like a program's: code, heap and stack far from one another, a stride over pages, and the upper half.
Trace sample_trace() {
  Trace trace;
  const auto add = [&trace](std::uint64_t gva, Op op) { trace.accesses.emplace_back(GuestVirt{gva}, op); };
  for (std::uint64_t i = 0; i < 200; ++i) {
    add(0x400000 + 3 * i, Op::Fetch);
    add(0x10000000000 + 4104 * i, i % 3 == 0 ? Op::Write : Op::Read);
    add(0x7ffff0000000 - 8 * i, Op::Write);
    add(0xffff800000000000 + 0x200000 * (i % 5), Op::Read);
  }
  return trace;
}

std::vector<ReplayCase> all_cases() { return std::get<std::vector<ReplayCase>>(select_cases(ReplaySelection{})); }

ReplayResult replay_on_model(const Trace& trace, unsigned jobs) {
  return replay_all([] { return make_model_engine(EngineOptions{}); }, all_cases(), trace, jobs, [](std::uint64_t) {});
}

AddressSpace space(const ReplayCase& replay_case, const std::vector<std::uint64_t>& pages,
                   const Capabilities& capabilities = {}) {
  return std::get<AddressSpace>(AddressSpace::build(replay_case, pages, capabilities, [](HostPhys, std::uint64_t) {}));
}

// The model behind a screen that spoils some of the answers.
class Spoiled : public Engine {
 public:
  using Spoil = std::function<void(AccessRecord&, std::uint64_t number, bool& lost)>;
  explicit Spoiled(Spoil spoil) : spoil_(std::move(spoil)) {}

  std::string_view name() const override { return "spoiled"; }
  unsigned pa_bits() const override { return model_->pa_bits(); }
  unsigned num_contexts() const override { return model_->num_contexts(); }
  unsigned num_vmm_segments() const override { return model_->num_vmm_segments(); }
  unsigned shadow_roots() const override { return model_->shadow_roots(); }
  void reset() override { model_->reset(); }
  void set_cache_bypass(bool on) override { model_->set_cache_bypass(on); }
  void poke(HostPhys addr, std::uint64_t word) override { model_->poke(addr, word); }
  std::uint64_t peek(HostPhys addr) const override { return model_->peek(addr); }
  CommitStatus commit(unsigned ctx, const ContextRegs& regs) override { return model_->commit(ctx, regs); }
  void set_pml_index(unsigned ctx, std::uint16_t index) override { model_->set_pml_index(ctx, index); }
  std::uint16_t pml_index(unsigned ctx) override { return model_->pml_index(ctx); }
  bool invalidate(const Invalidation& inv) override { return model_->invalidate(inv); }
  AccessRecord access(const Access& access) override { return model_->access(access); }
  void on_complete(std::function<void(const AccessRecord&)> sink) override { sink_ = std::move(sink); }
  void issue(const Access& access) override {
    AccessRecord record = model_->access(access);
    bool lost = false;
    spoil_(record, number_++, lost);
    if (!lost) sink_(record);
  }
  void sync() override {}
  std::optional<std::uint64_t> counter(Counter c) override { return model_->counter(c); }
  std::uint64_t cycles() const override { return 0; }
  std::uint32_t events(unsigned ctx) override { return model_->events(ctx); }
  void clear_events(unsigned ctx, std::uint32_t bits) override { model_->clear_events(ctx, bits); }
  void inject_bus_error(HostPhys addr, unsigned n) override { model_->inject_bus_error(addr, n); }
  void inject_race(HostPhys addr, std::uint64_t word) override { model_->inject_race(addr, word); }

 private:
  std::unique_ptr<Engine> model_ = make_model_engine(EngineOptions{});
  Spoil spoil_;
  std::function<void(const AccessRecord&)> sink_;
  std::uint64_t number_ = 0;
};

ReplayRow replay_spoiled(const Spoiled::Spoil& spoil) {
  Spoiled engine(spoil);
  const Trace trace = sample_trace();
  const ReplayCase nested{ReplayMode::Nested, PageSize::k4K, PageSize::k2M};
  return std::get<ReplayRow>(replay_once(engine, nested, trace, touched_pages(trace.accesses), [](std::uint64_t) {}));
}

}  // namespace

TEST_CASE("replay: all cases are those whose page sizes mean something", "[replay]") {
  std::map<ReplayMode, unsigned> count;
  for (const ReplayCase& replay_case : all_cases()) ++count[replay_case.mode];
  CHECK(count[ReplayMode::Native] == 3);
  CHECK(count[ReplayMode::NativeDs] == 1);
  CHECK(count[ReplayMode::Nested] == 9);
  CHECK(count[ReplayMode::VmmDirect] == 3);
  CHECK(count[ReplayMode::GuestDirect] == 3);
  CHECK(count[ReplayMode::DualDirect] == 1);
  CHECK(count[ReplayMode::Compromis] == 3);
  CHECK(count[ReplayMode::Shadow] == 9);
}

TEST_CASE("replay: a full walk costs what the architecture's table of modes says", "[replay]") {
  // A program's pages, all in the lower half: one guest segment covers them.
  const std::vector<std::uint64_t> pages = {0x400, 0x401, 0x4800, 0x1ffeffe};
  const auto refs = [&pages](ReplayMode mode, PageSize guest, PageSize vmm) {
    return space(ReplayCase{mode, guest, vmm}, pages).references_per_walk().value();
  };
  constexpr PageSize k4K = PageSize::k4K;
  CHECK(refs(ReplayMode::Native, k4K, k4K) == 4);
  CHECK(refs(ReplayMode::Native, PageSize::k1G, k4K) == 2);
  CHECK(refs(ReplayMode::NativeDs, k4K, k4K) == 0);
  CHECK(refs(ReplayMode::Nested, k4K, k4K) == 24);
  CHECK(refs(ReplayMode::Nested, PageSize::k2M, k4K) == 19);
  CHECK(refs(ReplayMode::Nested, PageSize::k1G, PageSize::k1G) == 8);
  CHECK(refs(ReplayMode::VmmDirect, k4K, k4K) == 4);
  CHECK(refs(ReplayMode::GuestDirect, k4K, k4K) == 4);
  CHECK(refs(ReplayMode::GuestDirect, k4K, PageSize::k2M) == 3);
  CHECK(refs(ReplayMode::DualDirect, k4K, k4K) == 0);
  CHECK(refs(ReplayMode::Compromis, k4K, k4K) == 4);
  CHECK(refs(ReplayMode::Shadow, k4K, k4K) == 4);
  CHECK(refs(ReplayMode::Shadow, PageSize::k2M, k4K) == 4);
  CHECK(refs(ReplayMode::Shadow, PageSize::k2M, PageSize::k1G) == 3);
}

TEST_CASE("replay: on the model every access costs exactly the references and checks of its case", "[replay]") {
  const Trace trace = sample_trace();
  const std::vector<std::uint64_t> pages = touched_pages(trace.accesses);
  const ReplayResult result = replay_on_model(trace, 1);
  REQUIRE(result.error.empty());
  REQUIRE(result.rows.size() == all_cases().size());
  for (const ReplayRow& row : result.rows) {
    INFO(static_cast<int>(row.replay_case.mode)
         << static_cast<int>(row.replay_case.guest_page) << static_cast<int>(row.replay_case.vmm_page));
    REQUIRE(row.unsupported.empty());
    CHECK(row.mismatches == 0);
    CHECK(row.accesses == trace.accesses.size());
    std::uint64_t references = 0;
    std::uint64_t checks = 0;
    const AddressSpace built = space(row.replay_case, pages);
    for (const PackedAccess access : trace.accesses) {
      references += built.expected(access.gva()).references;
      checks += built.expected(access.gva()).checks;
    }
    CHECK(row.references == references);
    CHECK(row.checks == checks);
    CHECK_FALSE(row.cycles.has_value());
    CHECK_FALSE(row.misses.has_value());
  }
}

TEST_CASE("replay: what a guest segment cannot reach is paged", "[replay]") {
  // The sample is in both halves of the address space: its lower one fits a segment, and is most of it.
  const Trace trace = sample_trace();
  const AddressSpace built = space({ReplayMode::DualDirect}, touched_pages(trace.accesses));
  CHECK(built.expected({0x400000}).references == 0);
  CHECK(built.expected({0x400000}).checks == 2);
  CHECK(built.expected({0xffff800000000000}).references == 4);
  CHECK(built.expected({0xffff800000000000}).checks == 6);
  CHECK_FALSE(built.references_per_walk().has_value());
}

TEST_CASE("replay: Compromis tiles the guest's memory with as many segments as the build has", "[replay]") {
  const std::vector<std::uint64_t> pages = touched_pages(sample_trace().accesses);
  for (const unsigned most : {1U, 2U, 4U}) {
    Capabilities capabilities;
    capabilities.vmm_segments = most;
    const AddressSpace built = space({ReplayMode::Compromis}, pages, capabilities);
    std::uint64_t end = 0;
    std::set<std::uint64_t> offsets;
    for (unsigned i = 0; i < kMaxVmmSegments; ++i) {
      const Segment& segment = built.regs().vseg[i];
      CHECK(segment.empty() == (i >= most));
      if (segment.empty()) continue;
      CHECK(segment.base == end);
      end = segment.limit;
      offsets.insert(segment.offset);
    }
    CHECK(offsets.size() == most);
    CHECK(built.regs().vseg_miss);
    CHECK_FALSE(built.regs().ept_en);
  }
}

TEST_CASE("replay: transparent huge pages stand where the program has 2 MiB in one piece", "[replay]") {
  std::vector<std::uint64_t> pages;
  for (std::uint64_t page = 100; page < 1600; page += 60) pages.push_back(page);  // gaps of less than 64 pages
  pages.push_back(4096);                                                          // alone
  const AddressSpace built = space({ReplayMode::Nested, PageSize::k4K, PageSize::k2M, true}, pages);
  const auto at = [&built](std::uint64_t page) { return built.expected({page * 4096}); };
  CHECK(at(100).translation.size == PageSize::k4K);  // 2 MiB that begin before the mapping
  CHECK(at(100).references == 19);
  CHECK(at(520).translation.size == PageSize::k2M);
  CHECK(at(520).references == 15);
  CHECK(at(1000).translation.size == PageSize::k2M);
  CHECK(at(1540).translation.size == PageSize::k4K);  // that end after it
  CHECK(at(4096).translation.size == PageSize::k4K);
}

TEST_CASE("replay: the primary range is where most pages are", "[replay]") {
  constexpr std::uint64_t kPage = 4096;
  const std::vector<std::uint64_t> pages = {900, 10, 12, 11, 500, 503, 501, 505};
  CHECK(primary_range(pages, 4 * kPage) == layout::VirtRange{{10 * kPage}, 3 * kPage});
  CHECK(primary_range(pages, 6 * kPage) == layout::VirtRange{{500 * kPage}, 6 * kPage});
  CHECK(primary_range(pages, 1000 * kPage) == layout::VirtRange{{10 * kPage}, 891 * kPage});
  CHECK(primary_range({}, kPage).empty());
  CHECK(primary_range({~std::uint64_t{0} / kPage}, kPage).empty());  // LIMIT could not be said
}

TEST_CASE("replay: a count that is not the mode's is a mismatch", "[replay]") {
  // Answers are right, but one walk read an entry twice.
  class Wasteful : public Spoiled {
   public:
    Wasteful() : Spoiled([](AccessRecord&, std::uint64_t, bool&) {}) {}
    std::optional<std::uint64_t> counter(Counter c) override {
      const auto count = Spoiled::counter(c);
      return c == Counter::Refs && reads_++ > 0 ? *count + 1 : count;
    }

   private:
    unsigned reads_ = 0;
  };
  Wasteful engine;
  const Trace trace = sample_trace();
  const auto row = std::get<ReplayRow>(
      replay_once(engine, {ReplayMode::VmmDirect}, trace, touched_pages(trace.accesses), [](std::uint64_t) {}));
  CHECK(row.mismatches == 1);
  REQUIRE(row.samples.size() == 1);
  CHECK(row.samples[0].find("references, expected") != std::string::npos);
}

TEST_CASE("replay: several jobs give the same rows in the same order", "[replay]") {
  const Trace trace = sample_trace();
  const ReplayResult one = replay_on_model(trace, 1);
  const ReplayResult three = replay_on_model(trace, 3);
  REQUIRE(one.rows.size() == three.rows.size());
  for (std::size_t i = 0; i < one.rows.size(); ++i) {
    CHECK(one.rows[i].replay_case.guest_page == three.rows[i].replay_case.guest_page);
    CHECK(one.rows[i].replay_case.vmm_page == three.rows[i].replay_case.vmm_page);
    CHECK(one.rows[i].references == three.rows[i].references);
  }
}

TEST_CASE("replay: progress rises to the number of all accesses", "[replay]") {
  const Trace trace = sample_trace();
  std::uint64_t last = 0;
  bool rising = true;
  replay_all([] { return make_model_engine(EngineOptions{}); }, all_cases(), trace, 2,
             [&](std::uint64_t done) {
               rising = rising && done >= last;
               last = done;
             });
  CHECK(rising);
  CHECK(last == all_cases().size() * trace.accesses.size());
}

TEST_CASE("replay: the first touches find accessed and dirty flags clear", "[replay]") {
  const Trace trace = sample_trace();
  const auto engine = make_model_engine(EngineOptions{});
  const std::vector<std::uint64_t> pages = touched_pages(trace.accesses);
  for (const ReplayCase& replay_case : all_cases()) {
    // With segments too: the sample's upper half is paged.
    replay_once(*engine, replay_case, trace, pages, [](std::uint64_t) {});
    CHECK(engine->counter(Counter::Swaps).value() > 0);  // counted since the reset before each replay
  }
}

TEST_CASE("replay: a wrong answer, a fault and a lost answer are mismatches", "[replay]") {
  CHECK(replay_spoiled([](AccessRecord&, std::uint64_t, bool&) {}).mismatches == 0);
  const auto wrong_address = replay_spoiled([](AccessRecord& record, std::uint64_t number, bool&) {
    if (number == 7) std::get<Translation>(record.result).hpa.value ^= 0x1000;
  });
  CHECK(wrong_address.mismatches == 1);
  CHECK(wrong_address.samples.size() == 1);
  const auto wrong_size = replay_spoiled([](AccessRecord& record, std::uint64_t number, bool&) {
    if (number == 7) std::get<Translation>(record.result).size = PageSize::k2M;
  });
  CHECK(wrong_size.mismatches == 1);
  const auto fault = replay_spoiled([](AccessRecord& record, std::uint64_t number, bool&) {
    if (number == 7) record.result = Fault{};
  });
  CHECK(fault.mismatches == 1);
  const auto lost = replay_spoiled([](AccessRecord&, std::uint64_t number, bool& gone) { gone = number == 7; });
  CHECK(lost.mismatches == 1);
  const auto difference = replay_spoiled([](AccessRecord& record, std::uint64_t number, bool&) {
    if (number == 7) record.differences.push_back("table read 3 differs");
  });
  CHECK(difference.mismatches == 1);
  CHECK(difference.samples == std::vector<std::string>{"table read 3 differs"});
}

TEST_CASE("replay: touched pages come once, in order of first touch", "[replay]") {
  std::vector<PackedAccess> accesses;
  for (const std::uint64_t page : {9, 3, 9, 3, 5, 9, 1}) accesses.emplace_back(GuestVirt{page * 4096 + 8}, Op::Read);
  CHECK(touched_pages(accesses) == std::vector<std::uint64_t>{9, 3, 5, 1});
}

TEST_CASE("replay: a build is deterministic", "[replay]") {
  const std::vector<std::uint64_t> pages = touched_pages(sample_trace().accesses);
  for (const ReplayCase& replay_case : all_cases()) {
    std::vector<std::pair<HostPhys, std::uint64_t>> words[2];
    for (auto& list : words) {
      AddressSpace::build(replay_case, pages, {},
                          [&list](HostPhys addr, std::uint64_t word) { list.emplace_back(addr, word); });
    }
    CHECK_FALSE(words[0].empty());
    CHECK(words[0] == words[1]);
  }
}

TEST_CASE("replay: a trace that is too scattered for the physical addresses is refused", "[replay]") {
  std::vector<std::uint64_t> pages;
  for (std::uint64_t gib = 0; gib < 100; ++gib) pages.push_back(gib << 18);
  const ReplayCase native_1g{ReplayMode::Native, PageSize::k1G, PageSize::k4K};
  const auto ignore = [](HostPhys, std::uint64_t) {};
  CHECK(std::holds_alternative<std::string>(AddressSpace::build(native_1g, pages, {36, 4, 8}, ignore)));
  CHECK(std::holds_alternative<AddressSpace>(AddressSpace::build(native_1g, pages, {40, 4, 8}, ignore)));
}

TEST_CASE("replay: options restrict the cases, and sizes that mean nothing to a mode make no more of them",
          "[replay]") {
  const auto count = [](const ReplaySelection& selection) {
    return std::get<std::vector<ReplayCase>>(select_cases(selection)).size();
  };
  CHECK(count({{"native"}, {}, {}}) == 3);
  CHECK(count({{"nested"}, {"2M"}, {}}) == 3);
  CHECK(count({{"nested"}, {"4K", "1G"}, {"2M"}}) == 2);
  CHECK(count({{}, {"4K"}, {"4K"}}) == 8);
  CHECK(count({{}, {"2M"}, {"1G"}}) == 8);
  CHECK(count({{"nested", "native"}, {"1G"}, {"1G"}}) == 2);
  CHECK(count({{"native"}, {}, {"4K"}}) == 3);
  CHECK(count({{"dual-direct", "native-ds"}, {"4K", "2M"}, {"4K", "2M"}}) == 2);
  CHECK(count({{"nested"}, {"thp"}, {}}) == 3);
  CHECK(count({{"native"}, {"thp", "4K"}, {}}) == 2);
  CHECK(count({{"guest-direct"}, {"thp"}, {"1G"}}) == 1);
}

TEST_CASE("replay: unknown modes and sizes are refused by name", "[replay]") {
  const auto error = [](const ReplaySelection& selection) {
    const auto cases = select_cases(selection);
    const auto* text = std::get_if<std::string>(&cases);
    return text == nullptr ? std::string() : *text;
  };
  CHECK(error({{"native", "bogus"}, {}, {}}).find("unknown mode `bogus`") != std::string::npos);
  CHECK(error({{"bogus"}, {}, {}}).find("dual-direct") != std::string::npos);
  CHECK(error({{}, {"8K"}, {}}).find("unknown page size `8K`") != std::string::npos);
  CHECK(error({{}, {}, {"4k"}}).find("unknown page size `4k`") != std::string::npos);
  CHECK(error({{}, {}, {"thp"}}).find("unknown page size `thp`") != std::string::npos);
}
