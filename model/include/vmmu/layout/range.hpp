// Ranges of addresses of one kind, and what can go wrong when memory is laid out.
#pragma once

#include <cstdint>

#include "vmmu/types.hpp"

namespace vmmu::layout {

constexpr std::uint64_t kFrame = page_bytes(PageSize::k4K);

constexpr std::uint64_t align_down(std::uint64_t address, std::uint64_t bytes) { return address & ~(bytes - 1); }
constexpr std::uint64_t align_up(std::uint64_t address, std::uint64_t bytes) {
  return align_down(address + bytes - 1, bytes);
}

// [base, base + bytes). Whole 4 KiB pages wherever this library takes one; the end may be 2^64.
template <class Addr>
struct Range {
  Addr base;
  std::uint64_t bytes = 0;

  constexpr bool empty() const { return bytes == 0; }
  constexpr bool aligned() const { return ((base.value | bytes) & (kFrame - 1)) == 0; }
  // One past the last address; 0 stands for 2^64.
  constexpr Addr end() const { return {base.value + bytes}; }
  constexpr bool contains(Addr address) const {
    return address.value >= base.value && address.value - base.value < bytes;
  }
  constexpr bool operator==(const Range&) const = default;
};

using VirtRange = Range<GuestVirt>;
using GuestRange = Range<GuestPhys>;
using HostRange = Range<HostPhys>;

enum class [[nodiscard]] LayoutError : std::uint8_t{
    None,
    Misaligned,     // a range or an address is no multiple of the page size
    AlreadyMapped,  // a part of the range has something behind it already
    NotMapped,      // a part of the range has nothing behind it
    NoMemory,       // too little memory is free, or no run of it is long enough
    Pinned,         // something that cannot be moved is in the way
    Tables,         // the page tables cannot hold it: out of table pages, or an address out of range
};
const char* to_string(LayoutError error);

// Where memory comes from.
enum class Placement : std::uint8_t {
  Contiguous,  // one run, the lowest that fits
  Scattered,   // each page for itself, somewhere, by the seed
};

// Which pages get table entries at once.
enum class Leaves : std::uint8_t {
  Now,       // all: paging alone reaches every page
  OnDemand,  // none: a segment is to cover them, and touch() makes the entries of those that it does not
};

}  // namespace vmmu::layout
