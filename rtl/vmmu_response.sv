`include "vmmu_macros.svh"

// The response port of one requester: L1 hits first, then answers of the segment check, then those of walks; but
// what has waited 8 cycles takes a slot. Answers that were there when an invalidation arrived are marked, so that the
// invalidation is acknowledged only after the requester has taken them.
module vmmu_response
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Depth = 8   // walk answers that can wait
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic hit_valid_i,      // only when ready_o
    input  rsp_t hit_i,
    input  logic hit_bank_i,
    output logic ready_o,          // a hit would find room
    input  logic seg_valid_i,      // only when seg_ready_o
    input  rsp_t seg_i,
    input  logic seg_bank_i,
    output logic seg_ready_o,
    input  logic walk_valid_i,     // only when there is room
    input  rsp_t walk_i,
    input  logic walk_bank_i,
    input  logic walk_covered_i,
    output logic [$clog2(Depth+1)-1:0] waiting_o,
    // requester
    output logic rsp_valid_o,
    input  logic rsp_ready_i,
    output rsp_t rsp_o,
    output logic rsp_bank_o,
    // invalidation
    input  logic mark_i,           // everything here now is covered
    output logic covered_o         // something covered has not been taken yet
);
  typedef struct packed {
    logic bank;
    rsp_t rsp;
  } item_t;
  localparam int unsigned PtrWidth = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned CountWidth = $clog2(Depth + 1);

  function automatic logic [PtrWidth-1:0] next(logic [PtrWidth-1:0] ptr);
    return (ptr == PtrWidth'(Depth - 1)) ? '0 : ptr + PtrWidth'(1);
  endfunction

  // ---------------------------------------------------------------- walk answers
  item_t queue_q [Depth];
  logic [Depth-1:0] live_q, old_q;
  logic [PtrWidth-1:0] rd_q, wr_q;
  logic [CountWidth-1:0] count_q;
  logic [3:0] age_q;
  logic queue_valid, queue_push, queue_pop;

  // ---------------------------------------------------------------- output register, and spares of hits and segments
  logic  out_valid_q, out_old_q, spare_valid_q, spare_old_q, seg_valid_q, seg_old_q;
  item_t out_q, spare_q, seg_q;
  logic  load, free_of_hits, free_of_segs, take_spare, take_hit, take_seg_spare, take_seg, take_queue, take_walk;

  assign load        = !out_valid_q || rsp_ready_i;
  assign queue_valid = count_q != '0;
  assign take_spare  = load && spare_valid_q;
  assign take_hit    = load && !spare_valid_q && hit_valid_i;
  assign free_of_hits   = load && !spare_valid_q && !hit_valid_i;
  assign take_seg_spare = free_of_hits && seg_valid_q;
  assign take_seg       = free_of_hits && !seg_valid_q && seg_valid_i;
  assign free_of_segs   = free_of_hits && !seg_valid_q && !seg_valid_i;
  assign take_queue  = free_of_segs && queue_valid;
  assign take_walk   = free_of_segs && !queue_valid && walk_valid_i;
  assign queue_push  = walk_valid_i && !take_walk;
  assign queue_pop   = take_queue;
  // After 8 cycles nothing is let in before what has waited until that is out.
  assign ready_o     = !spare_valid_q && !age_q[3];
  assign seg_ready_o = !seg_valid_q && !age_q[3];
  assign waiting_o   = count_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      out_valid_q   <= 1'b0;
      out_old_q     <= 1'b0;
      spare_valid_q <= 1'b0;
      spare_old_q   <= 1'b0;
      seg_valid_q   <= 1'b0;
      seg_old_q     <= 1'b0;
      live_q        <= '0;
      old_q         <= '0;
      rd_q          <= '0;
      wr_q          <= '0;
      count_q       <= '0;
      age_q         <= '0;
    end else begin
      if (load) begin
        out_valid_q <= take_spare || take_hit || take_seg_spare || take_seg || take_queue || take_walk;
        out_old_q   <= mark_i || (take_spare && spare_old_q) || (take_seg_spare && seg_old_q) ||
                       (take_queue && old_q[rd_q]) || (take_walk && walk_covered_i);
      end else if (mark_i) begin
        out_old_q <= 1'b1;
      end
      if (take_spare) spare_valid_q <= 1'b0;
      else if (hit_valid_i && !take_hit) spare_valid_q <= 1'b1;
      if (mark_i) spare_old_q <= 1'b1;
      else if (hit_valid_i && !take_hit) spare_old_q <= 1'b0;
      if (take_seg_spare) seg_valid_q <= 1'b0;
      else if (seg_valid_i && !take_seg) seg_valid_q <= 1'b1;
      if (mark_i) seg_old_q <= 1'b1;
      else if (seg_valid_i && !take_seg) seg_old_q <= 1'b0;
      if (mark_i) old_q <= live_q;
      if (queue_push) begin
        wr_q         <= next(wr_q);
        live_q[wr_q] <= 1'b1;
        old_q[wr_q]  <= walk_covered_i || mark_i;
      end
      if (queue_pop) begin
        rd_q         <= next(rd_q);
        live_q[rd_q] <= 1'b0;
        old_q[rd_q]  <= 1'b0;
      end
      if (queue_push != queue_pop) count_q <= queue_push ? count_q + 1'b1 : count_q - 1'b1;
      if (queue_valid ? queue_pop : (!seg_valid_q || take_seg_spare)) age_q <= '0;
      else if (!age_q[3]) age_q <= age_q + 4'd1;
    end
  end
  // Joined by OR under selects of which one at most is set: that is smaller than a chain of choices.
  function automatic item_t only(logic select, item_t item);
    return select ? item : '0;
  endfunction
  item_t later;  // what is sent when there is no hit
  assign later = only(seg_valid_q, seg_q) | only(!seg_valid_q && seg_valid_i, '{bank: seg_bank_i, rsp: seg_i}) |
      only(!seg_valid_q && !seg_valid_i && queue_valid, queue_q[rd_q]) |
      only(!seg_valid_q && !seg_valid_i && !queue_valid, '{bank: walk_bank_i, rsp: walk_i});
  always_ff @(posedge clk_i) begin
    // Whether there is a hit or an answer of segments is known last: it selects, and enables nothing. The row of the
    // queue that is written is not in use.
    if (walk_valid_i) queue_q[wr_q] <= '{bank: walk_bank_i, rsp: walk_i};
    if (load) begin
      out_q <= only(spare_valid_q, spare_q) | only(!spare_valid_q && hit_valid_i, '{bank: hit_bank_i, rsp: hit_i}) |
               only(!spare_valid_q && !hit_valid_i, later);
    end
    if (!spare_valid_q) spare_q <= '{bank: hit_bank_i, rsp: hit_i};
    if (!seg_valid_q) seg_q <= '{bank: seg_bank_i, rsp: seg_i};
  end

  assign rsp_valid_o = out_valid_q;
  assign rsp_o       = out_q.rsp;
  assign rsp_bank_o  = out_q.bank;
  assign covered_o   = (out_valid_q && out_old_q) || (spare_valid_q && spare_old_q) ||
                      (seg_valid_q && seg_old_q) || (|old_q);

  `VMMU_ASSERT(HitFindsRoom_A, hit_valid_i |-> !spare_valid_q)
  `VMMU_ASSERT(SegmentAnswerFindsRoom_A, seg_valid_i |-> !seg_valid_q)
  `VMMU_ASSERT(WalkAnswerFindsRoom_A, walk_valid_i |-> count_q != CountWidth'(Depth))
endmodule
