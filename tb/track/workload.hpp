// What runs in the guest while a tracker watches.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "trace/trace.hpp"

namespace vmmu::tb {

// Accesses by number, so that several runs see the same ones.
struct Workload {
  std::string name;
  std::uint64_t size = 0;                                // accesses
  std::function<PackedAccess(std::uint64_t number)> at;  // number < size
  std::vector<std::uint64_t> pages;                      // 4 KiB page numbers that it touches
};

Workload workload_of(const std::string& name, Trace trace);

// The read and write phases with which PRL was measured: over and over, one access to each page of an array, reads in
// an R phase and writes in a W phase, then one write to each page of a small background, which is what the guest's
// kernel writes whatever the program does.
struct PhaseConfig {
  std::uint64_t array_mib = 400;     // 1 .. 65536
  std::uint64_t background_mib = 8;  // 0 .. 65536
  double seconds = 60;               // of one phase; > 0
  double rate = 250000;              // accesses a second; >= 1
};
constexpr std::size_t kMaxPhases = 64;

// `letters` is a word of R and W, 1 .. kMaxPhases of them. An error says what is wrong with it.
std::variant<Workload, std::string> phases(const std::string& letters, const PhaseConfig& config);

}  // namespace vmmu::tb
