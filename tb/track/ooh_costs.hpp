// What dirty-page tracking costs, by the numbers of OoH (Bitchebe, Tchana, SC 2022).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace vmmu::tb {

// Published unit costs. Those "at 1 GB" are taken as linear in the number of 4 KiB pages.
namespace ooh {
inline constexpr double kContextSwitchUs = 0.315;
inline constexpr double kVmreadUs = 0.936;
inline constexpr double kVmwriteUs = 0.801;
inline constexpr double kHypercallUs = 4.49;        // empty: a VM exit and the entry after it
inline constexpr double kEnableHypercallUs = 0.3;   // switches logging on or off
inline constexpr double kClearRefsMs = 2.234;       // at 1 GB
inline constexpr double kUserWalkMs = 594;          // page-table walk in user space (/proc/PID/pagemap), at 1 GB
inline constexpr double kReverseMappingMs = 15700;  // gPA to gVA, at 1 GB
inline constexpr double kRingCopyMs = 0.67;         // at 1 GB
inline constexpr double kPagesOfGb = 262144;
inline constexpr double us_per_page(double ms_at_1gb) { return ms_at_1gb * 1000 / kPagesOfGb; }
}  // namespace ooh

enum class Technique : std::uint8_t {
  Epml,  // the guest's own log: gVAs, no VM exit
  Spml,  // the hypervisor's PML, copied to the guest, which maps gPAs back to gVAs
  Proc,  // soft-dirty bits of /proc: clear_refs write-protects, faults, a walk of the page table
};
inline constexpr Technique kTechniques[] = {Technique::Epml, Technique::Spml, Technique::Proc};
std::string_view name_of(Technique technique);  // "EPML", "SPML", "/proc"

// What one run of a tracker counted.
struct TrackCounts {
  std::uint64_t collections = 0;   // times that the tracker asked which pages are dirty
  std::uint64_t memory_pages = 0;  // of the tracked process
  std::uint64_t dirty_pages = 0;   // of the process, sum over the collections
  std::uint64_t records = 0;       // read from the log, tables included
  std::uint64_t log_full = 0;      // times that the log was full: a guest event with EPML, a VM exit with SPML
  std::uint64_t faults = 0;        // page faults that marked a page
};

// Microseconds, by E(tracker) = E(technique) + E(processing), E(tracked) = alone + E(tracker) + interference.
struct TrackCost {
  double technique = 0;     // of the tracker, to learn which pages
  double processing = 0;    // of the tracker, to do something with them
  double interference = 0;  // what the tracked process loses while it runs: log full, faults, switches
  double tracker() const { return technique + processing; }
  double on_tracked() const { return tracker() + interference; }  // the tracked process waits for the tracker
};
TrackCost cost_of(Technique technique, const TrackCounts& counts, double processing_us_per_page);

// OoH's processing per page, from its own table: 251.35 ms for the pages whose ring copy took 0.49 ms.
inline constexpr double kProcessingUsPerPage = 251.35 / (0.49 / ooh::kRingCopyMs) * 1000 / ooh::kPagesOfGb;

// OoH's formulas on OoH's own measurements, in milliseconds.
struct OohRow {
  std::string_view technique;
  std::string_view side;  // "tracker" or "tracked"
  double measured = 0;
  double estimated = 0;      // as the paper prints it
  double sum = 0;            // of the terms that the paper prints
  double rest = 0;           // estimated - sum
  std::string_view rest_is;  // what that is; empty where there is none
  double accuracy = 0;       // percent: 100 (1 - |estimated - measured| / measured)
  double paper_average = 0;  // percent, quoted by the paper for the technique
};
std::vector<OohRow> ooh_table();

// What the paper reports of its systems, to print beside our own.
struct OohHeadline {
  double faster_than_proc;  // EPML, times
  double faster_than_spml;
  double overhead_percent[3];  // on the tracked process, in the order of kTechniques; the last two are "up to"
};
inline constexpr OohHeadline kOohCheckpoint = {4, 13, {7, 114, 102}};
inline constexpr OohHeadline kOohGc = {2, 6, {24, 273, 232}};

}  // namespace vmmu::tb
