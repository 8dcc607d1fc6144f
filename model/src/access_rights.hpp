// Whether the guest's tables permit an access, and the error code when they do not.
#pragma once

#include <cstdint>

#include "guest_entry.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

// Page-fault error code, SDM 4.7.
namespace pf {
constexpr std::uint16_t P = 1 << 0;
constexpr std::uint16_t W = 1 << 1;
constexpr std::uint16_t U = 1 << 2;
constexpr std::uint16_t RSVD = 1 << 3;
constexpr std::uint16_t I = 1 << 4;
constexpr std::uint16_t PK = 1 << 5;
}  // namespace pf

bool canonical(const ContextRegs& regs, GuestVirt gva);

std::uint16_t not_present_code(const ContextRegs& regs, const Access& access);
std::uint16_t reserved_bit_code(const ContextRegs& regs, const Access& access);
std::uint16_t permission_code(const ContextRegs& regs, const Access& access, const GuestRights& rights,
                              std::uint8_t key);

// `key` is the protection key of the leaf.
bool access_permitted(const ContextRegs& regs, const Access& access, const GuestRights& rights, std::uint8_t key);

}  // namespace vmmu
