// What several commands share: choice of engine, progress, documentation of the JSON keys.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "cli/commands.hpp"
#include "engine/preset_info.hpp"

namespace vmmu::tb {

void add_engine_options(CLI::App& command, EngineChoice& choice) {
  std::vector<std::string> presets;
  for (const PresetInfo& info : kPresets) presets.emplace_back(info.name);
  command.add_option("--engine", choice.engine, "rtl, model, or both in lock step")
      ->check(CLI::IsMember({"rtl", "model", "both"}))
      ->type_name("E")
      ->capture_default_str();
  command.add_option("--preset", choice.preset, "build of the hardware: paper, server, server-big, tiny")
      ->check(CLI::IsMember(presets))
      ->type_name("P")
      ->capture_default_str();
}

std::unique_ptr<Engine> make_engine(const EngineChoice& choice, const RtlChoice& rtl) {
  EngineOptions options;
  const std::optional<Preset> preset = preset_of(choice);
  if (!preset) throw std::runtime_error("unknown preset " + choice.preset);
  options.preset = *preset;
  options.wave_file = rtl.wave_file;
  options.axi = rtl.axi;
  options.seed = rtl.seed;
  options.ports = rtl.ports;
  if (choice.engine == "rtl") return make_rtl_engine(options);
  if (choice.engine == "both") return make_lockstep_engine(options);
  if (rtl.axi) throw std::runtime_error("--axi needs the RTL: --engine rtl or both");
  if (!rtl.wave_file.empty()) throw std::runtime_error("--wave needs the RTL: --engine rtl or both");
  return make_model_engine(options);
}

std::optional<Preset> preset_of(const EngineChoice& choice) { return preset_by_name(choice.preset); }

int unusable(const std::string& message) {
  fmt::print(stderr, "{}\n", message);
  return kExitUnusable;
}

std::string make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && std::filesystem::is_directory(folder)) return "";
  return fmt::format("--out: {}: {}", folder, error ? error.message() : "not a folder");
}

Progress::Progress(std::string what, std::uint64_t total)
    : what_(std::move(what)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::at(std::uint64_t done) {
  if (total_ == 0) return;
  const auto percent =
      static_cast<unsigned>(100.0 * static_cast<double>(std::min(done, total_)) / static_cast<double>(total_));
  const unsigned step = terminal_ ? 1 : 10;
  if (percent / step == shown_percent_ / step) return;
  shown_percent_ = percent;
  if (!terminal_) {
    fmt::print(stderr, "{}: {} % ({} of {})\n", what_, percent / step * step, done, total_);
    return;
  }
  constexpr unsigned kBarWidth = 40;
  const unsigned filled = percent * kBarWidth / 100;
  fmt::print(stderr, "\r{} [{:=<{}}{:<{}}] {:3} %", what_, "", filled, "", kBarWidth - filled, percent);
  if (percent == 100) fmt::print(stderr, "\n");
}

void Progress::clear() {
  if (terminal_ && shown_percent_ != 0 && shown_percent_ != 100) fmt::print(stderr, "\r\033[K");
}

std::string json_help() {
  return R"(One JSON object per line on standard output, with those of these keys that apply.

run: one object per access, and one per failed `expect` or commit
  scenario      name of the scenario
  access        number of the access in its scenario, from 1; absent when the object is not about an access
  outcome       what came of it, in the words of the scenario language: "ok 0x5123 | 0x4000=0x5067"
  expected      what the file expects, alternatives joined by " or "; absent when it expects nothing
  engine        rtl, model or both
  preset        paper, server, server-big or tiny
  cycles        clock cycles from acceptance to answer; absent from the model, which has no clock
  mismatches    1 if outcome and expectation (with --check), or RTL and model differ, else 0
  differences   array of texts: where RTL and model differ; absent when they agree

replay: one object per mode and page sizes
  trace         name of the trace
  mode          native, native-ds, nested, vmm-direct, guest-direct, dual-direct, compromis or shadow
  guest_page    size of the guest's pages: 4K, 2M, 1G, thp; absent where a guest segment stands in for them
  vmm_page      size of the nested pages: 4K, 2M, 1G; absent where there are none
  engine        rtl, model or both
  preset        as above
  accesses      accesses replayed
  l1_misses     accesses that missed the L1 TLB; absent from the model, which has no caches
  miss_ratio    l1_misses / accesses
  l2_hits       of the misses, answered by the L2 TLB; like the next two absent from the model
  ntlb_hits     guest-physical pages that the nested TLB translated for walks
  merged        accesses that waited for the walk of another one to their page
  walks         page walks; absent when the engine does not count them
  walk_cycles   cycles in use, summed over the walk slots; absent from the model
  references    page-table entries read
  references_per_walk  references / walks
  full_walk     references of a walk with nothing cached; absent when the trace's pages differ
  checks        addresses compared with segments; absent when the engine does not count them
  filter_hits   of these, in range of a segment and escaped
  cycles        clock cycles; absent from the model
  cycles_per_access    cycles / accesses
  mismatches    differences between RTL and model, accesses that did not reach the mapped address, and references or
                checks that are not those of the mode
  seconds       time that the replay took
  accesses_per_second  accesses / seconds
  counter_*     every counter of the RTL's registers, as docs/registers.md names them; absent from the model
  unsupported   why this build cannot do the mode, in which case nothing was replayed; absent otherwise

track: one object per row of a table; the keys are the columns (docs/trackers.md)
  table         rows (one per estimate, round or collection), summary (one per run) or comparison (with the papers)

info: one object
  version       of the program
  preset        as above
  parameters    object: name of each build parameter to its value
  registers     array of {name, page, offset, width, count, kind, reset, description}; page is "global", "host" or
                "guest", kind is "staged", "live", "constant" or "command"
  presets       array: presets whose RTL this executable contains
)";
}

}  // namespace vmmu::tb
