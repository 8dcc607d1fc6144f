#include "nested_walk.hpp"

#include <array>

#include "entry_flags.hpp"
#include "physical_width.hpp"
#include "pml_log.hpp"
#include "segment_level.hpp"
#include "segment_log.hpp"

namespace vmmu {

namespace {

constexpr unsigned kLevels = 4;
constexpr unsigned kGpaWidth = 48;  // what four levels translate

struct EptPath {
  std::array<EntryRead, kLevels> entries;  // the first `count` of them
  unsigned count = 0;
  EptRights rights = EptRights::all();

  const EntryRead& leaf() const { return entries[count - 1]; }
};

// Bits of the exit qualification that describe the access, SDM table 28-7.
unsigned access_bits(const GpaAccess& why) {
  unsigned q = 0;
  const auto set = [&q](unsigned n, bool on) { q |= unsigned{on} << n; };
  set(0, why.read);
  set(1, why.write);
  set(2, why.fetch);
  set(7, why.linear);
  set(8, why.final_address);
  return q;
}

// Exit qualification of an EPT violation, SDM table 28-7.
std::uint16_t qualification(const WalkEnv& env, const GpaAccess& why, const EptRights& rights) {
  unsigned q = access_bits(why);
  const auto set = [&q](unsigned n, bool on) { q |= unsigned{on} << n; };
  set(3, rights.read());
  set(4, rights.write());
  set(5, rights.execute());
  set(6, env.regs.mbe && rights.user_execute());
  if (env.regs.advinfo && why.final_address) {
    set(9, why.guest.user);
    set(10, why.guest.writable);
    set(11, why.guest.no_execute);
  }
  return static_cast<std::uint16_t>(q);
}

// SDM 28.3.3.2. With MBE the U/S of the linear address, not CPL, chooses the execute bit.
bool permitted(const ContextRegs& regs, const GpaAccess& why, const EptRights& rights) {
  if (why.read && !rights.read()) return false;
  if (why.write && !rights.write()) return false;
  if (!why.fetch) return true;
  return regs.mbe && why.guest.user ? rights.user_execute() : rights.execute();
}

// Reads the entries from the root to the leaf and judges each as it is read.
std::optional<Stop> read_path(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why, EptPath& path) {
  HostPhys table{env.regs.eptp & kFrameMask};
  for (unsigned level = kLevels;; --level) {
    const HostPhys addr{table.value + entry_offset(gpa.value, level)};
    const std::optional<std::uint64_t> word = read_entry(env, Table::Nested, level, addr);
    if (!word) return bus_error(env, addr);
    path.entries[path.count++] = {Table::Nested, level, addr, *word};
    path.rights.restrict(*word);

    const EptEntry entry(*word, level);
    if (!entry.present(env.regs)) return ept_violation(env, gpa, why, path.rights);
    if (entry.misconfigured(env.regs)) return make_fault(env, FaultKind::EptMisconfig, 0, gpa.value);
    if (entry.is_leaf()) return std::nullopt;
    table = entry.table();
  }
}

std::uint64_t leaf_flags(const GpaAccess& why) { return why.write ? ept::A | ept::D : ept::A; }

bool flags_missing(const EptPath& path, const GpaAccess& why) {
  for (unsigned i = 0; i + 1 < path.count; ++i) {
    if ((path.entries[i].word & ept::A) == 0) return true;
  }
  return (path.leaf().word & leaf_flags(why)) != leaf_flags(why);
}

// The dirty change that a write of the final address makes. `with_pml`: it is logged in PML too.
EpmlRecord epml_record(const WalkEnv& env, const GpaAccess& why, bool with_pml) {
  return why.final_address ? EpmlRecord::of_final_page(env.regs, with_pml) : EpmlRecord::none();
}

// SDM 28.3.5: A in every entry used, D in the leaf of a page that is written. A dirty flag that goes
// from 0 to 1 is logged before anything else happens.
std::optional<Stop> set_path_flags(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why, const EptPath& path) {
  for (unsigned i = 0; i + 1 < path.count; ++i) {
    const Outcome<std::uint64_t> set = set_flags(env, path.entries[i], ept::A);
    if (const Stop* stop = std::get_if<Stop>(&set)) return *stop;
  }
  EpmlRecord epml = epml_record(env, why, pml_follows_ept(env.regs));
  const Outcome<std::uint64_t> set = set_flags(env, path.leaf(), leaf_flags(why), epml);
  if (const Stop* stop = std::get_if<Stop>(&set)) return *stop;
  if ((std::get<std::uint64_t>(set) & ept::D) == 0) return std::nullopt;
  if (pml_follows_ept(env.regs)) pml_append(env, gpa);
  epml.append(env);
  return std::nullopt;
}

// A write of data. Accesses to tables read first, and what they write is logged flag by flag.
bool stores(const GpaAccess& why) { return why.write && !why.read; }

// Architecture 5: address and permissions of a VMM segment; write-back memory, a bit of its bitmap for a flag.
Outcome<NestedTranslation> translate_by_segment(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why,
                                                const Segment& segment) {
  const std::uint64_t hpa = segment.output(gpa.value);
  if (beyond_width(env.regs, hpa)) return segment_fault(env, SegmentLevel::Vmm, gpa.value);
  const EptRights rights = EptRights::of(segment);
  if (!permitted(env.regs, why, rights)) return ept_violation(env, gpa, why, rights);
  if (stores(why)) {
    const EpmlRecord epml = epml_record(env, why, env.regs.pml_en);
    if (const std::optional<Stop> stop = log_segment_write(env, segment, gpa, epml)) return *stop;
  }
  NestedTranslation page;
  page.hpa = HostPhys{hpa};
  page.size = vmm_segment_size(env.regs, gpa, segment);
  page.rights = rights;
  page.segment = &segment;
  return page;
}

Outcome<NestedTranslation> translate_by_ept(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why) {
  // SDM 28.3.2: four levels cannot say anything about wider addresses.
  if ((gpa.value >> kGpaWidth) != 0) return ept_violation(env, gpa, why, EptRights::none());

  EptPath path;
  if (const std::optional<Stop> stop = read_path(env, gpa, why, path)) return *stop;
  if (!permitted(env.regs, why, path.rights)) return ept_violation(env, gpa, why, path.rights);

  if (ept_flags_in_use(env.regs) && flags_missing(path, why)) {
    if (pml_follows_ept(env.regs) && pml_full(env.live)) return make_fault(env, FaultKind::PmlFull);
    if (const std::optional<Stop> stop = set_path_flags(env, gpa, why, path)) return *stop;
  }
  const EptEntry leaf(path.leaf().word, path.leaf().level);
  const PageSize size = size_clear_of_vmm_segments(env.regs, gpa, leaf.size());
  return NestedTranslation{leaf.address_of(gpa), size, leaf.memory_type(), leaf.ignore_pat(), path.rights, nullptr};
}

}  // namespace

Fault ept_violation(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why, const EptRights& rights) {
  return make_fault(env, FaultKind::EptViolation, qualification(env, why, rights), gpa.value);
}

Outcome<NestedTranslation> translate_gpa(const WalkEnv& env, GuestPhys gpa, const GpaAccess& why) {
  if (const Segment* segment = used_vmm_segment(env, gpa)) return translate_by_segment(env, gpa, why, *segment);
  // Compromis: what no segment maps goes to the hypervisor, and EPT is never consulted.
  if (env.regs.virt && !env.regs.shadow && env.regs.vseg_miss) {
    return make_fault(env, FaultKind::VsegExit, static_cast<std::uint16_t>(access_bits(why)), gpa.value);
  }
  if (env.regs.ept_en) return translate_by_ept(env, gpa, why);
  return NestedTranslation{{gpa.value}};
}

}  // namespace vmmu
