// The rows of the bench, and what measuring them shares. One row is one event with its budget, what was measured, and
// what the best open peer takes for it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "device/rig.hpp"
#include "engine/preset_info.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb::bench {

enum class Better : std::uint8_t { Low, High };

class Rows {
 public:
  // `peer`: the CVA6 hypervisor MMU (two-stage Sv39x4), as measured by its users or quoted; empty: it has no such
  // thing. A budget of 0 with Better::High is none.
  void add(std::string_view preset, const std::string& event, double budget, double measured, const char* unit,
           Better better, const char* peer = "");
  const nlohmann::json& json() const { return rows_; }

 private:
  nlohmann::json rows_ = nlohmann::json::array();
};

inline constexpr GuestVirt kPage{0x40000000};
inline constexpr GuestPhys kFrame{0x40000000};

ContextRegs regs_for(const PageTables& tables);
GuestAttr flags_set();

struct Layout {
  bool nested = false;
  PageSize guest = PageSize::k4K;
  PageSize host = PageSize::k4K;
  unsigned pages = 1;
  GuestAttr attr = flags_set();
  bool ept_flags = false;      // EPTP[6]
  bool ept_flags_set = false;  // in the leaves
};
// Tables of `pages` pages side by side from kPage, with accessed flags set above the leaves.
ContextRegs build(SparseMem& words, const Layout& layout);

Access user_read(std::uint64_t gva);
inline std::uint64_t page_at(std::uint64_t n, PageSize size = PageSize::k4K) {
  return kPage.value + n * page_bytes(size);
}
RigOptions rig_options(Preset preset, unsigned m);
void commit(Rig& rig, const ContextRegs& regs, unsigned ctx = 0);  // or throws
void invalidate(Rig& rig, InvOp op);
// From acceptance to answer, alone.
std::uint64_t cycles_of(Rig& rig, const Access& access);

// Requests back to back, one new one in each cycle in which the port is free.
struct Burst {
  std::vector<std::uint64_t> accepted;  // cycles
  std::vector<Response> answers;        // in order of the requests
  std::uint64_t first() const { return accepted.front(); }
  std::uint64_t last_answer() const;
  bool all_from(Source source) const;
  // Requests per cycle of the acceptances; 1 is the most.
  double accepted_per_cycle() const;
};
Burst burst(Rig& rig, const std::vector<Access>& accesses);
Burst burst(Rig& rig, const std::vector<std::uint64_t>& gvas);  // reads

// The groups of rows.
void latency_rows(Rows& rows, Preset preset);
void mode_rows(Rows& rows, Preset preset);
void throughput_rows(Rows& rows, Preset preset);
void invalidation_rows(Rows& rows, Preset preset);
void footprint_rows(Rows& rows, Preset preset);  // of `server` and `server-big` only

}  // namespace vmmu::tb::bench
