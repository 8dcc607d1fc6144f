// Requests of several ports, presented together or at chosen distances, and their answers.
#pragma once

#include <map>
#include <utility>

#include "fixture.hpp"

namespace vmmu::tb {

// Cold pages by number, 4 KiB, in one last-level table after another.
class PortFixture : public RigFixture {
 public:
  static constexpr std::uint64_t kOld = 0x40000000;
  static constexpr std::uint64_t kNew = 0x50000000;  // where a page is moved to

  explicit PortFixture(Preset preset, unsigned latency = 10)
      : RigFixture(preset, latency), tables(TableConfig{}, rig.words()), regs(tables.regs(plain_regs())) {
    commit(0, regs);
    rig.on_response = [this](const Response& r) {
      saw_translation();
      ++answers_of[{r.port, r.id}];
      answer[{r.port, r.id}] = r;
    };
  }
  static GuestVirt page(unsigned n) { return GuestVirt{0x80000000 + n * std::uint64_t{0x1000}}; }
  static std::uint64_t frame(unsigned n) { return kOld + n * std::uint64_t{0x1000}; }
  void map(unsigned n, const GuestAttr& attr = flags_set()) {
    REQUIRE(tables.map(page(n), GuestPhys{frame(n)}, PageSize::k4K, attr) == MapError::None);
    set_upper_flags(tables, page(n));
  }
  // Software maps the page elsewhere.
  void move(unsigned n) { (void)tables.edit_guest(page(n), 1, {kOld, kNew}); }
  bool stale(const Response& r) const { return (hpa_of(r.result).value & kNew) != kNew; }
  std::uint64_t count(reg::Count c, unsigned ctx = 0) { return rig.get(reg::counter(ctx, c)); }
  // Until every request that was sent has its answer.
  void drain(unsigned requests) {
    for (unsigned waited = 0; answer.size() < requests; ++waited) {
      REQUIRE(waited < 20000);
      rig.cycle();
    }
    rig.cycles(20);
    CHECK(answer.size() == requests);
    for (const auto& [who, times] : answers_of) CHECK(times == 1);
  }
  void forget() {
    answer.clear();
    answers_of.clear();
  }
  unsigned last_port() const { return rig.ports() - 1; }

  PageTables tables;
  ContextRegs regs;
  using Who = std::pair<unsigned, unsigned>;  // port, id
  std::map<Who, Response> answer;
  std::map<Who, unsigned> answers_of;
};

}  // namespace vmmu::tb
