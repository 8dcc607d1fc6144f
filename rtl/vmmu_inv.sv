`include "vmmu_macros.svh"

// The invalidation unit. Operations wait in a queue of 8 and are carried out in their order: those of one page at one a
// cycle, as many as wait; a wider one alone. Walks in flight that an operation may concern insert nothing any more; the
// page is dropped from the TLBs, or the address-space numbers concerned are retired. Then the unit waits until no walk
// and no answer that was derived before is left, and acknowledges, one a cycle, while the next operations go on.
//
// Operations of a context with SHADOW that name a page or a PCID first go through the synchronization queue.
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
    input  logic     ctx_done_i,    // numbers retired, CR3 loaded
    input  logic     ctx_bad_i,
    // walks and answers
    output logic     cover_valid_o,  // in the cycle of the drop, the flush or the retirement
    output logic     cover_all_o,
    output logic [CtxWidth-1:0] cover_ctx_o,
    output logic     mark_o,
    input  logic     covered_i,     // a covered walk or answer is left
    input  logic [Cfg.NumContexts-1:0] old_bank_busy_i  // requests under the registers before the latest switch
);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  localparam int unsigned Depth = 8;
  localparam int unsigned PtrBits = $clog2(Depth);

  // ---------------------------------------------------------------- the queue
  // From write_q backwards: to be carried out; from exec_q backwards: carried out; from done_q: to be acknowledged.
  typedef struct packed {
    logic     bad;
    inv_req_t req;
  } item_t;
  item_t queue_q [Depth];
  logic [Depth-1:0] error_q;
  logic [IdWidth-1:0] id_q [Depth];
  logic [PtrBits:0] write_q, exec_q, done_q, ack_q;  // the bit above tells full from empty
  logic full, waits;
  assign full  = (write_q - ack_q) == (PtrBits + 1)'(Depth);
  assign waits = exec_q != write_q;

  function automatic logic by_address(inv_op_e op);
    return op inside {InvInvlpg, InvPcid0, InvVpid0};
  endfunction
  function automatic logic bad_operand(inv_req_t r, logic la57);
    return (by_address(r.op) && !is_canonical(r.addr[63:47], la57)) ||
           ((r.op inside {InvVpid0, InvVpid1, InvVpid3}) && (r.vpid == '0)) ||
           (r.op > InvAll) || (32'(r.ctx) >= Cfg.NumContexts);
  endfunction

  logic bad, synchronized, accept, push;
  item_t pushed;
  assign bad          = bad_operand(req_i, live_i[CtxBits'(req_i.ctx)].la57);
  assign synchronized = `VMMU_MUT(90, (req_i.op <= InvPcid3) && (32'(req_i.ctx) < Cfg.NumContexts) &&
                                      shadow_i[CtxBits'(req_i.ctx)] && !bad, 1'b0);
  // What software has synchronized goes first. A full synchronization queue keeps away only what would go into it.
  assign req_ready_o  = !full && !sync_valid_i && !`VMMU_MUT(91, synchronized && sync_full_i, sync_full_i);
  assign accept       = req_valid_i && req_ready_o;
  assign sync_take_o  = sync_valid_i && !full;
  assign sync_push_o  = accept && synchronized;
  assign sync_req_o   = req_i;
  assign push         = sync_take_o || (accept && !synchronized);
  assign pushed       = sync_valid_i ? '{bad: 1'b0, req: sync_req_i} : '{bad: bad, req: req_i};
  always_ff @(posedge clk_i) begin
    if (push) queue_q[write_q[PtrBits-1:0]] <= pushed;
    if (push) id_q[write_q[PtrBits-1:0]] <= pushed.req.id;
  end

  // ---------------------------------------------------------------- the operation that is carried out
  typedef enum logic [2:0] {
    Run,     // an operation a cycle, until one has to wait for the context bank or none of a page follows
    Retire,  // waits for the context bank: numbers retired, CR3 loaded
    Mark,    // marks the answers that are there now
    Wait     // waits for what was marked
  } state_e;
  state_e state_q, state_d;
  logic op_valid_q, op_bad_q, take, ends, retired;
  inv_req_t op_q;
  item_t next;
  assign next    = queue_q[exec_q[PtrBits-1:0]];
  assign retired = (state_q == Retire) && ctx_done_i;
  // A wider operation does not follow in a batch: what it covers must not be waited for by those of a page.
  assign take    = waits && (((state_q == Run) && !ends) || ((state_q == Wait) && (state_d == Run)));
  logic runs, page, everything, every_ctx, retires, more;
  assign runs       = (state_q == Run) && op_valid_q;
  assign page       = !op_bad_q && by_address(op_q.op);
  assign everything = !op_bad_q && (op_q.op == InvAll);
  assign more       = waits && (next.bad || by_address(next.req.op));
  assign ends       = runs && (!(page || op_bad_q) || retires || !more);
  assign every_ctx  = op_q.op inside {InvVpid0, InvVpid1, InvVpid2, InvVpid3, InvEpt1, InvEpt2, InvAll};

  // ---------------------------------------------------------------- numbers to retire
  always_comb begin
    ctx_op_o = '0;
    ctx_op_o.ctx      = op_q.ctx;
    ctx_op_o.pcid     = op_q.pcid;
    ctx_op_o.vpid     = op_q.vpid;
    ctx_op_o.ept_root = op_q.addr[51:12];
    ctx_op_o.ept_all  = op_q.op == InvEpt2;
    unique case (op_q.op)
      // Pieces of a large page stand in other sets under other page numbers: their whole space goes.
      InvInvlpg, InvPcid0: ctx_op_o.kind = RetireCtx;
      InvVpid0:            ctx_op_o.kind = RetireVpid;
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
  end
  assign retires = !op_bad_q && (page ? `VMMU_MUT(15, fractured_i, 1'b0) : !everything);

  // After the acknowledgement of LOAD_CR3 software may reuse the old tables.
  logic old_root_used;
  assign old_root_used = !op_bad_q && (op_q.op == InvLoadCr3) && old_bank_busy_i[CtxBits'(op_q.ctx)];

  // ---------------------------------------------------------------- states
  always_comb begin
    state_d = state_q;
    unique case (state_q)
      Run:    if (ends) state_d = retires ? Retire : Mark;
      Retire: if (ctx_done_i) state_d = Mark;
      Mark:   state_d = `VMMU_MUT(16, Wait, Run);
      Wait:   if (!covered_i && !old_root_used) state_d = Run;
      default: state_d = Run;
    endcase
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q    <= Run;
      op_valid_q <= 1'b0;
      op_bad_q   <= 1'b0;
      error_q    <= '0;
      write_q    <= '0;
      exec_q     <= '0;
      done_q     <= '0;
      ack_q      <= '0;
    end else begin
      state_q <= state_d;
      if (push) write_q <= write_q + (PtrBits + 1)'(1);
      if (take) exec_q <= exec_q + (PtrBits + 1)'(1);
      // The batch ends with op_q, which stays until it is done with.
      if ((state_d == Run) && (state_q != Run)) done_q <= exec_q;
      if (rsp_valid_o) ack_q <= ack_q + (PtrBits + 1)'(1);
      if (take) op_valid_q <= 1'b1;
      else if ((state_d == Run) && (state_q != Run)) op_valid_q <= 1'b0;
      if (take) op_bad_q <= next.bad;
      else if (retired && ctx_bad_i) op_bad_q <= 1'b1;
      if (take) error_q[exec_q[PtrBits-1:0]] <= next.bad;
      if (retired && ctx_bad_i) error_q[PtrBits'(exec_q - (PtrBits + 1)'(1))] <= 1'b1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (take) op_q <= next.req;
  end

  assign rsp_valid_o   = ack_q != done_q;
  assign rsp_id_o      = id_q[ack_q[PtrBits-1:0]];
  assign rsp_error_o   = error_q[ack_q[PtrBits-1:0]];
  assign cover_valid_o = (runs && (page || everything)) || (retired && !ctx_bad_i);
  assign cover_all_o   = every_ctx;
  assign cover_ctx_o   = op_q.ctx;
  assign drop_o        = runs && page && `VMMU_MUT(257, 1'b1, ends);
  assign drop_page_o   = `VMMU_MUT(17, op_q.addr[63:12], {op_q.addr[62:12], 1'b0});
  assign flush_o       = runs && everything;
  assign ctx_valid_o   = state_q == Retire;
  assign ctx_load_o    = op_q.op == InvLoadCr3;
  assign ctx_o         = op_q.ctx;
  assign ctx_cr3_o     = op_q.addr;
  assign mark_o        = state_q == Mark;

  logic unused_id;  // id_q has it
  assign unused_id = ^op_q.id;

  `VMMU_ASSERT(OnlyCarriedOutIsAcknowledged_A, (PtrBits + 1)'(done_q - ack_q) <= (PtrBits + 1)'(write_q - ack_q))
endmodule
