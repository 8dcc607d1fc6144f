// The MMU between registers, for area and clock figures: every input comes from a shift register and every output goes
// into a register, so that a few pins are enough and each path through the MMU counts in full. It has no other use.
module vmmu_harness
  import vmmu_pkg::*;
#(
    parameter int unsigned Preset = PresetTiny
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic serial_i,
    output logic fold_o
);
  localparam cfg_t Cfg = preset_cfg(Preset);

  typedef struct packed {
    logic [Cfg.NumPorts-1:0] req_valid;
    req_t [Cfg.NumPorts-1:0] req;
    logic [Cfg.NumPorts-1:0] rsp_ready;
    logic     mem_req_ready;
    logic     mem_rsp_valid;
    mem_rsp_t mem_rsp;
    logic     reg_req_valid;
    reg_req_t reg_req;
    logic     inv_req_valid;
    inv_req_t inv_req;
  } in_t;

  typedef struct packed {
    logic [Cfg.NumPorts-1:0] req_ready;
    logic [Cfg.NumPorts-1:0] rsp_valid;
    rsp_t [Cfg.NumPorts-1:0] rsp;
    logic     mem_req_valid;
    mem_req_t mem_req;
    logic     reg_req_ready;
    logic     reg_rsp_valid;
    reg_rsp_t reg_rsp;
    logic     inv_req_ready;
    logic     inv_rsp_valid;
    logic     inv_rsp_error;
    logic [IdWidth-1:0] inv_rsp_id;
    logic     irq_host;
    logic [Cfg.NumContexts-1:0] irq_guest;
  } out_t;

  // ---------------------------------------------------------------- inputs
  logic rst_meta_q, rst_q;
  in_t  in_q;
  always_ff @(posedge clk_i) begin
    rst_meta_q <= rst_ni;
    rst_q      <= rst_meta_q;
    in_q       <= {in_q[$bits(in_t)-2:0], serial_i};
  end

  // ---------------------------------------------------------------- outputs: folded 16 to 1, in steps
  localparam int unsigned Groups = ($bits(out_t) + 15) / 16;
  localparam int unsigned Supers = (Groups + 15) / 16;
  out_t out, out_q;
  logic [16*Groups-1:0] padded;
  logic [16*Supers-1:0] group_q;
  logic [Supers-1:0]    super_q;
  assign padded = (16 * Groups)'(out_q);
  always_ff @(posedge clk_i) begin
    out_q   <= out;
    group_q <= '0;
    for (int unsigned i = 0; i < Groups; i++) group_q[i] <= ^padded[16*i+:16];
    for (int unsigned i = 0; i < Supers; i++) super_q[i] <= ^group_q[16*i+:16];
    fold_o  <= ^super_q;
  end

  vmmu_top #(
      .Preset(Preset)
  ) u_top (
      .clk_i,
      .rst_ni(rst_q),
      .req_valid_i(in_q.req_valid),
      .req_ready_o(out.req_ready),
      .req_i(in_q.req),
      .rsp_valid_o(out.rsp_valid),
      .rsp_ready_i(in_q.rsp_ready),
      .rsp_o(out.rsp),
      .mem_req_valid_o(out.mem_req_valid),
      .mem_req_ready_i(in_q.mem_req_ready),
      .mem_req_o(out.mem_req),
      .mem_rsp_valid_i(in_q.mem_rsp_valid),
      .mem_rsp_i(in_q.mem_rsp),
      .reg_req_valid_i(in_q.reg_req_valid),
      .reg_req_ready_o(out.reg_req_ready),
      .reg_req_i(in_q.reg_req),
      .reg_rsp_valid_o(out.reg_rsp_valid),
      .reg_rsp_o(out.reg_rsp),
      .inv_req_valid_i(in_q.inv_req_valid),
      .inv_req_ready_o(out.inv_req_ready),
      .inv_req_i(in_q.inv_req),
      .inv_rsp_valid_o(out.inv_rsp_valid),
      .inv_rsp_error_o(out.inv_rsp_error),
      .inv_rsp_id_o(out.inv_rsp_id),
      .irq_host_o(out.irq_host),
      .irq_guest_o(out.irq_guest)
  );
endmodule
