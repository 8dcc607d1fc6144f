#include "scenario/printer.hpp"

#include <fmt/format.h>

#include "scenario/vocabulary.hpp"

namespace vmmu::tb {
namespace {

void add(std::string& out, std::string_view name, std::uint64_t value) { out += fmt::format(" {} {:#x}", name, value); }

std::string print_kind(const Outcome& o) {
  std::string out(word(o.kind));
  switch (o.kind) {
    case OutcomeKind::Ok:
      out += o.address ? fmt::format(" {:#x}", *o.address) : " *";
      if (o.size) out += fmt::format(" size {}", word(*o.size));
      if (o.pat) out += fmt::format(" pat {}", *o.pat);
      if (o.emt) out += fmt::format(" emt {}", *o.emt);
      if (o.ipat.value_or(false)) out += " ipat";
      break;
    case OutcomeKind::PageFault: out += fmt::format(" {:#x}", o.code); break;
    case OutcomeKind::EptViolation:
      out += fmt::format(" {:#x}", o.code);
      if (o.code_mask != ~std::uint64_t{0}) out += fmt::format("/{:#x}", o.code_mask);
      if (o.address) add(out, "gpa", *o.address);
      if (o.linear) add(out, "gla", *o.linear);
      break;
    case OutcomeKind::EptMisconfig:
    case OutcomeKind::VsegExit:
      if (o.address) add(out, "gpa", *o.address);
      break;
    case OutcomeKind::SegmentFault: add(out, o.guest_segment ? "g" : "v", o.address.value_or(0)); break;
    case OutcomeKind::ShadowMiss: add(out, "gla", o.linear.value_or(0)); break;
    case OutcomeKind::BusError: out += fmt::format(" {:#x}", o.address.value_or(0)); break;
    case OutcomeKind::NonCanonical:
    case OutcomeKind::PmlFull:
    case OutcomeKind::EpmlFull:
    case OutcomeKind::Unsupported: break;
  }
  return out;
}

std::string print_change(const Change& change) {
  if (change.reg) return fmt::format(" {}={:#x}", register_name(*change.reg).name, change.value);
  std::string out = fmt::format(" {:#x}={:#x}", change.addr, change.value);
  if (change.ignored != 0) out += fmt::format("~{:#x}", change.ignored);
  return out;
}

std::string print_invalidation(const Invalidation& inv) {
  const auto offset = [&](InvOp first) { return static_cast<unsigned>(inv.op) - static_cast<unsigned>(first); };
  switch (inv.op) {
    case InvOp::Invlpg: return fmt::format("invlpg {:#x}", inv.addr);
    case InvOp::Invpcid0:
    case InvOp::Invpcid1:
    case InvOp::Invpcid2:
    case InvOp::Invpcid3: return fmt::format("invpcid {} {:#x} {:#x}", offset(InvOp::Invpcid0), inv.pcid, inv.addr);
    case InvOp::LoadCr3: return fmt::format("loadcr3 {:#x}", inv.addr);
    case InvOp::Invvpid0:
    case InvOp::Invvpid1:
    case InvOp::Invvpid2:
    case InvOp::Invvpid3: return fmt::format("invvpid {} {:#x} {:#x}", offset(InvOp::Invvpid0), inv.vpid, inv.addr);
    case InvOp::Invept1:
    case InvOp::Invept2: return fmt::format("invept {} {:#x}", offset(InvOp::Invept1) + 1, inv.addr);
    case InvOp::Invctx: return "invctx";
    case InvOp::All: return "flush";
  }
  return "";
}

// One overload for each kind of statement; what is expected of it is added by the caller.
struct BodyPrinter {
  std::string operator()(const RegWrite& s) const {
    return fmt::format("{} {} {:#x}", word(s.verb), register_name(s.reg).name, s.value);
  }
  std::string operator()(const MemWords& s) const {
    std::string out = fmt::format("mem {:#x}", s.addr);
    for (const std::uint64_t w : s.words) out += fmt::format(" {:#x}", w);
    return out;
  }
  std::string operator()(const PokeWord& s) const { return fmt::format("poke {:#x} {:#x}", s.addr, s.word); }
  std::string operator()(const AccessStatement& s) const {
    return fmt::format("{} {} {} {:#x}", s.wait ? "access" : "issue", word(s.op), word(s.privilege), s.gva);
  }
  std::string operator()(const SyncStatement&) const { return "sync"; }
  std::string operator()(const CommitStatement&) const { return "commit"; }
  std::string operator()(const Invalidation& s) const { return print_invalidation(s); }
  std::string operator()(const ExpectCounter& s) const {
    return fmt::format("expect {} {} {}", word(s.counter), word(s.comparison), s.count);
  }
  std::string operator()(const ExpectEvent& s) const {
    return s.event ? fmt::format("expect event {}", word(*s.event)) : "expect noevent";
  }
  std::string operator()(const BusErrors& s) const {
    return s.count == 1 ? fmt::format("buserr {:#x}", s.addr) : fmt::format("buserr {:#x} {}", s.addr, s.count);
  }
  std::string operator()(const RaceWord& s) const { return fmt::format("race {:#x} {:#x}", s.addr, s.word); }
  std::string operator()(const EscapePage& s) const {
    return fmt::format("escape {} {:#x}", s.guest ? "guest" : "vmm", s.addr);
  }
  std::string operator()(const ShadowRootRow& s) const {
    return fmt::format("shadowroot {:#x} {:#x} {:#x} {:#x}", s.slot, s.row.guest_root, s.row.shadow_root, s.row.tag);
  }
  std::string operator()(const RootDone&) const { return "rootdone"; }
  std::string operator()(const SyncDone&) const { return "syncdone"; }
};

}  // namespace

std::string print(const Outcome& outcome) {
  std::string out = print_kind(outcome);
  if (outcome.changes.empty() && !outcome.open) return out;
  out += " |";
  for (const Change& change : outcome.changes) out += print_change(change);
  if (outcome.open) out += " ...";
  return out;
}

std::string print(const std::vector<Outcome>& outcomes) {
  std::string out;
  for (const Outcome& outcome : outcomes) {
    if (!out.empty()) out += " or ";
    out += print(outcome);
  }
  return out;
}

std::string print_request(const Statement& statement) {
  std::string out = std::visit(BodyPrinter{}, statement.body);
  if (statement.ctx != 0) out += fmt::format(" ctx {}", statement.ctx);
  return out;
}

std::string print(const Statement& statement) {
  std::string out = print_request(statement);
  if (const auto* access = std::get_if<AccessStatement>(&statement.body); access && !access->expected.empty()) {
    out += " -> " + print(access->expected);
  }
  if (const auto* commit = std::get_if<CommitStatement>(&statement.body); commit && commit->expected) {
    out += fmt::format(" -> {}", word(*commit->expected));
  }
  return out;
}

std::string print(const Scenario& scenario) {
  std::string out = "scenario " + scenario.name + "\n";
  for (const Statement& statement : scenario.statements) out += print(statement) + "\n";
  return out + "end\n";
}

}  // namespace vmmu::tb
