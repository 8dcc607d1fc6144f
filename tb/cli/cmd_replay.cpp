// vmmu replay: a real memory trace on page tables made for it, once per mode and page sizes.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "commands.hpp"
#include "replay/options.hpp"
#include "replay/report.hpp"
#include "replay/run.hpp"

namespace vmmu::tb {

namespace {

struct ReplayOptions {
  std::string trace;
  ReplaySelection selection;
  EngineChoice engine;
  RtlChoice rtl;
  std::uint64_t limit = kNoLimit;
  std::string out;
  unsigned jobs = 1;
  bool fresh = false;
  bool json = false;
  bool counters = false;
};

void print_mismatches(const std::vector<ReplayRow>& rows) {
  for (const ReplayRow& row : rows) {
    if (row.mismatches == 0) continue;
    fmt::print(stderr, "{}: {} mismatches, among them\n", case_name(row.replay_case), row.mismatches);
    for (const std::string& sample : row.samples) fmt::print(stderr, "  {}\n", sample);
  }
}

void print_unsupported(const std::vector<ReplayRow>& rows) {
  for (const ReplayRow& row : rows) {
    if (!row.unsupported.empty()) fmt::print(stderr, "{}: unsup: {}\n", case_name(row.replay_case), row.unsupported);
  }
}

// Tries the engine and every address space once, so that what cannot work is said before anything is written.
std::string find_obstacle(const MakeEngine& make, const std::vector<ReplayCase>& cases, const Trace& trace) {
  try {
    const Capabilities capabilities = capabilities_of(*make());
    const std::vector<std::uint64_t> pages = touched_pages(trace.accesses);
    std::string unsupported;
    std::size_t possible = 0;
    for (const ReplayCase& replay_case : cases) {
      if (const auto reason = missing(replay_case.mode, capabilities)) {
        unsupported = fmt::format("{}: {}", case_name(replay_case), *reason);
        continue;
      }
      ++possible;
      const auto built = AddressSpace::build(replay_case, pages, capabilities, [](HostPhys, std::uint64_t) {});
      if (const auto* error = std::get_if<std::string>(&built)) {
        return fmt::format("{}: {}", case_name(replay_case), *error);
      }
    }
    if (possible == 0) return unsupported;
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

int replay(const ReplayOptions& options) {
  const auto selected = select_cases(options.selection);
  if (const auto* error = std::get_if<std::string>(&selected)) return unusable(*error);
  const auto& cases = std::get<std::vector<ReplayCase>>(selected);
  const auto read = read_trace(options.trace, options.limit);
  if (const auto* error = std::get_if<InputError>(&read)) return unusable(error->message);
  const Trace& trace = std::get<Trace>(read);
  RtlChoice rtl = options.rtl;
  rtl.ports = PortChoice::ByOperation;  // as a core has it
  const MakeEngine make = [&options, &rtl] { return make_engine(options.engine, rtl); };
  if (const std::string obstacle = find_obstacle(make, cases, trace); !obstacle.empty()) return unusable(obstacle);
  if (!options.out.empty()) {
    if (const std::string error = make_folder(options.out); !error.empty()) return unusable(error);
  }

  Progress progress("replay", trace.accesses.size() * cases.size());
  const ReplayResult result = replay_all(
      make, cases, trace, options.jobs, [&progress](std::uint64_t done) { progress.at(done); },
      options.fresh ? Caches::Bypassed : Caches::On);
  if (!result.error.empty()) {
    progress.clear();
    fmt::print(stderr, "{}\n", result.error);
    return kExitMismatch;
  }
  // Cycles behind AXI4 are those of an interconnect that waits at random: the report says so.
  const ReportHead head{options.trace, options.engine.engine + (options.rtl.axi ? " --axi" : ""),
                        options.engine.preset};
  if (options.json) {
    for (const ReplayRow& row : result.rows) fmt::print("{}\n", json_object(head, row));
  } else {
    fmt::print("{}", table(head, result.rows));
    if (options.counters) fmt::print("\n{}", counter_table(result.rows));
  }
  if (!options.out.empty()) {
    if (const std::string error = write_report(options.out, head, result.rows); !error.empty()) return unusable(error);
  }
  print_unsupported(result.rows);
  print_mismatches(result.rows);
  const bool fine =
      std::all_of(result.rows.begin(), result.rows.end(), [](const ReplayRow& row) { return row.mismatches == 0; });
  return fine ? kExitFine : kExitMismatch;
}

}  // namespace

void add_replay(CLI::App& app, int& status) {
  const auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand("replay", "replays a memory trace on page tables that are built for it");
  command
      ->add_option("trace", options->trace,
                   "lackey log, text or ChampSim trace, plain or compressed; - is standard input")
      ->type_name("TRACE")
      ->required();
  command
      ->add_option("--modes", options->selection.modes,
                   "native, native-ds, nested, vmm-direct, guest-direct, dual-direct,\n"
                   "compromis, shadow; default: all")
      ->type_name("M,..")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--guest-page", options->selection.guest_pages, "4K, 2M, 1G, thp; default: all but thp")
      ->type_name("SIZE,..")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--vmm-page", options->selection.vmm_pages,
                   "4K, 2M, 1G, where the mode has nested pages; default: all")
      ->type_name("SIZE,..")
      ->delimiter(',')
      ->allow_extra_args(false);
  add_engine_options(*command, options->engine);
  command->add_flag("--axi", options->rtl.axi,
                    "the RTL behind vmmu_axi_top, with random latency, order and back-pressure");
  command->add_option("--seed", options->rtl.seed, "of the RTL's unreset state and of what --axi draws")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--limit", options->limit, "replay only the first N accesses, fetches included")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command->add_option("--jobs", options->jobs, "replays that run at the same time, 1 to 64")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  command->add_option("--out", options->out, "write replay.csv, replay.json and replay.svg into this folder")
      ->type_name("DIR");
  command->add_flag("--fresh", options->fresh, "caches bypassed: every access is a full walk");
  command->add_flag("--counters", options->counters, "below the table, every counter of the RTL that is not 0");
  command->add_flag("--json", options->json, "one JSON object per replay on standard output");
  command->callback([options, &status] { status = replay(*options); });
}

}  // namespace vmmu::tb
