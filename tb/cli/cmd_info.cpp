// vmmu info: build parameters, register map, version.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"
#include "engine/preset_info.hpp"
#include "registers/register_table.hpp"

namespace vmmu::tb {
namespace {

std::vector<std::string> built_names() {
  std::vector<std::string> names;
  for (const Preset preset : built_presets()) names.emplace_back(preset_info(preset).name);
  return names;
}

void print_text(const PresetInfo& info) {
  fmt::print("vmmu {}\n\nRTL in this executable: ", VMMU_VERSION);
  const std::vector<std::string> built = built_names();
  fmt::print("{}\n\npreset {}\n", built.empty() ? "none" : fmt::format("{}", fmt::join(built, ", ")), info.name);
  for (std::size_t i = 0; i < kNumParameters; ++i) fmt::print("  {:<16} {}\n", kParameterNames[i], info.values[i]);
  fmt::print("\nregisters\n");
  for (const RegisterInfo& row : kRegisterTable) {
    fmt::print("  {:<6} {:#07x}  {:<14} {:>2} bits  {:<8}  {}\n", page_name(row.page), row.offset, row.name, row.width,
               kind_name(row.kind), row.description);
  }
}

void print_json(const PresetInfo& info) {
  nlohmann::ordered_json object;
  object["version"] = VMMU_VERSION;
  object["preset"] = info.name;
  for (std::size_t i = 0; i < kNumParameters; ++i) {
    object["parameters"][std::string(kParameterNames[i])] = info.values[i];
  }
  for (const RegisterInfo& row : kRegisterTable) {
    object["registers"].push_back({{"name", row.name},
                                   {"page", page_name(row.page)},
                                   {"offset", row.offset},
                                   {"width", row.width},
                                   {"count", row.count},
                                   {"kind", kind_name(row.kind)},
                                   {"reset", row.reset},
                                   {"description", row.description}});
  }
  object["presets"] = built_names();
  fmt::print("{}\n", object.dump());
}

}  // namespace

void add_info(CLI::App& app, int& status) {
  struct Options {
    std::string preset = "server";
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("info", "prints build parameters, register map and version");
  std::vector<std::string> presets;
  for (const PresetInfo& info : kPresets) presets.emplace_back(info.name);
  sub->add_option("--preset", options->preset, "build of the hardware: paper, server, server-big, tiny")
      ->check(CLI::IsMember(presets))
      ->type_name("P")
      ->capture_default_str();
  sub->add_flag("--json", options->json, "one JSON object on standard output (vmmu --help-json)");
  sub->callback([options, &status] {
    const PresetInfo& info = preset_info(*preset_by_name(options->preset));
    if (options->json) {
      print_json(info);
    } else {
      print_text(info);
    }
    status = std::fflush(stdout) == 0 ? kExitFine : kExitUnusable;
  });
}

}  // namespace vmmu::tb
