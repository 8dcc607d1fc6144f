#include "scenario/register_names.hpp"

#include <initializer_list>
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

void add_logs(std::vector<RegisterName>& table) {
  const std::initializer_list<RegisterName> logs = {
      {"seglog.on", kBit},    {"prl.on", kBit},        {"prl.double", kBit},        {"prl.addr", kAny},
      {"prl.addr2", kAny},    {"prl.index", k16Bits},  {"prl.watermark", k16Bits},  {"prl.target", k32Bits},
      {"prl.drops", k32Bits}, {"prl.status", 0x7},     {"epml.on", kBit},           {"epml.trigger", kBit},
      {"epml.addr", kAny},    {"epml.index", k16Bits}, {"epml.watermark", k16Bits},
  };
  table.insert(table.end(), logs);
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
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) table.push_back({vseg_name(n) + ".bitmap", kAny});
  add_logs(table);
  // Parts that this version does not have.
  for (unsigned n = kMaxVmmSegments; n < kNamedVmmSegments; ++n) {
    add_segment(table, vseg_name(n), 0x7);
    table.push_back({vseg_name(n) + ".bitmap", kAny});
  }
  return table;
}

const std::vector<RegisterName>& table() {
  static const std::vector<RegisterName> registers = make_table();
  return registers;
}

}  // namespace

const RegisterName& register_name(RegIndex index) { return table()[index]; }

bool build_has(RegIndex index, const Engine& engine) {
  if (!is_present(index)) return false;
  const auto within = [index](Reg first, Reg last) { return index >= reg_index(first) && index <= reg_index(last); };
  if (index == reg_index(Reg::Shadow)) return engine.shadow_roots() != 0;
  if (within(Reg::Prl, Reg::PrlStatus)) return engine.prl();
  if (within(Reg::Epml, Reg::EpmlWatermark)) return engine.epml();
  if (within(Reg::Bitmap, Reg::SegLog) && !engine.seg_log()) return false;
  const unsigned segments = engine.num_vmm_segments();
  if (index == reg_index(Reg::VsegMiss) || index == reg_index(Reg::SegLog)) return segments != 0;
  if (within(Reg::Vfilter, moved(Reg::Vfilter, 3))) return segments != 0;
  if (within(Reg::Bitmap, moved(Reg::Bitmap, 3))) return index < reg_index(moved(Reg::Bitmap, segments));
  const bool vmm_segment = index >= reg_index(Reg::Vseg) && index < reg_index(Reg::Gfilter);
  return !vmm_segment || index < reg_index(vseg_reg(segments, SegmentPart::Base));
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
