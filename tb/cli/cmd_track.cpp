// vmmu track: working sets, migration, checkpoints and collections by what the MMU logged.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "track/machine.hpp"
#include "track/report.hpp"
#include "track/trackers.hpp"

namespace vmmu::tb {

namespace {

constexpr std::string_view kPhasePrefix = "phases:";
constexpr double kWssRate = 250e3;
constexpr double kOtherRate = 1e9;

struct TrackOptions {
  std::string trace;
  std::string tracker;
  EngineChoice engine{"model", "server"};
  std::uint64_t limit = kNoLimit;
  double rate = 0;  // 0: the tracker's default
  WssConfig wss;
  MigrateConfig migrate;
  std::vector<std::string> logs;
  CollectConfig collect;
  PhaseConfig phase;
  std::string out;
  bool json = false;
  bool ooh = false;
};

// An option that means something to some trackers only; without any, to phases:LETTERS.
struct Scoped {
  const CLI::Option* option;
  std::vector<std::string> trackers;
};

// The option that was given although the run has no use for it, in words; empty: none.
std::string misplaced(const std::vector<Scoped>& scoped, const TrackOptions& options) {
  const bool made_here = options.trace.starts_with(kPhasePrefix);
  for (const Scoped& scope : scoped) {
    if (scope.option->count() == 0) continue;
    if (scope.trackers.empty()) {
      if (!made_here) return fmt::format("{} is an option of phases:LETTERS", scope.option->get_name());
      continue;
    }
    if (std::find(scope.trackers.begin(), scope.trackers.end(), options.tracker) != scope.trackers.end()) continue;
    return fmt::format("{} is an option of --tracker {}", scope.option->get_name(), fmt::join(scope.trackers, " or "));
  }
  return "";
}

std::variant<Workload, std::string> workload(const TrackOptions& options, double rate) {
  if (options.trace.starts_with(kPhasePrefix)) {
    PhaseConfig config = options.phase;
    config.rate = rate;
    auto made = phases(options.trace.substr(kPhasePrefix.size()), config);
    if (auto* ready = std::get_if<Workload>(&made)) ready->size = std::min(ready->size, options.limit);
    return made;
  }
  auto read = read_trace(options.trace, options.limit);
  if (const auto* error = std::get_if<InputError>(&read)) return error->message;
  return workload_of(options.trace, std::get<Trace>(std::move(read)));
}

std::vector<DirtyLog> chosen_logs(const std::vector<std::string>& names) {
  std::vector<DirtyLog> logs;
  for (const std::string& name : names) {
    logs.push_back(name == "nested"       ? DirtyLog::Nested
                   : name == "vmm-direct" ? DirtyLog::VmmDirect
                                          : DirtyLog::DualDirect);
  }
  return logs;
}

TrackResult run_tracker(const TrackOptions& options, const TrackRun& run) {
  if (options.tracker == "wss") return track_wss(run, options.wss);
  if (options.tracker == "migrate") {
    MigrateConfig config = options.migrate;
    if (!options.logs.empty()) config.logs = chosen_logs(options.logs);
    return track_migration(run, config);
  }
  CollectConfig config = options.collect;
  config.collector = options.tracker == "gc" ? Collector::Gc : Collector::Checkpoint;
  return track_collections(run, config);
}

int print_report(const TrackOptions& options, const TrackReport& report) {
  fmt::print("{}", options.json ? json_lines_of(report) : text_of(report));
  if (!options.out.empty()) {
    if (const std::string error = write_report(options.out, report); !error.empty()) return unusable(error);
  }
  for (const std::string& failure : report.failures) fmt::print(stderr, "{}\n", failure);
  return report.failures.empty() ? kExitFine : kExitMismatch;
}

int track(const TrackOptions& options, const std::vector<Scoped>& scoped) {
  if (const std::string error = misplaced(scoped, options); !error.empty()) return unusable(error);
  if (options.wss.estimator.omega < options.wss.estimator.mu) return unusable("--omega: shorter than --mu");
  if (options.ooh != options.tracker.empty() || options.ooh != options.trace.empty()) {
    return unusable("vmmu track: expected TRACE and --tracker, or --ooh alone");
  }
  TrackRun run;
  run.rate = options.rate > 0 ? options.rate : options.tracker == "wss" ? kWssRate : kOtherRate;
  if (!options.ooh) {
    auto made = workload(options, run.rate);
    if (const auto* error = std::get_if<std::string>(&made)) return unusable(*error);
    run.workload = std::get<Workload>(std::move(made));
  }
  run.begin = [&options] { return options.out.empty() ? std::string() : make_folder(options.out); };
  if (options.ooh) {
    if (const std::string error = run.begin(); !error.empty()) return unusable(error);
    return print_report(options, ooh_report());
  }
  run.preset = *preset_of(options.engine);
  run.make_engine = [&options] { return make_engine(options.engine); };
  const bool collects = options.tracker == "checkpoint" || options.tracker == "gc";
  Progress progress("track", run.workload.size * (collects ? 3 : 1));
  run.progress = [&progress](std::uint64_t done) { progress.at(done); };
  TrackResult result;
  try {
    result = run_tracker(options, run);
  } catch (const GuestStopped& stopped) {
    progress.clear();
    fmt::print(stderr, "{}\n", stopped.what());
    return kExitMismatch;
  }
  if (const auto* error = std::get_if<std::string>(&result)) return unusable(*error);
  return print_report(options, std::get<TrackReport>(result));
}

}  // namespace

void add_track(CLI::App& app, int& status) {
  const auto options = std::make_shared<TrackOptions>();
  const auto scoped = std::make_shared<std::vector<Scoped>>();
  CLI::App* command = app.add_subcommand("track", "runs a tracker on what the MMU logs while a trace runs");
  command
      ->add_option("trace", options->trace,
                   "a trace as `vmmu replay` reads it, or phases:LETTERS, made here: 1 to 64 phases\n"
                   "that read (R) or write (W) an array")
      ->type_name("TRACE");
  command->add_option("--tracker", options->tracker, "wss, migrate, checkpoint or gc")
      ->check(CLI::IsMember({"wss", "migrate", "checkpoint", "gc"}))
      ->type_name("T");
  command->add_flag("--ooh", options->ooh, "instead: OoH's cost formulas on OoH's own measurements");
  add_engine_options(*command, options->engine);
  command
      ->add_option("--rate", options->rate,
                   "accesses a second, which gives the trace its time, 1 to 1e12;\ndefault: 250e3 for wss, else 1e9")
      ->check(CLI::Range(1.0, 1e12))
      ->type_name("R");
  command->add_option("--limit", options->limit, "use only the first N accesses, fetches included")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  const auto of = [&scoped](CLI::Option* option, std::vector<std::string> trackers) {
    scoped->push_back({option, std::move(trackers)});
    return option;
  };
  of(command->add_option("--tau", options->wss.estimator.tau,
                         "wss: a page logged more than N times is in the working set, 0 to 1e9"),
     {"wss"})
      ->check(CLI::Range(0u, 1000000000u))
      ->type_name("N")
      ->capture_default_str();
  of(command->add_option("--mu", options->wss.estimator.mu, "wss: seconds from one estimate to the next, above 0"),
     {"wss"})
      ->check(CLI::PositiveNumber)
      ->type_name("S")
      ->capture_default_str();
  of(command->add_option("--omega", options->wss.estimator.omega,
                         "wss: seconds without change after which an estimate is an answer, >= mu"),
     {"wss"})
      ->check(CLI::PositiveNumber)
      ->type_name("S")
      ->capture_default_str();
  of(command->add_option("--poll", options->wss.poll, "wss: accesses between two looks at the log's events, 1 to 1e9"),
     {"wss"})
      ->check(CLI::Range(1u, 1000000000u))
      ->type_name("N")
      ->capture_default_str();
  of(command->add_flag("--two-buffers", options->wss.two_buffers, "wss: PRL_DOUBLE, two buffers in turn"), {"wss"});
  of(command->add_option("--log", options->logs,
                         "migrate: nested (PML), vmm-direct, dual-direct (segment bitmaps); default: all"),
     {"migrate"})
      ->check(CLI::IsMember({"nested", "vmm-direct", "dual-direct"}))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("L,..");
  of(command->add_option("--bandwidth", options->migrate.bandwidth, "migrate: MB (10^6 bytes) a second, 0.001 to 1e9"),
     {"migrate"})
      ->check(CLI::Range(0.001, 1e9))
      ->type_name("MB/S")
      ->capture_default_str();
  of(command->add_option("--downtime-ms", options->migrate.downtime_limit_ms,
                         "migrate: the guest is stopped when the rest takes no longer than this, 0 to 1e9"),
     {"migrate"})
      ->check(CLI::Range(0.0, 1e9))
      ->type_name("MS")
      ->capture_default_str();
  of(command->add_option("--max-rounds", options->migrate.max_rounds, "migrate: or after so many rounds, 1 to 10000"),
     {"migrate"})
      ->check(CLI::Range(1u, 10000u))
      ->type_name("N")
      ->capture_default_str();
  of(command->add_option("--interval", options->collect.interval,
                         "checkpoint, gc: seconds from one collection to the next, above 0"),
     {"checkpoint", "gc"})
      ->check(CLI::PositiveNumber)
      ->type_name("S")
      ->capture_default_str();
  of(command->add_option("--processing-us", options->collect.processing_us_per_page,
                         "checkpoint, gc: microseconds that the tracker spends on a dirty page, 0 to 1e6;\n"
                         "default: from OoH's table"),
     {"checkpoint", "gc"})
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("US");
  of(command->add_option("--phase-mib", options->phase.array_mib, "phases: MiB of the array, 1 to 65536"), {})
      ->check(CLI::Range(1u, 65536u))
      ->type_name("N")
      ->capture_default_str();
  of(command->add_option("--background-mib", options->phase.background_mib,
                         "phases: MiB that are written in every phase, as by the guest's kernel, 0 to 65536"),
     {})
      ->check(CLI::Range(0u, 65536u))
      ->type_name("N")
      ->capture_default_str();
  of(command->add_option("--phase-seconds", options->phase.seconds, "phases: seconds of each, above 0"), {})
      ->check(CLI::PositiveNumber)
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--out", options->out, "write tables (CSV, JSON) and curves (SVG) into this folder")
      ->type_name("DIR");
  command->add_flag("--json", options->json, "one JSON object per row on standard output");
  command->callback([options, scoped, &status] { status = track(*options, *scoped); });
}

}  // namespace vmmu::tb
