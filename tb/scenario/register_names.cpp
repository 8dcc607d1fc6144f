#include "scenario/register_names.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kAny = ~std::uint64_t{0};
constexpr std::uint64_t kBit = 1;
constexpr std::uint64_t k16Bits = 0xffff;
constexpr std::uint64_t k32Bits = 0xffff'ffff;
constexpr unsigned kMaxVmmSegments = 16;
constexpr unsigned kFilterLanes = 4;

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
  };
  add_segment(table, "gseg", 0xf);  // R, W, X, U
  for (unsigned n = 0; n < kMaxVmmSegments; ++n) {
    const std::string prefix = "vseg" + std::to_string(n);
    add_segment(table, prefix, 0x7);  // R, W, X
    table.push_back({prefix + ".bitmap", kAny});
  }
  for (unsigned lane = 0; lane < kFilterLanes; ++lane) {
    table.push_back({"gfilter." + std::to_string(lane), kAny});
    table.push_back({"vfilter." + std::to_string(lane), kAny});
  }
  for (const char* name :
       {"shadow.on", "vseg.miss", "prl.on", "prl.double", "epml.on", "epml.trigger", "seglog.on", "segpromote.on"}) {
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
