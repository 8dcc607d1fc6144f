// Small workloads, and engines that lie.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine.hpp"
#include "track/machine.hpp"
#include "track/trackers.hpp"
#include "track/workload.hpp"

namespace vmmu::tb {

inline constexpr std::uint64_t kBytesOfPage = 4096;

inline PackedAccess at_page(std::uint64_t page, Op op, std::uint64_t offset = 0) {
  return {GuestVirt{page * kBytesOfPage + offset}, op};
}

inline std::unique_ptr<Engine> model_engine(Preset preset = Preset::Server) {
  EngineOptions options;
  options.preset = preset;
  return make_model_engine(options);
}

// A guest on the model. Throws what Machine::build says.
struct World {
  World(ReplayMode mode, const Logging& logging, const std::vector<std::uint64_t>& pages) : engine(model_engine()) {
    auto built = Machine::build(*engine, Preset::Server, mode, logging, pages);
    if (auto* error = std::get_if<std::string>(&built)) throw std::runtime_error(*error);
    machine = std::get<std::unique_ptr<Machine>>(std::move(built));
  }
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Machine> machine;
};

inline std::vector<std::uint64_t> page_range(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> pages;
  for (std::uint64_t i = 0; i < count; ++i) pages.push_back(first + i);
  return pages;
}

// On preset paper, whose TLBs are the smallest that a trace can outgrow without thousands of pages: 512 entries.
inline TrackRun run_of(std::vector<PackedAccess> accesses, double rate) {
  Trace trace;
  trace.accesses = std::move(accesses);
  TrackRun run;
  run.workload = workload_of("test", std::move(trace));
  run.preset = Preset::Paper;
  run.make_engine = [] { return model_engine(Preset::Paper); };
  run.rate = rate;
  return run;
}

}  // namespace vmmu::tb
