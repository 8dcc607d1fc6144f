`include "vmmu_macros.svh"

// The one fill port of the TLBs. Fills of walks go through at once; those of segment answers, which are known late in
// their cycle, wait at least one in a register. What waits when an invalidation arrives is not inserted.
module vmmu_fill_port
  import vmmu_int_pkg::*;
(
    input  logic  clk_i,
    input  logic  rst_ni,
    input  logic  walk_valid_i,
    input  fill_t walk_i,
    input  logic  seg_valid_i,   // only when seg_ready_o
    input  fill_t seg_i,
    output logic  seg_ready_o,
    input  logic  clear_i,       // an invalidation arrives
    output logic  fill_valid_o,
    output fill_t fill_o
);
  logic  first_valid_q, second_valid_q;
  fill_t first_q, second_q;
  logic  leaves, to_first;
  assign leaves      = first_valid_q && !walk_valid_i;
  assign to_first    = !first_valid_q || (leaves && !second_valid_q);
  assign seg_ready_o = !second_valid_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      first_valid_q  <= 1'b0;
      second_valid_q <= 1'b0;
    end else if (clear_i) begin
      first_valid_q  <= 1'b0;
      second_valid_q <= 1'b0;
    end else begin
      first_valid_q  <= (first_valid_q && !leaves) || second_valid_q || seg_valid_i;
      second_valid_q <= (second_valid_q && !leaves) || (seg_valid_i && !to_first);
    end
  end
  always_ff @(posedge clk_i) begin
    if (leaves && second_valid_q) first_q <= second_q;
    else if (seg_valid_i && to_first) first_q <= seg_i;
    if (seg_valid_i && !to_first) second_q <= seg_i;
  end

  assign fill_valid_o = walk_valid_i || first_valid_q;
  assign fill_o       = walk_valid_i ? walk_i : first_q;

  `VMMU_ASSERT(SegmentFillFindsRoom_A, seg_valid_i |-> seg_ready_o)
  `VMMU_ASSERT(FillsWaitInOrder_A, second_valid_q |-> first_valid_q)
endmodule
