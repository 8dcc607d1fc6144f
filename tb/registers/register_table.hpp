// The registers of vmmu as rtl/vmmu.rdl describes them: what `vmmu info` prints and the register tests walk.
#pragma once

#include <cstdint>
#include <string_view>

namespace vmmu::tb {

enum class RegisterPage : std::uint8_t { Global, Host, Guest };
enum class RegisterKind : std::uint8_t { Staged, Live, Constant, Command };

struct RegisterInfo {
  std::string_view name;
  RegisterPage page;
  std::uint32_t offset;  // bytes from the start of the page
  unsigned width;        // bits: 32 or 64
  unsigned count;        // elements; 1: no array
  unsigned stride;       // bytes from one element to the next
  RegisterKind kind;
  std::uint64_t reset;     // value after reset, unless reset_of_build
  std::uint64_t fields;    // bits that exist
  std::uint64_t writable;  // bits that a write reaches
  bool write_one_to_clear;
  bool reset_of_build;  // the value after reset is one of the build's parameters, or follows from one
  std::string_view description;
};

inline constexpr RegisterInfo kRegisterTable[] = {
#include "registers/register_table.inc"
};

constexpr std::string_view page_name(RegisterPage page) {
  return page == RegisterPage::Global ? "global" : page == RegisterPage::Host ? "host" : "guest";
}
constexpr std::string_view kind_name(RegisterKind kind) {
  switch (kind) {
    case RegisterKind::Staged: return "staged";
    case RegisterKind::Live: return "live";
    case RegisterKind::Constant: return "constant";
    case RegisterKind::Command: return "command";
  }
  return "";
}

// Byte address of element `index` of the register, on the page of context `ctx` (not looked at for the global page).
constexpr std::uint32_t register_address(const RegisterInfo& info, unsigned ctx, unsigned index = 0) {
  const std::uint32_t base = info.page == RegisterPage::Global ? 0 : 0x10000 + ctx * 0x2000;
  return base + (info.page == RegisterPage::Guest ? 0x1000 : 0) + info.offset + info.stride * index;
}

}  // namespace vmmu::tb
