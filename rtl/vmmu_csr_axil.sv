`include "vmmu_macros.svh"

// The registers behind a 32-bit AXI4-Lite port: the generated front end and page decoder, the bridge to the register
// port of vmmu_top, the guest pages, and their share of the invalidation port. Map: docs/registers.md.
//
// Every undefined address is answered SLVERR: those between the pages by the generated decoder, those inside a page
// by vmmu_regs and vmmu_csr_guest. AWPROT and ARPROT are not looked at: who may reach which page is decided by the
// page tables of those who do.
module vmmu_csr_axil
  import vmmu_pkg::*;
#(
    parameter int unsigned Preset = PresetServer,
    parameter cfg_t Cfg = preset_cfg(Preset)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // AXI4-Lite, addresses of RegAddrWidth bits
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [RegAddrWidth-1:0] s_axil_awaddr,
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
    input  logic [RegAddrWidth-1:0] s_axil_araddr,
    input  logic [2:0]  s_axil_arprot,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    output logic [31:0] s_axil_rdata,
    output logic [1:0]  s_axil_rresp,
    // to the register port of vmmu_top
    output logic     reg_req_valid_o,
    input  logic     reg_req_ready_i,
    output reg_req_t reg_req_o,
    input  logic     reg_rsp_valid_i,
    input  reg_rsp_t reg_rsp_i,
    // invalidation port of the system
    input  logic     inv_req_valid_i,
    output logic     inv_req_ready_o,
    input  inv_req_t inv_req_i,
    output logic     inv_rsp_valid_o,
    output logic     inv_rsp_error_o,
    output logic [IdWidth-1:0] inv_rsp_id_o,
    // to the invalidation port of vmmu_top
    output logic     inv_req_valid_o,
    input  logic     inv_req_ready_i,
    output inv_req_t inv_req_o,
    input  logic     inv_rsp_valid_i,
    input  logic     inv_rsp_error_i,
    input  logic [IdWidth-1:0] inv_rsp_id_i
);
  localparam logic [1:0] RespOkay = 2'b00;
  localparam int unsigned MostOutstanding = 2;  // of the generated block

  // ---------------------------------------------------------------- generated front end
  vmmu_csr_regs_pkg::vmmu__in_t  hwif_in;
  vmmu_csr_regs_pkg::vmmu__out_t hwif_out;
  logic [1:0] bresp, rresp;

  vmmu_csr_regs u_csr_regs (
      .clk(clk_i), .arst_n(rst_ni),
      .s_axil_awready, .s_axil_awvalid, .s_axil_awaddr, .s_axil_awprot,
      .s_axil_wready, .s_axil_wvalid, .s_axil_wdata, .s_axil_wstrb,
      .s_axil_bready, .s_axil_bvalid, .s_axil_bresp(bresp),
      .s_axil_arready, .s_axil_arvalid, .s_axil_araddr, .s_axil_arprot,
      .s_axil_rready, .s_axil_rvalid, .s_axil_rdata, .s_axil_rresp(rresp),
      .hwif_in, .hwif_out
  );

  // ---------------------------------------------------------------- errors of accesses inside the pages
  // The generated block answers in order. It answers SLVERR by itself where it found no page, and OKAY to every
  // access that reached a page, so the next OKAY belongs to the oldest error bit kept here.
  logic ack, ack_error, answered, page_error, errors_full, error_valid;
  logic [$clog2(MostOutstanding+1)-1:0] errors_kept;
  assign answered = (s_axil_bvalid && s_axil_bready && (bresp == RespOkay)) ||
                    (s_axil_rvalid && s_axil_rready && (rresp == RespOkay));
  vmmu_fifo #(.Width(1), .Depth(MostOutstanding)) u_errors (
      .clk_i, .rst_ni,
      .push_i(ack), .data_i(`VMMU_MUT(42, ack_error, 1'b0)), .pop_i(answered),
      .valid_o(error_valid), .data_o(page_error), .full_o(errors_full), .count_o(errors_kept)
  );
  assign s_axil_bresp = (bresp == RespOkay) ? {page_error, 1'b0} : bresp;
  assign s_axil_rresp = (rresp == RespOkay) ? {page_error, 1'b0} : rresp;

  // ---------------------------------------------------------------- pages
  logic guest_valid, guest_write, guest_error;
  logic [CtxWidth-1:0] guest_ctx;
  logic [11:0] guest_offset;
  logic [31:0] guest_wdata, guest_rdata;
  vmmu_csr_bridge u_bridge (
      .clk_i, .rst_ni,
      .hwif_i(hwif_out), .hwif_o(hwif_in), .ack_o(ack), .ack_error_o(ack_error),
      .reg_req_valid_o, .reg_req_ready_i, .reg_req_o, .reg_rsp_valid_i, .reg_rsp_i,
      .guest_valid_o(guest_valid), .guest_write_o(guest_write), .guest_ctx_o(guest_ctx),
      .guest_offset_o(guest_offset), .guest_wdata_o(guest_wdata),
      .guest_rdata_i(guest_rdata), .guest_error_i(guest_error)
  );

  logic [Cfg.NumContexts-1:0] guest_busy, guest_done;
  inv_req_t [Cfg.NumContexts-1:0] guest_req;
  logic guest_failed;
  vmmu_csr_guest #(.Cfg(Cfg)) u_guest (
      .clk_i, .rst_ni,
      .valid_i(guest_valid), .write_i(guest_write), .ctx_i(guest_ctx), .offset_i(guest_offset),
      .wdata_i(guest_wdata), .rdata_o(guest_rdata), .error_o(guest_error),
      .busy_o(guest_busy), .req_o(guest_req), .done_i(guest_done), .done_error_i(guest_failed)
  );

  vmmu_csr_inv #(.Cfg(Cfg)) u_inv (
      .clk_i, .rst_ni,
      .inv_req_valid_i, .inv_req_ready_o, .inv_req_i, .inv_rsp_valid_o, .inv_rsp_error_o, .inv_rsp_id_o,
      .guest_busy_i(guest_busy), .guest_req_i(guest_req), .guest_done_o(guest_done), .guest_error_o(guest_failed),
      .inv_req_valid_o, .inv_req_ready_i, .inv_req_o, .inv_rsp_valid_i, .inv_rsp_error_i, .inv_rsp_id_i
  );

  logic unused_fifo;
  assign unused_fifo = ^{errors_full, errors_kept, error_valid};

  logic okay_waits;
  assign okay_waits = (s_axil_bvalid && (bresp == RespOkay)) || (s_axil_rvalid && (rresp == RespOkay));
  `VMMU_ASSERT(EveryOkayHasItsErrorBit_A, okay_waits |-> error_valid)
  `VMMU_ASSERT(OneAnswerAtATime_A, !(s_axil_bvalid && s_axil_rvalid))
endmodule
