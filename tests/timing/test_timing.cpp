// The timing diagrams of docs/interface.md are what the RTL does: each is recorded from a run, and must equal the
// committed source docs/timing/NAME.json. VMMU_WRITE_TIMING names a folder to write the sources to instead.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "fixture.hpp"
#include "wave.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr GuestVirt kOther{kPage.value + 0x1000};  // in the same last-level table
constexpr unsigned kInvlpg = 0;

RigOptions options(unsigned latency, bool axi = true) {
  RigOptions o;
  o.preset = Preset::Server;
  o.device.axi = axi;
  o.timing.latency_min = o.timing.latency_max = latency;
  return o;
}

// One run, its tables, and what is recorded of it.
class Scene {
 public:
  // `bare`: the leaf of kPage lacks its accessed flag.
  explicit Scene(const RigOptions& o, bool bare = false)
      : f(o), tables(TableConfig{}, f.rig.words()), in(f.rig.device().in), out(f.rig.device().out) {
    REQUIRE(tables.map(kPage, kFrame, PageSize::k4K, bare ? GuestAttr{} : flags_set()) == MapError::None);
    REQUIRE(tables.map(kOther, GuestPhys{kFrame.value + 0x1000}, PageSize::k4K, flags_set()) == MapError::None);
    set_upper_flags(tables, kPage);
    f.commit(0, tables.regs(plain_regs()));
    f.rig.on_response = [this](const Response&) { f.saw_translation(); };
    f.rig.on_cycle = [this] {
      if (recording) wave.sample();
    };
  }

  void requests() {
    wave.bit("req_valid_i", [this] { return in.req[0].valid; });
    wave.bit("req_ready_o", [this] { return out.req_ready[0]; });
    wave.bus(
        "req_i {id, gva}", [this] { return in.req[0].valid; }, [this] { return out.req_ready[0]; },
        [this] { return fmt::format("{}, {:x}", in.req[0].id, in.req[0].gva); });
  }
  void responses() {
    wave.bit("rsp_valid_o", [this] { return out.rsp_valid[0]; });
    wave.bit("rsp_ready_i", [this] { return in.rsp_ready[0]; });
    wave.bus(
        "rsp_o {id, hpa or fault}", [this] { return out.rsp_valid[0]; }, [this] { return in.rsp_ready[0]; },
        [this] {
          if (out.rsp[0].fault_kind == 0) return fmt::format("{}, {:x}", out.rsp[0].id, out.rsp[0].hpa);
          return fmt::format("{}, kind {} code {:x}", out.rsp[0].id, out.rsp[0].fault_kind, out.rsp[0].fault_code);
        });
  }
  void read_channels() {
    wave.bit("m_axi_arvalid", [this] { return out.axi.ar.valid; });
    wave.bit("m_axi_arready", [this] { return in.axi.ar_ready; });
    wave.bus(
        "m_axi_ar {id, addr}", [this] { return out.axi.ar.valid; }, [this] { return in.axi.ar_ready; },
        [this] { return fmt::format("{}, {:x}{}", out.axi.ar.id, out.axi.ar.addr, out.axi.ar.lock ? " lock" : ""); });
    wave.bit("m_axi_rvalid", [this] { return in.axi.r.valid; });
    wave.bit("m_axi_rready", [this] { return out.axi.r_ready; });
    wave.bus(
        "m_axi_r {id, resp}", [this] { return in.axi.r.valid; }, [this] { return out.axi.r_ready; },
        [this] { return fmt::format("{}, {}", in.axi.r.id, name(in.axi.r.resp)); });
  }
  void write_channels() {
    wave.bit("m_axi_awvalid", [this] { return out.axi.aw.valid; });
    wave.bit("m_axi_awready", [this] { return in.axi.aw_ready; });
    wave.bus(
        "m_axi_aw {id, addr}", [this] { return out.axi.aw.valid; }, [this] { return in.axi.aw_ready; },
        [this] { return fmt::format("{}, {:x}{}", out.axi.aw.id, out.axi.aw.addr, out.axi.aw.lock ? " lock" : ""); });
    wave.bit("m_axi_wvalid", [this] { return out.axi.w.valid; });
    wave.bit("m_axi_wready", [this] { return in.axi.w_ready; });
    wave.bit("m_axi_bvalid", [this] { return in.axi.b.valid; });
    wave.bit("m_axi_bready", [this] { return out.axi.b_ready; });
    wave.bus(
        "m_axi_b {id, resp}", [this] { return in.axi.b.valid; }, [this] { return out.axi.b_ready; },
        [this] { return fmt::format("{}, {}", in.axi.b.id, name(in.axi.b.resp)); });
  }
  void memory_port() {
    wave.bit("mem_req_valid_o", [this] { return out.mem_req_valid; });
    wave.bit("mem_req_ready_i", [this] { return in.mem_req_ready; });
    wave.bus(
        "mem_req_o {op, id, addr}", [this] { return out.mem_req_valid; }, [this] { return in.mem_req_ready; },
        [this] {
          const char* ops[] = {"read", "cas", "write"};
          return fmt::format("{} {}, {:x}", ops[out.mem_req.op], out.mem_req.id, out.mem_req.addr);
        });
    wave.bit("mem_rsp_valid_i", [this] { return in.mem_rsp.valid; });
    wave.bus(
        "mem_rsp_i {id, data}", [this] { return in.mem_rsp.valid; }, [] { return true; },
        [this] { return fmt::format("{}, {:x}", in.mem_rsp.id, in.mem_rsp.data); });
  }
  void registers() {
    wave.bit("s_axil_awvalid", [this] { return in.axil.aw.valid; });
    wave.bit("s_axil_awready", [this] { return out.axil.aw_ready; });
    wave.bus(
        "s_axil_awaddr", [this] { return in.axil.aw.valid; }, [this] { return out.axil.aw_ready; },
        [this] { return fmt::format("{:x}", in.axil.aw.addr); });
    wave.bit("s_axil_wvalid", [this] { return in.axil.w.valid; });
    wave.bit("s_axil_wready", [this] { return out.axil.w_ready; });
    wave.bus(
        "s_axil_wdata", [this] { return in.axil.w.valid; }, [this] { return out.axil.w_ready; },
        [this] { return fmt::format("{:x}", in.axil.w.data); });
    wave.bit("s_axil_bvalid", [this] { return out.axil.b.valid; });
    wave.bit("s_axil_bready", [this] { return in.axil.b_ready; });
    wave.bus(
        "s_axil_bresp", [this] { return out.axil.b.valid; }, [this] { return in.axil.b_ready; },
        [this] { return name(out.axil.b.resp); });
  }
  void invalidations() {
    wave.bit("inv_req_valid_i", [this] { return in.inv.valid; });
    wave.bit("inv_req_ready_o", [this] { return out.inv_req_ready; });
    wave.bus(
        "inv_req_i {op, addr}", [this] { return in.inv.valid; }, [this] { return out.inv_req_ready; },
        [this] {
          return fmt::format("{}, {:x}", in.inv.op == kInvlpg ? "INVLPG" : fmt::format("{}", in.inv.op), in.inv.addr);
        });
    wave.bit("inv_rsp_valid_o", [this] { return out.inv_rsp_valid; });
  }

  // Two idle cycles before and after.
  void begin() {
    f.rig.cycles(20);
    recording = true;
    f.rig.cycles(2);
  }
  // `from`: first cycle that is drawn.
  void finish(const char* diagram, std::size_t from = 0) {
    f.rig.cycles(2);
    recording = false;
    compare(diagram, wave.json(from));
  }

  RigFixture f;
  PageTables tables;
  DeviceInputs& in;
  DeviceOutputs& out;
  Wave wave;
  bool recording = false;

 private:
  static std::string name(AxiResp resp) {
    const char* names[] = {"OKAY", "EXOKAY", "SLVERR", "DECERR"};
    return names[static_cast<unsigned>(resp)];
  }
  static void compare(const char* diagram, const std::string& recorded) {
    if (const char* folder = std::getenv("VMMU_WRITE_TIMING")) {
      std::ofstream(fmt::format("{}/{}.json", folder, diagram)) << recorded;
    }
    std::ifstream file(fmt::format("docs/timing/{}.json", diagram));
    std::stringstream committed;
    committed << file.rdbuf();
    INFO("mend with: VMMU_WRITE_TIMING=docs/timing build/test_timing && scripts/regen");
    CHECK(committed.str() == recorded);
  }
};

}  // namespace

TEST_CASE("timing: hits, one per cycle, and a response that waits", "[timing]") {
  Scene s(options(1));
  s.f.run(read_of(kPage));
  s.f.run(read_of(kOther));
  s.requests();
  s.wave.space();
  s.responses();
  s.begin();
  s.f.rig.send(read_of(GuestVirt{kPage.value + 8}), 1);
  s.f.rig.send(read_of(GuestVirt{kOther.value + 8}), 2);
  s.f.rig.set_response_stall(100);
  s.f.rig.cycles(2);
  s.f.rig.set_response_stall(0);
  s.f.rig.send(read_of(kPage), 3);
  s.finish("hit");
}

TEST_CASE("timing: a miss, and a hit that is answered before it", "[timing]") {
  Scene s(options(1));
  s.f.run(read_of(kOther));
  s.requests();
  s.wave.space();
  s.read_channels();
  s.wave.space();
  s.responses();
  s.begin();
  s.f.rig.send(read_of(kPage), 1);
  s.f.rig.send(read_of(kOther), 2);
  s.f.rig.cycles(6);
  s.finish("miss");
}

TEST_CASE("timing: reads and a compare-and-swap at the memory port of vmmu_top", "[timing]") {
  Scene s(options(2, false), true);
  s.requests();
  s.wave.space();
  s.memory_port();
  s.wave.space();
  s.responses();
  s.begin();
  s.f.rig.send(read_of(kPage), 1);
  s.f.rig.cycles(18);
  s.finish("memory");
}

TEST_CASE("timing: a compare-and-swap as an exclusive pair", "[timing]") {
  Scene s(options(2), true);
  s.read_channels();
  s.wave.space();
  s.write_channels();
  s.wave.space();
  s.responses();
  s.begin();
  s.f.rig.send(read_of(kPage), 1);
  s.f.rig.cycles(21);
  s.finish("exclusive", 11);
}

TEST_CASE("timing: a staged register is written, then COMMIT", "[timing]") {
  Scene s(options(1));
  s.registers();
  s.begin();
  REQUIRE(s.f.rig.write_register(reg::host(0, reg::Host::Pkru), 0x30));
  REQUIRE(s.f.rig.write_register(reg::host(0, reg::Host::Commit), 1));
  s.finish("commit");
  CHECK(s.f.rig.get(reg::host(0, reg::Host::Commit)) == 0);
  s.f.run(read_of(kPage));
}

TEST_CASE("timing: an invalidation waits for the response of a walk that it covers", "[timing]") {
  Scene s(options(1));
  s.requests();
  s.wave.space();
  s.invalidations();
  s.wave.space();
  s.responses();
  s.begin();
  s.f.rig.send(read_of(kPage), 1);
  REQUIRE(s.f.rig.invalidate({InvOp::Invlpg, 0, kPage.value}));
  s.finish("invalidation");
}

TEST_CASE("timing: a page fault is a response like any other", "[timing]") {
  constexpr GuestVirt kNowhere{0x8000000000};  // the first entry on its way is not present
  Scene s(options(1));
  s.requests();
  s.wave.space();
  s.read_channels();
  s.wave.space();
  s.responses();
  s.begin();
  s.f.rig.send(read_of(kNowhere), 1);
  s.f.rig.cycles(5);
  s.finish("fault");
}
