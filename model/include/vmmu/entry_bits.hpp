// Names of the bits of table entries: SDM tables 4-14 to 4-20 (guest) and 28-1 to 28-7 (EPT).
#pragma once

#include <cstdint>

namespace vmmu {

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }
// Bits high:low set. 0 <= low <= high <= 63; with low == high + 1 the mask is empty.
constexpr std::uint64_t bit_range(unsigned high, unsigned low) {
  return (high == 63 ? ~std::uint64_t{0} : bit(high + 1) - 1) & ~(bit(low) - 1);
}
constexpr std::uint64_t kFrameMask = bit_range(51, 12);  // the address that an entry or root register holds

namespace pt {  // guest entries
constexpr std::uint64_t P = bit(0);
constexpr std::uint64_t W = bit(1);
constexpr std::uint64_t U = bit(2);
constexpr std::uint64_t PWT = bit(3);
constexpr std::uint64_t PCD = bit(4);
constexpr std::uint64_t A = bit(5);
constexpr std::uint64_t D = bit(6);
constexpr std::uint64_t PS = bit(7);   // levels 2 and up
constexpr std::uint64_t PAT = bit(7);  // level 1
constexpr std::uint64_t G = bit(8);
constexpr std::uint64_t PAT_LARGE = bit(12);  // 2 MiB and 1 GiB leaves
constexpr std::uint64_t NX = bit(63);
constexpr unsigned kKeyShift = 59;  // bits 62:59, the protection key of a leaf
}  // namespace pt

namespace ept {  // nested entries
constexpr std::uint64_t R = bit(0);
constexpr std::uint64_t W = bit(1);
constexpr std::uint64_t X = bit(2);
constexpr unsigned kMemoryTypeShift = 3;  // bits 5:3 of a leaf
constexpr std::uint64_t IPAT = bit(6);
constexpr std::uint64_t PS = bit(7);
constexpr std::uint64_t A = bit(8);
constexpr std::uint64_t D = bit(9);
constexpr std::uint64_t XU = bit(10);
}  // namespace ept

namespace eptp {                                    // SDM 25.6.11
constexpr std::uint64_t kWriteBack = 6;             // bits 2:0, memory type of the tables
constexpr std::uint64_t kWalkLengthFour = 3u << 3;  // bits 5:3, levels minus one
constexpr std::uint64_t kAccessedDirty = bit(6);
}  // namespace eptp

}  // namespace vmmu
