// The signals of one AXI4-Lite interface of 32-bit data, as plain structs: what each side drives in a cycle.
#pragma once

#include <cstdint>

#include "device/axi.hpp"

namespace vmmu::tb {

struct AxilAddress {  // AR or AW
  bool valid = false;
  std::uint32_t addr = 0;
  std::uint8_t prot = 0;
  bool operator==(const AxilAddress&) const = default;
};

struct AxilWriteData {
  bool valid = false;
  std::uint32_t data = 0;
  std::uint8_t strb = 0;
  bool operator==(const AxilWriteData&) const = default;
};

struct AxilReadData {
  bool valid = false;
  std::uint32_t data = 0;
  AxiResp resp = AxiResp::Okay;
  bool operator==(const AxilReadData&) const = default;
};

struct AxilWriteReply {
  bool valid = false;
  AxiResp resp = AxiResp::Okay;
  bool operator==(const AxilWriteReply&) const = default;
};

struct AxilFromManager {
  AxilAddress ar;
  AxilAddress aw;
  AxilWriteData w;
  bool r_ready = false;
  bool b_ready = false;
};

struct AxilFromSubordinate {
  bool ar_ready = false;
  bool aw_ready = false;
  bool w_ready = false;
  AxilReadData r;
  AxilWriteReply b;
};

}  // namespace vmmu::tb
