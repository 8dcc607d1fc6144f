// What the logs have in common (architecture 10): one record after the other, index counting down, and what happens
// when memory refuses one.
#pragma once

#include "walk_env.hpp"

namespace vmmu {

constexpr std::uint16_t kLastIndex = 511;  // of a 4 KiB page of 8-byte records

// The record that was refused has no place in memory yet: nothing is logged until software has looked.
inline bool log_closed(const LiveRegs& live, Log log) {
  return ((live.closed_logs >> static_cast<unsigned>(log)) & 1) != 0;
}
// SDM 28.3.6: the index is in range when it is 0 .. 511.
inline bool log_full(const LiveRegs& live, Log log) { return live.index(log) > kLastIndex || log_closed(live, log); }

// The place in a log page that an index points to.
constexpr std::uint64_t log_slot(std::uint64_t page, std::uint16_t index) { return page + 8 * std::uint64_t{index}; }

// Writes the record and counts the index down. False: memory refused it; the index stays, so that software finds the
// place, LOG_ERROR is raised and the log is closed.
bool append_record(const WalkEnv& env, Log log, HostPhys slot, std::uint64_t record);

}  // namespace vmmu
