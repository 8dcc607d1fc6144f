// The program vmmu.
#include <fmt/format.h>

#include <exception>

#include "cli/commands.hpp"

namespace {

// Commands of the interface that this version does not have. They are named, so that nobody takes them for a typing
// error, and refused whatever follows them.
void add_absent(CLI::App& app, const char* name, int& status) {
  CLI::App* command = app.add_subcommand(name, "not in this version");
  command->allow_extras();
  command->callback([name, &status] {
    fmt::print(stderr, "vmmu {}: not in this version\n", name);
    status = vmmu::tb::kExitUnusable;
  });
}

int run(int argc, char** argv) {
  CLI::App app("vmmu: an x86-64 and EPT memory-management unit, its RTL and its reference model", "vmmu");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "vmmu " VMMU_VERSION);
  bool help_json = false;
  app.add_flag("--help-json", help_json, "print what the keys of the JSON output mean");
  int status = vmmu::tb::kExitFine;
  vmmu::tb::add_run(app, status);
  vmmu::tb::add_replay(app, status);
  vmmu::tb::add_track(app, status);
  vmmu::tb::add_import(app, status);
  vmmu::tb::add_info(app, status);
  for (const char* name : {"eval", "fuzz"}) add_absent(app, name, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "vmmu: {}\nvmmu --help tells more\n", error.what());
    return vmmu::tb::kExitUnusable;
  }
  if (help_json) {
    fmt::print("{}", vmmu::tb::json_help());
    return vmmu::tb::kExitFine;
  }
  if (app.get_subcommands().empty()) {
    fmt::print(stderr, "{}", app.help());
    return vmmu::tb::kExitUnusable;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "vmmu: {}\n", error.what());
    return vmmu::tb::kExitUnusable;
  }
}
