#include "scenario/compare.hpp"

#include <algorithm>

namespace vmmu::tb {
namespace {

Outcome translation_outcome(const Translation& t) {
  Outcome o;
  o.kind = OutcomeKind::Ok;
  o.address = t.hpa.value;
  o.size = t.size;
  o.pat = t.pat;
  o.emt = t.emt;
  o.ipat = t.ipat;
  return o;
}

Outcome fault_outcome(const Fault& f) {
  Outcome o;
  switch (f.kind) {
    case FaultKind::PageFault:
      o.kind = OutcomeKind::PageFault;
      o.code = f.code;
      break;
    case FaultKind::NonCanonical: o.kind = OutcomeKind::NonCanonical; break;
    case FaultKind::EptViolation:
      o.kind = OutcomeKind::EptViolation;
      o.code = f.code;
      o.address = f.address;
      if (f.gva_valid) o.linear = f.gva.value;
      break;
    case FaultKind::EptMisconfig:
      o.kind = OutcomeKind::EptMisconfig;
      o.address = f.address;
      break;
    case FaultKind::VsegExit:
      o.kind = OutcomeKind::VsegExit;
      o.address = f.address;
      break;
    case FaultKind::SegmentFault:
      o.kind = OutcomeKind::SegmentFault;
      o.guest_segment = f.code == 0;
      o.address = f.address;
      break;
    case FaultKind::PmlFull: o.kind = OutcomeKind::PmlFull; break;
    case FaultKind::EpmlFull: o.kind = OutcomeKind::EpmlFull; break;
    case FaultKind::ShadowMiss:
      o.kind = OutcomeKind::ShadowMiss;
      o.linear = f.gva.value;
      break;
    case FaultKind::BusError:
      o.kind = OutcomeKind::BusError;
      o.address = f.address;
      break;
  }
  return o;
}

// A part that the file does not name is not compared.
template <class T>
bool agrees(const std::optional<T>& expected, const std::optional<T>& actual) {
  return !expected || expected == actual;
}

bool kind_matches(const Outcome& e, const Outcome& a) {
  if (e.kind != a.kind || !agrees(e.address, a.address) || !agrees(e.linear, a.linear)) return false;
  switch (e.kind) {
    case OutcomeKind::Ok:
      return agrees(e.size, a.size) && agrees(e.pat, a.pat) && agrees(e.emt, a.emt) && agrees(e.ipat, a.ipat);
    case OutcomeKind::PageFault: return e.code == a.code;
    case OutcomeKind::EptViolation: return (e.code & e.code_mask) == (a.code & e.code_mask);
    case OutcomeKind::SegmentFault: return e.guest_segment == a.guest_segment;
    default: return true;
  }
}

const Change* find_change(const std::vector<Change>& changes, const Change& like) {
  const auto it = std::find_if(changes.begin(), changes.end(),
                               [&](const Change& c) { return c.reg == like.reg && c.addr == like.addr; });
  return it == changes.end() ? nullptr : &*it;
}

bool changes_match(const Outcome& e, const Outcome& a) {
  for (const Change& expected : e.changes) {
    const Change* actual = find_change(a.changes, expected);
    if (actual == nullptr || ((expected.value ^ actual->value) & ~expected.ignored) != 0) return false;
  }
  if (e.open) return true;
  return std::all_of(a.changes.begin(), a.changes.end(),
                     [&](const Change& c) { return find_change(e.changes, c) != nullptr; });
}

}  // namespace

const std::optional<std::uint16_t>& changed_index(const AccessRecord& record, Log log) {
  return log == Log::Pml   ? record.changed_pml_index
         : log == Log::Prl ? record.changed_prl_index
                           : record.changed_epml_index;
}

Outcome outcome_of(const AccessRecord& record) {
  const auto* translation = std::get_if<Translation>(&record.result);
  Outcome o = translation ? translation_outcome(*translation) : fault_outcome(std::get<Fault>(record.result));
  for (const auto& [addr, word] : record.changed_words) o.changes.push_back({std::nullopt, addr.value, word, 0});
  for (const Log log : kLogs) {
    if (const auto& index = changed_index(record, log)) {
      o.changes.push_back({reg_index(index_reg(log)), 0, *index, 0});
    }
  }
  return o;
}

bool matches(const Outcome& expected, const Outcome& actual, const CompareOptions& options) {
  if (!kind_matches(expected, actual)) return false;
  const bool fault = actual.kind != OutcomeKind::Ok;
  if (!options.changes || (options.relaxed && fault)) return true;
  return changes_match(expected, actual);
}

const Outcome* find_match(const std::vector<Outcome>& expected, const Outcome& actual, const CompareOptions& options) {
  const auto it =
      std::find_if(expected.begin(), expected.end(), [&](const Outcome& e) { return matches(e, actual, options); });
  return it == expected.end() ? nullptr : &*it;
}

Outcome as_detailed_as(const std::vector<Outcome>& expected, Outcome actual) {
  const auto named = [&](auto member) {
    return std::any_of(expected.begin(), expected.end(), [&](const Outcome& e) { return (e.*member).has_value(); });
  };
  if (!named(&Outcome::size)) actual.size.reset();
  if (!named(&Outcome::pat)) actual.pat.reset();
  if (!named(&Outcome::emt)) actual.emt.reset();
  if (!named(&Outcome::ipat)) actual.ipat.reset();
  return actual;
}

}  // namespace vmmu::tb
