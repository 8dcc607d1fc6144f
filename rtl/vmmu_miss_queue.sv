// Misses waiting for a walk slot, in order. A flush of the address-space numbers makes the waiting ones
// uncacheable, because the numbers that they carry will be handed out again.
module vmmu_miss_queue
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Depth = 8
) (
    input  logic  clk_i,
    input  logic  rst_ni,
    input  logic  push_i,
    input  miss_t miss_i,
    output logic  full_o,
    output logic  valid_o,
    input  logic  ready_i,
    output miss_t miss_o,
    input  logic  uncache_i
);
  localparam int unsigned PtrWidth = $clog2(Depth);

  miss_t mem_q [Depth];
  logic [Depth-1:0] cacheable_q;
  logic [PtrWidth-1:0] rd_q, wr_q;
  logic [PtrWidth:0] count_q;
  logic pop;

  function automatic logic [PtrWidth-1:0] next(logic [PtrWidth-1:0] ptr);
    return (ptr == PtrWidth'(Depth - 1)) ? '0 : ptr + PtrWidth'(1);
  endfunction

  assign valid_o = count_q != '0;
  assign full_o  = count_q == (PtrWidth + 1)'(Depth);
  assign pop     = valid_o && ready_i;
  always_comb begin
    miss_o = mem_q[rd_q];
    miss_o.cacheable = cacheable_q[rd_q] && !uncache_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      rd_q    <= '0;
      wr_q    <= '0;
      count_q <= '0;
    end else begin
      if (push_i) wr_q <= next(wr_q);
      if (pop) rd_q <= next(rd_q);
      if (push_i != pop) count_q <= push_i ? count_q + 1'b1 : count_q - 1'b1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (push_i) mem_q[wr_q] <= miss_i;
    if (push_i) cacheable_q[wr_q] <= miss_i.cacheable;
    if (uncache_i) cacheable_q <= '0;
  end
endmodule
