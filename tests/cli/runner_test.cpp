// Claims about running scenarios, on the model: how outcomes are judged and what follows from them.
#include <memory>
#include <string>

#include "catch.hpp"
#include "engine/engine.hpp"
#include "scenario/reader.hpp"
#include "scenario/runner.hpp"

using namespace vmmu::tb;

namespace {

// gVA 0x0 and 0x1000 map to 0x5000 (no flags yet) and 0x6000 (read-only).
constexpr const char* kMapping =
    "set cr3 0x1000\nmem 0x1000 0x2027\nmem 0x2000 0x3027\nmem 0x3000 0x4027\n"
    "mem 0x4000 0x5007 0x6025\n";

struct Run {
  ScenarioFile file;
  ScenarioReport report;
};

std::unique_ptr<Run> run(const std::string& lines, RunOptions options = {false, true, false},
                         Preset preset = Preset::Server) {
  auto result = std::make_unique<Run>();
  auto read = read_scenarios("scenario s\n" + lines + "\nend\n", "f");
  REQUIRE(std::holds_alternative<ScenarioFile>(read));
  result->file = std::get<ScenarioFile>(read);
  EngineOptions engine_options;
  engine_options.preset = preset;
  const auto engine = make_model_engine(engine_options);
  result->report = run_scenario(*engine, result->file.scenarios[0], options);
  return result;
}

std::uint64_t mismatches(const std::string& lines, RunOptions options = {false, true, false}) {
  return run(kMapping + lines, options)->report.mismatches;
}

std::uint64_t unsupported(const std::string& lines, Preset preset = Preset::Server) {
  return run(lines, {false, true, false}, preset)->report.unsupported;
}

}  // namespace

TEST_CASE("runner: kind, address and optional parts of ok are compared", "[runner]") {
  CHECK(mismatches("access r u 0x8 -> ok 0x5008 | 0x4000=0x5027") == 0);
  CHECK(mismatches("access r u 0x8 -> ok 0x5000 | 0x4000=0x5027") == 1);
  CHECK(mismatches("access r u 0x8 -> ok * size 4K pat 0 emt 6 | ...") == 0);
  CHECK(mismatches("access r u 0x8 -> ok * size 2M | ...") == 1);
  CHECK(mismatches("access r u 0x8 -> ok * pat 1 | ...") == 1);
  CHECK(mismatches("access r u 0x8 -> ok * emt 0 | ...") == 1);
  CHECK(mismatches("access r u 0x8 -> ok * ipat | ...") == 1);
  CHECK(mismatches("access w u 0x1000 -> pf 0x7") == 0);
  CHECK(mismatches("access w u 0x1000 -> pf 0x3") == 1);
  CHECK(mismatches("access w u 0x1000 -> gp") == 1);
  CHECK(mismatches("access r u 0x8") == 0);
}

TEST_CASE("runner: nothing may change beyond the list, unless it is open", "[runner]") {
  CHECK(mismatches("access r u 0x0 -> ok 0x5000") == 1);
  CHECK(mismatches("access r u 0x0 -> ok 0x5000 | ...") == 0);
  CHECK(mismatches("access r u 0x0 -> ok 0x5000 | 0x4000=0x5027 0x4008=0x6025") == 1);
  CHECK(mismatches("access r u 0x0 -> ok 0x5000 | 0x4000=0x5067") == 1);
  CHECK(mismatches("access r u 0x0 -> ok 0x5000 | 0x4000=0x5067~0x40") == 0);
  CHECK(mismatches("access r u 0x0 -> ok 0x5000 | 0x4000=0x5027 pmlindex=0x1ff") == 1);
}

TEST_CASE("runner: one alternative is enough, with its own changes", "[runner]") {
  CHECK(mismatches("access r u 0x0 -> ok 0x7000 or ok 0x5000 | 0x4000=0x5027") == 0);
  CHECK(mismatches("access r u 0x0 -> ok 0x7000 | 0x4000=0x5027 or ok 0x5000") == 1);
}

TEST_CASE("runner: without check only `expect` is judged", "[runner]") {
  const RunOptions plain;
  CHECK(mismatches("access r u 0x0 -> gp", plain) == 0);
  CHECK(mismatches("access r u 0x0\nexpect refs == 5", plain) == 1);
}

TEST_CASE("runner: expectations share a window that begins after the last group", "[runner]") {
  CHECK(mismatches("access r u 0x0\naccess r u 0x0\nexpect refs == 8\nexpect grefs == 8\nexpect cas == 1\n"
                   "expect walks == 2\naccess r u 0x0\nexpect refs == 4\nexpect cas == 0") == 0);
  CHECK(mismatches("access r u 0x0\nexpect refs <= 3\nexpect refs >= 5\nexpect nrefs == 1") == 3);
}

TEST_CASE("runner: counters of parts that are not there are 0, those of missing caches are not judged", "[runner]") {
  CHECK(mismatches("access r u 0x0\nexpect checks == 0\nexpect bitmap == 0\nexpect records.prl == 0") == 0);
  CHECK(mismatches("access r u 0x0\nexpect checks == 1") == 1);
  const auto result = run(kMapping + std::string("access r u 0x0\nexpect l1hit == 7"));
  CHECK(result->report.mismatches == 0);
  REQUIRE(result->report.notes.size() == 1);
  CHECK(result->report.notes[0].find("not judged") != std::string::npos);
}

TEST_CASE("runner: counters are those of the named context", "[runner]") {
  CHECK(mismatches("set cr3 0x1000 ctx 1\naccess r u 0x0\naccess r u 0x0 ctx 1\naccess r u 0x0 ctx 1\n"
                   "expect refs == 4\nexpect refs == 8 ctx 1\nexpect refs == 0 ctx 2") == 0);
}

TEST_CASE("runner: an expected event is cleared, so that noevent means no other", "[runner]") {
  CHECK(mismatches("stage maxphyaddr 20\ncommit -> rejected\nexpect event commit_rejected\nexpect noevent") == 0);
  CHECK(mismatches("stage maxphyaddr 20\ncommit -> rejected\nexpect noevent") == 1);
  CHECK(mismatches("expect event watchdog") == 1);
  CHECK(mismatches("commit -> rejected") == 1);
}

TEST_CASE("runner: relaxed goes on from the words that the file states", "[runner]") {
  // The flag of the guest's entry is set before the EPT violation of the final address; the file says otherwise.
  const std::string nested =
      "set cr3 0x1000\nset eptp 0x1001e\nmem 0x1000 0x2027\nmem 0x2000 0x3027\n"
      "mem 0x3000 0x40000087\nmem 0x10000 0x11007\nmem 0x11000 0xb7\n";
  const std::string fault = "access r u 0x0 -> ept 0x181 gpa 0x40000000 gla 0x0\n";
  const std::string again = "poke 0x11008 0x400000b7\naccess r u 0x0 -> ok 0x40000000 | 0x3000=0x400000a7\n";
  CHECK(run(nested + fault, {false, true, false})->report.mismatches == 1);
  CHECK(run(nested + fault + again, {false, true, true})->report.mismatches == 0);
  // A word that only the file knows is written, too.
  const std::string stated = "access r u 0x0 -> ept 0x181 | 0x3000=0x400000e7\n";
  const std::string then = "poke 0x11008 0x400000b7\naccess w u 0x0 -> ok 0x40000000\n";
  CHECK(run(nested + stated + then, {false, true, true})->report.mismatches == 0);
  // Kind, code and addresses still count.
  CHECK(run(nested + "access r u 0x0 -> ept 0x181 gpa 0x1000", {false, true, true})->report.mismatches == 1);
  CHECK(run(nested + "access r u 0x0 -> misconfig", {false, true, true})->report.mismatches == 1);
}

TEST_CASE("runner: relaxed takes the log index over as well", "[runner]") {
  // The walk logs the table page, then the data access finds the log full.
  const std::string lines =
      "set cr3 0x1000\nset eptp 0x1005e\nset pml 1\nset pmladdr 0x50000\nset pmlindex 0\nmem 0x1000 0x2027\n"
      "mem 0x2000 0x3027\nmem 0x3000 0x400000e7\nmem 0x10000 0x11107\nmem 0x11000 0xb7 0x400000b7\n";
  const std::string strict = "access w u 0x0 -> pmlfull | 0x11000=0x3b7 0x50000=0x1000 pmlindex=0xffff\n";
  const std::string relaxed = "access w u 0x0 -> pmlfull\n";
  CHECK(run(lines + strict + relaxed, {false, true, false})->report.mismatches == 0);
  CHECK(run(lines + relaxed + strict, {false, true, true})->report.mismatches == 0);
  CHECK(run(lines + relaxed + "access w u 0x0 -> ok *", {false, true, true})->report.mismatches == 1);
}

TEST_CASE("runner: registers that name no mode of this MMU answer unsup", "[runner]") {
  const std::string access = "\naccess r u 0x0 -> unsup\naccess r u 0x0";
  for (const char* set : {"set cr0 0x1",
                          "set cr0 0x80010000",
                          "set cr4 0x0",
                          "set efer 0x0",
                          "set cr4 0x800020",
                          "set cr4 0x1000020",
                          "set cr4 0x10000020",
                          "set eptp 0x1001f",
                          "set eptp 0x10016",
                          "set eptp 0x1001e\nset virt.on 0",
                          "set maxphyaddr 31",
                          "set cr3 0x4000000000000",
                          "set shadow.on 1",
                          "set vseg4.base 0",
                          "set vseg4.bitmap 0",
                          "set gseg.base 0x1000\nset gseg.limit 0x3000\nset gseg.offset 0xffffffffffffe000",
                          "set vseg0.limit 0x1000",
                          "set prl.on 1\nset prl.addr 0x4000000000000",
                          "set virt.on 1\nset vseg.miss 1\nset vseg0.limit 0x1000\nset seglog.on 1\n"
                          "set vseg0.bitmap 0x4000000000000",
                          "set cr3 0x1000 ctx 9"}) {
    INFO(set);
    const auto result = run(set + access);
    CHECK(result->report.unsupported == 2);
    CHECK(result->report.mismatches == 0);
    CHECK_FALSE(result->report.unsupported_because.empty());
  }
}

TEST_CASE("runner: segments and shadow roots that the build lacks answer unsup", "[runner]") {
  for (const char* line :
       {"set vseg2.base 0", "set vseg3.attr 7", "set shadow.on 0", "shadowroot 0 0 0 0", "rootdone", "syncdone"}) {
    INFO(line);
    const std::string text = line + std::string("\naccess r u 0x0");
    CHECK(unsupported(text, Preset::Tiny) == 1);
    CHECK(unsupported(text, Preset::Server) == 0);
  }
  CHECK(unsupported("set vseg1.base 0\naccess r u 0x0", Preset::Tiny) == 0);
  CHECK(unsupported("set vseg1.base 0\naccess r u 0x0", Preset::Paper) == 1);
  CHECK(unsupported("set gseg.base 0\nset vseg.miss 1\nset vfilter.0 1\nescape vmm 0\naccess r u 0x0", Preset::Paper) ==
        0);
}

TEST_CASE("runner: logs and bitmaps that the build lacks answer unsup", "[runner]") {
  for (const char* name :
       {"prl.on", "prl.status", "prl.index", "epml.on", "epml.watermark", "seglog.on", "vseg1.bitmap"}) {
    INFO(name);
    const std::string text = std::string("set ") + name + " 0\naccess r u 0x0";
    CHECK(unsupported(text, Preset::Tiny) == 1);
    CHECK(unsupported(text, Preset::Server) == 0);
  }
  CHECK(unsupported("set vseg0.bitmap 0\naccess r u 0x0", Preset::Paper) == 0);
  CHECK(unsupported("set vseg1.bitmap 0\naccess r u 0x0", Preset::Paper) == 1);
}

TEST_CASE("runner: a width beyond the build answers unsup", "[runner]") {
  CHECK(unsupported("set maxphyaddr 48\naccess r u 0x0", Preset::Tiny) == 1);
  CHECK(unsupported("set maxphyaddr 48\naccess r u 0x0", Preset::Server) == 0);
  CHECK(unsupported("access r u 0x0", Preset::Tiny) == 0);
  CHECK(unsupported("access r u 0x0\nnow maxphyaddr 48\naccess r u 0x0\nnow maxphyaddr 40\naccess r u 0x0",
                    Preset::Tiny) == 1);
}

TEST_CASE("runner: an access that is done although unsup was expected is a mismatch", "[runner]") {
  CHECK(mismatches("access r u 0x0 -> unsup") == 1);
}

TEST_CASE("runner: bits without a meaning for paging are accepted", "[runner]") {
  CHECK(unsupported("set cr0 0xe005003b\nset cr4 0x406f8\nset efer 0xd01\naccess r u 0x0") == 0);
}

TEST_CASE("runner: an illegal LOAD_CR3 changes nothing, a legal one outlives the next commit", "[runner]") {
  const auto result = run(kMapping + std::string("loadcr3 0x4000000000000\naccess r u 0x1000 -> ok 0x6000"));
  CHECK(result->report.mismatches == 0);
  CHECK(result->report.notes.size() == 1);
  CHECK(mismatches("mem 0x11000 0x12027\nmem 0x12000 0x13027\nmem 0x13000 0xe7\nloadcr3 0x11000\nnow cr4 0xa0\n"
                   "access r u 0x1000 -> ok 0x1000") == 0);
}

TEST_CASE("runner: issued accesses are judged one by one, their changes at the sync", "[runner]") {
  CHECK(mismatches("issue r u 0x0 -> ok 0x5000\nissue w u 0x1000 -> pf 0x7\nsync") == 0);
  CHECK(mismatches("issue r u 0x0 -> ok 0x9000\nissue w u 0x1000 -> pf 0x7") == 1);
  CHECK(mismatches("issue r u 0x0 -> ok 0x5000 | 0x4000=0x5027\nissue w u 0x0 -> ok 0x5000 | 0x4000=0x5067\nsync") ==
        0);
  CHECK(mismatches("issue r u 0x0 -> ok 0x5000 | 0x4000=0x5067\nsync") == 1);
}

TEST_CASE("runner: the report printed back is the scenario's own regression test", "[runner]") {
  const std::string lines = kMapping + std::string("access r u 0x8 -> gp\naccess w u 0x1000\ncommit\nissue r u 0x0");
  const auto first = run(lines, {});
  const std::string text = print(first->report);
  CHECK(text.find("access r u 0x8 -> ok 0x5008 | 0x4000=0x5027\n") != std::string::npos);
  CHECK(text.find("access w u 0x1000 -> pf 0x7\n") != std::string::npos);
  CHECK(text.find("commit -> ok\n") != std::string::npos);
  auto read = read_scenarios(text, "f");
  REQUIRE(std::holds_alternative<ScenarioFile>(read));
  const auto engine = make_model_engine({});
  const auto again = run_scenario(*engine, std::get<ScenarioFile>(read).scenarios[0], {false, true, false});
  CHECK(again.mismatches == 0);
  CHECK(print(again) == text);
}
