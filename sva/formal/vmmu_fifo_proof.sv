`include "vmmu_macros.svh"

// vmmu_fifo: what is pushed comes out once, unchanged and in order. One item, chosen by the solver, is followed from
// the cycle of its push on; that it may be any of them makes the claim one about all.
module vmmu_fifo_proof #(
    parameter int unsigned Width = 4,
    parameter int unsigned Depth = 3   // not a power of two: the pointers wrap before their bits do
) (
    input logic clk_i,
    input logic rst_ni,
    input logic push_i,
    input logic pop_i,
    input logic follow_i,  // the item pushed now is the one to follow
    input logic [Width-1:0] data_i
);
  localparam int unsigned CountWidth = $clog2(Depth + 1);
  logic valid, full;
  logic [Width-1:0] data;
  logic [CountWidth-1:0] count;

  vmmu_fifo #(.Width(Width), .Depth(Depth)) u_dut (
      .clk_i, .rst_ni, .push_i, .data_i, .pop_i, .valid_o(valid), .data_o(data), .full_o(full), .count_o(count)
  );

  // ---------------------------------------------------------------- a queue as software would write it
  // Items stand in order from place 0; place i moves to i - 1 at a pop.
  logic [Depth-1:0][Width-1:0] item_q;
  logic [CountWidth-1:0] items_q, ahead_q;  // how many; how many are in front of the one that is followed
  logic following_q;
  logic [Width-1:0] followed_q;
  logic start_q;
  initial start_q = 1'b1;
  always_ff @(posedge clk_i) start_q <= 1'b0;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      items_q     <= '0;
      following_q <= 1'b0;
      ahead_q     <= '0;
    end else begin
      items_q <= items_q + CountWidth'(push_i) - CountWidth'(pop_i);
      if (following_q && pop_i) begin
        if (ahead_q == '0) following_q <= 1'b0;
        else ahead_q <= ahead_q - CountWidth'(1);
      end
      if (push_i && follow_i && !following_q) begin
        following_q <= 1'b1;
        ahead_q     <= items_q - CountWidth'(pop_i);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (push_i && follow_i && !following_q) followed_q <= data_i;
  end
  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < Depth; i++) begin
      if (pop_i) begin
        if (i + 1 < Depth) item_q[i] <= item_q[i+1];
        // The places behind the last item hold anything.
        if (push_i && (items_q == CountWidth'(i + 1))) item_q[i] <= data_i;
      end else if (push_i && (items_q == CountWidth'(i))) begin
        item_q[i] <= data_i;
      end
    end
  end

  // ---------------------------------------------------------------- the user's side
  always_comb begin
    if (start_q) assume (!rst_ni);
    assume (!(push_i && full && !pop_i));
    assume (!(pop_i && !valid));
  end

  // ---------------------------------------------------------------- claims
  `VMMU_ASSERT(CountIsItems_A, count == items_q)
  `VMMU_ASSERT(ValidMeansItems_A, valid == (items_q != '0))
  `VMMU_ASSERT(FullMeansDepthItems_A, full == (items_q == CountWidth'(Depth)))
  `VMMU_ASSERT(HeadIsTheOldest_A, valid -> data == item_q[0])
  `VMMU_ASSERT(FollowedComesOutUnchanged_A, following_q && (ahead_q == '0) -> valid && (data == followed_q))
  `VMMU_ASSERT(FollowedIsInside_A, following_q -> ahead_q < items_q)
endmodule
