// One Verilated vmmu_tb or vmmu_axi_tb of any preset: its ports as plain structs, its clock, its assertions, its wave.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/axi.hpp"
#include "device/axil.hpp"
#include "engine/engine.hpp"

namespace vmmu::tb {

inline constexpr unsigned kMaxPorts = 4;  // request ports of any build

// What the testbench drives. Field names and widths are those of vmmu_pkg.
struct DeviceInputs {
  bool rst_n = false;
  struct Request {
    bool valid = false;
    std::uint8_t ctx = 0;
    std::uint8_t id = 0;
    std::uint64_t gva = 0;
    std::uint8_t op = 0;
    bool user = false;
    bool ac = false;
    bool implicit = false;
  };
  std::array<Request, kMaxPorts> req;  // by port; those that the build lacks are of no use
  std::array<bool, kMaxPorts> rsp_ready = {true, true, true, true};
  bool mem_req_ready = false;
  struct {
    bool valid = false;
    std::uint8_t id = 0;
    std::uint64_t data = 0;
    bool error = false;
  } mem_rsp;
  struct {
    bool valid = false;
    bool write = false;
    std::uint32_t addr = 0;
    std::uint64_t wdata = 0;
  } reg;
  struct {
    bool valid = false;
    std::uint8_t op = 0;
    std::uint8_t ctx = 0;
    std::uint8_t id = 0;
    std::uint64_t addr = 0;
    std::uint16_t pcid = 0;
    std::uint16_t vpid = 0;
  } inv;
  AxiFromSubordinate axi;  // vmmu_axi_tb only, in place of mem_req_ready and mem_rsp
  AxilFromManager axil;    // vmmu_axi_tb only, in place of reg
};

// What the RTL drives, as it stands when the clock is about to rise.
struct DeviceOutputs {
  std::array<bool, kMaxPorts> req_ready = {};
  std::array<bool, kMaxPorts> rsp_valid = {};
  struct Response {
    std::uint8_t ctx = 0;
    std::uint8_t id = 0;
    std::uint8_t source = 0;
    std::uint64_t hpa = 0;
    std::uint8_t size = 0;
    std::uint8_t pat = 0;
    std::uint8_t emt = 0;
    bool ipat = false;
    std::uint8_t fault_kind = 0;
    std::uint16_t fault_code = 0;
    std::uint32_t fault_target = 0;
    std::uint64_t fault_gva = 0;
    bool fault_gva_valid = false;
    std::uint64_t fault_addr = 0;
    bool operator==(const Response&) const = default;
  };
  std::array<Response, kMaxPorts> rsp;
  bool mem_req_valid = false;
  struct MemRequest {
    std::uint8_t op = 0;
    std::uint8_t id = 0;
    std::uint64_t addr = 0;
    std::uint64_t wdata = 0;
    std::uint64_t expected = 0;
    bool operator==(const MemRequest&) const = default;
  } mem_req;
  // vmmu_axi_tb only: the rest of the memory port, which lies inside, and the AXI4 master.
  bool mem_req_ready = false;
  struct MemReply {
    bool valid = false;
    std::uint8_t id = 0;
    std::uint64_t data = 0;
    bool error = false;
  } mem_rsp;
  AxiFromManager axi;
  AxilFromSubordinate axil;  // vmmu_axi_tb only, in place of the four that follow
  bool reg_req_ready = false;
  bool reg_rsp_valid = false;
  std::uint64_t reg_rdata = 0;
  bool reg_error = false;
  bool inv_req_ready = false;
  bool inv_rsp_valid = false;
  bool inv_error = false;
  std::uint8_t inv_id = 0;
  bool irq_host = false;
  std::uint16_t irq_guest = 0;
};

// What a RAM gives when the word that is read is being written. The MMU must never depend on it.
enum class RamCollision { FromSeed, Old, New, Random };

struct DeviceOptions {
  std::uint64_t seed = 1;  // of all state that reset does not set
  std::string wave_file;   // FST; empty: none. Needs a build with VMMU_TRACE
  // Number given to +vmmu_mutant=N in a build with VMMU_MUTANTS; 0: that in the environment variable
  // VMMU_MUTANT, if there is one.
  unsigned mutant = 0;
  // FromSeed: the environment variable VMMU_RAM_COLLISION (old, new or random) if there is one, else drawn from seed.
  RamCollision ram_collision = RamCollision::FromSeed;
  bool axi = false;            // vmmu_axi_tb instead of vmmu_tb
  bool segment_at_l1 = false;  // the build with SegmentAtL1; not together with axi
};

// A clock cycle is: write `in`, settle(), look at `out`, tick().
class Device {
 public:
  virtual ~Device() = default;

  DeviceInputs in;
  DeviceOutputs out;

  virtual unsigned ports() const = 0;  // request ports
  virtual void settle() = 0;           // clock low, inputs applied; `out` is filled
  virtual void tick() = 0;             // the rising edge
  // True once an assertion of the RTL has fired or $error was called; `why` gets its text. Clears it.
  virtual bool take_assertion(std::string& why) = 0;
};

// Throws std::runtime_error when this build does not have the preset, or no tracing although a wave is wanted.
std::unique_ptr<Device> make_device(Preset preset, const DeviceOptions& options);
std::vector<Preset> device_presets();
std::vector<Preset> device_axi_presets();    // those with a vmmu_axi_tb
std::vector<Preset> device_at_l1_presets();  // those with a build with SegmentAtL1

}  // namespace vmmu::tb
