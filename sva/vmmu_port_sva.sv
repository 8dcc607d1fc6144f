`include "vmmu_macros.svh"

// Handshake claims at one request port. Those about inputs are what the MMU asks of the requester.
module vmmu_port_sva
  import vmmu_pkg::*;
(
    input logic clk_i,
    input logic rst_ni,
    input logic req_valid_i,
    input logic req_ready_o,
    input req_t req_i,
    input logic rsp_valid_o,
    input logic rsp_ready_i,
    input rsp_t rsp_o
);
  localparam int unsigned Ids = 2 ** IdWidth;

  // Valid never waits for ready, and what is offered stays until it is taken.
  `VMMU_ASSERT(RequestIsHeld_A,
               $past(req_valid_i && !req_ready_o && rst_ni) |-> req_valid_i && $stable(req_i))
  `VMMU_ASSERT(ResponseIsHeld_A,
               $past(rsp_valid_o && !rsp_ready_i && rst_ni) |-> rsp_valid_o && $stable(rsp_o))

  // Every request is answered once: ids out, ids back.
  logic [Ids-1:0] outstanding_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      outstanding_q <= '0;
    end else begin
      if (rsp_valid_o && rsp_ready_i) outstanding_q[rsp_o.id] <= 1'b0;
      if (req_valid_i && req_ready_o) outstanding_q[req_i.id] <= 1'b1;
    end
  end
  `VMMU_ASSERT(RequestIdIsNotReused_A, req_valid_i && req_ready_o |-> !outstanding_q[req_i.id])
  `VMMU_ASSERT(ResponseWasAskedFor_A, rsp_valid_o |-> outstanding_q[rsp_o.id])

  // A fault carries no translation source but a walk, and its kind is one that this version has.
  `VMMU_ASSERT(FaultsComeFromWalks_A,
               rsp_valid_o && (rsp_o.fault.kind != FaultNone) |-> rsp_o.source == SrcWalk)
  logic known_fault;
  assign known_fault = rsp_o.fault.kind inside {FaultNone, FaultPage, FaultNonCanonical, FaultEptViolation,
                                                FaultEptMisconfig, FaultVsegExit, FaultSegment, FaultPmlFull,
                                                FaultEpmlFull, FaultShadowMiss, FaultBus};
  `VMMU_ASSERT(FaultKindExists_A, rsp_valid_o |-> known_fault)
endmodule

bind vmmu_port vmmu_port_sva u_sva (
    .clk_i, .rst_ni, .req_valid_i, .req_ready_o, .req_i, .rsp_valid_o, .rsp_ready_i, .rsp_o
);
