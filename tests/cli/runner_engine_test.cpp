// Claims about the runner with an engine that misbehaves on purpose: differences, late answers, pending commits.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "engine/engine.hpp"
#include "scenario/reader.hpp"
#include "scenario/runner.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

// The model, which answers issued accesses at the sync and in reverse order, and can be told to go wrong.
class OddEngine final : public Engine {
 public:
  std::string difference;               // reported by each access
  std::uint64_t hidden_mismatches = 0;  // counted, reported by no access
  unsigned busy_commits = 0;            // after the first commit
  bool forgets_last_issue = false;

  std::string_view name() const override { return "odd"; }
  unsigned pa_bits() const override { return model_->pa_bits(); }
  unsigned num_contexts() const override { return model_->num_contexts(); }
  void reset() override { model_->reset(); }
  void set_cache_bypass(bool on) override { model_->set_cache_bypass(on); }
  void poke(HostPhys addr, std::uint64_t word) override { model_->poke(addr, word); }
  std::uint64_t peek(HostPhys addr) const override { return model_->peek(addr); }
  CommitStatus commit(unsigned ctx, const ContextRegs& regs) override {
    if (std::exchange(committed_, true) && busy_commits > 0) {
      --busy_commits;
      return CommitStatus::Busy;
    }
    return model_->commit(ctx, regs);
  }
  void set_pml_index(unsigned ctx, std::uint16_t index) override { model_->set_pml_index(ctx, index); }
  std::uint16_t pml_index(unsigned ctx) override { return model_->pml_index(ctx); }
  bool invalidate(const Invalidation& inv) override {
    mismatches_ += hidden_mismatches;
    return model_->invalidate(inv);
  }
  AccessRecord access(const Access& access) override {
    AccessRecord record = model_->access(access);
    if (!difference.empty()) {
      record.differences.push_back(difference);
      ++mismatches_;
    }
    return record;
  }
  void on_complete(std::function<void(const AccessRecord&)> sink) override { sink_ = std::move(sink); }
  void issue(const Access& access) override { issued_.push_back(access); }
  void sync() override {
    if (forgets_last_issue) issued_.pop_back();
    while (!issued_.empty()) {
      sink_(access(issued_.back()));
      issued_.pop_back();
    }
  }
  std::optional<std::uint64_t> counter(Counter c) override { return model_->counter(c); }
  std::uint64_t cycles() const override { return 0; }
  std::uint32_t events(unsigned ctx) override { return model_->events(ctx); }
  void clear_events(unsigned ctx, std::uint32_t bits) override { model_->clear_events(ctx, bits); }
  void inject_bus_error(HostPhys addr, unsigned n) override { model_->inject_bus_error(addr, n); }
  void inject_race(HostPhys addr, std::uint64_t word) override { model_->inject_race(addr, word); }
  std::uint64_t mismatches() const override { return mismatches_; }

 private:
  std::unique_ptr<Engine> model_ = make_model_engine({});
  std::function<void(const AccessRecord&)> sink_;
  std::vector<Access> issued_;
  std::uint64_t mismatches_ = 0;
  bool committed_ = false;
};

// gVA 0x0 and 0x1000 map to 0x5000 and 0x6000, all flags set.
constexpr const char* kMapping =
    "set cr3 0x1000\nmem 0x1000 0x2027\nmem 0x2000 0x3027\nmem 0x3000 0x4027\n"
    "mem 0x4000 0x5067 0x6067\n";

ScenarioReport run(Engine& engine, const std::string& lines, bool check = true) {
  static std::vector<std::unique_ptr<ScenarioFile>> files;  // a report points into its scenario
  auto read = read_scenarios("scenario s\n" + (kMapping + lines) + "\nend\n", "f");
  REQUIRE(std::holds_alternative<ScenarioFile>(read));
  files.push_back(std::make_unique<ScenarioFile>(std::get<ScenarioFile>(read)));
  RunOptions options;
  options.check = check;
  return run_scenario(engine, files.back()->scenarios[0], options);
}

}  // namespace

TEST_CASE("runner: a lock-step difference is a mismatch even where the outcome is right or unchecked", "[runner]") {
  OddEngine engine;
  engine.difference = "the RTL read one table more";
  for (const bool check : {true, false}) {
    const ScenarioReport report = run(engine, "access r u 0x0 -> ok 0x5000\naccess r u 0x0", check);
    CHECK(report.mismatches == 2);
    REQUIRE(report.results.size() == 2);
    CHECK(report.results[0].differences == std::vector<std::string>{engine.difference});
  }
}

TEST_CASE("runner: a difference outside of the accesses is a mismatch", "[runner]") {
  OddEngine engine;
  engine.hidden_mismatches = 1;
  CHECK(run(engine, "invctx\naccess r u 0x0 -> ok 0x5000").mismatches == 1);
  CHECK(run(engine, "access r u 0x0 -> ok 0x5000").mismatches == 0);
}

TEST_CASE("runner: answers in any order go to the access that asked", "[runner]") {
  OddEngine engine;
  const std::string lines = "issue r u 0x0 -> ok 0x5000\nissue r u 0x1000 -> ok 0x6000\nissue r s 0x0 -> ok 0x5000\n";
  CHECK(run(engine, lines + "sync").mismatches == 0);
  CHECK(run(engine, lines).mismatches == 0);
  CHECK(run(engine, lines + "access r u 0x8 -> ok 0x5008").mismatches == 0);
  CHECK(run(engine, lines + "expect refs == 12").mismatches == 0);
}

TEST_CASE("runner: an access that is never answered is a mismatch", "[runner]") {
  OddEngine engine;
  engine.forgets_last_issue = true;
  const ScenarioReport report = run(engine, "issue r u 0x0 -> ok 0x5000\nissue r u 0x1000 -> ok 0x6000\nsync");
  CHECK(report.mismatches == 1);
  REQUIRE(report.results.size() == 2);
  CHECK(report.results[1].mismatch);
}

TEST_CASE("runner: `now` waits while a commit is pending, `commit` tells", "[runner]") {
  {
    OddEngine engine;
    engine.busy_commits = 5;
    CHECK(run(engine, "now cr4 0xa0\naccess r u 0x0 -> ok 0x5000").mismatches == 0);
    CHECK(engine.busy_commits == 0);
  }
  OddEngine engine;
  engine.busy_commits = 1;
  CHECK(run(engine, "commit -> busy\ncommit -> ok\naccess r u 0x0 -> ok 0x5000").mismatches == 0);
}

TEST_CASE("runner: counts of contexts that were in flight together are not judged", "[runner]") {
  OddEngine engine;
  const std::string lines = "set cr3 0x1000 ctx 1\nissue r u 0x0\nissue r u 0x0 ctx 1\nexpect refs == 99\n";
  const ScenarioReport report = run(engine, lines);
  CHECK(report.mismatches == 0);
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].find("not judged") != std::string::npos);
}
