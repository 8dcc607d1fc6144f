// Device over one class that Verilator generated. Included once for each preset.
#pragma once

#include <verilated.h>
#if VM_TRACE_FST
#include <verilated_fst_c.h>
#endif

#include <stdexcept>
#include <type_traits>

#include "device/device.hpp"
#include "device/rtl_messages.hpp"

namespace vmmu::tb {

// The tops differ in their memory side and in their register side.
template <class Model>
concept HasAxi = requires(Model& m) {
  m.m_axi_arvalid;
};

template <class Model>
class VerilatedDevice final : public Device {
 public:
  explicit VerilatedDevice(const DeviceOptions& options) {
    enter();
    context_.fatalOnError(false);
    context_.assertOn(true);
    context_.randReset(2);
    // Verilator takes 31 bits and reads 0 as "from the system's clock".
    context_.randSeed(static_cast<int>((options.seed ^ (options.seed >> 31)) % 0x7fffffff) + 1);
    const std::string mutant = "+vmmu_mutant=" + std::to_string(options.mutant);
    const unsigned collision = options.ram_collision == RamCollision::FromSeed
                                   ? static_cast<unsigned>(options.seed % 3)
                                   : static_cast<unsigned>(options.ram_collision) - 1;  // as vmmu_ram_pkg numbers them
    const std::string ram_collision = "+vmmu_ram_collision=" + std::to_string(collision);
    const char* arguments[] = {"vmmu", mutant.c_str(), ram_collision.c_str()};
    context_.commandArgs(3, arguments);
    open_wave(options.wave_file);
    model_ = std::make_unique<Model>(&context_, "tb");
    start_wave(options.wave_file);
    model_->clk_i = 0;
  }

  ~VerilatedDevice() override {
    enter();
#if VM_TRACE_FST
    if (wave_) wave_->close();
#endif
    model_->final();
    model_.reset();
  }

  unsigned ports() const override { return kPorts; }

  void settle() override {
    enter();
    drive();
    model_->clk_i = 0;
    model_->eval();
    dump();
    sample();
  }

  void tick() override {
    enter();
    model_->clk_i = 1;
    model_->eval();
    dump();
  }

  bool take_assertion(std::string& why) override {
    if (!context_.gotError()) return false;
    context_.gotError(false);
    context_.gotFinish(false);
    why = take_rtl_messages();
    return true;
  }

 private:
  static constexpr unsigned kPorts = std::extent_v<std::remove_reference_t<decltype(Model::req_id_i)>>;

  // Several devices may live in one thread, and Verilator reports to the context that was used last.
  void enter() { Verilated::threadContextp(&context_); }

  void drive() {
    Model& m = *model_;
    m.rst_ni = in.rst_n;
    m.req_valid_i = 0;
    m.rsp_ready_i = 0;
    for (unsigned p = 0; p < kPorts; ++p) {
      m.req_valid_i |= in.req[p].valid << p;
      m.req_ctx_i[p] = in.req[p].ctx;
      m.req_id_i[p] = in.req[p].id;
      m.req_gva_i[p] = in.req[p].gva;
      m.req_op_i[p] = in.req[p].op;
      m.req_user_i[p] = in.req[p].user;
      m.req_ac_i[p] = in.req[p].ac;
      m.req_implicit_i[p] = in.req[p].implicit;
      m.rsp_ready_i |= in.rsp_ready[p] << p;
    }
    drive_memory(m);
    drive_registers(m);
    m.inv_req_valid_i = in.inv.valid;
    m.inv_req_op_i = in.inv.op;
    m.inv_req_ctx_i = in.inv.ctx;
    m.inv_req_id_i = in.inv.id;
    m.inv_req_addr_i = in.inv.addr;
    m.inv_req_pcid_i = in.inv.pcid;
    m.inv_req_vpid_i = in.inv.vpid;
  }

  template <class M>
  void drive_memory(M& m) const {
    if constexpr (HasAxi<M>) {
      m.m_axi_arready = in.axi.ar_ready;
      m.m_axi_awready = in.axi.aw_ready;
      m.m_axi_wready = in.axi.w_ready;
      m.m_axi_rvalid = in.axi.r.valid;
      m.m_axi_rid = in.axi.r.id;
      m.m_axi_rdata = in.axi.r.data;
      m.m_axi_rresp = static_cast<std::uint8_t>(in.axi.r.resp);
      m.m_axi_rlast = in.axi.r.last;
      m.m_axi_bvalid = in.axi.b.valid;
      m.m_axi_bid = in.axi.b.id;
      m.m_axi_bresp = static_cast<std::uint8_t>(in.axi.b.resp);
    } else {
      m.mem_req_ready_i = in.mem_req_ready;
      m.mem_rsp_valid_i = in.mem_rsp.valid;
      m.mem_rsp_id_i = in.mem_rsp.id;
      m.mem_rsp_data_i = in.mem_rsp.data;
      m.mem_rsp_error_i = in.mem_rsp.error;
    }
  }

  template <class M>
  void drive_registers(M& m) const {
    if constexpr (HasAxi<M>) {
      m.s_axil_arvalid = in.axil.ar.valid;
      m.s_axil_araddr = in.axil.ar.addr;
      m.s_axil_arprot = in.axil.ar.prot;
      m.s_axil_awvalid = in.axil.aw.valid;
      m.s_axil_awaddr = in.axil.aw.addr;
      m.s_axil_awprot = in.axil.aw.prot;
      m.s_axil_wvalid = in.axil.w.valid;
      m.s_axil_wdata = in.axil.w.data;
      m.s_axil_wstrb = in.axil.w.strb;
      m.s_axil_rready = in.axil.r_ready;
      m.s_axil_bready = in.axil.b_ready;
    } else {
      m.reg_req_valid_i = in.reg.valid;
      m.reg_req_write_i = in.reg.write;
      m.reg_req_addr_i = in.reg.addr;
      m.reg_req_wdata_i = in.reg.wdata;
    }
  }

  template <class M>
  void sample_registers(const M& m) {
    if constexpr (HasAxi<M>) {
      out.axil.ar_ready = m.s_axil_arready;
      out.axil.aw_ready = m.s_axil_awready;
      out.axil.w_ready = m.s_axil_wready;
      out.axil.r = {bool(m.s_axil_rvalid), m.s_axil_rdata, static_cast<AxiResp>(m.s_axil_rresp)};
      out.axil.b = {bool(m.s_axil_bvalid), static_cast<AxiResp>(m.s_axil_bresp)};
    } else {
      out.reg_req_ready = m.reg_req_ready_o;
      out.reg_rsp_valid = m.reg_rsp_valid_o;
      out.reg_rdata = m.reg_rsp_rdata_o;
      out.reg_error = m.reg_rsp_error_o;
    }
  }

  template <class M>
  void sample_axi(const M& m) {
    if constexpr (HasAxi<M>) {
      out.mem_req_ready = m.mem_req_ready_o;
      out.mem_rsp = {bool(m.mem_rsp_valid_o), m.mem_rsp_id_o, m.mem_rsp_data_o, bool(m.mem_rsp_error_o)};
      out.axi.ar = {bool(m.m_axi_arvalid), m.m_axi_arid,         m.m_axi_araddr,  m.m_axi_arlen, m.m_axi_arsize,
                    m.m_axi_arburst,       bool(m.m_axi_arlock), m.m_axi_arcache, m.m_axi_arprot};
      out.axi.aw = {bool(m.m_axi_awvalid), m.m_axi_awid,         m.m_axi_awaddr,  m.m_axi_awlen, m.m_axi_awsize,
                    m.m_axi_awburst,       bool(m.m_axi_awlock), m.m_axi_awcache, m.m_axi_awprot};
      out.axi.w = {bool(m.m_axi_wvalid), m.m_axi_wdata, m.m_axi_wstrb, bool(m.m_axi_wlast)};
      out.axi.r_ready = m.m_axi_rready;
      out.axi.b_ready = m.m_axi_bready;
    }
  }

  void sample() {
    const Model& m = *model_;
    sample_axi(m);
    for (unsigned p = 0; p < kPorts; ++p) {
      out.req_ready[p] = ((m.req_ready_o >> p) & 1) != 0;
      out.rsp_valid[p] = ((m.rsp_valid_o >> p) & 1) != 0;
      if (out.rsp_valid[p]) sample_response(p);
    }
    out.mem_req_valid = m.mem_req_valid_o;
    if (out.mem_req_valid) {
      out.mem_req = {m.mem_req_op_o, m.mem_req_id_o, m.mem_req_addr_o, m.mem_req_wdata_o, m.mem_req_expected_o};
    }
    sample_registers(m);
    out.inv_req_ready = m.inv_req_ready_o;
    out.inv_rsp_valid = m.inv_rsp_valid_o;
    out.inv_error = m.inv_rsp_error_o;
    out.inv_id = m.inv_rsp_id_o;
    out.irq_host = m.irq_host_o;
    out.irq_guest = m.irq_guest_o;
  }

  void sample_response(unsigned p) {
    const Model& m = *model_;
    DeviceOutputs::Response& r = out.rsp[p];
    r.ctx = m.rsp_ctx_o[p];
    r.id = m.rsp_id_o[p];
    r.source = m.rsp_source_o[p];
    r.hpa = m.rsp_hpa_o[p];
    r.size = m.rsp_size_o[p];
    r.pat = m.rsp_pat_o[p];
    r.emt = m.rsp_emt_o[p];
    r.ipat = m.rsp_ipat_o[p];
    r.fault_kind = m.rsp_fault_kind_o[p];
    r.fault_code = m.rsp_fault_code_o[p];
    r.fault_target = m.rsp_fault_target_o[p];
    r.fault_gva = m.rsp_fault_gva_o[p];
    r.fault_gva_valid = m.rsp_fault_gva_valid_o[p];
    r.fault_addr = m.rsp_fault_addr_o[p];
  }

#if VM_TRACE_FST
  void open_wave(const std::string& file) {
    if (!file.empty()) context_.traceEverOn(true);
  }
  void start_wave(const std::string& file) {
    if (file.empty()) return;
    wave_ = std::make_unique<VerilatedFstC>();
    model_->trace(wave_.get(), 99);
    wave_->open(file.c_str());
    if (!wave_->isOpen()) throw std::runtime_error("cannot write wave file " + file);
  }
  void dump() {
    if (wave_) wave_->dump(context_.time());
    context_.timeInc(1);
  }
#else
  void open_wave(const std::string& file) {
    if (!file.empty()) throw std::runtime_error("this build has no tracing for the preset; configure VMMU_TRACE=ON");
  }
  void start_wave(const std::string&) {}
  void dump() { context_.timeInc(1); }
#endif

  VerilatedContext context_;
  std::unique_ptr<Model> model_;
#if VM_TRACE_FST
  std::unique_ptr<VerilatedFstC> wave_;
#endif
};

}  // namespace vmmu::tb
