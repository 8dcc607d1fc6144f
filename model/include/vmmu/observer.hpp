// What a walk does, told as it happens. Logs, coverage, counters and the scoreboard share these callbacks.
#pragma once

#include <cstdint>

#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

enum class Table : std::uint8_t { Guest, Nested };
enum class SegmentLevel : std::uint8_t { Guest, Vmm };

class WalkObserver {
 public:
  virtual ~WalkObserver() = default;
  // The entry at that address is about to be read. Tables and levels are those of on_entry_read().
  virtual void on_entry_address(Table, unsigned /*level*/, HostPhys) {}
  // A page-table entry was read. level: 5..1 (guest) or 4..1 (nested), 1 = 4 KiB level.
  virtual void on_entry_read(Table, unsigned /*level*/, HostPhys, std::uint64_t /*word*/) {}
  // A compare-and-swap was made. It took effect if found == expected.
  virtual void on_swap(Table, unsigned /*level*/, HostPhys, std::uint64_t /*expected*/, std::uint64_t /*desired*/,
                       std::uint64_t /*found*/) {}
  // A log record was written to memory.
  virtual void on_record(Log, HostPhys, std::uint64_t /*record*/) {}
  // The PRL had no room for the record.
  virtual void on_drop(Log, std::uint64_t /*record*/) {}
  // A word of a segment's dirty bitmap was read; a compare-and-swap of one was made, as on_swap().
  virtual void on_bitmap_read(HostPhys, std::uint64_t /*word*/) {}
  virtual void on_bitmap_swap(HostPhys, std::uint64_t /*expected*/, std::uint64_t /*desired*/,
                              std::uint64_t /*found*/) {}
  // An address was compared with a level whose segments are not all empty.
  virtual void on_segment_check(SegmentLevel) {}
  // It was in range, but the filter has it.
  virtual void on_filter_hit(SegmentLevel) {}
  // The walk starts again from the root because a swap lost to another writer.
  virtual void on_restart() {}
};

}  // namespace vmmu
