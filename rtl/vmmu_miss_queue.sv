`include "vmmu_macros.svh"

// Misses waiting for a walk slot, in order; one that is held, because the shadow root of its registers is not known,
// goes to the tail when it comes to the head, so that it stops no other. An invalidation makes those that wait
// uncacheable: the registers that they were accepted under may be what it is meant to get rid of. So does a flush of
// the address-space numbers, because the numbers that they carry will be handed out again.
module vmmu_miss_queue
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Depth = 8,
    parameter int unsigned Contexts = 4
) (
    input  logic  clk_i,
    input  logic  rst_ni,
    input  logic  push_i,
    input  miss_t miss_i,
    output logic  full_o,
    output logic  valid_o,
    input  logic  ready_i,
    output miss_t miss_o,
    input  logic  uncache_i,
    input  logic [2*Contexts-1:0] hold_i  // of {context, bank}
);
  localparam int unsigned CountWidth = $clog2(Depth + 1);

  logic pop, held, turns, head_valid;
  logic [CountWidth-1:0] count, uncached_q;  // the oldest uncached_q entries insert nothing
  miss_t head, tail;
  assign held    = head_valid && hold_i[{$clog2(Contexts)'(head.req.ctx), head.bank}];
  assign turns   = held && !push_i && `VMMU_MUT(89, 1'b1, 1'b0);
  assign valid_o = head_valid && !held;
  assign pop     = (valid_o && ready_i) || turns;
  assign tail    = turns ? miss_o : miss_i;

  vmmu_fifo #(
      .Width($bits(miss_t)),
      .Depth(Depth)
  ) u_fifo (
      .clk_i,
      .rst_ni,
      .push_i ((push_i && !`VMMU_MUT(132, 1'b0, head_valid && (head.req.gva[63:12] == miss_i.req.gva[63:12]))) || turns),
      .data_i (tail),
      .pop_i  (pop),
      .valid_o(head_valid),
      .data_o (head),
      .full_o,
      .count_o(count)
  );

  always_comb begin
    miss_o = head;
    miss_o.cacheable = head.cacheable && (uncached_q == '0) && !uncache_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) uncached_q <= '0;
    else if (uncache_i) uncached_q <= count + CountWidth'(push_i || turns) - CountWidth'(pop);
    else if (pop && (uncached_q != '0)) uncached_q <= uncached_q - CountWidth'(1);
  end
endmodule
