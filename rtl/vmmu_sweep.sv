`include "vmmu_macros.svh"

// The sweep behind retired address-space numbers: one set a cycle of the first-level and of the second-level TLB, each
// at its own pace, in the background. A set that could not be swept for 8 cycles, because fills take the arrays, takes
// the place of one: a fill that is lost costs another walk and nothing else.
module vmmu_sweep #(
    parameter int unsigned L1Sets = 16,  // of the array with the most sets
    parameter int unsigned L2Sets = 0,   // 0: there is none
    localparam int unsigned L1SetBits = (L1Sets > 1) ? $clog2(L1Sets) : 1,
    localparam int unsigned L2SetBits = (L2Sets > 1) ? $clog2(L2Sets) : 1
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic start_i,       // only when no sweep is on its way
    input  logic abort_i,       // everything was emptied
    output logic done_o,        // no entry of the numbers is left
    output logic l1_valid_o,
    output logic l1_force_o,    // a fill may be lost for it
    output logic [L1SetBits-1:0] l1_set_o,
    input  logic l1_ready_i,
    output logic l2_valid_o,
    output logic [L2SetBits-1:0] l2_set_o,
    input  logic l2_ready_i
);
  // Fills that were let in before the start, and the last set that was swept, take two cycles to the arrays.
  localparam int unsigned Settle = 2;
  typedef enum logic [1:0] {
    Idle,
    Before,  // what is under way to the arrays reaches them
    Sweep,
    After
  } state_e;
  state_e state_q;
  logic [1:0] settle_q;
  logic [L1SetBits-1:0] l1_set_q;
  logic [L2SetBits-1:0] l2_set_q;
  logic l1_left_q, l2_left_q;
  logic [3:0] waited_q;
  logic settled;
  assign settled = settle_q == 2'(Settle - 1);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= Idle;
      settle_q  <= '0;
      l1_set_q  <= '0;
      l2_set_q  <= '0;
      l1_left_q <= 1'b0;
      l2_left_q <= 1'b0;
      waited_q  <= '0;
    end else begin
      settle_q <= '0;
      unique case (state_q)
        Idle: if (start_i) state_q <= Before;
        Before: begin
          settle_q  <= settle_q + 2'd1;
          l1_set_q  <= '0;
          l2_set_q  <= '0;
          l1_left_q <= 1'b1;
          l2_left_q <= L2Sets != 0;
          waited_q  <= '0;
          if (settled) begin
            state_q  <= Sweep;
            settle_q <= '0;
          end
        end
        Sweep: begin
          if (l1_valid_o && l1_ready_i) begin
            l1_set_q <= l1_set_q + L1SetBits'(1);
            if (l1_set_q == L1SetBits'(L1Sets - 1)) l1_left_q <= 1'b0;
          end
          if (l2_valid_o && l2_ready_i) begin
            l2_set_q <= l2_set_q + L2SetBits'(1);
            if (l2_set_q == L2SetBits'(L2Sets - 1)) l2_left_q <= 1'b0;
          end
          waited_q <= (l1_valid_o && !l1_ready_i && !waited_q[3]) ? waited_q + 4'd1 : '0;
          if (!l1_left_q && !l2_left_q) state_q <= After;
        end
        After: begin
          settle_q <= settle_q + 2'd1;
          if (settled) state_q <= Idle;
        end
        default: state_q <= Idle;
      endcase
      if (abort_i) state_q <= Idle;
    end
  end

  assign l1_valid_o = (state_q == Sweep) && l1_left_q;
  assign l1_force_o = waited_q[3];
  assign l1_set_o   = l1_set_q;
  assign l2_valid_o = (state_q == Sweep) && l2_left_q;
  assign l2_set_o   = l2_set_q;
  assign done_o     = (state_q == After) && settled;

  `VMMU_ASSERT(OneSweepAtATime_A, start_i |-> state_q == Idle)
endmodule
