#include "engine/isolation.hpp"

#include <fmt/format.h>

#include <optional>

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

bool inside_an_image(const ContextRegs& regs, HostPhys hpa) {
  for (const Segment& s : regs.vseg) {
    if (s.base < s.limit && hpa.value - (s.base + s.offset) < s.limit - s.base) return true;
  }
  return false;
}

// Where the guest's half ended: the leaf it read last, or its segment when it read none.
GuestPhys final_gpa(const ContextRegs& regs, GuestVirt gva, const WalkTrace& trace) {
  if (trace.last_guest_level == 0) return {gva.value + regs.gseg.offset};
  const std::uint64_t offset = bit(12 + 9 * (trace.last_guest_level - 1)) - 1;
  return {(trace.last_guest_word & kFrameMask & ~offset) | (gva.value & offset)};
}

std::uint64_t word_at(std::uint64_t addr, const WalkTrace& trace, const SparseMem& words) {
  for (auto read = trace.reads.rbegin(); read != trace.reads.rend(); ++read) {
    if (read->addr.value == addr) return read->word;
  }
  return words.peek(HostPhys{addr});
}

// The address that four levels of nested tables give, if they map it at all.
std::optional<std::uint64_t> nested_frame(const ContextRegs& regs, GuestPhys gpa, const WalkTrace& trace,
                                          const SparseMem& words) {
  if ((gpa.value >> 48) != 0) return std::nullopt;
  std::uint64_t table = regs.eptp & kFrameMask;
  for (unsigned shift = 39;; shift -= 9) {
    const std::uint64_t entry = word_at(table + 8 * ((gpa.value >> shift) & 0x1ff), trace, words);
    if ((entry & (ept::R | ept::W | ept::X | (regs.mbe ? ept::XU : 0))) == 0) return std::nullopt;
    const bool leaf = shift == 12 || (shift < 39 && (entry & ept::PS) != 0);
    const std::uint64_t offset = bit(shift) - 1;
    if (leaf) return (entry & kFrameMask & ~offset) | (gpa.value & offset);
    table = entry & kFrameMask;
  }
}

}  // namespace

std::string isolation_breach(const ContextRegs& regs, GuestVirt gva, HostPhys hpa, const WalkTrace& trace,
                             const SparseMem& words) {
  bool segments = false;
  for (const Segment& s : regs.vseg) segments = segments || s.base < s.limit;
  // Virtualized with neither is one-dimensional: the guest's own tables name host memory.
  if (!regs.virt || regs.shadow || !(regs.ept_en || segments)) return "";
  if (inside_an_image(regs, hpa)) return "";
  const GuestPhys gpa = final_gpa(regs, gva, trace);
  if (regs.ept_en && !regs.vseg_miss && nested_frame(regs, gpa, trace, words) == hpa.value) return "";
  return fmt::format(
      "isolation: hPA {:#x} of gVA {:#x} (gPA {:#x}) is in no image of a VMM segment and not what the "
      "nested table maps",
      hpa.value, gva.value, gpa.value);
}

}  // namespace vmmu::tb
