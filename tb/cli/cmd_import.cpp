// vmmu import: traces of other programs into the text that `vmmu replay` reads.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "trace/convert.hpp"

namespace vmmu::tb {
namespace {

struct ImportCommand {
  std::string format;
  std::string in;
  std::string out;
};

int import(const ImportCommand& command) {
  if (command.format == "elfcore") return unusable("vmmu import elfcore: not in this version");
  const TraceFormat format = command.format == "lackey" ? TraceFormat::Lackey
                             : command.format == "text" ? TraceFormat::Text
                                                        : TraceFormat::ChampSim;
  const auto lines = convert_trace(command.in, format, command.out);
  if (const auto* error = std::get_if<InputError>(&lines)) return unusable(error->message);
  fmt::print(stderr, "{}: {} accesses\n", command.out, std::get<std::uint64_t>(lines));
  return kExitFine;
}

}  // namespace

void add_import(CLI::App& app, int& status) {
  const auto command = std::make_shared<ImportCommand>();
  CLI::App* sub = app.add_subcommand("import", "converts a trace into the text format of vmmu replay");
  sub->add_option("FORMAT", command->format, "lackey, text or champsim (elfcore: not in this version)")
      ->check(CLI::IsMember({"lackey", "text", "champsim", "elfcore"}))
      ->type_name("")
      ->required();
  sub->add_option("IN", command->in, "the trace, plain, gzip, xz or zstd; - is standard input")
      ->type_name("")
      ->required();
  sub->add_option("OUT", command->out, "the file to write, compressed if its name ends in .gz, .xz or .zst")
      ->type_name("")
      ->required();
  sub->callback([command, &status] { status = import(*command); });
}

}  // namespace vmmu::tb
