#include "scenario/machine.hpp"

#include <algorithm>
#include <optional>

namespace vmmu::tb {
namespace {

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }

// SDM vol. 3, 2.5: control registers.
constexpr std::uint64_t kCr0Pe = bit(0);
constexpr std::uint64_t kCr0Wp = bit(16);
constexpr std::uint64_t kCr0Pg = bit(31);

constexpr std::uint64_t kCr4Pae = bit(5);
constexpr std::uint64_t kCr4Pge = bit(7);
constexpr std::uint64_t kCr4La57 = bit(12);
constexpr std::uint64_t kCr4Pcide = bit(17);
constexpr std::uint64_t kCr4Smep = bit(20);
constexpr std::uint64_t kCr4Smap = bit(21);
constexpr std::uint64_t kCr4Pke = bit(22);
// VME, PVI, TSD, DE, PSE, MCE, PCE, OSFXSR, OSXMMEXCPT, UMIP, VMXE, SMXE, FSGSBASE, OSXSAVE, KL and UINTR do
// not touch the translation of a linear address in IA-32e mode.
constexpr std::uint64_t kCr4NoPaging = bit(0) | bit(1) | bit(2) | bit(3) | bit(4) | bit(6) | bit(8) | bit(9) | bit(10) |
                                       bit(11) | bit(13) | bit(14) | bit(16) | bit(18) | bit(19) | bit(25);
constexpr std::uint64_t kCr4Known =
    kCr4Pae | kCr4Pge | kCr4La57 | kCr4Pcide | kCr4Smep | kCr4Smap | kCr4Pke | kCr4NoPaging;

constexpr std::uint64_t kEferSce = bit(0);
constexpr std::uint64_t kEferLme = bit(8);
constexpr std::uint64_t kEferLma = bit(10);
constexpr std::uint64_t kEferNxe = bit(11);

constexpr std::uint64_t kRflagsAc = bit(18);

// Why this MMU has no mode for these registers; empty if it has one.
std::optional<std::string> missing_mode(const Machine& m) {
  const std::uint64_t cr0 = m.get(Reg::Cr0);
  const std::uint64_t cr4 = m.get(Reg::Cr4);
  const std::uint64_t efer = m.get(Reg::Efer);
  if ((cr0 & kCr0Pe) == 0 || (cr0 & kCr0Pg) == 0) return "paging is off (CR0.PE, CR0.PG)";
  if ((cr0 >> 32) != 0) return "reserved bits of CR0";
  if ((cr4 & kCr4Pae) == 0) return "32-bit paging (CR4.PAE = 0)";
  if ((efer & kEferLme) == 0) return "PAE paging (EFER.LME = 0)";
  if ((cr4 & ~kCr4Known) != 0) return "CR4 bits of CET, PKS, LASS, LAM or unknown ones";
  if ((efer & ~(kEferSce | kEferLme | kEferLma | kEferNxe)) != 0) return "unknown bits of EFER";
  return std::nullopt;
}

}  // namespace

Machine::Machine(unsigned pa_bits) {
  values_[reg_index(Reg::Cr0)] = kCr0Pg | kCr0Wp | kCr0Pe;
  values_[reg_index(Reg::Cr4)] = kCr4Pae;
  values_[reg_index(Reg::Efer)] = kEferLme | kEferLma | kEferNxe;
  values_[reg_index(Reg::Rflags)] = bit(1);  // always set, SDM vol. 1, 3.4.3
  values_[reg_index(Reg::MaxPhyAddr)] = std::min(46U, pa_bits);
  values_[reg_index(Reg::Page1G)] = 1;
  for (const Log log : kLogs) values_[reg_index(index_reg(log))] = 0x1ff;
}

void Machine::set(Reg reg, std::uint64_t value) {
  values_[reg_index(reg)] = value;
  if (reg == Reg::VirtOn) virt_given_ = true;
  if (reg == Reg::Eptp && !virt_given_) values_[reg_index(Reg::VirtOn)] = value != 0 ? 1 : 0;
}

void Machine::escape(bool guest, std::uint64_t address) {
  const Reg first = guest ? Reg::Gfilter : Reg::Vfilter;
  EscapeFilter wanted = filter(first);
  wanted.insert(address);
  for (unsigned lane = 0; lane < EscapeFilter::kBanks; ++lane) set(moved(first, lane), wanted.lanes[lane]);
}

EscapeFilter Machine::filter(Reg first) const {
  EscapeFilter result;
  for (unsigned lane = 0; lane < EscapeFilter::kBanks; ++lane) result.lanes[lane] = get(moved(first, lane));
  return result;
}

Segment Machine::segment(Reg first) const {
  return {get(first), get(moved(first, 1)), get(moved(first, 2)), static_cast<std::uint8_t>(get(moved(first, 3)))};
}

bool Machine::ac() const { return (get(Reg::Rflags) & kRflagsAc) != 0; }

std::variant<ContextRegs, std::string> Machine::to_context() const {
  if (std::optional<std::string> reason = missing_mode(*this)) return *reason;
  const std::uint64_t cr4 = get(Reg::Cr4);
  ContextRegs regs;
  regs.virt = get(Reg::VirtOn) != 0;
  regs.ept_en = get(Reg::Eptp) != 0;
  regs.wp = (get(Reg::Cr0) & kCr0Wp) != 0;
  regs.nxe = (get(Reg::Efer) & kEferNxe) != 0;
  regs.pge = (cr4 & kCr4Pge) != 0;
  regs.pcide = (cr4 & kCr4Pcide) != 0;
  regs.smep = (cr4 & kCr4Smep) != 0;
  regs.smap = (cr4 & kCr4Smap) != 0;
  regs.pke = (cr4 & kCr4Pke) != 0;
  regs.la57 = (cr4 & kCr4La57) != 0;
  regs.mbe = get(Reg::Mbe) != 0;
  regs.advinfo = get(Reg::AdvInfo) != 0;
  regs.pml_en = get(Reg::Pml) != 0;
  regs.page1g = get(Reg::Page1G) != 0;
  regs.cr3 = get(Reg::Cr3);
  regs.eptp = get(Reg::Eptp);
  regs.vpid = static_cast<std::uint16_t>(get(Reg::Vpid));
  regs.pkru = static_cast<std::uint32_t>(get(Reg::Pkru));
  regs.maxphyaddr = static_cast<std::uint8_t>(get(Reg::MaxPhyAddr));
  regs.pml_addr = get(Reg::PmlAddr);
  regs.pml_watermark = static_cast<std::uint16_t>(get(Reg::PmlWatermark));
  regs.shadow = get(Reg::Shadow) != 0;
  regs.vseg_miss = get(Reg::VsegMiss) != 0;
  regs.seg_promote = get(Reg::SegPromote) != 0;
  regs.gseg = segment(Reg::Gseg);
  regs.gfilter = filter(Reg::Gfilter);
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) regs.vseg[n] = segment(vseg_reg(n, SegmentPart::Base));
  regs.vfilter = filter(Reg::Vfilter);
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) regs.vseg_bitmap[n] = get(moved(Reg::Bitmap, n));
  regs.seg_log_en = get(Reg::SegLog) != 0;
  regs.prl_en = get(Reg::Prl) != 0;
  regs.prl_double = get(Reg::PrlDouble) != 0;
  regs.prl_addr = get(Reg::PrlAddr);
  regs.prl_addr2 = get(Reg::PrlAddr2);
  regs.prl_watermark = static_cast<std::uint16_t>(get(Reg::PrlWatermark));
  regs.prl_target = static_cast<std::uint32_t>(get(Reg::PrlTarget));
  regs.epml_en = get(Reg::Epml) != 0;
  regs.epml_trigger_ept = get(Reg::EpmlTrigger) != 0;
  regs.epml_addr = get(Reg::EpmlAddr);
  regs.epml_watermark = static_cast<std::uint16_t>(get(Reg::EpmlWatermark));
  return regs;
}

}  // namespace vmmu::tb
