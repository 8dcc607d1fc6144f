#include "trace/champsim.hpp"

#include <fmt/format.h>

namespace vmmu::tb {
namespace {

constexpr std::size_t kBranchAt = 8;
constexpr std::size_t kTakenAt = 9;
constexpr std::size_t kWrittenAt = 16;
constexpr std::size_t kReadAt = 32;

std::uint64_t word_at(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

std::variant<ChampSimInstruction, std::string> parse_champsim(std::string_view bytes) {
  const auto branch = static_cast<unsigned char>(bytes[kBranchAt]);
  const auto taken = static_cast<unsigned char>(bytes[kTakenAt]);
  if (branch > 1 || taken > branch) return "expected branch flags 0 0, 1 0 or 1 1";
  ChampSimInstruction instruction;
  bool canonical = true;
  const auto add = [&](TraceRecord::Kind kind, std::uint64_t address) {
    canonical = canonical && is_canonical48(address);
    instruction.records[instruction.count++] = {kind, GuestVirt{address}, 1};
  };
  const std::uint64_t ip = word_at(bytes, 0);
  if (ip == 0) return "expected an instruction pointer that is not 0";
  add(TraceRecord::Kind::Fetch, ip);
  for (std::size_t at = kReadAt; at < kChampSimBytes; at += 8) {
    if (const std::uint64_t address = word_at(bytes, at); address != 0) add(TraceRecord::Kind::Read, address);
  }
  for (std::size_t at = kWrittenAt; at < kReadAt; at += 8) {
    if (const std::uint64_t address = word_at(bytes, at); address != 0) add(TraceRecord::Kind::Write, address);
  }
  if (!canonical) return "expected addresses that are canonical for 48 bits";
  return instruction;
}

bool is_champsim(std::string_view head) {
  return head.size() >= kChampSimBytes &&
         std::holds_alternative<ChampSimInstruction>(parse_champsim(head.substr(0, kChampSimBytes)));
}

}  // namespace vmmu::tb
