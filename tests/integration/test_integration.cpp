// The example of docs/integration.md, simulated: a copy engine with virtual addresses behind vmmu_axi_top.
#include "catch.hpp"
#include "tables.hpp"

using namespace example;

namespace {

constexpr unsigned kCtx = 0;
constexpr std::uint64_t kSource = 0x7f0000001000;  // virtual
constexpr std::uint64_t kDestination = 0x400000;
constexpr std::uint64_t kSourceFrames = 0x10000;  // guest physical, page after page
constexpr std::uint64_t kDestinationFrames = 0x20000;
constexpr unsigned kPages = 3;
constexpr unsigned kPageWords = kPageBytes / 8;
constexpr std::uint32_t kTarget = 0x1234;

// Numbers of vmmu_pkg.
enum : unsigned { kFaultPage = 1, kFaultEptViolation = 3, kFaultBus = 10 };
enum : unsigned { kInvlpg = 0, kInveptSingle = 10 };
enum : unsigned { kRejectMaxPhyAddr = 4 };
// Page-fault error code (SDM vol. 3, figure 4-12): not present, a write, by a user.
constexpr unsigned kUserWriteNotPresent = 2 | 4;
// Exit qualification (SDM vol. 3, table 28-7): a write to a page without any permission, of a valid linear address, not
// of a table.
constexpr unsigned kWriteToData = 1 << 1 | 1 << 7 | 1 << 8;

std::uint64_t pattern(unsigned word) { return 0x0123456789abcdefu * (word + 1); }

// A guest with source pages that are filled and mapped, and destination pages that are neither; context 0 is its own.
class Machine {
 public:
  Machine() : guest(system) {
    for (unsigned page = 0; page < kPages; ++page) {
      const std::uint64_t gpa = kSourceFrames + page * kPageBytes;
      guest.map(kSource + page * kPageBytes, gpa);
      guest.ept_map(gpa);
      for (unsigned i = 0; i < kPageWords; ++i) {
        system.store(Guest::kBase + gpa + 8 * i, pattern(page * kPageWords + i));
      }
    }
  }
  ~Machine() {
    for (const std::string& error : system.errors()) FAIL_CHECK(error);
  }

  void program() {
    const std::uint32_t ctrl =
        VMMU_HOST__CTRL__VIRT_bm | VMMU_HOST__CTRL__EPT_EN_bm | VMMU_HOST__CTRL__WP_bm | VMMU_HOST__CTRL__NXE_bm;
    REQUIRE(system.write32(EXAMPLE_HOST(kCtx, ctrl), ctrl));
    REQUIRE(system.write64(EXAMPLE_HOST(kCtx, cr3), guest.cr3()));
    REQUIRE(system.write64(EXAMPLE_HOST(kCtx, eptp), guest.eptp()));
    REQUIRE(system.write32(EXAMPLE_HOST(kCtx, vpid), 1));
    REQUIRE(system.write32(EXAMPLE_HOST(kCtx, maxphyaddr), 40));
    REQUIRE(system.write32(EXAMPLE_HOST(kCtx, fault_target), kTarget));
    REQUIRE(system.commit(kCtx) == 0);
  }
  void map_destination(unsigned page) {
    guest.map(kDestination + page * kPageBytes, kDestinationFrames + page * kPageBytes);
  }
  void map_all() {
    for (unsigned page = 0; page < kPages; ++page) {
      map_destination(page);
      guest.ept_map(kDestinationFrames + page * kPageBytes);
    }
  }
  std::uint64_t copied(unsigned word) { return system.load(Guest::kBase + kDestinationFrames + 8 * word); }
  bool copy_all() { return system.copy(kSource, kDestination, kPages * kPageWords); }

  System system;
  Guest guest;
};

}  // namespace

TEST_CASE("integration: a copy by virtual addresses through nested paging, with two faults handled", "[integration]") {
  Machine m;
  m.program();
  // The first destination page is mapped, the second in the nested tables only, the third in the guest's only.
  m.map_destination(0);
  m.guest.ept_map(kDestinationFrames);
  m.guest.ept_map(kDestinationFrames + kPageBytes);
  m.map_destination(2);

  REQUIRE_FALSE(m.copy_all());
  CopyFault fault = m.system.fault();
  CHECK(fault.kind == kFaultPage);
  CHECK(fault.code == kUserWriteNotPresent);
  CHECK(fault.target == kTarget);
  CHECK(fault.gva == kDestination + kPageBytes);
  m.map_destination(1);  // what was not present is in no cache: nothing to invalidate

  REQUIRE_FALSE(m.system.resume());
  fault = m.system.fault();
  CHECK(fault.kind == kFaultEptViolation);
  CHECK(fault.code == kWriteToData);
  CHECK(fault.gva == kDestination + 2 * kPageBytes);
  CHECK(fault.address == kDestinationFrames + 2 * kPageBytes);
  m.guest.ept_map(kDestinationFrames + 2 * kPageBytes);

  REQUIRE(m.system.resume());
  for (unsigned word = 0; word < kPages * kPageWords; ++word) REQUIRE(m.copied(word) == pattern(word));
  // The MMU kept accessed and dirty flags, as a processor would.
  for (unsigned page = 0; page < kPages; ++page) {
    CHECK((m.guest.leaf(kSource + page * kPageBytes) & (kAccessed | kDirty)) == kAccessed);
    CHECK((m.guest.leaf(kDestination + page * kPageBytes) & (kAccessed | kDirty)) == (kAccessed | kDirty));
    CHECK((m.guest.ept_leaf(kSourceFrames + page * kPageBytes) & (kEptAccessed | kEptDirty)) == kEptAccessed);
    CHECK((m.guest.ept_leaf(kDestinationFrames + page * kPageBytes) & kEptDirty) != 0);
  }
}

TEST_CASE("integration: a guest moves a page and says so on its own page of registers", "[integration]") {
  Machine m;
  m.program();
  m.map_all();
  REQUIRE(m.copy_all());
  // The first source page is now the second one's frame.
  m.guest.map(kSource, kSourceFrames + kPageBytes);
  REQUIRE(m.system.copy(kSource, kDestination, 8));
  REQUIRE(m.system.guest_invalidate(kCtx, kInvlpg, kSource));
  REQUIRE(m.system.copy(kSource, kDestination, 8));
  for (unsigned word = 0; word < 8; ++word) CHECK(m.copied(word) == pattern(kPageWords + word));
}

TEST_CASE("integration: the hypervisor moves a page and says so on the invalidation port", "[integration]") {
  constexpr std::uint64_t kElsewhere = 0xc0000;  // a host page that no table names
  Machine m;
  m.program();
  m.map_all();
  REQUIRE(m.copy_all());
  m.guest.ept_map(kDestinationFrames, kElsewhere);
  REQUIRE(m.system.invalidate(kInveptSingle, kCtx, m.guest.eptp()));
  REQUIRE(m.system.copy(kSource + kPageBytes, kDestination, 8));
  for (unsigned word = 0; word < 8; ++word) {
    CHECK(m.system.load(kElsewhere + 8 * word) == pattern(kPageWords + word));
    CHECK(m.copied(word) == pattern(word));  // the page before is as it was
  }
}

TEST_CASE("integration: a COMMIT of unusable registers is rejected, says why, and interrupts", "[integration]") {
  Machine m;
  REQUIRE(m.system.write32(EXAMPLE_HOST(kCtx, maxphyaddr), 60));
  CHECK(m.system.commit(kCtx) == kRejectMaxPhyAddr);
  CHECK(m.system.irq());
  std::uint32_t events = 0;
  REQUIRE(m.system.read32(EXAMPLE_HOST(kCtx, events), events));
  CHECK(events == VMMU_HOST__EVENTS__COMMIT_REJECTED_bm);
  REQUIRE(m.system.write32(EXAMPLE_HOST(kCtx, events), events));
  CHECK_FALSE(m.system.irq());
}

TEST_CASE("integration: tables where there is no memory are a bus error, with the address", "[integration]") {
  constexpr std::uint64_t kNowhere = std::uint64_t{1} << 30;
  Machine m;
  m.program();
  m.map_all();
  m.guest.ept_map(0x1000, kNowhere);  // where the guest's root lies
  REQUIRE_FALSE(m.copy_all());
  CHECK(m.system.fault().kind == kFaultBus);
  const std::uint64_t place = m.system.fault().address;
  CHECK(place >= kNowhere);
  CHECK(place < kNowhere + kPageBytes);
}
