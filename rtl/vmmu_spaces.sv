`include "vmmu_macros.svh"

// Address-space numbers: a short number stands for a tag set {context, VIRT, VPID, PCID or global, EPTP} in
// TLB entries. An invalidation wider than a page retires the numbers that it covers, in one scan of the
// table, and hands out fresh ones; entries under a retired number can never match. When no fresh number is
// left, the TLBs are flushed and every number that is not in use becomes fresh.
module vmmu_spaces
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic      clk_i,
    input  logic      rst_ni,
    input  logic      op_valid_i,   // held until op_done_o
    input  space_op_t op_i,
    output logic      op_done_o,    // in this cycle the new numbers of op_i.ctx come into force
    output logic      flush_o,      // empty the TLBs; walks in flight and waiting insert nothing
    output logic [Cfg.NumContexts-1:0]                 valid_o,
    output logic [Cfg.NumContexts-1:0][SpaceWidth-1:0] space_o,
    output logic [Cfg.NumContexts-1:0][SpaceWidth-1:0] gspace_o
);
  localparam int unsigned Rows = Cfg.NumSpaces;
  localparam int unsigned RowBits = $clog2(Rows);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);

  typedef struct packed {
    logic                global_row;
    logic [CtxWidth-1:0] ctx;
    tagset_t             tags;      // pcid is 0 in a global row
  } row_t;

  row_t row_q [Rows];
  logic [Rows-1:0] live_q;   // stands for its row
  logic [Rows-1:0] fresh_q;  // no TLB entry carries it

  // Numbers in force, and the tag sets that they stand for.
  logic [Cfg.NumContexts-1:0] valid_q;
  logic [RowBits-1:0] space_q [Cfg.NumContexts];
  logic [RowBits-1:0] gspace_q [Cfg.NumContexts];
  tagset_t tags_q [Cfg.NumContexts];

  typedef enum logic [2:0] {
    Idle,     // waits for an operation
    Retire,   // one row a cycle: retires what the operation covers
    Pick,     // one context a cycle: looks for one that needs numbers
    Find,     // one row a cycle: looks for rows that stand for its tag set
    Alloc,    // takes fresh rows for those not found; flushes first if there are none
    Finish    // the numbers come into force
  } state_e;
  state_e state_q, state_d;
  logic [RowBits-1:0] row_cnt_q;
  logic [CtxBits-1:0] ctx_cnt_q;
  logic assigned_q;              // op_i.ctx has its new numbers in op_*_q
  logic [RowBits-1:0] new_space_q, new_gspace_q;  // of the context being served
  logic [RowBits-1:0] op_space_q, op_gspace_q;    // of op_i.ctx, not in force yet
  logic found_q, gfound_q;

  // ---------------------------------------------------------------- what the operation covers
  row_t row;
  logic covers, same_ctx, same_vpid, same_ept;
  assign row       = row_q[row_cnt_q];
  assign same_ctx  = row.ctx == op_i.ctx;
  assign same_vpid = row.tags.virt && (row.tags.vpid == op_i.vpid);
  assign same_ept  = row.tags.ept_en && (op_i.ept_all || (row.tags.ept_root == op_i.ept_root));
  always_comb begin
    unique case (op_i.kind)
      RetireCtx:     covers = same_ctx;
      RetirePcid:    covers = same_ctx && !row.global_row && (row.tags.pcid == op_i.pcid);
      RetireNonGlob: covers = same_ctx && !row.global_row;
      RetireVpid:    covers = same_vpid;
      RetireVpidNg:  covers = same_vpid && !row.global_row;
      RetireVirt:    covers = row.tags.virt;
      RetireEpt:     covers = same_ept;
      default:       covers = 1'b0;
    endcase
  end

  // ---------------------------------------------------------------- numbers for one context
  logic    is_op_ctx, needs_numbers;
  tagset_t want_tags;
  row_t    want_row, want_grow;
  // A COMMIT touches the numbers of its own context only, so no other context needs a look.
  logic alone;
  assign alone         = op_i.assign_ctx && (op_i.kind inside {RetireNone, RetireCtx});
  assign is_op_ctx     = op_i.assign_ctx && (ctx_cnt_q == CtxBits'(op_i.ctx));
  assign needs_numbers = is_op_ctx ? !assigned_q
                                   : valid_q[ctx_cnt_q] && !(live_q[space_q[ctx_cnt_q]] && live_q[gspace_q[ctx_cnt_q]]);
  assign want_tags     = is_op_ctx ? op_i.tags : tags_q[ctx_cnt_q];
  always_comb begin
    want_row  = '{global_row: 1'b0, ctx: CtxWidth'(ctx_cnt_q), tags: want_tags};
    want_grow = '{global_row: 1'b1, ctx: CtxWidth'(ctx_cnt_q), tags: want_tags};
    want_grow.tags.pcid = '0;
  end

  logic none_fresh, alloc_space, alloc_gspace;
  logic [RowBits-1:0] fresh_row;
  always_comb begin
    none_fresh = fresh_q == '0;
    fresh_row  = '0;
    for (int i = Rows - 1; i >= 0; i--) if (fresh_q[i]) fresh_row = RowBits'(i);
  end
  assign flush_o      = (state_q == Alloc) && !(found_q && gfound_q) && none_fresh;
  assign alloc_space  = (state_q == Alloc) && !none_fresh && !found_q;
  assign alloc_gspace = (state_q == Alloc) && !none_fresh && found_q && !gfound_q;

  // Numbers that a flush must keep: those in force, and those just picked.
  logic [Rows-1:0] in_use;
  always_comb begin
    in_use = '0;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      if (valid_q[c]) begin
        in_use[space_q[c]]  = 1'b1;
        in_use[gspace_q[c]] = 1'b1;
      end
    end
    if (found_q) in_use[new_space_q] = 1'b1;
    if (gfound_q) in_use[new_gspace_q] = 1'b1;
    if (assigned_q) in_use[op_space_q] = 1'b1;
    if (assigned_q) in_use[op_gspace_q] = 1'b1;
  end

  // ---------------------------------------------------------------- states
  logic last_row, last_ctx, retires_all;
  assign last_row = row_cnt_q == RowBits'(Rows - 1);
  assign last_ctx = ctx_cnt_q == CtxBits'(Cfg.NumContexts - 1);
  // After every number of the context was retired there is nothing to find.
  assign retires_all = is_op_ctx && (op_i.kind == RetireCtx);
  assign op_done_o = state_q == Finish;

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      Idle: if (op_valid_i) state_d = (op_i.kind == RetireNone) ? Pick : Retire;
      Retire: if (last_row) state_d = Pick;
      Pick: begin
        if (needs_numbers) state_d = retires_all ? Alloc : Find;
        else if (last_ctx) state_d = Finish;
      end
      Find: if (last_row) state_d = Alloc;
      Alloc: if (found_q && gfound_q) state_d = alone ? Finish : Pick;
      Finish: state_d = Idle;
      default: state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q    <= Idle;
      live_q     <= '0;
      fresh_q    <= '1;
      valid_q    <= '0;
      assigned_q <= 1'b0;
      found_q    <= 1'b0;
      gfound_q   <= 1'b0;
      row_cnt_q  <= '0;
      ctx_cnt_q  <= '0;
    end else begin
      state_q <= state_d;
      if (state_q inside {Retire, Find}) row_cnt_q <= row_cnt_q + RowBits'(1);
      else row_cnt_q <= '0;
      if (state_q == Idle) begin
        ctx_cnt_q  <= alone ? CtxBits'(op_i.ctx) : '0;
        assigned_q <= 1'b0;
      end
      if ((state_q == Retire) && live_q[row_cnt_q] && covers) live_q[row_cnt_q] <= 1'b0;
      if (state_q == Pick) begin
        found_q  <= 1'b0;
        gfound_q <= 1'b0;
        if (!needs_numbers) ctx_cnt_q <= ctx_cnt_q + CtxBits'(1);
      end
      if ((state_q == Find) && live_q[row_cnt_q]) begin
        if (row == want_row) found_q <= 1'b1;
        if (row == want_grow) gfound_q <= 1'b1;
      end
      if (flush_o) begin
        live_q  <= live_q & in_use;
        fresh_q <= ~in_use;
      end
      if (alloc_space || alloc_gspace) begin
        live_q[fresh_row]  <= 1'b1;
        fresh_q[fresh_row] <= 1'b0;
        if (alloc_space) found_q <= 1'b1;
        else gfound_q <= 1'b1;
      end
      if ((state_q == Alloc) && found_q && gfound_q && is_op_ctx) assigned_q <= 1'b1;
      if ((state_q == Finish) && op_i.assign_ctx) valid_q[CtxBits'(op_i.ctx)] <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if ((state_q == Find) && live_q[row_cnt_q] && (row == want_row)) new_space_q <= row_cnt_q;
    if ((state_q == Find) && live_q[row_cnt_q] && (row == want_grow)) new_gspace_q <= row_cnt_q;
    if (alloc_space) begin
      row_q[fresh_row] <= want_row;
      new_space_q      <= fresh_row;
    end
    if (alloc_gspace) begin
      row_q[fresh_row] <= want_grow;
      new_gspace_q     <= fresh_row;
    end
    // Numbers of other contexts change at once; those of op_i.ctx with everything else of its COMMIT.
    if ((state_q == Alloc) && found_q && gfound_q && !is_op_ctx) begin
      space_q[ctx_cnt_q]  <= new_space_q;
      gspace_q[ctx_cnt_q] <= new_gspace_q;
    end
    if ((state_q == Finish) && op_i.assign_ctx) begin
      space_q[CtxBits'(op_i.ctx)]  <= op_space_q;
      gspace_q[CtxBits'(op_i.ctx)] <= op_gspace_q;
      tags_q[CtxBits'(op_i.ctx)]   <= op_i.tags;
    end
    if ((state_q == Alloc) && found_q && gfound_q && is_op_ctx) begin
      op_space_q  <= new_space_q;
      op_gspace_q <= new_gspace_q;
    end
  end

  // A number that was retired while a context still carries it must not be used by that context.
  always_comb begin
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      valid_o[c]  = valid_q[c] && live_q[space_q[c]] && live_q[gspace_q[c]];
      space_o[c]  = SpaceWidth'(space_q[c]);
      gspace_o[c] = SpaceWidth'(gspace_q[c]);
    end
  end

  logic unused_ctx;
  assign unused_ctx = ^op_i.ctx;
endmodule
