// Request ports: an L1 and ids of their own, everything behind shared, and no port keeps another waiting.
#include <algorithm>
#include <array>
#include <functional>

#include "port_fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

std::vector<Preset> presets_with_ports() {
  std::vector<Preset> with;
  for (const Preset preset : device_presets()) {
    if (preset_info(preset).num_ports() > 1) with.push_back(preset);
  }
  return with;
}

// Keeps a port busy: a new request is presented as soon as the one before was taken.
class Stream {
 public:
  Stream(PortFixture& f, unsigned port, std::function<GuestVirt(unsigned)> address)
      : f_(f), port_(port), address_(std::move(address)) {}
  void drive() {
    if (f_.rig.presented(port_)) return;
    const unsigned id = sent_ % kIds;
    if (f_.answers_of[{port_, id}] != asked_[id]) return;  // still in flight
    ++asked_[id];
    f_.rig.present(read_of(address_(sent_)), static_cast<std::uint8_t>(id), port_);
    ++sent_;
  }
  unsigned sent() const { return sent_; }

 private:
  static constexpr unsigned kIds = 64;
  PortFixture& f_;
  unsigned port_;
  std::function<GuestVirt(unsigned)> address_;
  unsigned sent_ = 0;
  std::array<unsigned, kIds> asked_ = {};
};

}  // namespace

TEST_CASE("ports: each has its own ids and its own L1", "[ports]") {
  for (const Preset preset : presets_with_ports()) {
    PortFixture f(preset);
    f.map(0);
    f.map(1);
    (void)f.rig.send(read_of(f.page(0)), 7, 0);
    (void)f.rig.send(read_of(f.page(1)), 7, 1);
    f.drain(2);
    CHECK(hpa_of(f.answer[{0, 7}].result).value == f.frame(0));
    CHECK(hpa_of(f.answer[{1, 7}].result).value == f.frame(1));
    CHECK(f.rig.run(read_of(f.page(0)), nullptr, 0).source == Source::L1);
    CHECK(f.rig.run(read_of(f.page(0)), nullptr, 1).source == Source::L2);
    f.rig.cycles(4);
    CHECK(f.rig.run(read_of(f.page(0)), nullptr, 1).source == Source::L1);
  }
}

TEST_CASE("ports: a miss of both to one page makes one walk, which fills both L1s", "[ports][merge]") {
  for (const Preset preset : presets_with_ports()) {
    PortFixture f(preset);
    f.map(0);
    f.rig.present(read_of(f.page(0)), 1, 0);
    f.rig.present(read_of(f.page(0)), 1, 1);
    f.rig.cycle();
    CHECK(f.rig.taken(0) == f.rig.taken(1));
    f.drain(2);
    CHECK(f.count(reg::Count::Walks) == 1);
    CHECK(f.count(reg::Count::L2Hits) == 0);
    for (const unsigned port : {0u, 1u}) CHECK(f.rig.run(read_of(f.page(0)), nullptr, port).source == Source::L1);
  }
}

TEST_CASE("ports: each takes a hit in every cycle", "[ports]") {
  for (const Preset preset : presets_with_ports()) {
    PortFixture f(preset);
    f.map(0);
    for (const unsigned port : {0u, 1u}) {
      (void)f.rig.run(read_of(f.page(0)), nullptr, port);
      f.rig.cycles(4);
    }
    const std::uint64_t requests = f.count(reg::Count::Requests);
    const std::uint64_t hits = f.count(reg::Count::L1Hits);
    constexpr unsigned kHits = 50;
    const std::uint64_t begin = f.rig.now();
    for (unsigned i = 0; i < kHits; ++i) {
      for (const unsigned port : {0u, 1u}) f.rig.present(read_of(f.page(0)), static_cast<std::uint8_t>(i), port);
      f.rig.cycle();
      for (const unsigned port : {0u, 1u}) REQUIRE_FALSE(f.rig.presented(port));
    }
    CHECK(f.rig.now() == begin + kHits);
    f.drain(2 * kHits);
    for (const auto& [who, r] : f.answer) CHECK(r.cycle == begin + who.second + 1);
    CHECK(f.count(reg::Count::Requests) == requests + 2 * kHits);
    CHECK(f.count(reg::Count::L1Hits) == hits + 2 * kHits);
  }
}

TEST_CASE("ports: one that misses all the time does not starve another, whether that hits or misses", "[ports]") {
  for (const Preset preset : presets_with_ports()) {
    for (const unsigned busy : {0u, 1u}) {
      for (const bool other_misses : {false, true}) {
        INFO("busy port " << busy << ", the other one " << (other_misses ? "misses" : "hits"));
        PortFixture f(preset, 10);
        for (unsigned n = 0; n < 600; ++n) f.map(n);
        const unsigned other = 1 - busy;
        (void)f.rig.run(read_of(f.page(0)), nullptr, other);
        f.rig.cycles(4);
        // Pages that are not cached yet; after 256 of them the L2 has some, but not the L1.
        Stream stream(f, busy, [&](unsigned i) { return f.page(1 + i % 256); });
        std::uint64_t worst = 0;
        unsigned done = 0;
        std::uint64_t asked = 0;
        for (unsigned cycle = 0; cycle < 6000; ++cycle) {
          stream.drive();
          const PortFixture::Who who{other, 100};
          if (asked != 0 && f.answer.count(who) != 0) {
            worst = std::max(worst, f.answer[who].cycle - asked);
            f.answer.erase(who);
            ++done;
            asked = 0;
          }
          if (asked == 0) {
            f.rig.present(read_of(f.page(other_misses ? 300 + done % 256 : 0)), 100, other);
            asked = f.rig.now();
          }
          f.rig.cycle();
        }
        CHECK(stream.sent() > 300);
        // A hit finds its port free. A miss has before it what was under way already: a walk in each slot, and two
        // requests in front of the walker.
        const std::uint64_t walk = walk_cycles(preset, 4, 10);
        CHECK(worst <= (other_misses ? 3 * walk : 2));
        CHECK(done > (other_misses ? 30u : 2000u));
      }
    }
  }
}

TEST_CASE("ports: a walk that has to start again is not overtaken by new ones for ever", "[ports]") {
  constexpr unsigned kStreamed = 2000;
  constexpr unsigned kPages = 64;
  for (const Preset preset : presets_with_ports()) {
    PortFixture f(preset, 1);  // with such a memory there is a reply or a new walk in every cycle
    GuestAttr clean = flags_set();
    clean.dirty = false;
    f.map(0, clean);
    for (unsigned n = 1; n <= kPages; ++n) f.map(n);
    REQUIRE(f.rig.write_register(reg::kGlobalCtrl, reg::kCacheBypass));  // every walk is a long one
    const EntryPlace leaf = *f.tables.guest_entry(f.page(0), 1);
    f.rig.memory().inject_race(leaf.hpa, leaf.word | bit(9));
    const auto next = [&](unsigned i) { return f.page(1 + i % kPages); };
    Stream first(f, 0, next), second(f, 1, next);
    for (unsigned cycle = 0; cycle < 100; ++cycle) {
      first.drive();
      second.drive();
      f.rig.cycle();
    }
    while (f.rig.presented(1)) f.rig.cycle();
    f.rig.present(write_of(f.page(0)), 200, 1);
    const std::uint64_t asked = f.rig.now();
    while (f.answer.count({1, 200}) == 0 && first.sent() < kStreamed && second.sent() < kStreamed) {
      first.drive();
      second.drive();
      f.rig.cycle();
    }
    REQUIRE(f.answer.count({1, 200}) != 0);
    CHECK(f.answer[{1, 200}].cycle - asked < 300);
    CHECK((f.rig.words().peek(leaf.hpa) & (bit(9) | pt::D)) == (bit(9) | pt::D));
  }
}

TEST_CASE("ports: one that does not take its answers does not keep hits of another waiting", "[ports]") {
  for (const Preset preset : presets_with_ports()) {
    PortFixture f(preset);
    f.map(0);
    (void)f.rig.run(read_of(f.page(0)), nullptr, 1);
    f.rig.cycles(4);
    f.rig.hold_responses(0, true);
    unsigned held = 0;
    for (unsigned n = 1; n < 8; ++n) {
      f.map(n);
      f.rig.present(read_of(f.page(n)), static_cast<std::uint8_t>(n), 0);
      f.rig.cycles(2);
      ++held;
    }
    for (unsigned i = 0; i < 100; ++i) {
      std::uint64_t accepted = 0;
      const Response r = f.rig.run(read_of(f.page(0)), &accepted, 1);
      CHECK(r.cycle == accepted + 1);
    }
    CHECK(f.answer.empty());
    f.rig.hold_responses(0, false);
    f.drain(held);
  }
}
