// vmmu_top behind vmmu_csr_axil, with every struct field as a port of its own, so that C++ reaches each by name.
module vmmu_axil_tb
  import vmmu_pkg::*;
#(
    parameter int unsigned Preset = PresetServer
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // request
    input  logic        req_valid_i,
    output logic        req_ready_o,
    input  logic [3:0]  req_ctx_i,
    input  logic [7:0]  req_id_i,
    input  logic [63:0] req_gva_i,
    input  logic [1:0]  req_op_i,
    input  logic        req_user_i,
    // response
    output logic        rsp_valid_o,
    input  logic        rsp_ready_i,
    output logic [7:0]  rsp_id_o,
    output logic [2:0]  rsp_source_o,
    output logic [51:0] rsp_hpa_o,
    output logic [3:0]  rsp_fault_kind_o,
    output logic [31:0] rsp_fault_target_o,
    // memory
    output logic        mem_req_valid_o,
    input  logic        mem_req_ready_i,
    output logic [1:0]  mem_req_op_o,
    output logic [7:0]  mem_req_id_o,
    output logic [51:0] mem_req_addr_o,
    output logic [63:0] mem_req_wdata_o,
    output logic [63:0] mem_req_expected_o,
    input  logic        mem_rsp_valid_i,
    input  logic [7:0]  mem_rsp_id_i,
    input  logic [63:0] mem_rsp_data_i,
    input  logic        mem_rsp_error_i,
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
  localparam cfg_t Cfg = preset_cfg(Preset);

`ifdef VMMU_MUTANTS
  int mutant;
  initial if ($value$plusargs("vmmu_mutant=%d", mutant) != 0) vmmu_mut_pkg::selected = mutant;
`endif

  req_t     req;
  rsp_t     rsp;
  mem_req_t mem_req;
  mem_rsp_t mem_rsp;
  reg_req_t reg_req;
  reg_rsp_t reg_rsp;
  inv_req_t inv_req, inv_shared;
  logic     reg_req_valid, reg_req_ready, reg_rsp_valid;
  logic     inv_valid, inv_ready, inv_done, inv_error;
  logic [IdWidth-1:0] inv_id;
  logic [Cfg.NumContexts-1:0] irq_guest;

  assign req     = '{ctx: req_ctx_i, id: req_id_i, gva: req_gva_i, op: op_e'(req_op_i), user: req_user_i,
                     ac: 1'b0, implicit: 1'b0};
  assign mem_rsp = '{id: mem_rsp_id_i, data: mem_rsp_data_i, error: mem_rsp_error_i};
  assign inv_req = '{op: inv_op_e'(inv_req_op_i), ctx: inv_req_ctx_i, id: inv_req_id_i, addr: inv_req_addr_i,
                     pcid: inv_req_pcid_i, vpid: inv_req_vpid_i};

  assign rsp_id_o           = rsp.id;
  assign rsp_source_o       = rsp.source;
  assign rsp_hpa_o          = rsp.hpa;
  assign rsp_fault_kind_o   = rsp.fault.kind;
  assign rsp_fault_target_o = rsp.fault.target;
  assign mem_req_op_o       = mem_req.op;
  assign mem_req_id_o       = mem_req.id;
  assign mem_req_addr_o     = mem_req.addr;
  assign mem_req_wdata_o    = mem_req.wdata;
  assign mem_req_expected_o = mem_req.expected;
  assign irq_guest_o        = 16'(irq_guest);

  vmmu_csr_axil #(.Preset(Preset)) u_csr (
      .clk_i, .rst_ni,
      .s_axil_awvalid, .s_axil_awready, .s_axil_awaddr, .s_axil_awprot,
      .s_axil_wvalid, .s_axil_wready, .s_axil_wdata, .s_axil_wstrb,
      .s_axil_bvalid, .s_axil_bready, .s_axil_bresp,
      .s_axil_arvalid, .s_axil_arready, .s_axil_araddr, .s_axil_arprot,
      .s_axil_rvalid, .s_axil_rready, .s_axil_rdata, .s_axil_rresp,
      .reg_req_valid_o(reg_req_valid), .reg_req_ready_i(reg_req_ready), .reg_req_o(reg_req),
      .reg_rsp_valid_i(reg_rsp_valid), .reg_rsp_i(reg_rsp),
      .inv_req_valid_i, .inv_req_ready_o, .inv_req_i(inv_req), .inv_rsp_valid_o, .inv_rsp_error_o, .inv_rsp_id_o,
      .inv_req_valid_o(inv_valid), .inv_req_ready_i(inv_ready), .inv_req_o(inv_shared),
      .inv_rsp_valid_i(inv_done), .inv_rsp_error_i(inv_error), .inv_rsp_id_i(inv_id)
  );

  vmmu_top #(.Preset(Preset)) u_top (
      .clk_i, .rst_ni,
      .req_valid_i, .req_ready_o, .req_i(req), .rsp_valid_o, .rsp_ready_i, .rsp_o(rsp),
      .mem_req_valid_o, .mem_req_ready_i, .mem_req_o(mem_req), .mem_rsp_valid_i, .mem_rsp_i(mem_rsp),
      .reg_req_valid_i(reg_req_valid), .reg_req_ready_o(reg_req_ready), .reg_req_i(reg_req),
      .reg_rsp_valid_o(reg_rsp_valid), .reg_rsp_o(reg_rsp),
      .inv_req_valid_i(inv_valid), .inv_req_ready_o(inv_ready), .inv_req_i(inv_shared),
      .inv_rsp_valid_o(inv_done), .inv_rsp_error_o(inv_error), .inv_rsp_id_o(inv_id),
      .irq_host_o, .irq_guest_o(irq_guest)
  );

  logic unused_bits;
  assign unused_bits = ^{rsp.ctx, rsp.size, rsp.pat, rsp.emt, rsp.ipat, rsp.fault};
endmodule
