// The signals of one AXI4 interface of 64-bit data, as plain structs: what each side drives in a cycle.
#pragma once

#include <cstdint>

namespace vmmu::tb {

enum class AxiBurst : std::uint8_t { Fixed, Incr, Wrap };            // AxBURST; 3 is reserved
enum class AxiResp : std::uint8_t { Okay, ExOkay, SlvErr, DecErr };  // RRESP, BRESP

struct AxiAddress {  // AR or AW
  bool valid = false;
  std::uint8_t id = 0;
  std::uint64_t addr = 0;
  std::uint8_t len = 0;   // beats - 1
  std::uint8_t size = 0;  // log2 of the bytes of a beat
  std::uint8_t burst = 0;
  bool lock = false;  // exclusive
  std::uint8_t cache = 0;
  std::uint8_t prot = 0;
  bool operator==(const AxiAddress&) const = default;
};

struct AxiWriteData {
  bool valid = false;
  std::uint64_t data = 0;
  std::uint8_t strb = 0;
  bool last = false;
  bool operator==(const AxiWriteData&) const = default;
};

struct AxiReadData {
  bool valid = false;
  std::uint8_t id = 0;
  std::uint64_t data = 0;
  AxiResp resp = AxiResp::Okay;
  bool last = false;
  bool operator==(const AxiReadData&) const = default;
};

struct AxiWriteReply {
  bool valid = false;
  std::uint8_t id = 0;
  AxiResp resp = AxiResp::Okay;
  bool operator==(const AxiWriteReply&) const = default;
};

struct AxiFromManager {
  AxiAddress ar;
  AxiAddress aw;
  AxiWriteData w;
  bool r_ready = false;
  bool b_ready = false;
};

struct AxiFromSubordinate {
  bool ar_ready = false;
  bool aw_ready = false;
  bool w_ready = false;
  AxiReadData r;
  AxiWriteReply b;
};

}  // namespace vmmu::tb
