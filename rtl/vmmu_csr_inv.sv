`include "vmmu_macros.svh"

// Shares the invalidation port of vmmu_top between the invalidation port of the system and the commands of the guest
// pages. One operation at a time. System and guests take turns when both want it, and so do the guests among each
// other, so that no guest can keep another one or the system waiting for ever.
module vmmu_csr_inv
  import vmmu_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    // of the system
    input  logic     inv_req_valid_i,
    output logic     inv_req_ready_o,
    input  inv_req_t inv_req_i,
    output logic     inv_rsp_valid_o,
    output logic     inv_rsp_error_o,
    // of the guest pages
    input  logic     [Cfg.NumContexts-1:0] guest_busy_i,
    input  inv_req_t [Cfg.NumContexts-1:0] guest_req_i,
    output logic     [Cfg.NumContexts-1:0] guest_done_o,
    output logic     guest_error_o,
    // to vmmu_top
    output logic     inv_req_valid_o,
    input  logic     inv_req_ready_i,
    output inv_req_t inv_req_o,
    input  logic     inv_rsp_valid_i,
    input  logic     inv_rsp_error_i
);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);

  typedef enum logic [1:0] {
    Pick,     // waits for a command, looking at one guest page in each cycle
    Present,  // waits until the port takes it
    Wait      // waits for the acknowledgement
  } state_e;
  state_e state_q;
  logic guest_q;               // whose operation it is
  logic guest_next_q;          // whose turn it is when both want it
  logic [CtxBits-1:0] look_q;  // the guest page that is looked at, or served

  logic take_guest, take_system, done;
  assign take_guest  = guest_busy_i[look_q] && (!inv_req_valid_i || guest_next_q);
  assign take_system = inv_req_valid_i && !take_guest;
  assign done        = (state_q == Wait) && inv_rsp_valid_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q      <= Pick;
      guest_q      <= 1'b0;
      guest_next_q <= 1'b0;
      look_q       <= '0;
    end else begin
      unique case (state_q)
        Pick: begin
          guest_q <= take_guest;
          if (take_guest || take_system) begin
            state_q      <= Present;
            guest_next_q <= take_system;
          end
          if (!guest_busy_i[look_q]) look_q <= look_q + CtxBits'(1);
        end
        Present: if (inv_req_ready_i) state_q <= Wait;
        Wait: if (inv_rsp_valid_i) begin
          state_q <= Pick;
          if (guest_q) look_q <= look_q + CtxBits'(1);
        end
        default: state_q <= Pick;
      endcase
    end
  end

  assign inv_req_valid_o = state_q == Present;
  assign inv_req_o       = guest_q ? guest_req_i[look_q] : inv_req_i;
  assign inv_req_ready_o = (state_q == Present) && !guest_q && inv_req_ready_i;
  assign inv_rsp_valid_o = done && !guest_q;
  assign inv_rsp_error_o = inv_rsp_error_i;
  assign guest_error_o   = inv_rsp_error_i;
  always_comb begin
    guest_done_o = '0;
    guest_done_o[look_q] = done && guest_q;
  end

  `VMMU_ASSERT(SystemRequestIsHeld_A, (state_q == Present) && !guest_q |-> inv_req_valid_i)
  `VMMU_ASSERT(GuestStaysInItsContext_A, inv_req_valid_o && guest_q |->
               (32'(inv_req_o.ctx) == 32'(look_q)) && (inv_req_o.op <= InvLoadCr3))
endmodule
