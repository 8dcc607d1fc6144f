// The commands of `vmmu` and what they share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/engine.hpp"

namespace vmmu::tb {

// Exit status of every command.
inline constexpr int kExitFine = 0;
inline constexpr int kExitMismatch = 1;  // a mismatch, a failed expectation or an assertion
inline constexpr int kExitUnusable = 2;  // unusable input or options; nothing was written

// --engine and --preset, which several commands share.
struct EngineChoice {
  std::string engine = "both";    // rtl, model, both
  std::string preset = "server";  // paper, server, server-big, tiny
};
void add_engine_options(CLI::App& command, EngineChoice& choice);

// The preset of that name; empty: there is none.
std::optional<Preset> preset_of(const EngineChoice& choice);

// How the RTL is run.
struct RtlChoice {
  std::string wave_file;   // empty: none
  bool axi = false;        // behind its AXI4 master
  std::uint64_t seed = 1;  // of unreset state, and of the trouble behind AXI4
  PortChoice ports = PortChoice::First;
};

// The engine that was asked for. Throws std::runtime_error when this build does not have it.
std::unique_ptr<Engine> make_engine(const EngineChoice& choice, const RtlChoice& rtl = {});

// Says on stderr why the input cannot be used; returns kExitUnusable.
int unusable(const std::string& message);
// Makes a folder for results, before the long work begins. Returns what went wrong, or an empty string.
std::string make_folder(const std::string& folder);

// Progress on stderr: a bar on a terminal, a line every 10 % elsewhere.
class Progress {
 public:
  Progress(std::string what, std::uint64_t total);
  void at(std::uint64_t done);  // rising from 0 to total
  void clear();                 // takes the bar off the line, before something else is printed

 private:
  std::string what_;
  std::uint64_t total_;
  unsigned shown_percent_ = 0;
  bool terminal_;
};

// Each adds its command; `status` receives the exit status when the command was run.
void add_run(CLI::App& app, int& status);
void add_import(CLI::App& app, int& status);
void add_info(CLI::App& app, int& status);
void add_replay(CLI::App& app, int& status);  // cmd_replay.cpp
void add_track(CLI::App& app, int& status);

// What --help-json prints: every key of the JSON output.
std::string json_help();

}  // namespace vmmu::tb
