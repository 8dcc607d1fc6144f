// Directed tests for ways in which other MMUs were wrong and that nothing else here looks at by itself
// (tests/mutants.txt).
#include <set>

#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kPageBytes = 0x1000;

// The value itself, whatever was read of it before.
std::uint64_t where(RigFixture& f, std::uint64_t gva) { return hpa_of(f.run(read_of(GuestVirt{gva})).result).value; }

// The answers of two requests with ids 0 and 1, the second one so many cycles behind the first.
std::vector<Response> two_answers(RigFixture& f, const Access& first, unsigned delay, const Access& second) {
  std::vector<Response> answers;
  f.rig.on_response = [&](const Response& r) { answers.push_back(r); };
  (void)f.rig.send(first, 0);
  f.rig.cycles(delay);
  (void)f.rig.send(second, 1);
  f.rig.cycles(60);
  f.rig.on_response = nullptr;
  INFO("the second request " << delay << " cycles after the first");
  REQUIRE(answers.size() == 2);
  return answers;
}

}  // namespace

TEST_CASE("known bugs: pages whose addresses differ in one bit are told apart", "[known]") {
  for (const Preset preset : device_presets()) {
    for (unsigned s = 0; s < 3; ++s) {
      const PageSize size = static_cast<PageSize>(s);
      INFO("preset " << preset_name(preset) << " size " << s);
      RigFixture f(preset, 1);
      PageTables tables({}, f.rig.words());
      std::vector<std::uint64_t> pages = {0};
      for (unsigned b = page_shift(size); b < 47; ++b) pages.push_back(bit(b));
      for (std::size_t n = 0; n < pages.size(); ++n) {
        const GuestPhys frame{(n + 1) * page_bytes(PageSize::k1G)};
        REQUIRE(tables.map(GuestVirt{pages[n]}, frame, size, flags_set()) == MapError::None);
        set_upper_flags(tables, GuestVirt{pages[n]});
      }
      f.commit(0, tables.regs(plain_regs()));
      // Each beside the first page, in both orders, twice: by walks and by hits. Any offset inside the page.
      const std::uint64_t offset = (page_bytes(size) - 1) & 0x2a'aaaa'aaa8;
      for (std::size_t n = 1; n < pages.size(); ++n) {
        for (unsigned twice = 0; twice < 2; ++twice) {
          CHECK(where(f, pages[0] + offset) == page_bytes(PageSize::k1G) + offset);
          CHECK(where(f, pages[n] + offset) == (n + 1) * page_bytes(PageSize::k1G) + offset);
        }
      }
    }
  }
}

TEST_CASE("known bugs: a small page and a large one that both match are not joined", "[known]") {
  constexpr std::uint64_t kLarge = 0x40000000;
  constexpr std::uint64_t kSmallFrame = 0x12345000;
  constexpr std::uint64_t kLargeFrame = 0x62400000;
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 1);
    PageTables tables({}, f.rig.words());
    REQUIRE(tables.map(GuestVirt{kLarge}, GuestPhys{kSmallFrame}, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables, GuestVirt{kLarge});
    f.commit(0, tables.regs(plain_regs()));
    REQUIRE(where(f, kLarge) == kSmallFrame);
    // Software makes one large page of them, and invalidates nothing.
    const EntryPlace pointer = *tables.guest_entry(GuestVirt{kLarge}, 2);
    f.rig.memory().poke(pointer.hpa, (pointer.word & ~kFrameMask) | kLargeFrame | pt::PS | pt::D);
    REQUIRE(where(f, kLarge + kPageBytes) == kLargeFrame + kPageBytes);
    const std::uint64_t got = where(f, kLarge);
    CHECK((got == kSmallFrame || got == kLargeFrame));
  }
}

// The entry of a page is replaced in the L2 while the page is looked up there: what the RAM gives in that cycle is not
// used. VMMU_RAM_COLLISION says what it gives.
TEST_CASE("known bugs: a lookup while its entry is being written finds it all the same", "[known]") {
  constexpr unsigned kFirst = 0x400;  // page number
  for (const Preset preset : device_presets()) {
    const PresetInfo& info = preset_info(preset);
    if (!info.has_l2()) continue;
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 1);
    PageTables tables({}, f.rig.words());
    const unsigned l1_sets = info.values[3];
    const unsigned l1_ways = info.values[4];
    const unsigned distance = 1009;  // so that no page serves twice
    std::set<std::uint64_t> mapped;
    const auto map = [&](std::uint64_t number, bool dirty) {
      if (!mapped.insert(number).second) return;
      GuestAttr attr = flags_set();
      attr.dirty = dirty;
      const GuestVirt gva{number * kPageBytes};
      REQUIRE(tables.map(gva, GuestPhys{number * kPageBytes + 0x1'0000'0000}, PageSize::k4K, attr) == MapError::None);
      set_upper_flags(tables, gva);
    };
    f.commit(0, tables.regs(plain_regs()));
    // A walk of a write takes less than 40 cycles, so that every stage of it meets a read of the page.
    for (unsigned delay = 0; delay < 40; ++delay) {
      const std::uint64_t number = kFirst + delay * distance;
      map(number, false);
      (void)where(f, number * kPageBytes);
      // Out of the L1, by pages of its set there, which lie in other sets of the L2.
      for (unsigned n = 1; n <= l1_ways + 1; ++n) {
        map(number + n * l1_sets, true);
        (void)where(f, (number + n * l1_sets) * kPageBytes);
      }
      const std::uint64_t before = f.rig.get(reg::counter(0, reg::Count::Walks));
      INFO("read " << delay << " cycles after the write");
      const GuestVirt gva{number * kPageBytes};
      for (const Response& r : two_answers(f, write_of(gva), delay, read_of(gva)))
        CHECK(hpa_of(r.result).value == number * kPageBytes + 0x1'0000'0000);
      CHECK(f.rig.get(reg::counter(0, reg::Count::Walks)) == before + 1);
    }
  }
}

// A dropped entry is still in the RAM when its way is filled again. A RAM that gives old data in that cycle
// (VMMU_RAM_COLLISION=old) shows it beside the valid bit of the new entry.
TEST_CASE("known bugs: what was invalidated does not come back while its way is filled", "[known]") {
  for (const Preset preset : device_presets()) {
    const PresetInfo& info = preset_info(preset);
    if (!info.has_l2()) continue;
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 1);
    PageTables tables({}, f.rig.words());
    const auto map = [&](std::uint64_t number) {
      const GuestVirt gva{number * kPageBytes};
      REQUIRE(tables.map(gva, GuestPhys{number * kPageBytes + 0x1'0000'0000}, PageSize::k4K, flags_set()) ==
              MapError::None);
      set_upper_flags(tables, gva);
    };
    f.commit(0, tables.regs(plain_regs()));
    // A walk takes less than 40 cycles, so that every stage of it meets the lookup.
    for (unsigned delay = 0; delay < 40; ++delay) {
      const std::uint64_t moved = 0x400 + delay;  // of a set that was not used before
      const std::uint64_t beside = moved + 64 * info.l2_sets();
      map(moved);
      map(beside);
      (void)where(f, moved * kPageBytes);
      (void)tables.edit_guest(GuestVirt{moved * kPageBytes}, 1, {0x1'0000'0000, 0x2'0000'0000});
      REQUIRE(f.rig.invalidate({InvOp::Invlpg, 0, moved * kPageBytes, 0, 0}));
      INFO("lookup " << delay << " cycles after the miss beside it");
      const Access miss = read_of(GuestVirt{beside * kPageBytes});
      for (const Response& r : two_answers(f, miss, delay, read_of(GuestVirt{moved * kPageBytes}))) {
        CHECK(hpa_of(r.result).value ==
              (r.id == 0 ? beside * kPageBytes + 0x1'0000'0000 : moved * kPageBytes + 0x2'0000'0000));
      }
    }
  }
}

TEST_CASE("known bugs: an entry that is not present is judged no further, and ends the walk", "[known]") {
  for (const Preset preset : device_presets()) {
    for (unsigned level = 1; level <= 4; ++level) {
      // All reserved bits at once, or none; P clear.
      for (const std::uint64_t word : {bit_range(51, 40) | pt::PS, std::uint64_t{0}}) {
        INFO("preset " << preset_name(preset) << " level " << level << " word " << word);
        RigFixture f(preset, 1);
        PageTables tables({}, f.rig.words());
        REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
        f.commit(0, tables.regs(plain_regs()));
        f.rig.memory().poke(tables.guest_entry(kPage, level)->hpa, word);
        const Response r = f.run(read_of(kPage));
        REQUIRE(std::holds_alternative<Fault>(r.result));
        CHECK(std::get<Fault>(r.result).kind == FaultKind::PageFault);
        CHECK(std::get<Fault>(r.result).code == 4);  // user, not present
        f.saw_translation();
        f.rig.cycles(20);
        CHECK(f.rig.memory().accepted() == 5 - level);
      }
    }
  }
}

TEST_CASE("known bugs: the page of a table need not be writable for a write of a page", "[known]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 1);
    TableConfig config;
    config.nested = true;
    PageTables tables(config, f.rig.words());
    REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables, kPage);
    for (unsigned level = 1; level <= 4; ++level) {
      (void)tables.edit_ept(tables.guest_entry(kPage, level)->gpa, 1, {ept::W, 0});
    }
    f.commit(0, tables.regs(plain_regs()));
    CHECK(hpa_of(f.run(write_of(kPage)).result).value == kFrame.value);
  }
}

// The refill is of another context, so that the invalidation does not concern its walk.
TEST_CASE("known bugs: a page is dropped in whatever cycle of another's refill", "[known]") {
  constexpr std::uint64_t kMoved = 0x50000000;
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 1);
    PageTables tables({}, f.rig.words());
    const GuestVirt other{kPage.value + kPageBytes};
    REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
    REQUIRE(tables.map(other, GuestPhys{kFrame.value + kPageBytes}, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables, kPage);
    const ContextRegs regs = tables.regs(plain_regs());
    f.commit(0, regs);
    f.commit(1, regs);
    const HostPhys leaf = tables.guest_entry(kPage, 1)->hpa;
    const std::uint64_t word = tables.guest_entry(kPage, 1)->word;
    Access beside = read_of(other);
    beside.ctx = 1;
    for (unsigned delay = 0; delay < 40; ++delay) {
      INFO("invalidation " << delay << " cycles after the other request");
      f.rig.memory().poke(leaf, word);
      REQUIRE(f.rig.invalidate({InvOp::All, 0, 0, 0, 0}));
      REQUIRE(where(f, kPage.value) == kFrame.value);
      f.rig.memory().poke(leaf, (word & ~kFrameMask) | kMoved);
      unsigned answers = 0;
      f.rig.on_response = [&](const Response&) { ++answers; };
      (void)f.rig.send(beside, 0);
      f.rig.cycles(delay);
      REQUIRE(f.rig.invalidate({InvOp::Invlpg, 0, kPage.value, 0, 0}));
      f.rig.cycles(40);
      f.rig.on_response = nullptr;
      CHECK(answers == 1);
      CHECK(where(f, kPage.value) == kMoved);
    }
  }
}

TEST_CASE("known bugs: a misconfigured entry that also denies is a misconfiguration", "[known]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 1);
    TableConfig config;
    config.nested = true;
    PageTables tables(config, f.rig.words());
    REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables, kPage);
    f.commit(0, tables.regs(plain_regs()));
    // Writable and not readable is misconfigured, and denies the read.
    const EntryPlace leaf = *tables.ept_entry(kFrame, 1);
    f.rig.memory().poke(leaf.hpa, leaf.word & ~(ept::R | ept::X));
    const Response r = f.run(read_of(kPage));
    REQUIRE(std::holds_alternative<Fault>(r.result));
    CHECK(std::get<Fault>(r.result).kind == FaultKind::EptMisconfig);
    f.saw_translation();
  }
}

TEST_CASE("known bugs: faults of walks that overlap are each of their own request", "[known]") {
  for (const Preset preset : device_presets()) {
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 20);
    PageTables tables({}, f.rig.words());
    constexpr unsigned kPages = 8;
    // Pages in tables of their own; every second one is read-only.
    const auto page = [](unsigned n) { return GuestVirt{0x40000000 + n * page_bytes(PageSize::k1G) + n * kPageBytes}; };
    for (unsigned n = 0; n < kPages; ++n) {
      GuestAttr attr = flags_set();
      attr.writable = n % 2 == 0;
      REQUIRE(tables.map(page(n), GuestPhys{(n + 1) * page_bytes(PageSize::k1G)}, PageSize::k4K, attr) ==
              MapError::None);
      set_upper_flags(tables, page(n));
    }
    const auto context = [](unsigned n) { return n / 2 % 2; };
    ContextRegs regs = tables.regs(plain_regs());
    for (unsigned ctx = 0; ctx < 2; ++ctx) {
      regs.fault_target = 0x1234'0000 + ctx;
      f.commit(ctx, regs);
    }
    std::vector<Response> answers;
    f.rig.on_response = [&](const Response& r) { answers.push_back(r); };
    for (unsigned n = 0; n < kPages; ++n) {
      Access access = write_of(page(n));
      access.ctx = context(n);
      (void)f.rig.send(access, static_cast<std::uint8_t>(n));
    }
    f.rig.cycles(4000);
    REQUIRE(answers.size() == kPages);
    for (const Response& r : answers) {
      INFO("request " << static_cast<unsigned>(r.id));
      if (r.id % 2 == 0) {
        CHECK(hpa_of(r.result).value == (r.id + 1u) * page_bytes(PageSize::k1G));
        continue;
      }
      REQUIRE(std::holds_alternative<Fault>(r.result));
      const Fault& fault = std::get<Fault>(r.result);
      CHECK(r.ctx == context(r.id));
      CHECK(fault.target == 0x1234'0000 + context(r.id));
      CHECK(fault.gva.value == page(r.id).value);
      CHECK(fault.code == 7);  // user, write, present
    }
    f.saw_translation();
  }
}

TEST_CASE("known bugs: an invalidation keeps only the walks from inserting that it concerns", "[known]") {
  for (const Preset preset : device_presets()) {
    if (preset_info(preset).values[13] < 2) continue;
    INFO("preset " << preset_name(preset));
    RigFixture f(preset, 20);
    PageTables tables({}, f.rig.words());
    for (unsigned n = 0; n < 2; ++n) {
      const GuestVirt gva{kPage.value + n * kPageBytes};
      REQUIRE(tables.map(gva, GuestPhys{kFrame.value + n * kPageBytes}, PageSize::k4K, flags_set()) == MapError::None);
    }
    set_upper_flags(tables, kPage);
    const ContextRegs regs = tables.regs(plain_regs());
    f.commit(0, regs);
    f.commit(1, regs);
    unsigned answers = 0;
    f.rig.on_response = [&](const Response&) { ++answers; };
    Access other = read_of(GuestVirt{kPage.value + kPageBytes});
    other.ctx = 1;
    (void)f.rig.send(read_of(kPage), 0);
    (void)f.rig.send(other, 1);
    f.rig.cycles(10);
    CHECK(f.rig.invalidate({InvOp::Invlpg, 0, kPage.value, 0, 0}));
    f.rig.cycles(400);
    REQUIRE(answers == 2);
    CHECK(f.run(read_of(kPage)).source == Source::Walk);
    CHECK(f.run(other).source == Source::L1);
  }
}

TEST_CASE("known bugs: requests to one missing page are all answered", "[known]") {
  constexpr unsigned kRequests = 24;
  for (const Preset preset : device_presets()) {
    for (const unsigned latency : {1u, 30u}) {
      INFO("preset " << preset_name(preset) << " M " << latency);
      RigFixture f(preset, latency);
      PageTables tables({}, f.rig.words());
      REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, flags_set()) == MapError::None);
      set_upper_flags(tables, kPage);
      f.commit(0, tables.regs(plain_regs()));
      std::vector<unsigned> answers(kRequests);
      f.rig.on_response = [&](const Response& r) {
        ++answers.at(r.id);
        CHECK(hpa_of(r.result).value == kFrame.value + 8 * r.id);
      };
      for (unsigned n = 0; n < kRequests; ++n) {
        (void)f.rig.send(read_of(GuestVirt{kPage.value + 8 * n}), static_cast<std::uint8_t>(n));
      }
      f.rig.cycles(4000);
      CHECK(answers == std::vector<unsigned>(kRequests, 1));
      f.saw_translation();
    }
  }
}
