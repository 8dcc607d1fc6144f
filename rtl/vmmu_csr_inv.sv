`include "vmmu_macros.svh"

// Shares the invalidation port of vmmu_top between the invalidation port of the system and the commands of the guest
// pages. System and guests take turns when both want it, and so do the guests among each other, so that no guest can
// keep another one or the system waiting for ever. Acknowledgements come in any order and find their way by their id.
// What is presented to vmmu_top may change before it is taken.
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
    output logic [IdWidth-1:0] inv_rsp_id_o,
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
    input  logic     inv_rsp_error_i,
    input  logic [IdWidth-1:0] inv_rsp_id_i
);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  localparam int unsigned PatienceBits = 6;

  typedef enum logic {
    Pick,    // waits for a command, looking at one guest page in each cycle
    Present  // waits until the port takes it; after a while the other one has a turn
  } state_e;
  state_e state_q;
  logic guest_q;               // whose operation it is
  logic guest_next_q;          // whose turn it is when both want it
  logic [CtxBits-1:0] look_q;  // the guest page that is looked at, or served
  logic [Cfg.NumContexts-1:0] sent_q;  // commands that wait for their acknowledgement
  logic [PatienceBits-1:0] waited_q;

  logic [Cfg.NumContexts-1:0] wants;
  logic take_guest, take_system, give_up, of_guest;
  assign wants       = guest_busy_i & ~sent_q;
  assign take_guest  = wants[look_q] && (!inv_req_valid_i || guest_next_q);
  assign take_system = inv_req_valid_i && !take_guest;
  // While the synchronization queue is full the port takes no more for it. That must not keep others away.
  assign give_up     = waited_q == '1;
  assign of_guest    = inv_rsp_id_i >= GuestInvId;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q      <= Pick;
      guest_q      <= 1'b0;
      guest_next_q <= 1'b0;
      look_q       <= '0;
      sent_q       <= '0;
      waited_q     <= '0;
    end else begin
      sent_q <= sent_q & ~guest_done_o;
      unique case (state_q)
        Pick: begin
          guest_q  <= take_guest;
          waited_q <= '0;
          if (take_guest || take_system) begin
            state_q      <= Present;
            guest_next_q <= take_system;
          end
          if (!wants[look_q]) look_q <= look_q + CtxBits'(1);
        end
        Present: begin
          waited_q <= waited_q + PatienceBits'(1);
          if (inv_req_ready_i || give_up) begin
            state_q <= Pick;
            if (guest_q) look_q <= look_q + CtxBits'(1);
          end
          if (inv_req_ready_i && guest_q) sent_q[look_q] <= 1'b1;
        end
        default: state_q <= Pick;
      endcase
    end
  end

  assign inv_req_valid_o = state_q == Present;
  assign inv_req_o       = guest_q ? guest_req_i[look_q] : inv_req_i;
  assign inv_req_ready_o = (state_q == Present) && !guest_q && inv_req_ready_i;
  assign inv_rsp_valid_o = inv_rsp_valid_i && !of_guest;
  assign inv_rsp_error_o = inv_rsp_error_i;
  assign inv_rsp_id_o    = inv_rsp_id_i;
  assign guest_error_o   = inv_rsp_error_i;
  always_comb begin
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      guest_done_o[c] = inv_rsp_valid_i && (inv_rsp_id_i == GuestInvId + IdWidth'(c));
    end
  end

  `VMMU_ASSERT(SystemRequestIsHeld_A, (state_q == Present) && !guest_q |-> inv_req_valid_i)
  `VMMU_ASSERT(SystemIdsAreNotThoseOfGuests_A, inv_req_valid_i |-> inv_req_i.id < GuestInvId)
  `VMMU_ASSERT(GuestStaysInItsContext_A, inv_req_valid_o && guest_q |->
               (32'(inv_req_o.ctx) == 32'(look_q)) && (inv_req_o.op <= InvLoadCr3))
  `VMMU_ASSERT(AcknowledgedCommandsWereSent_A, (guest_done_o & ~sent_q) == '0)
endmodule
