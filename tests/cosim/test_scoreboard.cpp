// The scoreboard is itself tested: a stand-in that behaves passes, and each thing put wrong is reported.
#include "engine/scoreboard.hpp"
#include "fixture.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

// Memory that tells what was done to it, as the rig's memory does.
class ToldMemory final : public PhysMem {
 public:
  std::optional<std::uint64_t> read(HostPhys addr) override {
    log.push_back({MemOp::Read, 0, addr, words.peek(addr), 0, 0, false});
    return words.peek(addr);
  }
  std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) override {
    const std::uint64_t found = words.peek(addr);
    log.push_back({MemOp::Cas, 0, addr, found, desired, expected, false});
    if (found == expected) words.poke(addr, desired);
    return found;
  }
  bool write(HostPhys addr, std::uint64_t word) override {
    log.push_back({MemOp::Write, 0, addr, words.peek(addr), word, 0, false});
    words.poke(addr, word);
    return true;
  }
  std::uint64_t peek(HostPhys addr) const override { return words.peek(addr); }

  SparseMem words;
  std::vector<Transaction> log;
};

// A second model plays the RTL, with no cache.
class Bench {
 public:
  explicit Bench(WalkerCaches caches = {}) : player_({}, memory_), board({}, memory_.words, caches) {
    TableConfig config;
    config.nested = true;
    config.accessed_dirty = true;
    tables = std::make_unique<PageTables>(config, [this](HostPhys a, std::uint64_t w) { poke(a, w); });
    for (unsigned i = 0; i < 4; ++i) {
      REQUIRE(tables->map({kPage.value + 0x1000 * i}, {kFrame.value + 0x1000 * i}) == MapError::None);
    }
    regs = tables->regs(plain_regs());
    regs.pml_en = true;
    regs.pml_addr = 0x90000000;
    commit(regs);
  }

  void commit(const ContextRegs& r) {
    REQUIRE(player_.commit(0, r) == Reject::None);
    REQUIRE(board.commit(0, r) == Reject::None);
  }
  void poke(HostPhys addr, std::uint64_t word) {
    board.poke(addr, word, now);
    memory_.words.poke(addr, word);
  }
  void invalidate(const Invalidation& inv) {
    board.invalidation_accepted(1, inv, ++now);
    ++now;
    board.invalidation_acknowledged(1);
    ++now;
  }
  // What an RTL without faults would answer; its transactions are in log().
  Answer walk(const Access& access) {
    memory_.log.clear();
    const std::uint64_t accepted = ++now;
    const Result result = player_.access(access);
    now += 10;
    return {access, result, true, accepted, now++};
  }
  std::vector<Transaction>& log() { return memory_.log; }
  SparseMem& words() { return memory_.words; }
  std::uint16_t index() const { return player_.pml_index(0); }
  Differences alone(const Answer& answer) { return board.check_alone(answer, log()); }
  Answer hit(const Access& access, const Result& result) {
    memory_.log.clear();
    ++now;
    return {access, result, false, now, now + 1};
  }

  ToldMemory memory_;
  Mmu player_;
  Scoreboard board;
  std::unique_ptr<PageTables> tables;
  ContextRegs regs;
  std::uint64_t now = 1;
};

Transaction* first(std::vector<Transaction>& log, MemOp op) {
  for (Transaction& t : log) {
    if (t.op == op) return &t;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("scoreboard: walks that behave are not reported, and neither are the hits after them", "[scoreboard]") {
  Bench b;
  for (const Access& access : {read_of(kPage), write_of(kPage), read_of(GuestVirt{kPage.value + 0x1008})}) {
    const Answer answer = b.walk(access);
    CHECK(b.alone(answer).empty());
    CHECK(b.alone(b.hit(access, answer.result)).empty());
    CHECK(b.alone(b.hit(access, answer.result)).empty());
  }
}

TEST_CASE("scoreboard: a walk that names the segment check as its source is reported", "[scoreboard]") {
  Bench b;
  Answer answer = b.walk(read_of(kPage));
  answer.from_walk = false;
  answer.from_segments = true;
  CHECK_FALSE(b.alone(answer).empty());
}

TEST_CASE("scoreboard: a wrong answer is reported", "[scoreboard]") {
  Bench b;
  Answer answer = b.walk(read_of(kPage));
  Translation& t = std::get<Translation>(answer.result);
  SECTION("address") { t.hpa.value ^= 0x1000; }
  SECTION("size") { t.size = PageSize::k2M; }
  SECTION("PAT index") { t.pat ^= 1; }
  SECTION("memory type") { t.emt = 0; }
  SECTION("a fault instead") { answer.result = Fault{}; }
  CHECK(b.alone(answer).size() == 1);
}

TEST_CASE("scoreboard: wrong traffic is reported", "[scoreboard]") {
  Bench b;
  const Answer answer = b.walk(write_of(kPage));
  auto& log = b.log();
  SECTION("two reads in the other order") { std::swap(log[0], log[1]); }
  SECTION("a read left out with the caches bypassed") {
    b.board.set_cache_bypass(true);
    log.erase(log.begin());
  }
  SECTION("a read too many") { log.push_back(log.front()); }
  SECTION("a read of another word") { first(log, MemOp::Read)->data ^= bit(20); }
  SECTION("a read elsewhere") { first(log, MemOp::Read)->addr.value += 8; }
  SECTION("a swap left out") { log.erase(log.begin() + (first(log, MemOp::Cas) - log.data())); }
  SECTION("a swap that sets another bit") { first(log, MemOp::Cas)->wdata ^= 2; }
  SECTION("a swap that expected another word") { first(log, MemOp::Cas)->expected ^= bit(52); }
  SECTION("a record left out") { log.erase(log.begin() + (first(log, MemOp::Write) - log.data())); }
  SECTION("a record elsewhere") { first(log, MemOp::Write)->addr.value += 8; }
  SECTION("a record that is no page address") { first(log, MemOp::Write)->wdata |= 8; }
  CHECK_FALSE(b.alone(answer).empty());
}

TEST_CASE("scoreboard: caches of the walker leave reads out", "[scoreboard]") {
  Bench b;
  REQUIRE(b.alone(b.walk(write_of(kPage))).empty());
  const Answer answer = b.walk(read_of(GuestVirt{kPage.value + 0x1000}));
  auto& log = b.log();
  SECTION("some") { log.erase(log.begin() + 3, log.begin() + 11); }
  SECTION("all but the guest's leaf and what follows") { log.erase(log.begin(), log.begin() + 19); }
  CHECK(b.alone(answer).empty());
}

TEST_CASE("scoreboard: a fault is found by a walk without caches", "[scoreboard]") {
  Bench b;
  b.regs.pml_en = false;
  b.commit(b.regs);
  REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
  const EntryPlace leaf = *b.tables->ept_entry(kFrame, 1);
  b.poke(leaf.hpa, 0);
  b.invalidate({InvOp::All, 0, 0, 0, 0});
  const Answer answer = b.walk(read_of(kPage));
  REQUIRE(std::holds_alternative<Fault>(answer.result));
  auto& log = b.log();
  const std::vector<Transaction> all = log;
  SECTION("all reads") { CHECK(b.alone(answer).empty()); }
  SECTION("all reads, after some of an attempt with caches") {
    log.insert(log.begin(), all.end() - 5, all.end());
    CHECK(b.alone(answer).empty());
  }
  SECTION("a read left out") {
    log.erase(log.begin() + 2);
    CHECK_FALSE(b.alone(answer).empty());
  }
  SECTION("a read left out, after some of an attempt with caches") {
    log.erase(log.begin() + 2);
    log.insert(log.begin(), all.end() - 5, all.end());
    CHECK_FALSE(b.alone(answer).empty());
  }
  SECTION("an attempt that read something else") {
    log.insert(log.begin(), all.back());
    log.front().addr.value ^= 0x1000;
    CHECK_FALSE(b.alone(answer).empty());
  }
}

TEST_CASE("scoreboard: a flag that did not reach memory is reported, once", "[scoreboard]") {
  Bench b;
  const Answer answer = b.walk(write_of(kPage));
  const Transaction swap = *first(b.log(), MemOp::Cas);
  b.words().poke(swap.addr, swap.expected);
  CHECK(b.alone(answer).size() == 1);
}

TEST_CASE("scoreboard: a hit is judged by what was walked and not invalidated since", "[scoreboard]") {
  Bench b;
  const Access access = read_of(kPage);
  const Answer walked = b.walk(access);
  REQUIRE(b.alone(walked).empty());
  const EntryPlace leaf = *b.tables->guest_entry(kPage, 1);
  SECTION("a hit on a page never walked sets no flag, so it is wrong") {
    const Access other = read_of(GuestVirt{kPage.value + 0x1000});
    CHECK_FALSE(
        b.alone(b.hit(other, Translation{HostPhys{kFrame.value + 0x1000}, PageSize::k4K, 0, 6, false})).empty());
  }
  SECTION("a write that hits with the dirty flag clear is wrong") {
    CHECK_FALSE(b.alone(b.hit(write_of(kPage), walked.result)).empty());
  }
  SECTION("stale without invalidation is legal") {
    b.poke(leaf.hpa, leaf.word ^ bit(20));
    CHECK(b.alone(b.hit(access, walked.result)).empty());
  }
  SECTION("stale after an invalidation of another page is legal") {
    b.poke(leaf.hpa, leaf.word ^ bit(20));
    b.invalidate({InvOp::Invlpg, 0, kPage.value + 0x1000, 0, 0});
    CHECK(b.alone(b.hit(access, walked.result)).empty());
  }
  SECTION("stale after a covering invalidation is wrong") {
    b.poke(leaf.hpa, leaf.word ^ bit(20));
    SECTION("by address") { b.invalidate({InvOp::Invlpg, 0, kPage.value, 0, 0}); }
    SECTION("by EPTP") { b.invalidate({InvOp::Invept1, 0, b.regs.eptp, 0, 0}); }
    SECTION("of the context") { b.invalidate({InvOp::Invctx, 0, 0, 0, 0}); }
    CHECK_FALSE(b.alone(b.hit(access, walked.result)).empty());
  }
  SECTION("stale of another address space is wrong") {
    b.poke(leaf.hpa, leaf.word ^ bit(20));
    ContextRegs other = b.regs;
    other.vpid = 77;
    b.commit(other);
    CHECK_FALSE(b.alone(b.hit(access, walked.result)).empty());
  }
  SECTION("an entry in use does not outlive the permission controls") {
    ContextRegs other = b.regs;
    other.smep = other.smap = true;
    b.commit(other);
    const Access by_supervisor{kPage, Op::Read, false, false, false, 0};
    CHECK_FALSE(b.alone(b.hit(by_supervisor, walked.result)).empty());
  }
}

TEST_CASE("scoreboard: several in flight, each may answer first", "[scoreboard]") {
  Bench b;
  std::vector<Answer> answers;
  std::vector<Transaction> log;
  const std::uint64_t start = b.now;
  for (unsigned i = 0; i < 4; ++i) {
    answers.push_back(b.walk(write_of(GuestVirt{kPage.value + 0x1000 * i})));
    answers.back().accepted = start;
    log.insert(log.end(), b.log().begin(), b.log().end());
    b.board.accepted(i, answers.back().access, start);
  }
  SECTION("as they should be") {
    for (unsigned i = 4; i-- > 0;) CHECK(b.board.check_answer(i, answers[i]).empty());
    CHECK(b.board.check_quiet(log, {b.index(), 0x1ff, 0x1ff, 0x1ff}).empty());
  }
  SECTION("a wrong answer") {
    std::get<Translation>(answers[2].result).hpa.value ^= 0x1000;
    CHECK(b.board.check_answer(2, answers[2]).size() == 1);
  }
  SECTION("an answer to an id that is free") { CHECK(b.board.check_answer(9, answers[0]).size() == 1); }
  SECTION("a read too many") {
    for (unsigned i = 0; i < 4; ++i) CHECK(b.board.check_answer(i, answers[i]).empty());
    log.push_back(log.front());
    CHECK_FALSE(b.board.check_quiet(log, {b.index(), 0x1ff, 0x1ff, 0x1ff}).empty());
  }
  SECTION("a read left out") {
    for (unsigned i = 0; i < 4; ++i) CHECK(b.board.check_answer(i, answers[i]).empty());
    log.erase(log.begin());
    CHECK(b.board.check_quiet(log, {b.index(), 0x1ff, 0x1ff, 0x1ff}).empty());
  }
  SECTION("a read left out with the caches bypassed") {
    b.board.set_cache_bypass(true);
    for (unsigned i = 0; i < 4; ++i) CHECK(b.board.check_answer(i, answers[i]).empty());
    log.erase(log.begin());
    CHECK_FALSE(b.board.check_quiet(log, {b.index(), 0x1ff, 0x1ff, 0x1ff}).empty());
  }
  SECTION("an index that says otherwise") {
    for (unsigned i = 0; i < 4; ++i) CHECK(b.board.check_answer(i, answers[i]).empty());
    CHECK_FALSE(b.board.check_quiet(log, {0x1ff, 0x1ff, 0x1ff, 0x1ff}).empty());
  }
  SECTION("a bus error that memory did not give") {
    Answer refused = answers[0];
    refused.result = Fault{FaultKind::BusError, 0, 0, refused.access.gva, true, 0x1000};
    b.board.check_answer(0, refused);
    for (unsigned i = 1; i < 4; ++i) b.board.check_answer(i, answers[i]);
    CHECK_FALSE(b.board.check_quiet(log, {b.index(), 0x1ff, 0x1ff, 0x1ff}).empty());
  }
}

TEST_CASE(
    "scoreboard: a walk in flight may have read before or after a software write, not before an acknowledged "
    "invalidation",
    "[scoreboard]") {
  Bench b;
  const Access access = read_of(kPage);
  const Answer before = b.walk(access);
  REQUIRE(b.alone(before).empty());
  const EntryPlace leaf = *b.tables->guest_entry(kPage, 1);
  Answer answer = before;
  answer.accepted = b.now;
  b.board.accepted(1, access, b.now);
  b.now += 5;
  b.poke(leaf.hpa, (leaf.word | pt::A) ^ bit(20));
  b.now += 5;
  SECTION("before") {
    answer.responded = b.now;
    CHECK(b.board.check_answer(1, answer).empty());
  }
  SECTION("after") {
    std::get<Translation>(answer.result).hpa.value ^= bit(20);
    (void)b.walk(read_of(kPage));  // sets the flags of the new frame's EPT leaf
    answer.responded = b.now;
    CHECK_FALSE(b.board.check_answer(1, answer).empty());  // that frame is not mapped by the EPT
  }
  SECTION("before, but answered after a covering invalidation was acknowledged") {
    b.invalidate({InvOp::Invctx, 0, 0, 0, 0});
    answer.responded = b.now;
    CHECK_FALSE(b.board.check_answer(1, answer).empty());
  }
}

namespace {

// An RTL whose walker kept what it read in words that software has changed since.
class CachedBench : public Bench {
 public:
  using Bench::Bench;

  // The walk of a page that was made when `addr` held `old`, and of whose reads the first `saved` came from a cache.
  Answer walk_from_cache(const Access& access, HostPhys addr, std::uint64_t old, std::size_t saved) {
    const std::uint64_t present = words().peek(addr);
    words().poke(addr, old);
    Answer answer = walk(access);
    words().poke(addr, present);
    log().erase(log().begin(), log().begin() + static_cast<std::ptrdiff_t>(saved));
    return answer;
  }
};

constexpr GuestVirt kOther{kPage.value + 0x1000};  // below the same tables as kPage
constexpr std::size_t kAllButLeaf = 19;            // reads of a nested walk before that of the guest's leaf

}  // namespace

TEST_CASE("scoreboard: a pointer of the guest may be as old as the last invalidation of its structure caches",
          "[scoreboard]") {
  CachedBench b;
  REQUIRE(b.alone(b.walk(write_of(kPage))).empty());
  const EntryPlace pointer = *b.tables->guest_entry(kPage, 2);
  const std::uint64_t old = b.words().peek(pointer.hpa);
  b.poke(pointer.hpa, 0);
  const Access access = read_of(kOther);
  bool legal = false;
  SECTION("no invalidation") { legal = true; }
  SECTION("of a page of another VPID") {
    b.invalidate({InvOp::Invvpid0, 0, kPage.value, 0, static_cast<std::uint16_t>(b.regs.vpid + 1)});
    legal = true;
  }
  SECTION("of a page of another context") {
    b.invalidate({InvOp::Invlpg, 1, kOther.value, 0, 0});
    legal = true;
  }
  SECTION("of another PCID") {
    b.invalidate({InvOp::Invpcid1, 0, 0, 5, 0});
    legal = true;
  }
  SECTION("of that page") { b.invalidate({InvOp::Invlpg, 0, kOther.value, 0, 0}); }
  SECTION("of some page of the PCID") { b.invalidate({InvOp::Invlpg, 0, 0x7000, 0, 0}); }
  SECTION("of the PCID") { b.invalidate({InvOp::Invpcid1, 0, 0, 0, 0}); }
  SECTION("without globals") { b.invalidate({InvOp::Invpcid3, 0, 0, 0, 0}); }
  SECTION("of the EPT root") { b.invalidate({InvOp::Invept1, 0, b.regs.eptp, 0, 0}); }
  SECTION("of the context") { b.invalidate({InvOp::Invctx, 0, 0, 0, 0}); }
  SECTION("of everything") { b.invalidate({InvOp::All, 0, 0, 0, 0}); }
  const Answer answer = b.walk_from_cache(access, pointer.hpa, old, kAllButLeaf);
  REQUIRE(std::holds_alternative<Translation>(answer.result));
  CHECK(b.alone(answer).empty() == legal);
  if (legal) {
    CHECK(b.alone(b.hit(access, answer.result)).empty());
    b.invalidate({InvOp::Invlpg, 0, kOther.value, 0, 0});
    CHECK_FALSE(b.alone(b.hit(access, answer.result)).empty());
  }
}

TEST_CASE("scoreboard: a nested entry may be as old as the last invalidation of its root", "[scoreboard]") {
  CachedBench b;
  REQUIRE(b.alone(b.walk(write_of(kPage))).empty());
  const EntryPlace table = *b.tables->ept_entry({kFrame.value}, 2);
  const std::uint64_t old = b.words().peek(table.hpa);
  b.poke(table.hpa, 0);
  const Access access = read_of(kOther);
  bool legal = false;
  SECTION("no invalidation") { legal = true; }
  SECTION("of that page by the guest") {
    b.invalidate({InvOp::Invlpg, 0, kOther.value, 0, 0});
    legal = true;
  }
  SECTION("of everything of the guest") {
    b.invalidate({InvOp::Invpcid2, 0, 0, 0, 0});
    b.invalidate({InvOp::Invvpid2, 0, 0, 0, 0});
    legal = true;
  }
  SECTION("of another root") {
    b.invalidate({InvOp::Invept1, 0, b.regs.eptp + 0x1000, 0, 0});
    legal = true;
  }
  SECTION("of the root") { b.invalidate({InvOp::Invept1, 0, b.regs.eptp, 0, 0}); }
  SECTION("of all roots") { b.invalidate({InvOp::Invept2, 0, 0, 0, 0}); }
  SECTION("of the context") { b.invalidate({InvOp::Invctx, 0, 0, 0, 0}); }
  Answer answer = b.walk_from_cache(access, table.hpa, old, 0);
  REQUIRE(std::holds_alternative<Translation>(answer.result));
  // All but the leaf of the guest and the nested leaf came from a cache.
  auto& log = b.log();
  std::vector<Transaction> left;
  const std::vector<Transaction> all = log;
  std::size_t reads = 0;
  for (const Transaction& t : all) {
    if (t.op != MemOp::Read || reads == kAllButLeaf || reads == kAllButLeaf + 4) left.push_back(t);
    reads += t.op == MemOp::Read ? 1 : 0;
  }
  log = left;
  CHECK(b.alone(answer).empty() == legal);
}

TEST_CASE("scoreboard: what no cache holds is as memory says", "[scoreboard]") {
  SECTION("a guest leaf") {
    CachedBench b;
    REQUIRE(b.alone(b.walk(read_of(kOther))).empty());
    const EntryPlace leaf = *b.tables->guest_entry(kOther, 1);
    const std::uint64_t old = b.words().peek(leaf.hpa);
    b.poke(leaf.hpa, old ^ bit(20));
    CHECK_FALSE(b.alone(b.walk_from_cache(read_of(kOther), leaf.hpa, old, kAllButLeaf)).empty());
  }
  SECTION("a pointer, in a build without structure caches") {
    CachedBench b(WalkerCaches{false, true});
    REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
    const EntryPlace pointer = *b.tables->guest_entry(kPage, 2);
    const std::uint64_t old = b.words().peek(pointer.hpa);
    b.poke(pointer.hpa, 0);
    CHECK_FALSE(b.alone(b.walk_from_cache(read_of(kOther), pointer.hpa, old, kAllButLeaf)).empty());
  }
  SECTION("a pointer, with the caches bypassed") {
    CachedBench b;
    REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
    b.board.set_cache_bypass(true);
    const EntryPlace pointer = *b.tables->guest_entry(kPage, 2);
    const std::uint64_t old = b.words().peek(pointer.hpa);
    b.poke(pointer.hpa, 0);
    CHECK_FALSE(b.alone(b.walk_from_cache(read_of(kOther), pointer.hpa, old, kAllButLeaf)).empty());
  }
  SECTION("a pointer before a fault") {
    CachedBench b;
    REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
    const EntryPlace pointer = *b.tables->guest_entry(kPage, 2);
    const std::uint64_t old = b.words().peek(pointer.hpa);
    b.poke(pointer.hpa, old ^ pt::U);
    const Answer answer = b.walk_from_cache({kOther, Op::Fetch, false, false, false, 0}, pointer.hpa, old, kAllButLeaf);
    CHECK(b.alone(answer).empty());
    const EntryPlace leaf = *b.tables->guest_entry(kOther, 1);
    b.poke(leaf.hpa, b.words().peek(leaf.hpa) & ~pt::U);
    const Answer fault = b.walk_from_cache(read_of(kOther), pointer.hpa, old, kAllButLeaf);
    REQUIRE(std::holds_alternative<Fault>(fault.result));
    CHECK_FALSE(b.alone(fault).empty());
  }
}

TEST_CASE("scoreboard: a flag that a cache says is set need not be set again", "[scoreboard]") {
  CachedBench b;
  const Access access = write_of(kPage);
  REQUIRE(b.alone(b.walk(access)).empty());
  const EntryPlace leaf = *b.tables->ept_entry(kFrame, 1);
  const std::uint64_t old = b.words().peek(leaf.hpa);
  REQUIRE((old & ept::D) != 0);
  b.poke(leaf.hpa, old & ~ept::D);
  SECTION("not invalidated") {
    CHECK(b.alone(b.walk_from_cache(access, leaf.hpa, old, 23)).empty());
    CHECK((b.board.memory().peek(leaf.hpa) & ept::D) == 0);
    CHECK(b.board.pml_index(0) == b.index());
    // Who looks at memory sets it after all.
    CHECK(b.alone(b.walk(access)).empty());
  }
  SECTION("invalidated") {
    b.invalidate({InvOp::Invept1, 0, b.regs.eptp, 0, 0});
    CHECK_FALSE(b.alone(b.walk_from_cache(access, leaf.hpa, old, 23)).empty());
  }
  SECTION("set without a record") {
    const Answer answer = b.walk(access);
    auto& log = b.log();
    log.erase(log.begin() + (first(log, MemOp::Write) - log.data()));
    CHECK_FALSE(b.alone(answer).empty());
  }
  SECTION("the dirty flag of the guest is in no cache of the walker") {
    const EntryPlace guest = *b.tables->guest_entry(kPage, 1);
    const std::uint64_t dirty = b.words().peek(guest.hpa);
    b.poke(guest.hpa, dirty & ~pt::D);
    CHECK_FALSE(b.alone(b.walk_from_cache(access, guest.hpa, dirty, 23)).empty());
  }
}

TEST_CASE("scoreboard: an attempt that a stale entry misled is followed by a walk without caches", "[scoreboard]") {
  CachedBench b;
  REQUIRE(b.alone(b.walk(write_of(kPage))).empty());
  // The table of another region, which has no entry for the page.
  REQUIRE(b.tables->map({kPage.value + 0x400000}, {kFrame.value + 0x4000}) == MapError::None);
  REQUIRE(b.alone(b.walk(write_of({kPage.value + 0x400000}))).empty());
  const EntryPlace pointer = *b.tables->guest_entry(kPage, 2);
  const std::uint64_t right = b.words().peek(pointer.hpa);
  const std::uint64_t wrong = b.words().peek((*b.tables->guest_entry({kPage.value + 0x400000}, 2)).hpa) | pt::A;
  b.poke(pointer.hpa, wrong);
  b.poke(pointer.hpa, right);
  (void)b.walk_from_cache(read_of(kOther), pointer.hpa, wrong, kAllButLeaf);
  const std::vector<Transaction> attempt = b.log();
  REQUIRE(attempt.size() == 1);
  Answer answer = b.walk(read_of(kOther));
  auto& log = b.log();
  log.insert(log.begin(), attempt.begin(), attempt.end());
  SECTION("all of it") { CHECK(b.alone(answer).empty()); }
  SECTION("a read of the second walk left out") {
    log.erase(log.begin() + 3);
    CHECK_FALSE(b.alone(answer).empty());
  }
  SECTION("what misled it was invalidated") {
    b.invalidate({InvOp::Invlpg, 0, 0, 0, 0});
    CHECK_FALSE(b.alone(answer).empty());
  }
}

TEST_CASE("scoreboard: tables may stand where segments of earlier registers put them, data may not", "[scoreboard]") {
  CachedBench b;
  // The page tables of the guest are in a segment that leads to a copy of them.
  ContextRegs moved = b.regs;
  const std::uint64_t base = b.regs.cr3 & kFrameMask;
  constexpr std::uint64_t kCopy = 0x200000000;
  moved.vseg[0] = {base, base + 0x100000, kCopy - base, seg::kVmmMask};
  for (unsigned level = 4; level >= 1; --level) {
    for (unsigned page = 0; page < 2; ++page) {
      const EntryPlace from = *b.tables->guest_entry({kPage.value + 0x1000 * page}, level);
      const std::uint64_t word = b.words().peek(from.hpa) | (level == 1 ? bit(12) & (page == 0 ? 0 : ~0ull) : 0);
      b.poke({kCopy + (from.hpa.value - (*b.tables->guest_entry(kPage, 4)).hpa.value) +
              ((*b.tables->guest_entry(kPage, 4)).hpa.value & 0xfff)},
             word);
    }
  }
  b.commit(moved);
  const Answer before = b.walk(read_of(kPage));
  REQUIRE(std::holds_alternative<Translation>(before.result));
  REQUIRE(b.alone(before).empty());
  // What the walk of the other page reads in its last table, and what it says.
  const Answer through_copy = b.walk(read_of(kOther));
  const std::vector<Transaction> leaf_and_data(b.log().begin() + 3, b.log().end());
  REQUIRE(std::holds_alternative<Translation>(through_copy.result));
  for (const Transaction& t : leaf_and_data) {
    if (t.swapped()) b.words().poke(t.addr, t.expected);  // not told yet
  }
  b.commit(b.regs);
  SECTION("no invalidation") {
    for (const Transaction& t : leaf_and_data) {
      if (t.swapped()) b.words().poke(t.addr, t.wdata);
    }
    b.log() = leaf_and_data;
    Answer answer = through_copy;
    answer.responded = ++b.now;
    CHECK(b.alone(answer).empty());
  }
  SECTION("invalidated") {
    b.invalidate({InvOp::Invlpg, 0, 0, 0, 0});
    for (const Transaction& t : leaf_and_data) {
      if (t.swapped()) b.words().poke(t.addr, t.wdata);
    }
    b.log() = leaf_and_data;
    Answer answer = through_copy;
    answer.responded = ++b.now;
    CHECK_FALSE(b.alone(answer).empty());
  }
}

TEST_CASE("scoreboard: until an invalidation is acknowledged, what it covers may be answered", "[scoreboard]") {
  CachedBench b;
  const Access access = read_of(kPage);
  const Answer walked = b.walk(access);
  REQUIRE(b.alone(walked).empty());
  const EntryPlace leaf = *b.tables->guest_entry(kPage, 1);
  b.poke(leaf.hpa, 0);
  b.board.invalidation_accepted(7, {InvOp::Invlpg, 0, kPage.value, 0, 0}, ++b.now);
  Answer hit = b.hit(access, walked.result);
  b.board.accepted(1, access, b.now);
  SECTION("accepted and answered before") { CHECK(b.board.check_answer(1, hit).empty()); }
  SECTION("answered after it") {
    b.board.invalidation_acknowledged(7);
    CHECK_FALSE(b.board.check_answer(1, hit).empty());
  }
  SECTION("accepted after it") {
    REQUIRE(b.board.check_answer(1, hit).empty());
    b.board.invalidation_acknowledged(7);
    hit = b.hit(access, walked.result);
    b.board.accepted(2, access, b.now);
    CHECK_FALSE(b.board.check_answer(2, hit).empty());
  }
  SECTION("an error reply invalidates nothing") {
    b.board.invalidation_refused(7);
    CHECK(b.board.check_answer(1, hit).empty());
  }
  SECTION("each waits for its own") {
    b.board.invalidation_accepted(8, {InvOp::Invlpg, 0, kOther.value, 0, 0}, ++b.now);
    b.board.invalidation_acknowledged(8);
    CHECK(b.board.check_answer(1, hit).empty());
  }
}

TEST_CASE("scoreboard: pointers that a walk in flight read before an invalidation serve no later request",
          "[scoreboard]") {
  CachedBench b;
  REQUIRE(b.alone(b.walk(write_of(kPage))).empty());
  const EntryPlace pointer = *b.tables->guest_entry(kPage, 2);
  const std::uint64_t old = b.words().peek(pointer.hpa);
  Answer answer = b.walk(read_of(kOther));
  answer.accepted = b.now;
  b.board.accepted(1, answer.access, ++b.now);
  b.poke(pointer.hpa, 0);
  bool answered_in_time = false;
  SECTION("of another page") {
    b.invalidate({InvOp::Invlpg, 0, 0, 0, 0});
    answered_in_time = true;  // its own answer is that of a TLB entry, which this one leaves alone
  }
  SECTION("of that page") { b.invalidate({InvOp::Invlpg, 0, kOther.value, 0, 0}); }
  answer.responded = ++b.now;
  CHECK(b.board.check_answer(1, answer).empty() == answered_in_time);
  const GuestVirt third{kPage.value + 0x2000};
  b.board.accepted(2, read_of(third), ++b.now);
  const std::uint64_t accepted = b.now;
  Answer later = b.walk_from_cache(read_of(third), pointer.hpa, old, kAllButLeaf);
  later.accepted = accepted;
  CHECK_FALSE(b.board.check_answer(2, later).empty());
}

TEST_CASE("scoreboard: several in flight, some from stale pointers", "[scoreboard]") {
  CachedBench b;
  REQUIRE(b.alone(b.walk(write_of(kPage))).empty());
  const EntryPlace pointer = *b.tables->guest_entry(kPage, 2);
  const std::uint64_t old = b.words().peek(pointer.hpa);
  b.poke(pointer.hpa, 0);
  bool legal = true;
  SECTION("not invalidated") {}
  SECTION("invalidated") {
    b.invalidate({InvOp::Invlpg, 0, 0, 0, 0});
    legal = false;
  }
  b.board.accepted(1, read_of(kOther), ++b.now);
  const std::uint64_t accepted = b.now;
  Answer answer = b.walk_from_cache(read_of(kOther), pointer.hpa, old, kAllButLeaf);
  answer.accepted = accepted;
  CHECK(b.board.check_answer(1, answer).empty() == legal);
  if (legal) CHECK(b.board.check_quiet(b.log(), {b.index(), 0x1ff, 0x1ff, 0x1ff}).empty());
}

TEST_CASE("scoreboard: a page that a TLB holds leaves no reference", "[scoreboard][logs]") {
  Bench b;
  Access held = write_of(kPage);
  held.held = true;
  const auto log_references = [&b] {
    b.regs.prl_en = true;
    b.regs.prl_addr = 0x91000000;
    b.commit(b.regs);
  };
  bool legal = false;
  SECTION("never walked before") { log_references(); }
  SECTION("walked before") {
    log_references();
    REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
    legal = true;
  }
  SECTION("walked before, with the log off") {
    REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
    log_references();
    legal = true;
  }
  SECTION("invalidated since") {
    log_references();
    REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
    b.invalidate({InvOp::Invlpg, 0, kPage.value, 0, 0});
  }
  CHECK(b.alone(b.walk(held)).empty() == legal);
}

TEST_CASE("scoreboard: several in flight, a page is held until it is invalidated", "[scoreboard][logs]") {
  Bench b;
  b.regs.prl_en = true;
  b.regs.prl_addr = 0x91000000;
  b.commit(b.regs);
  Access held = write_of(kPage);
  held.held = true;
  bool legal = false;
  const auto invalidate = [&b] { b.invalidate({InvOp::Invlpg, 0, kPage.value, 0, 0}); };
  REQUIRE(b.alone(b.walk(read_of(kPage))).empty());
  SECTION("before it was accepted") {
    invalidate();
    b.board.accepted(1, held, ++b.now);
  }
  SECTION("while it is in flight") {
    b.board.accepted(1, held, ++b.now);
    invalidate();
    legal = true;
  }
  CHECK(b.board.check_answer(1, b.walk(held)).empty());
  std::vector<LogState> logs{b.index(), 0x1ff, 0x1ff, 0x1ff};
  logs[0].regs.index(Log::Prl) = b.player_.log_index(0, Log::Prl);
  CHECK(b.board.check_quiet(b.log(), logs).empty() == legal);
}

TEST_CASE("scoreboard: several in flight, the guest's log passes its watermark or does not", "[scoreboard][logs]") {
  Bench b;
  constexpr GuestPhys kBuffer{0x30000000};
  REQUIRE(b.tables->emap(kBuffer, HostPhys{kBuffer.value}) == MapError::None);
  b.regs.epml_en = true;
  b.regs.epml_addr = kBuffer.value;
  bool passed = false;
  SECTION("at its first record") {
    b.regs.epml_watermark = 0x1fe;
    passed = true;
  }
  SECTION("at its last record") {
    b.regs.epml_watermark = 0x1fd;
    passed = true;
  }
  SECTION("not yet") { b.regs.epml_watermark = 0x1fc; }
  SECTION("before") { b.regs.epml_watermark = 0x1ff; }
  b.commit(b.regs);
  b.board.check_quiet({}, {b.index(), 0x1ff, 0x1ff, 0x1ff});
  std::vector<Transaction> log;
  for (unsigned i = 0; i < 2; ++i) {
    const Access access = write_of(GuestVirt{kPage.value + 0x1000 * i});
    b.board.accepted(i, access, ++b.now);
    const Answer answer = b.walk(access);
    log.insert(log.end(), b.log().begin(), b.log().end());
    CHECK(b.board.check_answer(i, answer).empty());
  }
  std::vector<LogState> logs{b.index(), 0x1ff, 0x1ff, 0x1ff};
  logs[0].regs.index(Log::Epml) = b.player_.log_index(0, Log::Epml);
  CHECK(b.board.check_quiet(log, logs).empty());
  CHECK(b.board.log_guest_events(0) == (passed ? event_bit(GuestEvent::EpmlWatermark) : 0));
}

TEST_CASE("scoreboard: a log is found full for flags that a request in flight with the last room sets",
          "[scoreboard][logs]") {
  Bench b;
  Bench full;
  full.player_.set_pml_index(0, 0xffff);
  const Access access = write_of(kPage);
  const Answer refused{access, full.player_.access(access), true, b.now, b.now};
  REQUIRE(std::get<Fault>(refused.result).kind == FaultKind::PmlFull);
  bool in_flight = true;
  SECTION("in flight with it") {}
  SECTION("before it") { in_flight = false; }
  b.board.accepted(1, access, ++b.now);
  if (in_flight) b.board.accepted(2, access, b.now);
  const Answer answer = b.walk(access);
  for (const Transaction& t : b.log()) {
    if (t.swapped()) b.board.swap_happens(t.addr, t.expected, b.now);
  }
  CHECK(b.board.check_answer(1, answer).empty());
  if (!in_flight) {
    CHECK(b.board.check_quiet(b.log(), {b.index(), 0x1ff, 0x1ff, 0x1ff}).empty());
    b.board.accepted(2, access, ++b.now);
  }
  CHECK(b.board.check_answer(2, refused).empty() == in_flight);
}
