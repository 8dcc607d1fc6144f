`include "vmmu_macros.svh"

// Invalidations of contexts with SHADOW that wait until the hypervisor has brought its shadow tables up to date: one
// queue for the MMU. A context's registers show the oldest of its own; SYNC_DONE releases that one to the
// invalidation unit, which then does the TLB part and acknowledges. Contexts do not wait for one another.
// Position 0 is the oldest. Positions name rows of a RAM; the row of what is taken goes behind the others, so that the
// names always are a permutation.
module vmmu_sync_queue
  import vmmu_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    parameter int unsigned Depth = 8   // power of two
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    // registers of the host page: SYNC_OP, SYNC_ADDR, SYNC_PCID, SYNC_DONE
    input  logic [CtxWidth-1:0] reg_ctx_i,
    input  logic [11:0] reg_offset_i,
    input  logic     reg_we_i,        // only with known and without error
    output logic     reg_known_o,
    output logic     reg_wide_o,
    output logic     reg_error_o,     // of a write: read-only, or SYNC_DONE with nothing to release
    output logic [63:0] reg_rdata_o,  // 0 when not known
    // from the invalidation unit
    output logic     full_o,
    input  logic     push_i,          // only when not full
    input  inv_req_t push_req_i,
    output logic [Cfg.NumContexts-1:0] pushed_o,
    // to it: the oldest that is released
    output logic     valid_o,
    input  logic     take_i,          // only when valid
    output inv_req_t req_o
);
  localparam int unsigned SlotBits = $clog2(Depth);
  localparam int unsigned CountWidth = $clog2(Depth + 1);
  localparam int unsigned PendingBit = 8;  // of SYNC_OP

  inv_req_t payload_q [Depth];
  logic [Depth-1:0][SlotBits-1:0] slot_q;
  logic [Depth-1:0][CtxWidth-1:0] ctx_q;
  logic [Depth-1:0] released_q;
  logic [CountWidth-1:0] count_q;

  // ---------------------------------------------------------------- the oldest of a context, and of those released
  logic shown, done;
  logic [SlotBits-1:0] shown_at, taken_at;
  always_comb begin
    shown    = 1'b0;
    shown_at = '0;
    valid_o  = 1'b0;
    taken_at = '0;
    for (int i = Depth - 1; i >= 0; i--) begin
      if ((CountWidth'(i) < count_q) && !released_q[i] && (ctx_q[i] == reg_ctx_i)) begin
        shown    = 1'b1;
        shown_at = SlotBits'(i);
      end
      if ((CountWidth'(i) < count_q) && released_q[i]) begin
        valid_o  = 1'b1;
        taken_at = SlotBits'(i);
      end
    end
  end
  inv_req_t oldest;
  assign oldest = payload_q[slot_q[shown_at]];
  assign req_o  = payload_q[slot_q[taken_at]];
  assign full_o = count_q == CountWidth'(Depth);

  // ---------------------------------------------------------------- registers
  logic is_done;
  assign is_done     = reg_offset_i == RegSyncDone;
  assign reg_known_o = is_done || (reg_offset_i inside {RegSyncOp, RegSyncAddr, RegSyncPcid});
  assign reg_wide_o  = reg_offset_i == RegSyncAddr;
  assign reg_error_o = !(is_done && shown);
  assign done        = reg_we_i && is_done;
  always_comb begin
    reg_rdata_o = '0;
    if (shown) begin
      unique case (reg_offset_i)
        RegSyncOp: begin
          reg_rdata_o = 64'(oldest.op);
          reg_rdata_o[PendingBit] = 1'b1;
        end
        RegSyncAddr: reg_rdata_o = oldest.addr;
        RegSyncPcid: reg_rdata_o = 64'(oldest.pcid);
        default:     reg_rdata_o = '0;
      endcase
    end
  end

  logic unused_bits;
  assign unused_bits = ^oldest;

  // ---------------------------------------------------------------- storage
  logic [Depth-1:0] released;
  always_comb begin
    released = released_q;
    if (done) released[shown_at] = 1'b1;
    if (push_i) released[count_q[SlotBits-1:0]] = 1'b0;
    pushed_o = '0;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) pushed_o[c] = push_i && (push_req_i.ctx == CtxWidth'(c));
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_q <= '0;
      for (int unsigned i = 0; i < Depth; i++) slot_q[i] <= SlotBits'(i);
    end else if (take_i) begin
      count_q <= count_q - CountWidth'(1);
      for (int unsigned i = 0; i < Depth - 1; i++) if (SlotBits'(i) >= taken_at) slot_q[i] <= slot_q[i+1];
      slot_q[Depth-1] <= slot_q[taken_at];
    end else if (push_i) begin
      count_q <= count_q + CountWidth'(1);
    end
  end
  always_ff @(posedge clk_i) begin
    released_q <= released;
    if (take_i) begin
      for (int unsigned i = 0; i < Depth - 1; i++) begin
        if (SlotBits'(i) >= taken_at) begin
          ctx_q[i]      <= ctx_q[i+1];
          released_q[i] <= released[i+1];
        end
      end
    end
    if (push_i) begin
      payload_q[slot_q[count_q[SlotBits-1:0]]] <= push_req_i;
      ctx_q[count_q[SlotBits-1:0]]             <= push_req_i.ctx;
    end
  end

  `VMMU_ASSERT(NeverPushedWhenFull_A, push_i |-> !full_o)
  `VMMU_ASSERT(OneEndAtATime_A, !(push_i && take_i))
  `VMMU_ASSERT(OnlyWhatIsReleasedIsTaken_A, take_i |-> valid_o)
  `VMMU_ASSERT(DoneReleasesSomething_A, done |-> shown)
  logic [Depth-1:0] named;
  always_comb begin
    named = '0;
    for (int unsigned i = 0; i < Depth; i++) named[slot_q[i]] = 1'b1;
  end
  `VMMU_ASSERT(SlotsAreAPermutation_A, &named)
endmodule
