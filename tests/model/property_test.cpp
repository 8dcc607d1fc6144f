// Properties that hold for every address space: random tables, registers and accesses.
// A run prints its seed when it fails; RC_PARAMS="seed=N" gives it back.
#include <rapidcheck.h>

#include <memory>

#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr PageSize kSizes[] = {PageSize::k4K, PageSize::k2M, PageSize::k1G};
constexpr GuestVirt kBase{0x7f8000000000};
constexpr GuestPhys kFrameBase{std::uint64_t{2} << 30};

void require_property(bool passed) { REQUIRE(passed); }

bool coin() { return *rc::gen::arbitrary<bool>(); }
unsigned below(unsigned n) { return *rc::gen::inRange(0u, n); }
// One in `n`.
bool seldom(unsigned n) { return below(n) == 0; }

// What one random case consists of; built twice, it is the same twice.
struct Plan {
  TableConfig config;
  PageSize guest_page = PageSize::k4K;
  GuestAttr attr;
  ContextRegs regs;
  std::uint16_t pml_index = 511;
  struct Edit {
    bool nested = false;
    GuestPhys gpa;
    unsigned level = 1;
    EntryEdit change;
  };
  std::vector<Edit> edits;
  std::vector<Access> accesses;
};

GuestAttr random_attr() {
  GuestAttr attr;
  attr.writable = coin();
  attr.user = coin();
  attr.no_execute = coin();
  attr.accessed = coin();
  attr.dirty = coin();
  attr.pat = static_cast<std::uint8_t>(below(8));
  attr.key = static_cast<std::uint8_t>(below(16));
  return attr;
}

ContextRegs random_regs() {
  ContextRegs regs;
  regs.wp = coin();
  regs.nxe = !seldom(4);
  regs.smep = coin();
  regs.smap = coin();
  regs.pke = coin();
  regs.mbe = coin();
  regs.advinfo = coin();
  regs.page1g = !seldom(4);
  regs.pml_en = coin();
  regs.pml_addr = 0x7000;
  regs.pkru = *rc::gen::arbitrary<std::uint32_t>();
  regs.maxphyaddr = static_cast<std::uint8_t>(40 + below(13));
  return regs;
}

Plan::Edit random_edit() {
  Plan::Edit edit;
  edit.nested = coin();
  edit.gpa = coin() ? GuestPhys{0x100000 + 4096 * std::uint64_t{below(4)}} : kFrameBase;
  edit.level = 1 + below(5);
  // Any bit but those of the address that would lead out of the tables.
  const std::uint64_t change = bit(coin() ? below(12) : 39 + below(25));
  (coin() ? edit.change.set : edit.change.clear) = change;
  return edit;
}

Access random_access(PageSize size) {
  Access access;
  access.gva = {kBase.value + (*rc::gen::arbitrary<std::uint64_t>() & (page_bytes(size) - 1))};
  access.op = static_cast<Op>(below(3));
  access.user = coin();
  access.ac = coin();
  access.implicit = !access.user && coin();
  return access;
}

Plan random_plan() {
  Plan plan;
  plan.config = coin() ? nested(kSizes[below(3)]) : native();
  plan.config.guest_levels = 4 + below(2);
  plan.config.accessed_dirty = coin();
  plan.config.nested_attr.user_execute = coin();
  plan.guest_page = kSizes[below(plan.config.nested && plan.config.nested_page == PageSize::k4K ? 2 : 3)];
  plan.attr = random_attr();
  plan.regs = random_regs();
  if (seldom(4)) plan.pml_index = static_cast<std::uint16_t>(below(4) - 1);
  for (unsigned n = below(4); n > 0; --n) plan.edits.push_back(random_edit());
  for (unsigned n = 1 + below(5); n > 0; --n) plan.accesses.push_back(random_access(plan.guest_page));
  return plan;
}

std::unique_ptr<World> build(const Plan& plan) {
  auto world = std::make_unique<World>(plan.config);
  world->map(kBase, kFrameBase, plan.guest_page, plan.attr);
  for (const Plan::Edit& edit : plan.edits) {
    if (edit.nested) {
      (void)world->tables.edit_ept(edit.gpa, edit.level, edit.change);
    } else {
      (void)world->tables.edit_guest(kBase, edit.level, edit.change);
    }
  }
  world->regs = world->tables.regs(plan.regs);
  world->mmu.set_pml_index(0, plan.pml_index);
  return world;
}

}  // namespace

TEST_CASE("property: peek answers as the access does, tells whether it writes, and changes nothing", "[property]") {
  unsigned translated = 0;
  unsigned faulted = 0;
  require_property(rc::check([&translated, &faulted] {
    const Plan plan = random_plan();
    const std::unique_ptr<World> world = build(plan);
    for (const Access& access : plan.accesses) {
      RC_ASSERT(world->mmu.commit(0, world->regs) == Reject::None);
      const std::uint16_t index = world->mmu.pml_index(0);
      Trace foreseen;
      const Mmu::Peek peek = world->mmu.peek(access, &foreseen);
      const Mmu::Peek again = world->mmu.peek(access);
      RC_ASSERT(peek.result == again.result);
      RC_ASSERT(world->mmu.pml_index(0) == index);
      const Result result = world->access(access);
      RC_ASSERT(peek.result == result);
      RC_ASSERT(foreseen.steps == world->trace.steps);
      RC_ASSERT(peek.wants_write == (world->trace.swaps() > 0));
      ++(succeeds(result) ? translated : faulted);
    }
  }));
  // The random address spaces are neither all broken nor all sound.
  CHECK(translated > 10);
  CHECK(faulted > 10);
}

TEST_CASE("property: an access repeated gives the same translation and writes nothing", "[property]") {
  require_property(rc::check([] {
    const Plan plan = random_plan();
    const std::unique_ptr<World> world = build(plan);
    for (const Access& access : plan.accesses) {
      const Result first = world->access(access);
      if (!succeeds(first)) continue;
      const std::size_t references = world->trace.reads();
      RC_ASSERT(world->access(access) == first);
      RC_ASSERT(world->trace.swaps() == 0u);
      RC_ASSERT(world->trace.steps.size() == references);
    }
  }));
}

TEST_CASE("property: accessed and dirty flags never change the answer", "[property]") {
  require_property(rc::check([] {
    Plan plan = random_plan();
    plan.regs.pml_en = false;  // a full log depends on them, as it should
    const std::unique_ptr<World> cold = build(plan);
    plan.config.nested_attr.accessed = plan.config.nested_attr.dirty = true;
    plan.attr.accessed = plan.attr.dirty = true;
    if (plan.config.nested && !plan.config.accessed_dirty) {
      // Without EPT flags a guest flag that lacks may be the cause of a violation: leave none lacking.
      for (unsigned level = 1; level <= plan.config.guest_levels; ++level) {
        (void)cold->tables.edit_guest(kBase, level, {0, pt::A | pt::D});
        plan.edits.push_back({false, {}, level, {0, pt::A | pt::D}});
      }
    }
    const std::unique_ptr<World> warm = build(plan);
    for (const Access& access : plan.accesses) RC_ASSERT(cold->access(access) == warm->access(access));
  }));
}

TEST_CASE("property: a success has the offset bits of the gVA and exact reference counts", "[property]") {
  require_property(rc::check([] {
    const Plan plan = random_plan();
    const std::unique_ptr<World> world = build(plan);
    const unsigned guest = plan.config.guest_levels - static_cast<unsigned>(plan.guest_page);
    const unsigned host = plan.config.nested ? 4 - static_cast<unsigned>(plan.config.nested_page) : 0;
    // An edit may have made a pointer to a table of a large leaf, and the walk longer, down to the last level.
    const unsigned last_guest = plan.edits.empty() ? guest : plan.config.guest_levels;
    const unsigned last_host = plan.edits.empty() || !plan.config.nested ? host : 4;
    for (const Access& access : plan.accesses) {
      const Result result = world->access(access);
      if (!succeeds(result)) {
        RC_ASSERT(world->trace.reads() <= last_guest + (last_guest + 1) * last_host);
        continue;
      }
      const Translation done = std::get<Translation>(result);
      const std::uint64_t inside = page_bytes(done.size) - 1;
      RC_ASSERT((done.hpa.value & inside) == (access.gva.value & inside));
      // An edit may have turned a table pointer into a large leaf; then the walk is shorter.
      if (plan.edits.empty()) RC_ASSERT(world->trace.reads() == guest + (guest + 1) * host);
    }
  }));
}

TEST_CASE("property: PML records are the pages whose dirty flag the walk set, in order", "[property]") {
  require_property(rc::check([] {
    Plan plan = random_plan();
    plan.config.nested = plan.config.accessed_dirty = true;
    plan.config.offset = kHostOffset;
    plan.guest_page = PageSize::k4K;
    plan.regs.pml_en = true;
    const std::unique_ptr<World> world = build(plan);
    for (const Access& access : plan.accesses) {
      const std::uint16_t index = world->mmu.pml_index(0);
      (void)world->access(access);
      std::size_t dirtied = 0;
      for (const Step& swap : world->trace.of(Step::What::Swap)) {
        if (swap.table == Table::Nested && (swap.word & ~swap.found & ept::D) != 0) ++dirtied;
      }
      RC_ASSERT(world->trace.count(Step::What::Record) == dirtied);
      RC_ASSERT(world->mmu.pml_index(0) == static_cast<std::uint16_t>(index - dirtied));
    }
  }));
}

}  // namespace vmmu::test
