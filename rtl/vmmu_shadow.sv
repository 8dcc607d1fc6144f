`include "vmmu_macros.svh"

// Shadow roots. In a context with SHADOW, CR3 is the guest's root and walks start at the shadow table that a
// hypervisor made of it. The buffer of the context says which: when a CR3 becomes active and when ROOT_DONE is written
// it is searched, one row in a cycle. Until a row is found the misses of these registers are held.
// GCOMMIT changes the bank but no CR3: it takes what the bank before has, the root or the wait for one.
module vmmu_shadow
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        ready_o,         // 0 while the buffer is being cleared after reset
    // registers of the host page: the buffer and ROOT_DONE
    input  logic [CtxWidth-1:0] reg_ctx_i,
    input  logic [11:0] reg_offset_i,
    input  logic        reg_we_i,        // only with known
    input  logic [63:0] reg_wdata_i,
    output logic        reg_known_o,
    output logic        reg_wide_o,
    output logic [63:0] reg_rdata_o,     // 0 when not known
    // registers of a context become active in this cycle
    input  logic        switch_i,
    input  logic [CtxWidth-1:0] switch_ctx_i,
    input  logic        switch_bank_i,   // the one that becomes current
    input  logic        switch_guest_i,  // by GCOMMIT
    input  regs_t       switch_regs_i,
    input  ctx_live_t [Cfg.NumContexts-1:0] live_i,
    input  logic [Cfg.NumContexts-1:0] old_bank_busy_i,
    // misses to hold, of {context, bank}; a search without success
    output logic [2*Cfg.NumContexts-1:0] hold_o,
    output logic [Cfg.NumContexts-1:0]   missed_o,
    // to the walker
    input  logic [CtxWidth-1:0] walk_ctx_i,
    input  logic        walk_bank_i,
    output logic [FrameWidth-1:0] walk_root_o
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  localparam int unsigned CtxBits = $clog2(Contexts);
  localparam int unsigned Banks = 2 * Contexts;
  localparam int unsigned BankBits = CtxBits + 1;
  localparam int unsigned Rows = Cfg.ShadowRoots;
  localparam int unsigned RowBits = $clog2(Rows);
  localparam int unsigned TagWidth = 28;  // {VPID, PCID}

  typedef struct packed {
    logic [FrameWidth-1:0] root;
    logic [TagWidth-1:0]   tag;
  } key_t;

  // ---------------------------------------------------------------- the buffer: RAM, valid bits in flip-flops
  logic [FrameWidth-1:0] guest_root_q [Contexts*Rows];
  logic [FrameWidth-1:0] shadow_root_q [Contexts*Rows];
  logic [TagWidth-1:0]   tag_q [Contexts*Rows];
  logic [Contexts-1:0][Rows-1:0] valid_q;

  logic [CtxBits+RowBits:0] init_q;  // rows cleared so far
  logic init;
  assign init    = !init_q[CtxBits+RowBits];
  assign ready_o = !init;

  logic [CtxBits-1:0] rctx;
  logic in_rows, is_root_done;
  logic [RowBits-1:0] reg_row;
  logic [11:0] reg_field;
  logic [CtxBits+RowBits-1:0] reg_entry, write_entry;
  assign rctx         = CtxBits'(reg_ctx_i);
  assign in_rows      = (reg_offset_i >= RegShadowRoots) &&
                        (reg_offset_i < RegShadowRoots + 12'(Rows) * ShadowRootStride) &&
                        (reg_offset_i[2:0] == 3'd0);
  assign is_root_done = reg_offset_i == RegRootDone;
  assign reg_row      = reg_offset_i[5+:RowBits];
  assign reg_field    = 12'(reg_offset_i[4:0]);
  assign reg_entry    = {rctx, reg_row};
  assign write_entry  = init ? init_q[CtxBits+RowBits-1:0] : reg_entry;
  assign reg_known_o  = in_rows || is_root_done;
  assign reg_wide_o   = in_rows && (reg_field inside {RowGuestRoot, RowShadowRoot});
  always_comb begin
    reg_rdata_o = '0;
    if (in_rows) begin
      unique case (reg_field)
        RowGuestRoot:  reg_rdata_o[12+:FrameWidth] = guest_root_q[reg_entry];
        RowShadowRoot: reg_rdata_o[12+:FrameWidth] = shadow_root_q[reg_entry];
        RowTag:        reg_rdata_o = 64'(tag_q[reg_entry]);
        default:       reg_rdata_o = 64'(valid_q[rctx][reg_row]);
      endcase
    end
  end

  function automatic logic writes(logic [11:0] field);
    return init || (reg_we_i && in_rows && (reg_field == field));
  endfunction
  always_ff @(posedge clk_i) begin
    if (writes(RowGuestRoot)) guest_root_q[write_entry] <= init ? '0 : reg_wdata_i[12+:FrameWidth];
    if (writes(RowShadowRoot)) shadow_root_q[write_entry] <= init ? '0 : reg_wdata_i[12+:FrameWidth];
    if (writes(RowTag)) tag_q[write_entry] <= init ? '0 : reg_wdata_i[TagWidth-1:0];
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      init_q  <= '0;
      valid_q <= '0;
    end else begin
      if (init) init_q <= init_q + (CtxBits + RowBits + 1)'(1);
      if (!init && writes(RowValid)) valid_q[rctx][reg_row] <= reg_wdata_i[0];
    end
  end

  // ---------------------------------------------------------------- what is wanted of each {context, bank}
  key_t key_q [Banks];
  logic [FrameWidth-1:0] root_q [Banks];  // found
  logic [Banks-1:0] on_q;      // SHADOW
  logic [Banks-1:0] hold_q;    // no root yet
  logic [Banks-1:0] wanted_q;  // waits for its search
  logic [Contexts-1:0] carry_q;  // the latest switch was by GCOMMIT

  logic [BankBits-1:0] switched;
  logic switch_on;
  key_t switch_key;
  assign switched   = {CtxBits'(switch_ctx_i), switch_bank_i};
  assign switch_on  = switch_regs_i.ctrl[CtrlShadow];
  assign switch_key = '{
      root: switch_regs_i.cr3[12+:FrameWidth],
      tag: {switch_regs_i.vpid, switch_regs_i.ctrl[CtrlPcide] ? switch_regs_i.cr3[11:0] : 12'd0}
  };

  // ROOT_DONE concerns the current registers, and those before them if requests still wait for their root.
  logic root_done;
  logic [BankBits-1:0] current, older;
  assign root_done = reg_we_i && is_root_done;
  assign current   = {rctx, live_i[rctx].bank};
  assign older     = {rctx, !live_i[rctx].bank};

  // ---------------------------------------------------------------- search
  logic searching_q;
  logic [BankBits-1:0] at_q, first_wanted, sibling;
  logic [RowBits-1:0] row_q;
  logic [CtxBits+RowBits-1:0] entry;
  key_t key;
  logic match, last_row, aborted, carries, found, not_found;
  always_comb begin
    first_wanted = '0;
    for (int i = Banks - 1; i >= 0; i--) if (wanted_q[i]) first_wanted = BankBits'(i);
  end
  assign entry     = {at_q[BankBits-1:1], row_q};
  assign sibling   = {at_q[BankBits-1:1], !at_q[0]};
  assign key       = key_q[at_q];
  assign match     = `VMMU_MUT(85, valid_q[at_q[BankBits-1:1]][row_q], 1'b1) && (guest_root_q[entry] == key.root) &&
                     `VMMU_MUT(86, tag_q[entry] == key.tag, 1'b1);
  assign last_row  = row_q == RowBits'(Rows - 1);
  // The registers that are looked for are replaced: the search for their successors is wanted already.
  assign aborted   = switch_i && (switched == at_q);
  assign carries   = carry_q[at_q[BankBits-1:1]] && (at_q[0] == live_i[at_q[BankBits-1:1]].bank) &&
                     !wanted_q[sibling];
  assign found     = searching_q && !aborted && (carries ? !hold_q[sibling] : match);
  assign not_found = searching_q && !aborted && (carries ? hold_q[sibling] : (!match && last_row));

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      on_q        <= '0;
      hold_q      <= '0;
      wanted_q    <= '0;
      carry_q     <= '0;
      searching_q <= 1'b0;
    end else begin
      if (searching_q) searching_q <= !(aborted || found || not_found);
      else searching_q <= (wanted_q != '0) && !switch_i;
      if (!searching_q && (wanted_q != '0) && !switch_i) wanted_q[first_wanted] <= 1'b0;
      if (found) hold_q[at_q] <= 1'b0;
      if ((found || not_found) && (at_q[0] == live_i[at_q[BankBits-1:1]].bank)) carry_q[at_q[BankBits-1:1]] <= 1'b0;
      if (not_found) hold_q[at_q] <= 1'b1;
      if (root_done) begin
        carry_q[rctx] <= 1'b0;
        if (on_q[current]) wanted_q[current] <= 1'b1;
        if (hold_q[older] && old_bank_busy_i[rctx]) wanted_q[older] <= 1'b1;
      end
      if (switch_i) begin
        on_q[switched]     <= switch_on;
        hold_q[switched]   <= `VMMU_MUT(87, switch_on, 1'b0);
        wanted_q[switched] <= switch_on;
        carry_q[CtxBits'(switch_ctx_i)] <= switch_guest_i;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (!searching_q) begin
      at_q  <= first_wanted;
      row_q <= '0;
    end else begin
      row_q <= row_q + RowBits'(1);
    end
    if (switch_i) key_q[switched] <= switch_key;
    if (found) root_q[at_q] <= carries ? root_q[sibling] : shadow_root_q[entry];
  end

  assign hold_o      = hold_q;
  assign walk_root_o = root_q[{CtxBits'(walk_ctx_i), walk_bank_i}];
  // A search that is wanted again decides, not the one that was under way when ROOT_DONE was written.
  always_comb begin
    missed_o = '0;
    missed_o[at_q[BankBits-1:1]] = not_found && !carries && !wanted_q[at_q];
  end

  logic unused_bits;
  assign unused_bits = ^{reg_ctx_i, reg_wdata_i, switch_ctx_i, walk_ctx_i, switch_regs_i, live_i};

  logic held_in_vain;
  assign held_in_vain = |(hold_q & ~on_q);
  `VMMU_ASSERT(OnlyShadowContextsAreHeld_A, !held_in_vain)
  `VMMU_ASSERT(WantedOnlyWithShadow_A, (wanted_q & ~on_q) == '0)
  `VMMU_ASSERT(BufferIsWrittenOnlyWhenReady_A, reg_we_i || switch_i |-> ready_o)
endmodule
