// Judges one AXI4-Lite interface by the rules of the AMBA AXI4 specification, cycle by cycle, both sides. It knows
// nothing of the MMU; tests feed it bad signals to see each rule at work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "device/axil.hpp"

namespace vmmu::tb {

// Sections are those of the specification (IHI 0022, parts A and B).
enum class AxilRule : std::uint8_t {
  ValidInReset,              // A3.1.2
  ValidWithdrawn,            // A3.2.1
  PayloadChanged,            // A3.2.1
  ReadWithoutRequest,        // A3.3.1
  WriteReplyWithoutRequest,  // A3.3.1: after both address and data
  ExOkay,                    // B1.1.1: there are no exclusive accesses
  Unanswered,                // end of a test: a request without a reply
};
inline constexpr unsigned kAxilRules = 7;
std::string_view rule_name(AxilRule rule);

struct AxilViolation {
  std::uint64_t cycle = 0;
  AxilRule rule = AxilRule::ValidInReset;
  std::string text;
};

class AxilChecker {
 public:
  // Forgets what is outstanding, as a reset of both sides does.
  void reset();
  // The signals just before the rising edge of the clock.
  void sample(std::uint64_t cycle, bool rst_n, const AxilFromManager& manager, const AxilFromSubordinate& subordinate);
  // Nothing more will come.
  void finish(std::uint64_t cycle);

  // In the order in which they were seen, since the last call.
  std::vector<AxilViolation> take();
  // Transfers on all channels, so that a test can tell that there was something to check.
  std::uint64_t transfers() const { return transfers_; }

 private:
  void check_reset(const AxilFromManager& m, const AxilFromSubordinate& s);
  template <class Payload>
  bool check_held(const char* name, const Payload& before, bool ready_before, const Payload& now);
  void check_replies(const AxilFromManager& m, const AxilFromSubordinate& s);
  void count(const AxilFromManager& m, const AxilFromSubordinate& s);
  void report(AxilRule rule, std::string what);

  std::uint64_t cycle_ = 0;
  std::uint64_t transfers_ = 0;
  bool first_ = true;        // no cycle before this one
  AxilFromManager manager_;  // the cycle before
  AxilFromSubordinate subordinate_;
  std::uint64_t reads_ = 0;            // addresses without data
  std::uint64_t write_addresses_ = 0;  // without a reply
  std::uint64_t write_data_ = 0;
  std::vector<AxilViolation> violations_;
};

}  // namespace vmmu::tb
