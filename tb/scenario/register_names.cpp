#include "scenario/register_names.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

#include "vmmu/registers.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kAny = ~std::uint64_t{0};
constexpr std::uint64_t kBit = 1;
constexpr std::uint64_t k16Bits = 0xffff;
constexpr std::uint64_t k32Bits = 0xffff'ffff;
constexpr unsigned kNamedVmmSegments = 16;

std::string vseg_name(unsigned n) { return "vseg" + std::to_string(n); }

void add_filter(std::vector<RegisterName>& table, const std::string& prefix) {
  for (unsigned lane = 0; lane < EscapeFilter::kBanks; ++lane) table.push_back({prefix + std::to_string(lane), kAny});
}

void add_segment(std::vector<RegisterName>& table, const std::string& prefix, std::uint64_t attr_max) {
  const std::uint64_t limit_max = (std::uint64_t{1} << 53) - 1;  // architecture, section 4
  const bool guest = prefix == "gseg";
  table.push_back({prefix + ".base", kAny});
  table.push_back({prefix + ".limit", guest ? kAny : limit_max});
  table.push_back({prefix + ".offset", kAny});
  table.push_back({prefix + ".attr", attr_max});
}

std::vector<RegisterName> make_table() {
  std::vector<RegisterName> table = {
      {"cr0", kAny},
      {"cr3", kAny},
      {"cr4", kAny},
      {"efer", kAny},
      {"rflags", kAny},
      {"pkru", k32Bits},
      {"maxphyaddr", 0xff},
      {"page1g", kBit},
      {"eptp", kAny},
      {"vpid", k16Bits},
      {"mbe", kBit},
      {"advinfo", kBit},
      {"pml", kBit},
      {"pmladdr", kAny},
      {"pmlindex", k16Bits},
      {"virt.on", kBit},
      {"pml.watermark", k16Bits},
      {"shadow.on", kBit},
      {"vseg.miss", kBit},
      {"segpromote.on", kBit},
  };
  add_segment(table, "gseg", 0xf);  // R, W, X, U
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) add_segment(table, vseg_name(n), 0x7);
  add_filter(table, "gfilter.");
  add_filter(table, "vfilter.");
  // Parts that this version does not have.
  for (unsigned n = kMaxVmmSegments; n < kNamedVmmSegments; ++n) add_segment(table, vseg_name(n), 0x7);
  for (unsigned n = 0; n < kNamedVmmSegments; ++n) table.push_back({vseg_name(n) + ".bitmap", kAny});
  for (const char* name : {"prl.on", "prl.double", "epml.on", "epml.trigger", "seglog.on"}) {
    table.push_back({name, kBit});
  }
  for (const char* name : {"prl.index", "prl.watermark", "epml.index", "epml.watermark"}) {
    table.push_back({name, k16Bits});
  }
  for (const char* name : {"prl.addr", "prl.addr2", "prl.target", "prl.drops", "epml.addr"}) {
    table.push_back({name, kAny});
  }
  return table;
}

const std::vector<RegisterName>& table() {
  static const std::vector<RegisterName> registers = make_table();
  return registers;
}

}  // namespace

const RegisterName& register_name(RegIndex index) { return table()[index]; }

bool build_has(RegIndex index, unsigned vmm_segments, unsigned shadow_roots) {
  if (!is_present(index)) return false;
  if (index == reg_index(Reg::Shadow)) return shadow_roots != 0;
  const bool vmm_level = index == reg_index(Reg::VsegMiss) || index >= reg_index(Reg::Vfilter);
  if (vmm_level) return vmm_segments != 0;
  const bool vmm_segment = index >= reg_index(Reg::Vseg) && index < reg_index(Reg::Gfilter);
  return !vmm_segment || index < reg_index(vseg_reg(vmm_segments, SegmentPart::Base));
}

std::optional<RegIndex> find_register(std::string_view name) {
  static const std::unordered_map<std::string_view, RegIndex> by_name = [] {
    std::unordered_map<std::string_view, RegIndex> map;
    for (std::size_t i = 0; i < table().size(); ++i) map.emplace(table()[i].name, static_cast<RegIndex>(i));
    return map;
  }();
  const auto it = by_name.find(name);
  if (it == by_name.end()) return std::nullopt;
  return it->second;
}

}  // namespace vmmu::tb
