// vmmu run: scenario files on an engine.
#include <fmt/format.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/run_report.hpp"
#include "scenario/printer.hpp"
#include "scenario/reader.hpp"
#include "scenario/runner.hpp"
#include "trace/input.hpp"

namespace vmmu::tb {
namespace {

struct RunCommand {
  std::vector<std::string> files;
  EngineChoice engine;
  RunOptions options;
  bool flat = false;
  bool json = false;
  RtlChoice rtl;
};

struct Totals {
  std::uint64_t scenarios = 0;
  std::uint64_t accesses = 0;
  std::uint64_t mismatches = 0;
  std::uint64_t unsupported = 0;
};

// Every file is read before anything is run or printed: unusable input leaves no half results. Returns false after a
// message.
bool read_files(const std::vector<std::string>& paths, std::vector<ScenarioFile>& files) {
  for (const std::string& path : paths) {
    const auto text = read_all(path);
    if (const auto* error = std::get_if<InputError>(&text)) {
      unusable(error->message);
      return false;
    }
    auto file = read_scenarios(std::get<std::string>(text), path == "-" ? "<stdin>" : path);
    if (const auto* error = std::get_if<ReadError>(&file)) {
      unusable(error->text());
      return false;
    }
    files.push_back(std::move(std::get<ScenarioFile>(file)));
  }
  return true;
}

void write_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// Standard output may be a full disk or a closed pipe: a result that was not written is not a result.
int flushed(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return unusable("cannot write to standard output");
}

int print_flat(const std::vector<ScenarioFile>& files) {
  for (const ScenarioFile& file : files) {
    for (const Scenario& scenario : file.scenarios) write_out(print(scenario));
  }
  return flushed(kExitFine);
}

void show(const RunCommand& command, const std::string& file, const ScenarioReport& report, Progress& progress) {
  const std::string differences = text_differences(file, report);
  const std::string unsupported = text_unsupported(file, report);
  const std::string notes = text_notes(file, report);
  std::string out;
  std::string err = notes;
  if (command.json) {
    out = json_results(command.engine, report);
  } else if (command.options.check) {
    out = differences + unsupported;
  } else {
    out = print(report);
    err += differences + unsupported;
  }
  if (out.empty() && err.empty()) return;
  progress.clear();
  write_out(out);
  if (!err.empty()) fmt::print(stderr, "{}", err);
}

int run_files(const RunCommand& command, Engine& engine, const std::vector<ScenarioFile>& files) {
  Totals totals;
  for (const ScenarioFile& file : files) totals.scenarios += file.scenarios.size();
  Progress progress("run", totals.scenarios);
  std::uint64_t done = 0;
  for (const ScenarioFile& file : files) {
    for (const Scenario& scenario : file.scenarios) {
      const ScenarioReport report = run_scenario(engine, scenario, command.options);
      totals.accesses += report.accesses;
      totals.mismatches += report.mismatches;
      totals.unsupported += report.unsupported;
      show(command, file.name, report, progress);
      progress.at(++done);
    }
  }
  const int status = flushed(totals.mismatches == 0 ? kExitFine : kExitMismatch);
  if (command.options.check) {
    fmt::print(stderr, "{} scenarios, {} accesses, {} mismatches, {} unsupported\n", totals.scenarios, totals.accesses,
               totals.mismatches, totals.unsupported);
  }
  return status;
}

int run(const RunCommand& command) {
  std::vector<ScenarioFile> files;
  if (!read_files(command.files, files)) return kExitUnusable;
  if (command.flat) return print_flat(files);
  std::unique_ptr<Engine> engine;
  try {
    engine = make_engine(command.engine, command.rtl);
  } catch (const std::exception& error) {
    return unusable(
        fmt::format("--engine {} --preset {}: {}", command.engine.engine, command.engine.preset, error.what()));
  }
  try {
    return run_files(command, *engine, files);
  } catch (const std::exception& error) {  // an assertion, or an engine that cannot go on
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", error.what());
    return kExitMismatch;
  }
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  const auto command = std::make_shared<RunCommand>();
  CLI::App* sub = app.add_subcommand("run", "runs scenario files");
  sub->add_option("FILE", command->files, "scenario files, plain, gzip, xz or zstd; - is standard input")
      ->type_name("")
      ->required();
  add_engine_options(*sub, command->engine);
  sub->add_flag("--fresh", command->options.fresh, "bypass all caches in every access");
  sub->add_flag("--check", command->options.check,
                "print only what differs from the expectations, then a closing line");
  sub->add_flag("--relaxed", command->options.relaxed,
                "compare faults by kind, code and addresses, then go on from the words of the file");
  sub->add_flag("--flat", command->flat, "print the flat form without running anything");
  sub->add_flag("--axi", command->rtl.axi,
                "the RTL behind its AXI4 master, with random latency, order, back-pressure and failing exclusives");
  sub->add_option("--seed", command->rtl.seed, "of the RTL's unreset state and of what --axi draws")
      ->type_name("S")
      ->capture_default_str();
  sub->add_option("--wave", command->rtl.wave_file, "write waves, in a build with tracing")->type_name("F.fst");
  sub->add_flag("--json", command->json, "one JSON object per result on standard output (vmmu --help-json)");
  sub->callback([command, &status] { status = run(*command); });
}

}  // namespace vmmu::tb
