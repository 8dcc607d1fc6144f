#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "engine/engine.hpp"
#include "replay/address_space.hpp"
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

// The model behind a screen that spoils some of the answers.
class Spoiled : public Engine {
 public:
  using Spoil = std::function<void(AccessRecord&, std::uint64_t number, bool& lost)>;
  explicit Spoiled(Spoil spoil) : spoil_(std::move(spoil)) {}

  std::string_view name() const override { return "spoiled"; }
  unsigned pa_bits() const override { return model_->pa_bits(); }
  unsigned num_contexts() const override { return model_->num_contexts(); }
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

TEST_CASE("replay: all cases are three native and nine nested ones", "[replay]") {
  unsigned native = 0;
  unsigned nested = 0;
  for (const ReplayCase& replay_case : all_cases()) {
    ++(replay_case.mode == ReplayMode::Native ? native : nested);
  }
  CHECK(native == 3);
  CHECK(nested == 9);
}

TEST_CASE("replay: references of a walk are those of the paper", "[replay]") {
  const auto refs = [](ReplayMode mode, PageSize guest, PageSize vmm) {
    return AddressSpace::references_per_walk({mode, guest, vmm});
  };
  CHECK(refs(ReplayMode::Native, PageSize::k4K, PageSize::k4K) == 4);
  CHECK(refs(ReplayMode::Native, PageSize::k1G, PageSize::k4K) == 2);
  CHECK(refs(ReplayMode::Nested, PageSize::k4K, PageSize::k4K) == 24);
  CHECK(refs(ReplayMode::Nested, PageSize::k2M, PageSize::k4K) == 19);
  CHECK(refs(ReplayMode::Nested, PageSize::k1G, PageSize::k1G) == 8);
}

TEST_CASE("replay: on the model every access costs exactly the references of its case", "[replay]") {
  const Trace trace = sample_trace();
  const ReplayResult result = replay_on_model(trace, 1);
  REQUIRE(result.error.empty());
  REQUIRE(result.rows.size() == 12);
  for (const ReplayRow& row : result.rows) {
    INFO(static_cast<int>(row.replay_case.mode)
         << static_cast<int>(row.replay_case.guest_page) << static_cast<int>(row.replay_case.vmm_page));
    CHECK(row.mismatches == 0);
    CHECK(row.accesses == trace.accesses.size());
    CHECK(row.references == trace.accesses.size() * AddressSpace::references_per_walk(row.replay_case));
    CHECK_FALSE(row.cycles.has_value());
    CHECK_FALSE(row.misses.has_value());
  }
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
  CHECK(last == 12 * trace.accesses.size());
}

TEST_CASE("replay: the first touches find accessed and dirty flags clear", "[replay]") {
  const Trace trace = sample_trace();
  const auto engine = make_model_engine(EngineOptions{});
  const std::vector<std::uint64_t> pages = touched_pages(trace.accesses);
  for (const ReplayCase& replay_case : all_cases()) {
    const std::uint64_t before = engine->counter(Counter::Swaps).value();
    replay_once(*engine, replay_case, trace, pages, [](std::uint64_t) {});
    CHECK(engine->counter(Counter::Swaps).value() != before);
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
      AddressSpace::build(replay_case, pages, 46,
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
  CHECK(std::holds_alternative<std::string>(AddressSpace::build(native_1g, pages, 36, ignore)));
  CHECK(std::holds_alternative<AddressSpace>(AddressSpace::build(native_1g, pages, 40, ignore)));
}

TEST_CASE("replay: options restrict the cases", "[replay]") {
  const auto count = [](const ReplaySelection& selection) {
    return std::get<std::vector<ReplayCase>>(select_cases(selection)).size();
  };
  CHECK(count({{"native"}, {}, {}}) == 3);
  CHECK(count({{"nested"}, {"2M"}, {}}) == 3);
  CHECK(count({{"nested"}, {"4K", "1G"}, {"2M"}}) == 2);
  CHECK(count({{}, {"4K"}, {"4K"}}) == 2);
  CHECK(count({{"nested", "native"}, {"1G"}, {"1G"}}) == 2);
}

TEST_CASE("replay: modes and sizes of later versions are refused by name", "[replay]") {
  const auto error = [](const ReplaySelection& selection) {
    const auto cases = select_cases(selection);
    const auto* text = std::get_if<std::string>(&cases);
    return text == nullptr ? std::string() : *text;
  };
  CHECK(error({{"vmm-direct"}, {}, {}}).find("`vmm-direct` is not in this version") != std::string::npos);
  CHECK(error({{"native", "bogus"}, {}, {}}).find("unknown mode `bogus`") != std::string::npos);
  CHECK(error({{}, {"thp"}, {}}).find("`thp` is not in this version") != std::string::npos);
  CHECK(error({{}, {"8K"}, {}}).find("unknown page size `8K`") != std::string::npos);
  CHECK(error({{}, {}, {"4k"}}).find("unknown page size `4k`") != std::string::npos);
  CHECK(error({{"native"}, {}, {"4K"}}).find("--vmm-page") != std::string::npos);
}
