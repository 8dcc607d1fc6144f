// Each way to ask which pages are dirty: exactly those that were written, whatever else happened.
#include "track/dirty_source.hpp"

#include <algorithm>
#include <set>

#include "catch.hpp"
#include "track_world.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kFirst = 0x400;
using Pages = std::vector<std::uint64_t>;

// 700 pages are more than one log holds; each third is written, some twice, all are read.
Pages touch_and_write(Machine& machine, std::uint64_t step) {
  Pages written;
  for (const std::uint64_t page : machine.pages()) {
    machine.run(at_page(page, Op::Read));
    if (page % step != 0) continue;
    machine.run(at_page(page, Op::Write, 8));
    machine.run(at_page(page, Op::Write, 16));
    written.push_back(page);
  }
  return written;
}

// gPAs of the pages of the process, rising.
Pages as_gpas(const Machine& machine, const Pages& pages) {
  Pages gpas;
  for (const std::uint64_t page : pages) gpas.push_back(machine.gpa_of(page).value / kBytesOfPage);
  std::sort(gpas.begin(), gpas.end());
  return gpas;
}

// Those of `pages` that are no page tables.
Pages data_only(const Machine& machine, const Pages& pages) {
  std::set<std::uint64_t> data;
  for (const std::uint64_t page : machine.pages()) data.insert(machine.gpa_of(page).value / kBytesOfPage);
  Pages out;
  std::copy_if(pages.begin(), pages.end(), std::back_inserter(out),
               [&data](std::uint64_t page) { return data.contains(page); });
  return out;
}

// How a read of the first page stops the guest.
std::string end_of(Machine& machine) {
  try {
    machine.run(at_page(kFirst, Op::Read));
  } catch (const GuestStopped& stopped) {
    return stopped.what();
  }
  return "it goes on";
}

}  // namespace

TEST_CASE("dirty pages: the guest's own techniques find what was written, and nothing else, round after round",
          "[dirty]") {
  const Technique technique = GENERATE(Technique::Epml, Technique::Spml, Technique::Proc);
  CAPTURE(name_of(technique));
  const World world(ReplayMode::Nested, logging_of(technique), page_range(kFirst, 1700));
  Machine& machine = *world.machine;
  const auto source = make_source(technique, machine);
  for (const std::uint64_t step : {2, 3, 2, 1}) {
    const Pages written = touch_and_write(machine, step);
    CHECK(source->collect() == written);
    CHECK(source->collect().empty());
  }
}

TEST_CASE("dirty pages: the hypervisor finds the data that was written, under every kind of translation", "[dirty]") {
  const ReplayMode mode = GENERATE(ReplayMode::Nested, ReplayMode::VmmDirect, ReplayMode::DualDirect);
  CAPTURE(traits(mode).name);
  Logging logging;
  logging.pml = true;
  logging.seg_log = mode != ReplayMode::Nested;
  const World world(mode, logging, page_range(kFirst, 1700));
  Machine& machine = *world.machine;
  PmlSource source(machine);
  for (const std::uint64_t step : {2, 3, 2, 1}) {
    const Pages written = as_gpas(machine, touch_and_write(machine, step));
    CHECK(data_only(machine, source.collect()) == written);
    CHECK(source.collect().empty());
  }
  CHECK(source.log_full() >= 3);
}

TEST_CASE("dirty pages: page tables whose flags the MMU sets are dirty for the hypervisor", "[dirty]") {
  const ReplayMode mode = GENERATE(ReplayMode::Nested, ReplayMode::VmmDirect);
  CAPTURE(traits(mode).name);
  Logging logging;
  logging.pml = true;
  logging.seg_log = mode != ReplayMode::Nested;
  const World world(mode, logging, page_range(kFirst, 1));
  Machine& machine = *world.machine;
  PmlSource source(machine);
  machine.run(at_page(kFirst, Op::Write));
  CHECK(source.collect().size() == 5);  // four tables and the page
}

TEST_CASE("dirty pages: a log of EPML or PML that is full is drained, and the access repeated", "[dirty]") {
  const Technique technique = GENERATE(Technique::Epml, Technique::Spml);
  CAPTURE(name_of(technique));
  const World world(ReplayMode::Nested, logging_of(technique), page_range(kFirst, 1025));
  Machine& machine = *world.machine;
  const auto source = make_source(technique, machine);
  touch_and_write(machine, 1);
  CHECK(source->collect().size() == 1025);
  if (technique == Technique::Epml) {
    CHECK(source->log_full() == 2);
    CHECK(source->records() == 1025);
  } else {
    CHECK(source->log_full() >= 2);
    CHECK(source->records() > 1025);  // the tables too
  }
}

TEST_CASE("dirty pages: /proc takes one fault for each page and round", "[dirty]") {
  const World world(ReplayMode::Nested, logging_of(Technique::Proc), page_range(kFirst, 10));
  const auto source = make_source(Technique::Proc, *world.machine);
  touch_and_write(*world.machine, 1);
  touch_and_write(*world.machine, 1);
  CHECK(source->faults() == 10);
  source->collect();
  touch_and_write(*world.machine, 1);
  CHECK(source->faults() == 20);
}

TEST_CASE("machine: a fault that nobody handles stops the guest with its kind and place", "[machine]") {
  const World world(ReplayMode::Nested, Logging{}, page_range(kFirst, 1));
  const HostPhys leaf = *world.machine->guest_leaf(kFirst);
  world.machine->poke(leaf, 0);
  CHECK(end_of(*world.machine).find("gVA 0x400000: fault kind 1") != std::string::npos);
}

TEST_CASE("machine: a build without a log is refused by its name", "[machine]") {
  const auto engine = model_engine(Preset::Tiny);
  CHECK(missing_logging(*engine, Logging{}).empty());
  CHECK(missing_logging(*engine, {.prl = true}) == "engine model has no PRL in this build");
  CHECK(missing_logging(*engine, {.epml = true}) == "engine model has no EPML in this build");
  CHECK(missing_logging(*engine, {.seg_log = true}) == "engine model has no segment dirty logging in this build");
}

TEST_CASE("machine: a translation that is not the layout's stops the guest", "[machine]") {
  const World world(ReplayMode::Nested, Logging{}, page_range(kFirst, 2));
  Machine& machine = *world.machine;
  machine.poke(*machine.guest_leaf(kFirst), machine.peek(*machine.guest_leaf(kFirst + 1)));
  CHECK(end_of(machine).find("expected hPA") != std::string::npos);
}
