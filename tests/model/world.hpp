// A small machine for the model's tests: memory that can fail and that another writer shares, page tables,
// the MMU, and a record of everything that a walk does.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "vmmu/mmu.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::test {

// Error code of a page fault, SDM 4.7.
namespace code {
constexpr unsigned P = 1, W = 2, U = 4, RSVD = 8, I = 16, PK = 32;
}

// Exit qualification of an EPT violation, SDM table 28-7.
namespace qual {
constexpr unsigned Read = 1, Write = 2, Fetch = 4;
constexpr unsigned R = 8, W = 16, X = 32, XU = 64;
constexpr unsigned Linear = 128, Final = 256;
constexpr unsigned User = 512, Writable = 1024, NoExecute = 2048;
constexpr unsigned RWX = R | W | X;
}  // namespace qual

// Memory with faults and with another writer.
class TestMem : public PhysMem {
 public:
  std::optional<std::uint64_t> read(HostPhys addr) override { return refuses(addr) ? std::nullopt : words_.read(addr); }
  std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) override {
    if (refuses(addr)) return std::nullopt;
    const auto race = races_.find(addr);
    if (race != races_.end()) {
      words_.poke(addr, race->second.front());
      race->second.erase(race->second.begin());
      if (race->second.empty()) races_.erase(race);
    }
    return words_.compare_swap(addr, expected, desired);
  }
  bool write(HostPhys addr, std::uint64_t word) override { return !refuses(addr) && words_.write(addr, word); }
  std::uint64_t peek(HostPhys addr) const override { return words_.peek(addr); }
  void poke(HostPhys addr, std::uint64_t word) { words_.poke(addr, word); }

  // The request after `n` more, whatever it is, gets an error reply.
  void fail_after(unsigned n) { countdown_ = n; }
  // The next request to that word gets an error reply.
  void fail_next(HostPhys addr) { failing_.push_back(addr); }
  // Another writer stores `word` just before the next swap of that word; more than one call queue up.
  void race(HostPhys addr, std::uint64_t word) { races_[addr].push_back(word); }

 private:
  bool refuses(HostPhys addr) {
    if (countdown_ && (*countdown_)-- == 0) {
      countdown_.reset();
      return true;
    }
    for (auto it = failing_.begin(); it != failing_.end(); ++it) {
      if (*it == addr) {
        failing_.erase(it);
        return true;
      }
    }
    return false;
  }

  SparseMem words_;
  std::optional<unsigned> countdown_;
  std::vector<HostPhys> failing_;
  std::map<HostPhys, std::vector<std::uint64_t>> races_;
};

struct Step {
  enum class What { Read, Swap, Record, Restart } what = What::Read;
  Table table = Table::Guest;
  unsigned level = 0;
  HostPhys addr;
  std::uint64_t word = 0;   // read: the word; swap: the word wanted; record: the record
  std::uint64_t found = 0;  // swap only
  bool operator==(const Step&) const = default;
};

class Trace : public WalkObserver {
 public:
  void on_entry_read(Table table, unsigned level, HostPhys addr, std::uint64_t word) override {
    steps.push_back({Step::What::Read, table, level, addr, word, 0});
  }
  void on_swap(Table table, unsigned level, HostPhys addr, std::uint64_t, std::uint64_t desired,
               std::uint64_t found) override {
    steps.push_back({Step::What::Swap, table, level, addr, desired, found});
  }
  void on_record(Log, HostPhys addr, std::uint64_t record) override {
    steps.push_back({Step::What::Record, Table::Nested, 0, addr, record, 0});
  }
  void on_restart() override { steps.push_back({Step::What::Restart, Table::Guest, 0, {}, 0, 0}); }

  std::vector<Step> of(Step::What what) const {
    std::vector<Step> found;
    for (const Step& step : steps) {
      if (step.what == what) found.push_back(step);
    }
    return found;
  }
  std::size_t count(Step::What what) const { return of(what).size(); }
  std::size_t reads() const { return count(Step::What::Read); }
  std::size_t swaps() const { return count(Step::What::Swap); }
  std::size_t restarts() const { return count(Step::What::Restart); }

  std::vector<Step> steps;
};

// Host memory of the guest starts here, away from the EPT tables and on a 1 GiB boundary.
constexpr std::uint64_t kHostOffset = std::uint64_t{4} << 30;
// A page in the lower half whose indices differ at every level, and where it is mapped.
constexpr GuestVirt kPage{0x123400000000 | 5u << 30 | 6u << 21 | 7u << 12};
constexpr GuestPhys kFrame{0x5000};

inline TableConfig native(unsigned levels = 4) {
  TableConfig config;
  config.guest_levels = levels;
  return config;
}

inline TableConfig nested(PageSize page = PageSize::k4K, unsigned levels = 4) {
  TableConfig config;
  config.nested = true;
  config.guest_levels = levels;
  config.nested_page = page;
  config.offset = kHostOffset;
  return config;
}

inline TableConfig nested_with_flags(PageSize page = PageSize::k4K) {
  TableConfig config = nested(page);
  config.accessed_dirty = true;
  return config;
}

// Everything that the usual operating system turns on, so that tests turn single features off.
inline ContextRegs usual_regs() {
  ContextRegs regs;
  regs.wp = true;
  regs.nxe = true;
  regs.fault_target = 77;
  return regs;
}

struct World {
  explicit World(const TableConfig& config, BuildParams params = {})
      : tables(config, [this](HostPhys addr, std::uint64_t word) { mem.poke(addr, word); }),
        regs(tables.regs(usual_regs())),
        mmu(params, mem) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void map(GuestVirt gva = kPage, GuestPhys gpa = kFrame, PageSize size = PageSize::k4K, const GuestAttr& attr = {}) {
    REQUIRE(tables.map(gva, gpa, size, attr) == MapError::None);
  }
  void emap(GuestPhys gpa, HostPhys hpa, PageSize size = PageSize::k4K, const EptAttr& attr = {}) {
    REQUIRE(tables.emap(gpa, hpa, size, attr) == MapError::None);
  }
  HostPhys guest_entry(unsigned level, GuestVirt gva = kPage) const { return tables.guest_entry(gva, level)->hpa; }
  GuestPhys guest_entry_gpa(unsigned level, GuestVirt gva = kPage) const { return tables.guest_entry(gva, level)->gpa; }
  HostPhys ept_entry(GuestPhys gpa, unsigned level) const { return tables.ept_entry(gpa, level)->hpa; }
  void edit_guest(unsigned level, std::uint64_t clear, std::uint64_t set, GuestVirt gva = kPage) {
    REQUIRE(tables.edit_guest(gva, level, {clear, set}).has_value());
  }
  void edit_ept(GuestPhys gpa, unsigned level, std::uint64_t clear, std::uint64_t set) {
    REQUIRE(tables.edit_ept(gpa, level, {clear, set}).has_value());
  }

  // Commits the registers as they stand, then makes the access.
  Result access(const Access& wanted) {
    REQUIRE(mmu.commit(wanted.ctx, regs) == Reject::None);
    trace.steps.clear();
    return mmu.access(wanted, &trace);
  }
  Result user(Op op, GuestVirt gva = kPage) { return access({gva, op, true, false, false, 0}); }
  Result kernel(Op op, GuestVirt gva = kPage) { return access({gva, op, false, false, false, 0}); }

  TestMem mem;
  PageTables tables;
  ContextRegs regs;
  Mmu mmu;
  Trace trace;
};

inline bool succeeds(const Result& result) { return std::holds_alternative<Translation>(result); }

inline Translation translation(const Result& result) {
  REQUIRE(succeeds(result));
  return std::get<Translation>(result);
}

inline Fault fault(const Result& result) {
  REQUIRE_FALSE(succeeds(result));
  return std::get<Fault>(result);
}

// A fault as one value to compare: kind, code, address.
struct Answer {
  FaultKind kind;
  unsigned code = 0;
  std::uint64_t address = 0;
  bool operator==(const Answer&) const = default;
};
inline Answer answer(const Result& result) {
  const Fault f = fault(result);
  return {f.kind, f.code, f.address};
}
inline Answer page_fault(unsigned error_code) { return {FaultKind::PageFault, error_code, 0}; }
inline Answer violation(unsigned qualification, GuestPhys gpa) {
  return {FaultKind::EptViolation, qualification, gpa.value};
}
inline Answer misconfig(GuestPhys gpa) { return {FaultKind::EptMisconfig, 0, gpa.value}; }
inline Answer bus_error(HostPhys addr) { return {FaultKind::BusError, 0, addr.value}; }
inline std::ostream& operator<<(std::ostream& out, const Answer& a) {
  return out << "{kind " << static_cast<int>(a.kind) << " code " << a.code << " address " << a.address << "}";
}

}  // namespace vmmu::test
