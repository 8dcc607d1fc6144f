#include "guest_walk.hpp"

#include <algorithm>
#include <array>

#include "access_rights.hpp"
#include "entry_flags.hpp"
#include "guest_entry.hpp"
#include "nested_walk.hpp"
#include "physical_width.hpp"
#include "prl_log.hpp"
#include "segment_level.hpp"
#include "segment_log.hpp"

namespace vmmu {

namespace {

constexpr unsigned kMaxLevels = 5;

// A guest entry, and how its own page is mapped.
struct GuestStep {
  EntryRead entry{};
  GuestPhys gpa;
  EptRights nested = EptRights::none();
  const Segment* segment = nullptr;  // the VMM segment that maps it
};

struct GuestPath {
  std::array<GuestStep, kMaxLevels> steps;  // the first `count` of them
  unsigned count = 0;
  GuestRights rights;

  GuestEntry leaf() const { return {steps[count - 1].entry.word, steps[count - 1].entry.level}; }
};

// The guest's half of a translation.
struct GuestTranslation {
  GuestPhys gpa;
  GuestRights rights;
  PageSize size = PageSize::k4K;
  std::uint8_t pat = 0;
};

// Whether the guest's own tables or a shadow of them deny the access only the hypervisor can tell (architecture 11).
Fault page_fault(const WalkEnv& env, std::uint16_t code) {
  return make_fault(env, env.regs.shadow ? FaultKind::ShadowMiss : FaultKind::PageFault, code);
}

// Bits 11:0 of CR3 are the PCID, never part of the root.
std::uint64_t root_of(const WalkEnv& env) {
  return (env.regs.shadow ? env.live.shadow_root : env.regs.cr3) & kFrameMask;
}

// Translates the entry's address and reads the entry.
std::optional<Stop> read_step(const WalkEnv& env, GuestPhys gpa, unsigned level, GuestStep& step) {
  const Outcome<NestedTranslation> nested = translate_gpa(env, gpa, guest_table_read(env.regs));
  if (const Stop* stop = std::get_if<Stop>(&nested)) return *stop;
  const NestedTranslation& page = std::get<NestedTranslation>(nested);

  const std::optional<std::uint64_t> word = read_entry(env, Table::Guest, level, page.hpa);
  if (!word) return bus_error(env, page.hpa);
  step = {{Table::Guest, level, page.hpa, *word}, gpa, page.rights, page.segment};
  return std::nullopt;
}

// SDM 4.5.4, figures 4-8 to 4-11. Present and reserved bits are judged as each entry is read.
std::optional<Stop> read_path(const WalkEnv& env, GuestPath& path) {
  GuestPhys table{root_of(env)};
  for (unsigned level = env.regs.la57 ? 5 : 4;; --level) {
    const GuestPhys gpa{table.value + entry_offset(env.access.gva.value, level)};
    if (std::optional<Stop> stop = read_step(env, gpa, level, path.steps[path.count])) return stop;
    ++path.count;

    const GuestEntry entry = path.leaf();
    // SDM 4.7: P = 0 is judged before reserved bits.
    if (!entry.present()) return page_fault(env, not_present_code(env.regs, env.access));
    if (entry.has_reserved_bits(env.regs)) return page_fault(env, reserved_bit_code(env.regs, env.access));
    entry.restrict(path.rights);
    if (entry.is_leaf()) return std::nullopt;
    table = entry.table();
  }
}

// Writes the flags that one entry lacks. With EPT flags in use the read was judged as a write already;
// without them the page needs write permission only now (architecture 6, rule 2). Only now it is written, so only now a
// segment's bitmap is told.
std::optional<Stop> set_step_flags(const WalkEnv& env, const GuestStep& step, std::uint64_t wanted, EpmlRecord epml) {
  if ((step.entry.word & wanted) == wanted) return std::nullopt;
  if (!step.nested.write()) return ept_violation(env, step.gpa, guest_flag_write(), step.nested);
  if (step.segment != nullptr) {
    if (std::optional<Stop> stop = log_segment_write(env, *step.segment, step.gpa, EpmlRecord::none())) return stop;
  }
  const Outcome<std::uint64_t> set = set_flags(env, step.entry, wanted, epml);
  if (const Stop* stop = std::get_if<Stop>(&set)) return *stop;
  if ((std::get<std::uint64_t>(set) & pt::D) != 0) epml.append(env);
  return std::nullopt;
}

// SDM 4.8, top down (architecture 6, rule 3).
std::optional<Stop> set_path_flags(const WalkEnv& env, const GuestPath& path) {
  for (unsigned i = 0; i + 1 < path.count; ++i) {
    if (std::optional<Stop> stop = set_step_flags(env, path.steps[i], pt::A, EpmlRecord::none())) return stop;
  }
  const std::uint64_t leaf_flags = env.access.op == Op::Write ? pt::A | pt::D : pt::A;
  return set_step_flags(env, path.steps[path.count - 1], leaf_flags, EpmlRecord::of_guest_leaf(env.regs));
}

// ATTR stands in for a page-table entry; X counts whatever NXE is (architecture 5).
GuestRights rights_of(const Segment& segment) {
  return {segment.permits(seg::R), segment.permits(seg::W), segment.permits(seg::U), !segment.permits(seg::X)};
}

Outcome<GuestTranslation> translate_by_segment(const WalkEnv& env, const Segment& segment) {
  constexpr std::uint8_t kKey = 0;
  const std::uint64_t gpa = segment.output(env.access.gva.value);
  if (beyond_width(env.regs, gpa)) return segment_fault(env, SegmentLevel::Guest, env.access.gva.value);
  const GuestRights rights = rights_of(segment);
  if (!access_permitted(env.regs, env.access, rights, kKey)) {
    return page_fault(env, permission_code(env.regs, env.access, rights, kKey));
  }
  return GuestTranslation{GuestPhys{gpa}, rights, guest_segment_size(env.regs, env.access.gva), 0};
}

Outcome<GuestTranslation> translate_by_tables(const WalkEnv& env) {
  GuestPath path;
  if (const std::optional<Stop> stop = read_path(env, path)) return *stop;
  const GuestEntry leaf = path.leaf();

  if (!access_permitted(env.regs, env.access, path.rights, leaf.key())) {
    return page_fault(env, permission_code(env.regs, env.access, path.rights, leaf.key()));
  }
  if (const std::optional<Stop> stop = set_path_flags(env, path)) return *stop;
  const PageSize size = size_clear_of_guest_segment(env.regs, env.access.gva, leaf.size());
  return GuestTranslation{leaf.address_of(env.access.gva), path.rights, size, leaf.pat_index()};
}

// One attempt, from gVA to hPA, with all its effects. `segment` is the guest's, if it is used.
Outcome<Translation> translate_once(const WalkEnv& env, const Segment* segment) {
  const Outcome<GuestTranslation> guest =
      segment != nullptr ? translate_by_segment(env, *segment) : translate_by_tables(env);
  if (const Stop* stop = std::get_if<Stop>(&guest)) return *stop;
  const GuestTranslation& half = std::get<GuestTranslation>(guest);

  const Outcome<NestedTranslation> nested = translate_gpa(env, half.gpa, final_access(env.access.op, half.rights));
  if (const Stop* stop = std::get_if<Stop>(&nested)) return *stop;
  const NestedTranslation& page = std::get<NestedTranslation>(nested);
  if (env.regs.prl_en && !env.access.held) prl_append(env, half.gpa);
  return Translation{page.hpa, std::min(half.size, page.size), half.pat, page.emt, page.ipat};
}

}  // namespace

Result translate(const WalkEnv& env) {
  // The canonical check comes first, before any segment and any reference.
  if (!canonical(env.regs, env.access.gva)) return make_fault(env, FaultKind::NonCanonical);
  const Segment* segment = used_guest_segment(env);
  for (unsigned restarts = 0;; ++restarts) {
    const Outcome<Translation> attempt = translate_once(env, segment);
    if (const Translation* done = std::get_if<Translation>(&attempt)) return *done;
    const Stop& stop = std::get<Stop>(attempt);
    if (const Fault* fault = std::get_if<Fault>(&stop)) return *fault;
    // Another writer that changes the tables for ever must not hang the walk.
    if (restarts == env.max_restarts) return bus_error(env, std::get<Restart>(stop).lost);
    if (env.observer != nullptr) env.observer->on_restart();
  }
}

}  // namespace vmmu
