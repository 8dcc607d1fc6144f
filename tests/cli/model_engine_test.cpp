// Claims about the model behind the engine interface.
#include <memory>
#include <vector>

#include "catch.hpp"
#include "engine/engine.hpp"
#include "engine/preset_info.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kWritable = 2;
constexpr std::uint64_t kUser = 4;
constexpr std::uint64_t kAccessed = 0x20;
constexpr std::uint64_t kDirty = 0x40;
constexpr std::uint64_t kAll = kPresent | kWritable | kUser;
constexpr HostPhys kRoot{0x1000};
constexpr HostPhys kLeaf{0x4000};
constexpr HostPhys kPage{0x5000};

// A native context whose gVA 0 maps to kPage; only the leaf lacks its flags.
std::unique_ptr<Engine> mapped_engine() {
  auto engine = make_model_engine({});
  for (std::uint64_t table = kRoot.value; table < kLeaf.value; table += 0x1000) {
    engine->poke(HostPhys{table}, (table + 0x1000) | kAll | kAccessed);
  }
  engine->poke(kLeaf, kPage.value | kAll);
  ContextRegs regs;
  regs.cr3 = kRoot.value;
  REQUIRE(engine->commit(0, regs) == CommitStatus::Ok);
  return engine;
}

Access user_access(Op op) {
  Access access;
  access.op = op;
  access.user = true;
  return access;
}

bool hits_page(const AccessRecord& record) {
  const auto* translation = std::get_if<Translation>(&record.result);
  return translation != nullptr && translation->hpa == kPage;
}

}  // namespace

TEST_CASE("model engine: an access reports the words that it changed, final values", "[engine]") {
  const auto engine = mapped_engine();
  const AccessRecord first = engine->access(user_access(Op::Write));
  CHECK(hits_page(first));
  REQUIRE(first.changed_words.size() == 1);
  CHECK(first.changed_words.at(kLeaf) == (kPage.value | kAll | kAccessed | kDirty));
  CHECK_FALSE(first.changed_pml_index.has_value());
  CHECK(engine->access(user_access(Op::Write)).changed_words.empty());
}

TEST_CASE("model engine: a bus error hits as many requests as asked for", "[engine]") {
  const auto engine = mapped_engine();
  engine->inject_bus_error(kRoot, 2);
  for (int i = 0; i < 2; ++i) {
    const AccessRecord record = engine->access(user_access(Op::Read));
    const auto* fault = std::get_if<Fault>(&record.result);
    REQUIRE(fault != nullptr);
    CHECK(fault->kind == FaultKind::BusError);
    CHECK(fault->address == kRoot.value);
  }
  CHECK(hits_page(engine->access(user_access(Op::Read))));
}

TEST_CASE("model engine: what software wrote in a race is no change of the access", "[engine]") {
  const auto engine = mapped_engine();
  engine->inject_race(kLeaf, kPage.value | kAll | kAccessed);
  const AccessRecord record = engine->access(user_access(Op::Read));
  CHECK(hits_page(record));
  CHECK(record.changed_words.empty());
  CHECK(engine->peek(kLeaf) == (kPage.value | kAll | kAccessed));
  CHECK(engine->counter(Counter::Swaps) == 1);
}

TEST_CASE("model engine: counters count references, swaps and walks, and know no caches", "[engine]") {
  const auto engine = mapped_engine();
  engine->access(user_access(Op::Write));
  engine->access(user_access(Op::Read));
  CHECK(engine->counter(Counter::Refs) == 8);
  CHECK(engine->counter(Counter::GuestRefs) == 8);
  CHECK(engine->counter(Counter::NestedRefs) == 0);
  CHECK(engine->counter(Counter::Swaps) == 1);
  CHECK(engine->counter(Counter::Walks) == 2);
  CHECK_FALSE(engine->counter(Counter::L1Hits).has_value());
  CHECK(engine->cycles() == 0);
}

TEST_CASE("model engine: a non-canonical address starts no walk", "[engine]") {
  const auto engine = mapped_engine();
  Access access = user_access(Op::Read);
  access.gva = GuestVirt{std::uint64_t{1} << 47};
  engine->access(access);
  CHECK(engine->counter(Counter::Walks) == 0);
}

TEST_CASE("model engine: reset forgets memory, registers, injections and counters", "[engine]") {
  const auto engine = mapped_engine();
  engine->inject_bus_error(HostPhys{0}, 1);
  engine->access(user_access(Op::Write));
  engine->reset();
  CHECK(engine->peek(kLeaf) == 0);
  CHECK(engine->counter(Counter::Refs) == 0);
  const AccessRecord record = engine->access(user_access(Op::Read));
  REQUIRE(std::holds_alternative<Fault>(record.result));
  CHECK(std::get<Fault>(record.result).kind == FaultKind::PageFault);
}

TEST_CASE("model engine: a rejected commit raises an event that can be cleared", "[engine]") {
  const auto engine = mapped_engine();
  ContextRegs regs;
  regs.ept_en = true;  // without virt
  CHECK(engine->commit(0, regs) == CommitStatus::Rejected);
  const std::uint32_t bit = 1U << static_cast<unsigned>(Event::CommitRejected);
  CHECK(engine->events(0) == bit);
  engine->clear_events(0, bit);
  CHECK(engine->events(0) == 0);
  CHECK(hits_page(engine->access(user_access(Op::Read))));
}

TEST_CASE("model engine: invalid operands of invalidations get an error reply", "[engine]") {
  const auto engine = mapped_engine();
  const std::uint64_t non_canonical = std::uint64_t{1} << 47;
  const auto reply = [&](InvOp op, std::uint64_t addr, std::uint16_t vpid) {
    Invalidation inv;
    inv.op = op;
    inv.addr = addr;
    inv.vpid = vpid;
    return engine->invalidate(inv);
  };
  CHECK(reply(InvOp::Invlpg, 0, 0));
  CHECK_FALSE(reply(InvOp::Invlpg, non_canonical, 0));
  CHECK_FALSE(reply(InvOp::Invpcid0, non_canonical, 0));
  CHECK(reply(InvOp::Invpcid1, non_canonical, 0));
  CHECK_FALSE(reply(InvOp::Invvpid0, 0, 0));
  CHECK_FALSE(reply(InvOp::Invvpid0, non_canonical, 1));
  CHECK_FALSE(reply(InvOp::Invvpid1, 0, 0));
  CHECK(reply(InvOp::Invvpid2, 0, 0));
  CHECK_FALSE(reply(InvOp::Invvpid3, 0, 0));
  CHECK(reply(InvOp::Invvpid3, 0, 1));
}

TEST_CASE("model engine: an issued access completes through the sink", "[engine]") {
  const auto engine = mapped_engine();
  std::vector<AccessRecord> records;
  engine->on_complete([&](const AccessRecord& record) { records.push_back(record); });
  engine->issue(user_access(Op::Read));
  engine->sync();
  REQUIRE(records.size() == 1);
  CHECK(hits_page(records[0]));
  CHECK(records[0].changed_words.empty());
}

TEST_CASE("presets: contexts and width of the model are those of the build", "[engine]") {
  for (const PresetInfo& info : kPresets) {
    EngineOptions options;
    options.preset = info.preset;
    const auto engine = make_model_engine(options);
    CHECK(engine->num_contexts() == info.num_contexts());
    CHECK(engine->pa_bits() == info.pa_bits());
    CHECK(preset_by_name(info.name) == info.preset);
  }
  CHECK_FALSE(preset_by_name("huge").has_value());
}
