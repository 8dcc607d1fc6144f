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
  Bench() : player_({}, memory_), board({}, memory_.words) {
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
    board.invalidation_accepted(inv, ++now);
    board.invalidation_acknowledged(++now);
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
