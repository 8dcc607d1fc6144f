// What invalidations cost those who are not concerned.
#include <algorithm>

#include "rows.hpp"

namespace vmmu::tb::bench {
namespace {

constexpr unsigned kPages = 64;  // of the guest; page 0 is the one that hits
constexpr unsigned kLast = 40;   // cycles after its presentation in which an invalidation may still hold up somebody

// A page that hits whatever is dropped: global, and never the one that is named.
class Bystander {
 public:
  explicit Bystander(Preset preset) : rig(rig_options(preset, 1)) {
    Layout layout;
    layout.nested = true;
    layout.pages = kPages;
    layout.attr.global = true;
    ContextRegs regs = build(rig.words(), layout);
    regs.pge = regs.pcide = true;
    regs.vpid = 1;
    commit(rig, regs);
    (void)rig.run(user_read(page_at(0)));
  }

  // Cycles in which hits stand still, while they come one a cycle.
  double hits_blocked(const Invalidation& inv) {
    unsigned answers = 0;
    rig.on_response = [&](const Response& r) { answers += r.source == Source::L1; };
    const std::uint8_t id = rig.start_invalidation(inv);
    std::uint64_t cycles = 0;
    bool done = false;
    for (unsigned sent = 0; !done || cycles < kLast; ++cycles) {
      if (!rig.presented()) rig.present(user_read(page_at(0)), static_cast<std::uint8_t>(sent++ % 128));
      rig.cycle();
      done = done || !rig.invalidation_pending(id);
    }
    while (rig.presented()) rig.cycle();
    rig.cycles(200);
    rig.on_response = nullptr;
    return static_cast<double>(cycles) - answers;
  }

  // Of misses that come some cycles after an invalidation: how much longer than its references a miss takes, at worst,
  // beside one that meets no invalidation; and the most references. While an invalidation is carried out a walk uses no
  // caches of tables, so that it makes more of them.
  struct Misses {
    double blocked = 0;
    double references = 0;
  };
  Misses misses(const Invalidation& inv) {
    std::uint64_t references = 0;
    const auto overhead = [&](unsigned page) {
      const std::uint64_t before = rig.memory().accepted();
      const std::uint64_t cycles = cycles_of(rig, user_read(page_at(page)));
      references = rig.memory().accepted() - before;
      return static_cast<double>(cycles) - static_cast<double>(2 * references);  // M + 1 cycles each
    };
    (void)overhead(1);  // the tables are warm
    const double usual = overhead(2);
    Misses worst;
    for (unsigned delay = 0; delay < kLast; ++delay) {
      const std::uint8_t id = rig.start_invalidation(inv);
      rig.cycles(delay);
      worst.blocked = std::max(worst.blocked, overhead(3 + delay) - usual);
      worst.references = std::max(worst.references, static_cast<double>(references));
      while (rig.invalidation_pending(id)) rig.cycle();
      rig.settle();
      (void)overhead(1);  // what the invalidation took of the tables
    }
    return worst;
  }

  // Invalidations presented one after the other, per cycle.
  double accepted_per_cycle(const Invalidation& inv) {
    constexpr unsigned kNumber = 8;
    std::vector<std::uint64_t> accepted;
    rig.on_invalidation_accepted = [&](std::uint8_t) { accepted.push_back(rig.now()); };
    while (accepted.size() < kNumber) {
      if (!rig.invalidation_presented()) (void)rig.start_invalidation(inv);
      rig.cycle();
    }
    rig.on_invalidation_accepted = nullptr;
    while (rig.invalidation_pending()) rig.cycle();
    return kNumber / static_cast<double>(accepted.back() - accepted.front() + 1);
  }

  Rig rig;
};

}  // namespace

void invalidation_rows(Rows& rows, Preset preset) {
  const std::string_view name = preset_info(preset).name;
  const std::uint64_t other = page_at(kPages - 1);
  const auto group = [&](const std::string& what, const Invalidation& inv) {
    rows.add(name, what + ", cycles that hits are blocked", 0, Bystander(preset).hits_blocked(inv), "cycles",
             Better::Low);
    const Bystander::Misses misses = Bystander(preset).misses(inv);
    rows.add(name, what + ", cycles that misses are blocked, at worst", 4, misses.blocked, "cycles", Better::Low,
             "128");
    rows.add(name, what + ", references of a miss that comes then, at worst", 24, misses.references, "references",
             Better::Low);
  };
  const Invalidation one{InvOp::Invlpg, 0, other, 0, 0};
  group("one-page invalidation (INVLPG)", one);
  rows.add(name, "one-page invalidation (INVLPG), accepted per cycle", 1, Bystander(preset).accepted_per_cycle(one),
           "1/cycle", Better::High);
  group("wider invalidation (INVPCID 1 of another PCID)", {InvOp::Invpcid1, 0, 0, 7, 0});
  group("wider invalidation (INVPCID 3, hits are global)", {InvOp::Invpcid3, 0, 0, 0, 0});
}

}  // namespace vmmu::tb::bench
