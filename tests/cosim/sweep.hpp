// Something happens in a chosen cycle of a chosen number of nested walks: the device, the tables with an old and a new
// place for each page, and the judgement of every answer.
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "fixture.hpp"

namespace vmmu::tb {

// What software changes just before an invalidation. Each moves a page from its old place to the same new one.
enum class Change : std::uint8_t {
  None,
  GuestLeaf,     // the guest's entry of the page
  GuestPointer,  // the guest's entry that points to the table with that entry
  NestedLeaf,    // the nested entry of the page
  NestedTable,   // the nested entry of the guest table page with that entry
};

// What the caches hold when the walks begin.
enum class Start : std::uint8_t {
  Cold,
  Warm,    // what neighbours of the pages leave behind
  Cached,  // the pages themselves
};

// When an answer has to be which.
enum class Rule : std::uint8_t {
  Untouched,  // old, always
  Memory,     // old before the event begins; new once it is over, or for requests accepted then; between them either
  Registers,  // old for requests accepted before it begins, whenever they are answered; new for those accepted after
};

struct Disturbance {
  std::string name;
  Rule rule = Rule::Untouched;
  bool one_page = false;         // only the first page is covered; the others may be either from the beginning
  std::function<void()> begin;   // presents the event, in the cycle that comes next
  std::function<bool()> over;    // asked after each cycle: acknowledged in it, or earlier
  std::function<void()> before;  // the trial, with nothing in flight; may be empty
  std::function<void()> after;   // likewise
};

struct Point {
  Start start = Start::Cold;
  unsigned walks = 1;  // 1 .. kSweepPages
  unsigned delay = 0;  // cycles from the first request's presentation to the event
};

inline constexpr unsigned kSweepPages = 8;
inline constexpr unsigned kSweepLatency = 2;  // of memory

class Sweep : public RigFixture {
 public:
  explicit Sweep(Preset preset);

  static GuestVirt page(unsigned n) { return GuestVirt{kPage.value + n * 0x1000}; }
  static std::uint64_t old_place(unsigned n) { return kHost + kOldFrames + n * 0x1000; }
  static std::uint64_t new_place(unsigned n) { return kHost + kNewFrames + n * 0x1000; }

  // Cycles that these walks take undisturbed.
  unsigned length(Start start, unsigned walks);
  // One trial. The event is one whose own effects `before` and `after` take back.
  void trial(const Disturbance& event, const Point& point);

  // Cold walks of which the nth memory request is refused: at most one of them ends as a bus error, at that address (a
  // walk that used a cached entry may try again instead), and the others and later ones do not notice.
  void bus_error(unsigned nth, unsigned walks);

  // All tables as they were; or with the change made for the first n pages.
  void restore();
  void change(Change what, unsigned pages);
  void drop_all();

  Disturbance invalidation(std::string name, const Invalidation& inv, Change what, bool one_page);
  // Of context 0, to registers under which the pages lie in the new place.
  Disturbance commit_to(std::string name, const ContextRegs& regs);

  std::uint64_t trials() const { return trials_; }
  std::uint64_t faults() const { return faults_; }  // bus errors that were answered
  std::uint64_t overtaken() const {
    return overtaken_;
  }  // requests accepted before an event and answered after it began

  ContextRegs regs;         // the old ones: nested paging, PCID 5, VPID 9
  std::uint64_t other_cr3;  // of tables with the new places, PCID 6
  ContextRegs native;       // without virtualization, PCID 5, the new places too

 private:
  static constexpr std::uint64_t kHost = 0x1'0000'0000;  // hPA minus gPA
  static constexpr std::uint64_t kOldFrames = 0x4000'0000;
  static constexpr std::uint64_t kNewFrames = 0x5000'0000;
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  struct Flight {
    unsigned page = 0;
    std::uint64_t accepted = kNever;
    std::uint64_t answered = kNever;
    Result result;
  };

  void build_other_root(GuestVirt twin);
  void build_native();
  void poke(HostPhys addr, std::uint64_t word);
  void prepare(const Point& point);
  void present(unsigned page_number);
  void step();
  void run_undisturbed(unsigned walks);
  void read_again(const Disturbance& event, unsigned walks);
  void run_pages(const Disturbance& event, const Point& point);
  void judge(const Disturbance& event, const Flight& flight);
  bool all_answered() const;
  void fail(const std::string& what) const;

  PageTables tables_;
  std::vector<std::pair<HostPhys, std::uint64_t>> originals_;
  std::vector<Flight> flights_;  // their position is their id
  std::uint64_t begun_ = kNever;
  std::uint64_t ended_ = kNever;
  std::uint64_t trials_ = 0;
  std::uint64_t overtaken_ = 0;
  std::uint64_t faults_ = 0;
  unsigned port_ = 0;  // of the latest request
  std::string where_;  // in the sweep, for messages
};

}  // namespace vmmu::tb
