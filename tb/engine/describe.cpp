#include "engine/describe.hpp"

#include <fmt/format.h>

namespace vmmu::tb {
namespace {

const char* name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::PageFault: return "page fault";
    case FaultKind::NonCanonical: return "non-canonical";
    case FaultKind::EptViolation: return "EPT violation";
    case FaultKind::EptMisconfig: return "EPT misconfiguration";
    case FaultKind::VsegExit: return "VMM segment exit";
    case FaultKind::SegmentFault: return "segment fault";
    case FaultKind::PmlFull: return "PML full";
    case FaultKind::EpmlFull: return "EPML full";
    case FaultKind::ShadowMiss: return "shadow miss";
    case FaultKind::BusError: return "bus error";
  }
  return "unknown fault";
}

}  // namespace

std::string describe(const Access& access) {
  const char* ops[] = {"read", "write", "fetch"};
  const char* who = access.user ? "user" : access.implicit ? "implicit supervisor" : "supervisor";
  return fmt::format("{} {} {:#x} ctx {}{}", ops[static_cast<unsigned>(access.op) % 3], who, access.gva.value,
                     access.ctx, access.ac ? " ac" : "");
}

std::string describe(const Result& result) {
  if (const Translation* t = std::get_if<Translation>(&result)) {
    const char* sizes[] = {"4K", "2M", "1G", "?"};
    return fmt::format("ok {:#x} size {} pat {} emt {}{}", t->hpa.value, sizes[static_cast<unsigned>(t->size) % 4],
                       t->pat, t->emt, t->ipat ? " ipat" : "");
  }
  const Fault& f = std::get<Fault>(result);
  return fmt::format("{} code {:#x} address {:#x} gva {:#x}{} target {:#x}", name_of(f.kind), f.code, f.address,
                     f.gva.value, f.gva_valid ? "" : " (not valid)", f.target);
}

std::string describe(const Transaction& t) {
  const char* error = t.error ? " ERROR" : "";
  switch (t.op) {
    case MemOp::Read: return fmt::format("read {:#x} = {:#x}{}", t.addr.value, t.data, error);
    case MemOp::Cas:
      return fmt::format("swap {:#x} {:#x} -> {:#x} found {:#x}{}", t.addr.value, t.expected, t.wdata, t.data, error);
    case MemOp::Write: return fmt::format("write {:#x} = {:#x}{}", t.addr.value, t.wdata, error);
  }
  return "unknown transaction";
}

}  // namespace vmmu::tb
