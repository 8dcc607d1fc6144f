// vmmu_axi_top with every struct field as a port of its own, so that C++ reaches each by name, and with the memory
// port between the MMU and its AXI4 master to look at: that is where the scoreboard compares requests.
module vmmu_axi_tb
  import vmmu_pkg::*;
#(
    parameter int unsigned Preset = PresetServer,
    localparam cfg_t Cfg = preset_cfg(Preset)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // request, of each port
    input  logic [Cfg.NumPorts-1:0] req_valid_i,
    output logic [Cfg.NumPorts-1:0] req_ready_o,
    input  logic [3:0]  req_ctx_i [Cfg.NumPorts],
    input  logic [7:0]  req_id_i [Cfg.NumPorts],
    input  logic [63:0] req_gva_i [Cfg.NumPorts],
    input  logic [1:0]  req_op_i [Cfg.NumPorts],
    input  logic        req_user_i [Cfg.NumPorts],
    input  logic        req_ac_i [Cfg.NumPorts],
    input  logic        req_implicit_i [Cfg.NumPorts],
    // response, of each port
    output logic [Cfg.NumPorts-1:0] rsp_valid_o,
    input  logic [Cfg.NumPorts-1:0] rsp_ready_i,
    output logic [3:0]  rsp_ctx_o [Cfg.NumPorts],
    output logic [7:0]  rsp_id_o [Cfg.NumPorts],
    output logic [2:0]  rsp_source_o [Cfg.NumPorts],
    output logic [51:0] rsp_hpa_o [Cfg.NumPorts],
    output logic [1:0]  rsp_size_o [Cfg.NumPorts],
    output logic [2:0]  rsp_pat_o [Cfg.NumPorts],
    output logic [2:0]  rsp_emt_o [Cfg.NumPorts],
    output logic        rsp_ipat_o [Cfg.NumPorts],
    output logic [3:0]  rsp_fault_kind_o [Cfg.NumPorts],
    output logic [15:0] rsp_fault_code_o [Cfg.NumPorts],
    output logic [31:0] rsp_fault_target_o [Cfg.NumPorts],
    output logic [63:0] rsp_fault_gva_o [Cfg.NumPorts],
    output logic        rsp_fault_gva_valid_o [Cfg.NumPorts],
    output logic [63:0] rsp_fault_addr_o [Cfg.NumPorts],
    // the memory port inside, to look at
    output logic        mem_req_valid_o,
    output logic        mem_req_ready_o,
    output logic [1:0]  mem_req_op_o,
    output logic [7:0]  mem_req_id_o,
    output logic [51:0] mem_req_addr_o,
    output logic [63:0] mem_req_wdata_o,
    output logic [63:0] mem_req_expected_o,
    output logic        mem_rsp_valid_o,
    output logic [7:0]  mem_rsp_id_o,
    output logic [63:0] mem_rsp_data_o,
    output logic        mem_rsp_error_o,
    // memory: read address
    output logic        m_axi_arvalid,
    input  logic        m_axi_arready,
    output logic [7:0]  m_axi_arid,
    output logic [51:0] m_axi_araddr,
    output logic [7:0]  m_axi_arlen,
    output logic [2:0]  m_axi_arsize,
    output logic [1:0]  m_axi_arburst,
    output logic        m_axi_arlock,
    output logic [3:0]  m_axi_arcache,
    output logic [2:0]  m_axi_arprot,
    // memory: read data
    input  logic        m_axi_rvalid,
    output logic        m_axi_rready,
    input  logic [7:0]  m_axi_rid,
    input  logic [63:0] m_axi_rdata,
    input  logic [1:0]  m_axi_rresp,
    input  logic        m_axi_rlast,
    // memory: write address
    output logic        m_axi_awvalid,
    input  logic        m_axi_awready,
    output logic [7:0]  m_axi_awid,
    output logic [51:0] m_axi_awaddr,
    output logic [7:0]  m_axi_awlen,
    output logic [2:0]  m_axi_awsize,
    output logic [1:0]  m_axi_awburst,
    output logic        m_axi_awlock,
    output logic [3:0]  m_axi_awcache,
    output logic [2:0]  m_axi_awprot,
    // memory: write data
    output logic        m_axi_wvalid,
    input  logic        m_axi_wready,
    output logic [63:0] m_axi_wdata,
    output logic [7:0]  m_axi_wstrb,
    output logic        m_axi_wlast,
    // memory: write response
    input  logic        m_axi_bvalid,
    output logic        m_axi_bready,
    input  logic [7:0]  m_axi_bid,
    input  logic [1:0]  m_axi_bresp,
    // registers
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [19:0] s_axil_awaddr,
    input  logic [2:0]  s_axil_awprot,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    input  logic [31:0] s_axil_wdata,
    input  logic [3:0]  s_axil_wstrb,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    output logic [1:0]  s_axil_bresp,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    input  logic [19:0] s_axil_araddr,
    input  logic [2:0]  s_axil_arprot,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    output logic [31:0] s_axil_rdata,
    output logic [1:0]  s_axil_rresp,
    // invalidation
    input  logic        inv_req_valid_i,
    output logic        inv_req_ready_o,
    input  logic [3:0]  inv_req_op_i,
    input  logic [3:0]  inv_req_ctx_i,
    input  logic [7:0]  inv_req_id_i,
    input  logic [63:0] inv_req_addr_i,
    input  logic [11:0] inv_req_pcid_i,
    input  logic [15:0] inv_req_vpid_i,
    output logic        inv_rsp_valid_o,
    output logic        inv_rsp_error_o,
    output logic [7:0]  inv_rsp_id_o,
    // interrupts
    output logic        irq_host_o,
    output logic [15:0] irq_guest_o
);

  int collision;
  initial if ($value$plusargs("vmmu_ram_collision=%d", collision) != 0) vmmu_ram_pkg::collision = collision;

`ifdef VMMU_MUTANTS
  int mutant;
  initial if ($value$plusargs("vmmu_mutant=%d", mutant) != 0) vmmu_mut_pkg::selected = mutant;
`endif

  localparam int unsigned Ports = Cfg.NumPorts;
  req_t [Ports-1:0] req;
  rsp_t [Ports-1:0] rsp;
  mem_req_t mem_req;
  mem_rsp_t mem_rsp;
  inv_req_t inv_req;
  logic [Cfg.NumContexts-1:0] irq_guest;

  for (genvar p = 0; p < Ports; p++) begin : g_port
    assign req[p] = '{
        ctx: req_ctx_i[p], id: req_id_i[p], gva: req_gva_i[p], op: op_e'(req_op_i[p]), user: req_user_i[p],
        ac: req_ac_i[p], implicit: req_implicit_i[p]
    };
    assign rsp_ctx_o[p]             = rsp[p].ctx;
    assign rsp_id_o[p]              = rsp[p].id;
    assign rsp_source_o[p]          = rsp[p].source;
    assign rsp_hpa_o[p]             = rsp[p].hpa;
    assign rsp_size_o[p]            = rsp[p].size;
    assign rsp_pat_o[p]             = rsp[p].pat;
    assign rsp_emt_o[p]             = rsp[p].emt;
    assign rsp_ipat_o[p]            = rsp[p].ipat;
    assign rsp_fault_kind_o[p]      = rsp[p].fault.kind;
    assign rsp_fault_code_o[p]      = rsp[p].fault.code;
    assign rsp_fault_target_o[p]    = rsp[p].fault.target;
    assign rsp_fault_gva_o[p]       = rsp[p].fault.gva;
    assign rsp_fault_gva_valid_o[p] = rsp[p].fault.gva_valid;
    assign rsp_fault_addr_o[p]      = rsp[p].fault.addr;
  end

  assign inv_req.op   = inv_op_e'(inv_req_op_i);
  assign inv_req.ctx  = inv_req_ctx_i;
  assign inv_req.id   = inv_req_id_i;
  assign inv_req.addr = inv_req_addr_i;
  assign inv_req.pcid = inv_req_pcid_i;
  assign inv_req.vpid = inv_req_vpid_i;

  // A testbench may look inside; the design itself never does.
  assign mem_req_valid_o = u_top.mem_req_valid;
  assign mem_req_ready_o = u_top.mem_req_ready;
  assign mem_req         = u_top.mem_req;
  assign mem_rsp_valid_o = u_top.mem_rsp_valid;
  assign mem_rsp         = u_top.mem_rsp;

  assign mem_req_op_o       = mem_req.op;
  assign mem_req_id_o       = mem_req.id;
  assign mem_req_addr_o     = mem_req.addr;
  assign mem_req_wdata_o    = mem_req.wdata;
  assign mem_req_expected_o = mem_req.expected;
  assign mem_rsp_id_o       = mem_rsp.id;
  assign mem_rsp_data_o     = mem_rsp.data;
  assign mem_rsp_error_o    = mem_rsp.error;

  assign irq_guest_o = 16'(irq_guest);

  vmmu_axi_top #(
      .Preset(Preset)
  ) u_top (
      .clk_i,
      .rst_ni,
      .req_valid_i,
      .req_ready_o,
      .req_i(req),
      .rsp_valid_o,
      .rsp_ready_i,
      .rsp_o(rsp),
      .s_axil_awvalid, .s_axil_awready, .s_axil_awaddr, .s_axil_awprot,
      .s_axil_wvalid, .s_axil_wready, .s_axil_wdata, .s_axil_wstrb,
      .s_axil_bvalid, .s_axil_bready, .s_axil_bresp,
      .s_axil_arvalid, .s_axil_arready, .s_axil_araddr, .s_axil_arprot,
      .s_axil_rvalid, .s_axil_rready, .s_axil_rdata, .s_axil_rresp,
      .inv_req_valid_i,
      .inv_req_ready_o,
      .inv_req_i(inv_req),
      .inv_rsp_valid_o,
      .inv_rsp_error_o,
      .inv_rsp_id_o,
      .irq_host_o,
      .irq_guest_o(irq_guest),
      .m_axi_arvalid, .m_axi_arready, .m_axi_arid, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arlock, .m_axi_arcache, .m_axi_arprot,
      .m_axi_rvalid, .m_axi_rready, .m_axi_rid, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast,
      .m_axi_awvalid, .m_axi_awready, .m_axi_awid, .m_axi_awaddr, .m_axi_awlen, .m_axi_awsize, .m_axi_awburst,
      .m_axi_awlock, .m_axi_awcache, .m_axi_awprot,
      .m_axi_wvalid, .m_axi_wready, .m_axi_wdata, .m_axi_wstrb, .m_axi_wlast,
      .m_axi_bvalid, .m_axi_bready, .m_axi_bid, .m_axi_bresp
  );

endmodule
