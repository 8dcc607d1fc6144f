// vmmu_top with every struct field as a port of its own, so that C++ reaches each by name.
module vmmu_tb
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
    input  logic        reg_req_valid_i,
    output logic        reg_req_ready_o,
    input  logic        reg_req_write_i,
    input  logic [19:0] reg_req_addr_i,
    input  logic [63:0] reg_req_wdata_i,
    output logic        reg_rsp_valid_o,
    output logic [63:0] reg_rsp_rdata_o,
    output logic        reg_rsp_error_o,
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
  reg_req_t reg_req;
  reg_rsp_t reg_rsp;
  inv_req_t inv_req;
  logic [Cfg.NumContexts-1:0] irq_guest;

  assign mem_rsp.id    = mem_rsp_id_i;
  assign mem_rsp.data  = mem_rsp_data_i;
  assign mem_rsp.error = mem_rsp_error_i;

  assign reg_req.write = reg_req_write_i;
  assign reg_req.half  = 2'b11;
  assign reg_req.addr  = reg_req_addr_i;
  assign reg_req.wdata = reg_req_wdata_i;

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

  assign mem_req_op_o       = mem_req.op;
  assign mem_req_id_o       = mem_req.id;
  assign mem_req_addr_o     = mem_req.addr;
  assign mem_req_wdata_o    = mem_req.wdata;
  assign mem_req_expected_o = mem_req.expected;

  assign reg_rsp_rdata_o = reg_rsp.rdata;
  assign reg_rsp_error_o = reg_rsp.error;
  assign irq_guest_o     = 16'(irq_guest);

  vmmu_top #(
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
      .mem_req_valid_o,
      .mem_req_ready_i,
      .mem_req_o(mem_req),
      .mem_rsp_valid_i,
      .mem_rsp_i(mem_rsp),
      .reg_req_valid_i,
      .reg_req_ready_o,
      .reg_req_i(reg_req),
      .reg_rsp_valid_o,
      .reg_rsp_o(reg_rsp),
      .inv_req_valid_i,
      .inv_req_ready_o,
      .inv_req_i(inv_req),
      .inv_rsp_valid_o,
      .inv_rsp_error_o,
      .inv_rsp_id_o,
      .irq_host_o,
      .irq_guest_o(irq_guest)
  );

endmodule
