`include "vmmu_macros.svh"

// Handshake claims at the ports of vmmu_top that exist once. Those about inputs are what the MMU asks of its
// surroundings.
module vmmu_top_sva
  import vmmu_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input logic     clk_i,
    input logic     rst_ni,
    input logic     mem_req_valid_o,
    input logic     mem_req_ready_i,
    input mem_req_t mem_req_o,
    input logic     mem_rsp_valid_i,
    input mem_rsp_t mem_rsp_i,
    input logic     inv_req_valid_i,
    input logic     inv_req_ready_o,
    input inv_req_t inv_req_i,
    input logic     inv_rsp_valid_o,
    input logic [IdWidth-1:0] inv_rsp_id_o
);
  localparam int unsigned Ids = 2 ** IdWidth;

  // Valid never waits for ready, and what is offered stays until it is taken.
  `VMMU_ASSERT(MemoryRequestIsHeld_A,
               $past(mem_req_valid_o && !mem_req_ready_i && rst_ni) |-> mem_req_valid_o && $stable(mem_req_o))

  `VMMU_ASSERT(MemoryAddressIsAligned_A, mem_req_valid_o |-> mem_req_o.addr[2:0] == 3'd0)
  logic beyond_build;
  assign beyond_build = |(mem_req_o.addr >> Cfg.PaBits);
  `VMMU_ASSERT(MemoryAddressIsInsideBuild_A, mem_req_valid_o |-> !beyond_build)

  // One acknowledgement for each invalidation.
  logic [Ids-1:0] invalidating_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      invalidating_q <= '0;
    end else begin
      if (inv_rsp_valid_o) invalidating_q[inv_rsp_id_o] <= 1'b0;
      if (inv_req_valid_i && inv_req_ready_o) invalidating_q[inv_req_i.id] <= 1'b1;
    end
  end
  `VMMU_ASSERT(InvalidationIdIsNotReused_A, inv_req_valid_i && inv_req_ready_o |-> !invalidating_q[inv_req_i.id])
  `VMMU_ASSERT(InvalidationIsAcknowledgedOnce_A, inv_rsp_valid_o |-> invalidating_q[inv_rsp_id_o])

  logic unused_bits;
  assign unused_bits = ^{mem_rsp_valid_i, mem_rsp_i, inv_req_i};
endmodule

bind vmmu_top vmmu_top_sva #(.Cfg(Cfg)) u_sva (
    .clk_i, .rst_ni,
    .mem_req_valid_o, .mem_req_ready_i, .mem_req_o, .mem_rsp_valid_i, .mem_rsp_i,
    .inv_req_valid_i, .inv_req_ready_o, .inv_req_i, .inv_rsp_valid_o, .inv_rsp_id_o
);
