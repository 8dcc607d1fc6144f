// Judges one AXI4 interface by the rules of the AMBA AXI4 specification, cycle by cycle. It knows nothing of the
// MMU; tests feed it bad signals to see each rule at work. Signals have two values here: an undriven one is
// random, so a master that uses it shows itself elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/axi.hpp"

namespace vmmu::tb {

// Sections are those of the specification (IHI 0022, part A).
enum class AxiRule : std::uint8_t {
  ValidInReset,              // A3.1.2
  ValidWithdrawn,            // A3.2.1
  PayloadChanged,            // A3.2.1
  BurstReserved,             // A3.4.1
  BurstLength,               // A3.4.1: FIXED up to 16 beats, WRAP 2, 4, 8 or 16
  WrapUnaligned,             // A3.4.1
  SizeTooLarge,              // A3.4.1
  CrossesPage,               // A3.4.1: no burst crosses a 4 KiB boundary
  CacheReserved,             // A4.4: allocate bits without Modifiable
  StrobeOutsideLanes,        // A3.4.3
  WriteLastWrong,            // A3.2.2: WLAST with the last beat and no other
  ReadLastWrong,             // A3.2.2
  ReadWithoutRequest,        // A3.3.1, A5.3: no outstanding read has that id
  WriteReplyWithoutRequest,  // A3.3.1, A5.3: no complete write has that id
  ExOkayWithoutExclusive,    // A3.4.4
  ExclusiveLength,           // A7.2.4: power of two up to 128 bytes, up to 16 beats
  ExclusiveUnaligned,        // A7.2.4
  ExclusiveCacheable,        // A7.2.4: the monitor would not see it
  ExclusiveWriteAlone,       // A7.2.4: no exclusive read with that id before it
  ExclusiveWriteEarly,       // A7.2.4: the read has not ended
  ExclusivePairDiffers,      // A7.2.4
  NotOneBeat,                // of vmmu_axi4: each access is one aligned beat of 8 bytes
  Unanswered,                // end of a test: a request without a reply
};
inline constexpr unsigned kAxiRules = 23;
std::string_view rule_name(AxiRule rule);

struct AxiViolation {
  std::uint64_t cycle = 0;
  AxiRule rule = AxiRule::ValidInReset;
  std::string text;
};

struct AxiCheckerOptions {
  bool one_beat = true;  // NotOneBeat applies
};

class AxiChecker {
 public:
  explicit AxiChecker(const AxiCheckerOptions& options = {}) : options_(options) {}

  // Forgets what is outstanding, as a reset of both sides does.
  void reset();
  // The signals just before the rising edge of the clock.
  void sample(std::uint64_t cycle, bool rst_n, const AxiFromManager& manager, const AxiFromSubordinate& subordinate);
  // Nothing more will come.
  void finish(std::uint64_t cycle);

  // In the order in which they were seen, since the last call.
  std::vector<AxiViolation> take();
  // Transfers on all channels, so that a test can tell that there was something to check.
  std::uint64_t transfers() const { return transfers_; }

 private:
  static constexpr std::size_t kIds = 256;
  struct Read {
    AxiAddress address;
    unsigned beats_left = 0;
  };
  enum class Pair : std::uint8_t { None, Reading, Ready };  // of an exclusive read, by id
  struct Exclusive {
    Pair state = Pair::None;
    AxiAddress address;
  };

  void check_reset(const AxiFromManager& m, const AxiFromSubordinate& s);
  template <class Payload>
  bool check_held(const char* name, const Payload& before, bool ready_before, const Payload& now);
  void check_address(const char* name, const AxiAddress& a);
  void check_burst(const char* name, const AxiAddress& a);
  void check_exclusive(const char* name, const AxiAddress& a);
  void check_pair(const AxiAddress& aw);
  void check_read_data(const AxiReadData& r);
  void check_write_reply(const AxiWriteReply& b);
  void take_read_data(const AxiReadData& r);
  void match_writes();
  void check_write_beat(const AxiAddress& a, const AxiWriteData& w, unsigned beat);
  void report(AxiRule rule, std::string what);

  AxiCheckerOptions options_;
  std::uint64_t cycle_ = 0;
  std::uint64_t transfers_ = 0;
  bool first_ = true;       // no cycle before this one
  AxiFromManager manager_;  // the cycle before
  AxiFromSubordinate subordinate_;
  std::array<std::deque<Read>, kIds> reads_;
  std::deque<AxiAddress> write_addresses_;           // whose data are not complete
  std::deque<AxiWriteData> write_data_;              // whose address is not known
  unsigned beats_written_ = 0;                       // of the first of write_addresses_
  std::array<std::deque<AxiAddress>, kIds> writes_;  // complete, without a reply
  std::array<Exclusive, kIds> exclusive_;
  std::vector<AxiViolation> violations_;
};

}  // namespace vmmu::tb
