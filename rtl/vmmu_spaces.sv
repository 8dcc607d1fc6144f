`include "vmmu_macros.svh"

// Address-space numbers: a short number stands for a tag set {context, VIRT, VPID, PCID or global, EPTP} in the entries
// of every cache. An invalidation wider than a page retires the numbers that it covers; entries under a retired number
// can never match. The contexts that used one get fresh numbers in the same cycle, so no lookup is ever without one.
//
// A number goes round: fresh, live (stands for its row), retired, and after a sweep of the caches (vmmu_sweep) fresh
// again. A sweep begins when few are fresh. What is in flight then carries numbers that will be handed out again, and
// so is kept from inserting and from looking up. When none is fresh, an invalidation waits for the sweep. COMMIT does
// not, nor what stands in its way: the caches are flushed, and every number that is not in use becomes fresh.
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
    input  logic      hurry_i,      // a COMMIT waits
    output logic      op_done_o,    // in this cycle the covered numbers are retired, and new ones come into force
    output logic [Cfg.NumContexts-1:0]                 valid_o,
    output logic [Cfg.NumContexts-1:0][SpaceWidth-1:0] space_o,
    output logic [Cfg.NumContexts-1:0][SpaceWidth-1:0] gspace_o,
    // numbers are about to be handed out again
    output logic      inert_o,      // what is in flight inserts and looks up nothing any more
    output logic      flush_o,      // empty the caches; also inert_o
    output logic      sweep_start_o,
    output logic [2**SpaceWidth-1:0] sweep_spaces_o,  // entries that carry one of these go
    input  logic      sweep_done_i
);
  localparam int unsigned Rows = Cfg.NumSpaces;
  localparam int unsigned RowBits = $clog2(Rows);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  // Rows are scanned a few at a time: all at once would be as many comparators.
  localparam int unsigned Banks = 4;
  localparam int unsigned BankBits = $clog2(Banks);
  localparam int unsigned Steps = Rows / Banks;
  localparam int unsigned StepBits = $clog2(Steps);
  localparam int unsigned FewFresh = Rows / 4;

  typedef struct packed {
    logic                global_row;
    logic [CtxWidth-1:0] ctx;
    tagset_t             tags;      // pcid is 0 in a global row
  } row_t;

  logic [Rows-1:0] live_q;      // stands for its row
  logic [Rows-1:0] fresh_q;     // no entry carries it
  logic [Rows-1:0] sweeping_q;  // the sweep drops its entries
  logic [Rows-1:0] doomed_q;    // the operation covers it

  // Numbers in force and what they stand for; and those that the operation brings into force.
  logic [Cfg.NumContexts-1:0] valid_q;
  logic [Cfg.NumContexts-1:0][RowBits-1:0] space_q, gspace_q, next_space_q, next_gspace_q;
  logic [Cfg.NumContexts-1:0] chosen_q, gchosen_q;
  tagset_t tags_q [Cfg.NumContexts];

  typedef enum logic [1:0] {
    Idle,    // waits for an operation
    Scan,    // Banks rows a cycle: which are covered, which stand for the tag set of op_i
    Choose,  // a fresh number a cycle, for each that is missing
    Apply    // everything changes
  } state_e;
  state_e state_q;
  logic [StepBits-1:0] step_q;
  logic scanned;
  assign scanned = step_q == StepBits'(Steps - 1);

  // ---------------------------------------------------------------- rows
  logic [RowBits-1:0] fresh_row;
  logic choose;
  row_t new_row;
  row_t [Banks-1:0] rows;
  for (genvar b = 0; b < Banks; b++) begin : g_bank
    row_t row_q [Steps];
    assign rows[b] = row_q[step_q];
    always_ff @(posedge clk_i) begin
      if (choose && (fresh_row[BankBits-1:0] == BankBits'(b))) row_q[fresh_row[RowBits-1:BankBits]] <= new_row;
    end
  end

  // ---------------------------------------------------------------- what the operation covers, what it finds
  function automatic logic covered(row_t row, space_op_t op);
    logic same_ctx, same_vpid;
    same_ctx  = row.ctx == op.ctx;
    same_vpid = row.tags.virt && (row.tags.vpid == op.vpid);
    unique case (op.kind)
      RetireCtx:     return same_ctx;
      RetirePcid:    return same_ctx && !row.global_row && (row.tags.pcid == op.pcid);
      RetireNonGlob: return same_ctx && !row.global_row;
      RetireVpid:    return same_vpid;
      RetireVpidNg:  return same_vpid && !row.global_row;
      RetireVirt:    return row.tags.virt;
      RetireEpt:     return row.tags.ept_en && (op.ept_all || (row.tags.ept_root == op.ept_root));
      default:       return 1'b0;
    endcase
  endfunction
  function automatic row_t row_of(logic global_row, logic [CtxBits-1:0] ctx, tagset_t tags);
    row_of = '{global_row: global_row, ctx: CtxWidth'(ctx), tags: tags};
    if (global_row) row_of.tags.pcid = '0;
  endfunction

  logic [CtxBits-1:0] op_ctx;
  logic [Banks-1:0] covers, is_want, is_gwant;
  assign op_ctx = CtxBits'(op_i.ctx);
  always_comb begin
    for (int unsigned b = 0; b < Banks; b++) begin
      covers[b]   = live_q[{step_q, BankBits'(b)}] && covered(rows[b], op_i);
      is_want[b]  = live_q[{step_q, BankBits'(b)}] && !covers[b] && op_i.assign_ctx &&
          (rows[b] == row_of(1'b0, op_ctx, op_i.tags));
      is_gwant[b] = live_q[{step_q, BankBits'(b)}] && !covers[b] && op_i.assign_ctx &&
          (rows[b] == row_of(1'b1, op_ctx, op_i.tags));
    end
  end

  // ---------------------------------------------------------------- which numbers are missing
  logic [Cfg.NumContexts-1:0] needs, gneeds;
  logic [CtxBits-1:0] for_ctx;
  logic for_global;
  always_comb begin
    for_ctx = '0;
    for (int c = Cfg.NumContexts - 1; c >= 0; c--) begin
      needs[c]  = !chosen_q[c] && valid_q[c] && `VMMU_MUT(253, doomed_q[space_q[c]], 1'b0);
      gneeds[c] = !gchosen_q[c] && valid_q[c] && doomed_q[gspace_q[c]];
      if (op_i.assign_ctx && (op_ctx == CtxBits'(c))) begin
        needs[c]  = !chosen_q[c];
        gneeds[c] = !gchosen_q[c];
      end
      if (needs[c] || gneeds[c]) for_ctx = CtxBits'(c);
    end
    for_global = !needs[for_ctx];
    new_row    = row_of(for_global, for_ctx, (op_i.assign_ctx && (for_ctx == op_ctx)) ? op_i.tags : tags_q[for_ctx]);
  end

  logic missing, none_fresh, few_fresh;
  logic [RowBits:0] fresh_count;
  always_comb begin
    fresh_row   = '0;
    fresh_count = '0;
    for (int i = Rows - 1; i >= 0; i--) begin
      if (fresh_q[i]) fresh_row = RowBits'(i);
      fresh_count = fresh_count + (RowBits + 1)'(fresh_q[i]);
    end
  end
  assign none_fresh = fresh_q == '0;
  assign few_fresh  = fresh_count < (RowBits + 1)'(FewFresh);
  assign missing    = (needs | gneeds) != '0;
  assign choose     = (state_q == Choose) && missing && !none_fresh;
  assign flush_o    = (state_q == Choose) && missing && none_fresh && hurry_i;
  assign op_done_o  = state_q == Apply;

  // ---------------------------------------------------------------- numbers that go round
  logic [Rows-1:0] in_use, retired, unused, evicted;
  logic resting, evict;
  always_comb begin
    in_use = '0;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      if (valid_q[c]) in_use[space_q[c]] = 1'b1;
      if (valid_q[c]) in_use[gspace_q[c]] = 1'b1;
      if (chosen_q[c]) in_use[next_space_q[c]] = 1'b1;
      if (gchosen_q[c]) in_use[next_gspace_q[c]] = 1'b1;
    end
  end
  assign retired       = ~live_q & ~fresh_q;
  assign unused        = live_q & ~in_use;
  assign resting       = (sweeping_q == '0) && few_fresh && !flush_o;
  assign sweep_start_o = resting && (retired != '0);
  assign inert_o       = flush_o || `VMMU_MUT(254, sweep_start_o, 1'b0);
  assign sweep_spaces_o = (2**SpaceWidth)'(sweeping_q);
  // PCIDs that are not active hold numbers for their return. With nothing else to sweep, every second one loses its.
  logic odd_q;
  logic [Rows-1:0] half;
  assign half    = odd_q ? {Rows/2{2'b10}} : {Rows/2{2'b01}};
  assign evict   = resting && (retired == '0) && (unused != '0) &&
                   ((state_q == Idle) || ((state_q == Choose) && none_fresh));
  assign evicted = ((unused & half) != '0) ? (unused & half) : unused;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q    <= Idle;
      live_q     <= '0;
      fresh_q    <= '1;
      sweeping_q <= '0;
      doomed_q   <= '0;
      valid_q    <= '0;
      chosen_q   <= '0;
      gchosen_q  <= '0;
      step_q     <= '0;
      odd_q      <= 1'b0;
    end else begin
      unique case (state_q)
        Idle: begin
          if (op_valid_i) state_q <= Scan;
          doomed_q  <= '0;
          chosen_q  <= '0;
          gchosen_q <= '0;
        end
        Scan: begin
          if (scanned) state_q <= Choose;
          step_q <= scanned ? '0 : step_q + StepBits'(1);
          for (int unsigned b = 0; b < Banks; b++) if (covers[b]) doomed_q[{step_q, BankBits'(b)}] <= 1'b1;
          if (|is_want) chosen_q[op_ctx] <= 1'b1;
          if (|is_gwant) gchosen_q[op_ctx] <= 1'b1;
        end
        Choose: begin
          if (!missing) state_q <= Apply;
          // The row may have been another one that is covered.
          if (choose) doomed_q[fresh_row] <= 1'b0;
          if (choose && !for_global) chosen_q[for_ctx] <= 1'b1;
          if (choose && for_global) gchosen_q[for_ctx] <= 1'b1;
        end
        Apply: begin
          state_q <= Idle;
          if (op_i.assign_ctx) valid_q[op_ctx] <= 1'b1;
        end
        default: state_q <= Idle;
      endcase
      if (evict) odd_q <= !odd_q;
      if (flush_o) begin
        live_q  <= live_q & in_use;
        fresh_q <= ~in_use;
        sweeping_q <= '0;
      end else begin
        if (choose) live_q[fresh_row] <= 1'b1;
        if (evict) live_q <= live_q & ~evicted;
        if (state_q == Apply) live_q <= live_q & ~doomed_q;
        if (sweep_done_i) fresh_q <= fresh_q | sweeping_q;
        if (choose) fresh_q[fresh_row] <= 1'b0;
        if (sweep_start_o) sweeping_q <= retired;
        else if (sweep_done_i) sweeping_q <= '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned b = 0; b < Banks; b++) begin
      if ((state_q == Scan) && is_want[b]) next_space_q[op_ctx] <= {step_q, BankBits'(b)};
      if ((state_q == Scan) && is_gwant[b]) next_gspace_q[op_ctx] <= {step_q, BankBits'(b)};
    end
    if (choose && !for_global) next_space_q[for_ctx] <= fresh_row;
    if (choose && for_global) next_gspace_q[for_ctx] <= fresh_row;
    if (state_q == Apply) begin
      for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
        if (chosen_q[c]) space_q[c] <= next_space_q[c];
        if (gchosen_q[c]) gspace_q[c] <= next_gspace_q[c];
      end
      if (op_i.assign_ctx) tags_q[op_ctx] <= op_i.tags;
    end
  end

  always_comb begin
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      valid_o[c]  = valid_q[c];
      space_o[c]  = SpaceWidth'(space_q[c]);
      gspace_o[c] = SpaceWidth'(gspace_q[c]);
    end
  end

  logic unused_ctx;
  assign unused_ctx = ^op_i.ctx;

  logic dead_in_force;
  always_comb begin
    dead_in_force = 1'b0;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      if (valid_q[c] && !(live_q[space_q[c]] && live_q[gspace_q[c]])) dead_in_force = 1'b1;
    end
  end
  `VMMU_ASSERT(NumbersInForceAreLive_A, !dead_in_force)
  `VMMU_ASSERT(NumberIsInOneState_A, (live_q & fresh_q) == '0 && (sweeping_q & (live_q | fresh_q)) == '0)
  `VMMU_ASSERT(OneRowForATagSet_A, $onehot0(is_want) && $onehot0(is_gwant))
endmodule
