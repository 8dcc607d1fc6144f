// Counts for `expect COUNTER`: what the accesses since the last group of expectations did, for each context.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "scenario/ast.hpp"

namespace vmmu::tb {

// An engine counts over all contexts, so the window takes the counters whenever the context of the accesses changes.
class CounterWindow {
 public:
  explicit CounterWindow(Engine& engine) : engine_(engine) {}

  // Before each access. `in_flight`: accesses that were issued and not yet awaited.
  void on_access(unsigned ctx, bool in_flight);
  // When nothing is in flight. Empty: this engine does not have the counter, or accesses of several contexts were in
  // flight together, so that their counts cannot be told apart.
  std::optional<std::uint64_t> value(CounterName name, unsigned ctx);
  // After an expectation: the next access begins a new window.
  void close() { closed_ = true; }

 private:
  static constexpr std::size_t kNumEngineCounters = kNumCounters;
  using Values = std::array<std::optional<std::uint64_t>, kNumEngineCounters>;

  Values snapshot();
  void fold();

  Engine& engine_;
  bool closed_ = true;
  bool mixed_ = false;
  std::optional<unsigned> ctx_;  // of the accesses since mark_
  Values mark_{};
  std::map<unsigned, std::array<std::uint64_t, kNumEngineCounters>> counts_;
};

}  // namespace vmmu::tb
