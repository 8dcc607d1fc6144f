// Records what a walk of the model did, to be compared with what the RTL asked of memory.
#pragma once

#include <cstdint>
#include <vector>

#include "vmmu/observer.hpp"

namespace vmmu::tb {

class WalkTrace : public WalkObserver {
 public:
  struct Read {
    HostPhys addr;
    std::uint64_t word = 0;
  };
  struct Swap {
    HostPhys addr;
    std::uint64_t expected = 0;
    std::uint64_t desired = 0;
    std::uint64_t found = 0;
  };
  struct Record {
    HostPhys addr;
    std::uint64_t word = 0;
    Log log = Log::Pml;
  };

  void on_entry_read(Table table, unsigned level, HostPhys addr, std::uint64_t word) override {
    reads.push_back({addr, word});
    if (table == Table::Guest) {
      last_guest_word = word;
      last_guest_level = level;
    }
  }
  void on_swap(Table, unsigned, HostPhys addr, std::uint64_t expected, std::uint64_t desired,
               std::uint64_t found) override {
    swaps.push_back({addr, expected, desired, found});
  }
  void on_record(Log log, HostPhys addr, std::uint64_t word) override { records.push_back({addr, word, log}); }
  // To memory a bitmap is one more word that is read and swapped.
  void on_bitmap_read(HostPhys addr, std::uint64_t word) override { reads.push_back({addr, word}); }
  void on_bitmap_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired, std::uint64_t found) override {
    swaps.push_back({addr, expected, desired, found});
  }
  void on_segment_check(SegmentLevel) override { ++segment_checks; }
  void on_filter_hit(SegmentLevel) override { ++filter_hits; }
  void on_restart() override {
    ++restarts;
    restarted_at = reads.size();
  }

  std::vector<Read> reads;
  std::vector<Swap> swaps;
  std::vector<Record> records;
  unsigned restarts = 0;
  std::size_t restarted_at = 0;       // reads before the last restart
  std::uint64_t last_guest_word = 0;  // the guest leaf, when the walk got that far
  unsigned last_guest_level = 0;      // 0: no guest table was read
  unsigned segment_checks = 0;
  unsigned filter_hits = 0;
};

}  // namespace vmmu::tb
