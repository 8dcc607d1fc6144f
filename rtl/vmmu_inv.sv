`include "vmmu_macros.svh"

// The invalidation unit: one operation at a time. Those of a context with SHADOW that name a page or a PCID first go
// through the synchronization queue. Walks in flight that it may concern insert nothing any
// more; the page is dropped from the TLBs, or the address-space numbers concerned are retired; then it waits
// until no walk and no answer that was derived before is left, and acknowledges.
module vmmu_inv
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    input  logic     req_valid_i,
    output logic     req_ready_o,
    input  inv_req_t req_i,
    output logic     rsp_valid_o,   // one cycle
    output logic     rsp_error_o,   // invalid operand: nothing was done
    output logic [IdWidth-1:0] rsp_id_o,
    input  ctx_live_t [Cfg.NumContexts-1:0] live_i,
    // synchronization queue
    input  logic [Cfg.NumContexts-1:0] shadow_i,  // SHADOW is active
    input  logic     sync_full_i,
    output logic     sync_push_o,
    output inv_req_t sync_req_o,
    input  logic     sync_valid_i,  // software is done with this one
    output logic     sync_take_o,
    input  inv_req_t sync_req_i,
    // TLBs
    output logic     drop_o,
    output logic [63:12] drop_page_o,
    output logic     flush_o,
    input  logic     fractured_i,
    // context bank
    output logic     ctx_valid_o,
    output logic     ctx_load_o,
    output logic [CtxWidth-1:0] ctx_o,
    output logic [63:0] ctx_cr3_o,
    output space_op_t ctx_op_o,
    input  logic     ctx_done_i,
    input  logic     ctx_bad_i,
    // walks and answers
    output logic     cover_valid_o,
    output logic     cover_all_o,
    output logic [CtxWidth-1:0] cover_ctx_o,
    output logic settling_o,        // from there to the mark: what it covers may still be found
    output logic     mark_o,
    input  logic     covered_i,     // a covered walk or answer is left
    input  logic [Cfg.NumContexts-1:0] old_bank_busy_i  // requests under the registers before the latest switch
);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);

  typedef enum logic [2:0] {
    Idle,    // waits for a request
    Cover,   // marks the walks in flight
    Drop,    // one page, or everything
    Retire,  // waits for the context bank: numbers retired, CR3 loaded
    Mark,    // marks the answers that are there now
    Wait,    // waits for what was marked
    Reply    // acknowledges
  } state_e;
  state_e state_q, state_d;
  inv_req_t op_q;
  logic error_q;
  logic queues_q;  // the operation goes to the queue

  // ---------------------------------------------------------------- which operation
  logic synchronized, accept;
  assign synchronized = `VMMU_MUT(90, (req_i.op <= InvPcid3) && (32'(req_i.ctx) < Cfg.NumContexts) &&
                                      shadow_i[CtxBits'(req_i.ctx)], 1'b0);
  assign accept       = req_valid_i && req_ready_o;

  // ---------------------------------------------------------------- operands
  logic canonical, by_address, bad, every_ctx;
  assign canonical = is_canonical(op_q.addr[63:47], live_i[CtxBits'(op_q.ctx)].la57);
  assign by_address = op_q.op inside {InvInvlpg, InvPcid0, InvVpid0};
  assign every_ctx  = op_q.op inside {InvVpid0, InvVpid1, InvVpid2, InvVpid3, InvEpt1, InvEpt2, InvAll};
  assign bad = (by_address && !canonical) || ((op_q.op inside {InvVpid0, InvVpid1, InvVpid3}) && (op_q.vpid == '0)) ||
               (op_q.op > InvAll) || (32'(op_q.ctx) >= Cfg.NumContexts);

  // ---------------------------------------------------------------- numbers to retire
  logic retires;
  always_comb begin
    ctx_op_o = '0;
    ctx_op_o.ctx      = op_q.ctx;
    ctx_op_o.pcid     = op_q.pcid;
    ctx_op_o.vpid     = op_q.vpid;
    ctx_op_o.ept_root = op_q.addr[51:12];
    ctx_op_o.ept_all  = op_q.op == InvEpt2;
    unique case (op_q.op)
      // Pieces of a large page stand in other sets under other page numbers: their whole space goes.
      InvInvlpg, InvPcid0: ctx_op_o.kind = `VMMU_MUT(15, fractured_i, 1'b0) ? RetireCtx : RetireNone;
      InvVpid0:            ctx_op_o.kind = `VMMU_MUT(15, fractured_i, 1'b0) ? RetireVpid : RetireNone;
      InvPcid1:            ctx_op_o.kind = RetirePcid;
      InvPcid2, InvCtx:    ctx_op_o.kind = RetireCtx;
      InvPcid3:            ctx_op_o.kind = RetireNonGlob;
      InvVpid1:            ctx_op_o.kind = RetireVpid;
      InvVpid2:            ctx_op_o.kind = RetireVirt;
      InvVpid3:            ctx_op_o.kind = RetireVpidNg;
      InvEpt1, InvEpt2:    ctx_op_o.kind = RetireEpt;
      InvLoadCr3: begin
        // The context bank puts in the PCID that is loaded, because it knows CR4.PCIDE.
        ctx_op_o.kind = op_q.addr[63] ? RetireNone : RetirePcid;
      end
      default: ctx_op_o.kind = RetireNone;
    endcase
    retires = (ctx_op_o.kind != RetireNone) || (op_q.op == InvLoadCr3);
  end

  // After the acknowledgement of LOAD_CR3 software may reuse the old tables.
  logic old_root_used;
  assign old_root_used = (op_q.op == InvLoadCr3) && old_bank_busy_i[CtxBits'(op_q.ctx)];

  // ---------------------------------------------------------------- states
  always_comb begin
    state_d = state_q;
    unique case (state_q)
      Idle:   if (sync_valid_i || accept) state_d = Cover;
      Cover:  state_d = bad ? Reply : (queues_q ? Idle : Drop);
      Drop:   state_d = retires ? Retire : Mark;
      Retire: if (ctx_done_i) state_d = ctx_bad_i ? Reply : Mark;
      Mark:   state_d = `VMMU_MUT(16, Wait, Reply);
      Wait:   if (!covered_i && !old_root_used) state_d = Reply;
      Reply:  state_d = Idle;
      default: state_d = Idle;
    endcase
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= Idle;
      error_q <= 1'b0;
    end else begin
      state_q <= state_d;
      if (state_q == Idle) error_q <= 1'b0;
      if ((state_q == Cover) && bad) error_q <= 1'b1;
      if ((state_q == Retire) && ctx_done_i && ctx_bad_i) error_q <= 1'b1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (state_q == Idle) begin
      op_q     <= sync_valid_i ? sync_req_i : req_i;
      queues_q <= !sync_valid_i && synchronized;
    end
  end

  // What software has synchronized goes first. A full queue keeps away only what would go into it.
  assign req_ready_o   = (state_q == Idle) && !sync_valid_i && !`VMMU_MUT(91, synchronized && sync_full_i, sync_full_i);
  assign sync_take_o   = (state_q == Idle) && sync_valid_i;
  assign sync_push_o   = (state_q == Cover) && !bad && queues_q;
  assign sync_req_o    = op_q;
  assign rsp_id_o      = op_q.id;
  assign rsp_valid_o   = state_q == Reply;
  assign rsp_error_o   = error_q;
  assign cover_valid_o = (state_q == Cover) && !bad && !queues_q;
  assign cover_all_o   = every_ctx;
  assign cover_ctx_o   = op_q.ctx;
  assign drop_o        = (state_q == Drop) && by_address;
  assign drop_page_o   = `VMMU_MUT(17, op_q.addr[63:12], {op_q.addr[62:12], 1'b0});
  assign flush_o       = (state_q == Drop) && (op_q.op == InvAll);
  assign ctx_valid_o   = state_q == Retire;
  assign ctx_load_o    = op_q.op == InvLoadCr3;
  assign ctx_o         = op_q.ctx;
  assign ctx_cr3_o     = op_q.addr;
  assign settling_o    = state_q inside {Cover, Drop, Retire, Mark};
  assign mark_o        = state_q == Mark;
endmodule
