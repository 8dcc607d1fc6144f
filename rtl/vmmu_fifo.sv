`include "vmmu_macros.svh"

// First-in first-out queue; the head is visible without a read cycle. Payload is not reset.
module vmmu_fifo #(
    parameter int unsigned Width = 8,
    parameter int unsigned Depth = 4    // entries, >= 1
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             push_i,    // when full, only together with pop_i
    input  logic [Width-1:0] data_i,
    input  logic             pop_i,     // only when valid_o
    output logic             valid_o,
    output logic [Width-1:0] data_o,
    output logic             full_o,
    output logic [$clog2(Depth+1)-1:0] count_o
);
  localparam int unsigned PtrWidth = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned CountWidth = $clog2(Depth + 1);

  logic [Width-1:0] mem_q [Depth];
  logic [PtrWidth-1:0] rd_q, wr_q;
  logic [CountWidth-1:0] count_q;

  function automatic logic [PtrWidth-1:0] next(logic [PtrWidth-1:0] ptr);
    return (ptr == `VMMU_MUT(110, PtrWidth'(Depth - 1), '1)) ? '0 : ptr + PtrWidth'(1);
  endfunction

  assign valid_o = count_q != '0;
  assign full_o  = count_q == CountWidth'(Depth);
  assign count_o = count_q;
  assign data_o  = mem_q[rd_q];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      rd_q    <= '0;
      wr_q    <= '0;
      count_q <= '0;
    end else begin
      if (push_i) wr_q <= next(wr_q);
      if (pop_i) rd_q <= next(rd_q);
      if (`VMMU_MUT(111, push_i != pop_i, push_i || pop_i)) begin
        count_q <= push_i ? count_q + CountWidth'(1) : count_q - CountWidth'(1);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (push_i) mem_q[wr_q] <= data_i;
  end

  `VMMU_ASSERT(NeverPushedWhenFull_A, push_i -> !full_o || pop_i)
  `VMMU_ASSERT(NeverPoppedWhenEmpty_A, pop_i -> valid_o)
endmodule
