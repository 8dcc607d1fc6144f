`include "vmmu_macros.svh"

// The context bank. Software writes staged registers; COMMIT judges them and makes them active at once.
// Each context has two active banks, so that requests accepted earlier finish under the registers that they
// were accepted under. LOAD_CR3 is a COMMIT of CR3 alone, together with its invalidation.
// Storage is distributed RAM: each staged register is a column with a row per context; the active registers
// are one array with a row per {context, bank}. Only what is needed of every context at once is in flip-flops.
module vmmu_ctx
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        ready_o,           // 0 for a few cycles after reset
    // staged registers
    input  logic [CtxWidth-1:0] reg_ctx_i,
    input  logic [11:0] reg_offset_i,
    input  logic        reg_we_i,
    input  logic [63:0] reg_wdata_i,
    output logic        reg_known_o,       // the offset is a staged register
    output logic        reg_wide_o,        // of more than 32 bits
    output logic        reg_wait_o,        // LOAD_CR3 writes the staged registers in this cycle: write in the next one
    output logic [63:0] reg_rdata_o,
    // COMMIT of reg_ctx_i; valid is held until done
    input  logic        commit_valid_i,
    output logic        commit_done_o,
    output logic        commit_busy_o,     // with done: an earlier COMMIT still has requests
    output logic [7:0]  commit_reject_o,   // with done: reason, 0 = accepted
    // LOAD_CR3, or a retirement of address-space numbers; valid is held until done
    input  logic        inv_valid_i,
    input  logic        inv_load_i,
    input  logic [CtxWidth-1:0] inv_ctx_i,
    input  logic [63:0] inv_cr3_i,
    input  space_op_t   inv_op_i,
    output logic        inv_done_o,
    output logic        inv_bad_o,         // with done: the CR3 value is illegal, nothing was changed
    output space_op_t   space_op_o,
    output logic        space_valid_o,
    input  logic        space_done_i,
    input  logic [Cfg.NumContexts-1:0]                 space_valid_i,
    input  logic [Cfg.NumContexts-1:0][SpaceWidth-1:0] space_i,
    input  logic [Cfg.NumContexts-1:0][SpaceWidth-1:0] gspace_i,
    // to the lookup path and the walker
    output ctx_live_t [Cfg.NumContexts-1:0] live_o,
    input  logic [CtxWidth-1:0] walk_ctx_i,
    input  logic        walk_bank_i,
    output regs_t       walk_regs_o,
    // to the log
    output logic [Cfg.NumContexts-1:0][FrameWidth-1:0] pml_base_o,
    output logic [Cfg.NumContexts-1:0][15:0]           pml_watermark_o,
    output logic [Cfg.NumContexts-1:0]                 old_bank_busy_o,
    // requests accepted and answered
    input  logic        accept_i,
    input  logic [CtxWidth-1:0] accept_ctx_i,
    input  logic        answer_i,
    input  logic [CtxWidth-1:0] answer_ctx_i,
    input  logic        answer_bank_i
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  localparam int unsigned CtxBits = $clog2(Contexts);
  localparam int unsigned Flights = 2 * (Cfg.NumWalks + Cfg.MissQueue) + 8;  // more than can be in flight
  localparam int unsigned FlightWidth = $clog2(Flights + 1);

  localparam logic [CtrlWidth-1:0] CtrlReserved =
      CtrlWidth'(1) << CtrlShadow | CtrlWidth'(1) << CtrlPrlEn | CtrlWidth'(1) << CtrlPrlDouble |
      CtrlWidth'(1) << CtrlSegLogEn | CtrlWidth'(1) << CtrlSegPromote | CtrlWidth'(1) << CtrlVsegMiss;
  localparam int unsigned ResetPaBits = (Cfg.PaBits < 46) ? Cfg.PaBits : 46;
  localparam regs_t ResetRegs = '{
      ctrl: CtrlWidth'(1) << CtrlPage1G, cr3: '0, eptp: '0, vpid: '0, pkru: '0,
      maxphyaddr: 6'(ResetPaBits), reserved_pa: 20'hfffff << (ResetPaBits - 32),
      fault_target: '0, pml_addr: '0, pml_watermark: 16'hffff,
      gseg: '0, gfilter: '0, vseg: '0, vfilter: '0, shadow_root: '0
  };

  logic [CtrlWidth-1:0] staged_ctrl_q [Contexts];
  logic [63:0]          staged_cr3_q [Contexts];
  logic [63:0]          staged_eptp_q [Contexts];
  logic [15:0]          staged_vpid_q [Contexts];
  logic [31:0]          staged_pkru_q [Contexts];
  logic [5:0]           staged_maxphyaddr_q [Contexts];
  logic [31:0]          staged_fault_target_q [Contexts];
  logic [63:0]          staged_pml_addr_q [Contexts];
  logic [15:0]          staged_pml_watermark_q [Contexts];
  regs_t active_q [2*Contexts];
  logic [Contexts-1:0][FrameWidth-1:0] pml_base_q;       // of the current bank
  logic [Contexts-1:0][15:0]           pml_watermark_q;
  logic [Contexts-1:0] bank_q, la57_q;
  logic [FlightWidth-1:0] flight_q [2*Contexts];  // requests in flight of {context, bank}

  // ---------------------------------------------------------------- states
  typedef enum logic [1:0] {
    Init,    // writes the reset values, one context a cycle
    Idle,    // waits for COMMIT or the invalidation unit, and judges it
    Spaces   // refuses, or waits for the address-space numbers; the switch is in the cycle of space_done_i
  } state_e;
  state_e state_q;
  logic [CtxBits-1:0] init_q;
  logic serving_inv_q;  // in Spaces: whose operation it is
  logic refused_q, busy_q;  // in Spaces: what was judged
  logic [7:0] reject_q;
  logic cr3_staged_q;   // in Spaces: the CR3 that is being loaded is staged already

  logic [CtxBits-1:0] rctx, ictx, ctx;
  assign rctx = CtxBits'(reg_ctx_i);
  assign ictx = CtxBits'(inv_ctx_i);

  logic commit_now, serve_inv;
  assign commit_now = commit_valid_i && (state_q == Idle);
  assign serve_inv  = (state_q == Spaces) ? serving_inv_q : !commit_valid_i;
  assign ctx        = serve_inv ? ictx : rctx;

  // ---------------------------------------------------------------- what would become active
  regs_t staged, current, next;
  assign staged  = '{
      ctrl: staged_ctrl_q[rctx], cr3: staged_cr3_q[rctx], eptp: staged_eptp_q[rctx], vpid: staged_vpid_q[rctx],
      pkru: staged_pkru_q[rctx], maxphyaddr: staged_maxphyaddr_q[rctx], reserved_pa: '0,
      fault_target: staged_fault_target_q[rctx],
      pml_addr: staged_pml_addr_q[rctx], pml_watermark: staged_pml_watermark_q[rctx],
      gseg: '0, gfilter: '0, vseg: '0, vfilter: '0, shadow_root: '0
  };
  assign current = active_q[{ctx, bank_q[ctx]}];
  logic [63:0] above_max;
  assign above_max = ~64'd0 << (serve_inv ? current.maxphyaddr : staged.maxphyaddr);
  always_comb begin
    next = serve_inv ? current : staged;
    if (serve_inv) next.cr3 = {1'b0, inv_cr3_i[62:0]};
    next.reserved_pa = above_max[51:32];
  end

  logic [7:0] reject;
  always_comb begin
    reject = RejectNone;
    if (|(staged.ctrl & CtrlReserved)) reject = RejectUnsupported;
    else if (staged.ctrl[CtrlEptEn] && !staged.ctrl[CtrlVirt]) reject = RejectVirt;
    else if ((staged.maxphyaddr < 6'd32) || (staged.maxphyaddr > 6'(Cfg.PaBits))) reject = RejectMaxPhyAddr;
    // SDM 25.6.11, 26.2.1.1: four levels, write-back or uncacheable, reserved bits clear.
    else if (staged.ctrl[CtrlEptEn] && ((staged.eptp[5:3] != 3'd3) || !(staged.eptp[2:0] inside {3'd0, 3'd6}) ||
             (|staged.eptp[11:7]) || (|(staged.eptp & above_max)))) reject = RejectEptp;
    else if (|(staged.cr3 & above_max)) reject = RejectCr3;
    else if (staged.ctrl[CtrlPmlEn] && ((|(staged.pml_addr & above_max)) || (|staged.pml_addr[11:0])))
      reject = RejectPmlAddr;
  end
  // SDM 4.10.4.1: bit 63 is legal only with PCIDs.
  logic cr3_bad;
  assign cr3_bad = (|(64'(inv_cr3_i[62:0]) & above_max)) || (inv_cr3_i[63] && !current.ctrl[CtrlPcide]);

  logic other_bank_busy;
  assign other_bank_busy = flight_q[{ctx, !bank_q[ctx]}] != '0;

  // ---------------------------------------------------------------- address-space numbers
  function automatic tagset_t tags_of(regs_t r);
    tags_of.virt     = r.ctrl[CtrlVirt];
    tags_of.ept_en   = r.ctrl[CtrlEptEn];
    tags_of.vpid     = r.ctrl[CtrlVirt] ? r.vpid : '0;
    tags_of.pcid     = r.ctrl[CtrlPcide] ? r.cr3[11:0] : '0;
    tags_of.ept_root = r.ctrl[CtrlEptEn] ? r.eptp[51:12] : '0;
  endfunction

  // L1 entries hold resolved permissions, so a change of anything that they were resolved with gives the
  // context fresh numbers. A change of root or tag does not.
  logic meaning_changed;
  assign meaning_changed = (staged.ctrl != current.ctrl) || (staged.pkru != current.pkru) ||
      (staged.maxphyaddr != current.maxphyaddr) || (staged.eptp[11:0] != current.eptp[11:0]);
  space_op_t space_op, space_op_q;
  always_comb begin
    if (serve_inv) begin
      space_op = inv_op_i;
      space_op.assign_ctx = inv_load_i;
      if (inv_load_i) space_op.pcid = next.ctrl[CtrlPcide] ? next.cr3[11:0] : '0;
    end else begin
      space_op = '0;
      space_op.kind = `VMMU_MUT(14, meaning_changed, 1'b0) ? RetireCtx : RetireNone;
      space_op.ctx = reg_ctx_i;
      space_op.assign_ctx = 1'b1;
    end
    space_op.tags = tags_of(next);
  end
  assign space_op_o    = space_op_q;
  assign space_valid_o = (state_q == Spaces) && !refused_q;

  // ---------------------------------------------------------------- control
  // Nothing that is judged can change before the operation ends: both ports hold it, and neither switches a bank.
  logic inv_now, inv_bad, inv_waits, switch_now, stage_cr3, space_done;
  assign inv_now         = inv_valid_i && !commit_valid_i && (state_q == Idle);
  assign inv_bad         = inv_load_i && cr3_bad;
  // A load of CR3 waits until the other bank is free; a mere retirement needs no bank.
  assign inv_waits       = inv_load_i && other_bank_busy && !cr3_bad;
  assign space_done      = (state_q == Spaces) && (refused_q || space_done_i);
  assign commit_busy_o   = busy_q;
  assign commit_reject_o = reject_q;
  assign commit_done_o   = space_done && !serving_inv_q;
  assign inv_done_o      = space_done && serving_inv_q;
  assign inv_bad_o       = refused_q;
  assign switch_now      = space_done && !refused_q && (!serving_inv_q || inv_load_i);
  assign ready_o         = state_q != Init;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q       <= Init;
      init_q        <= '0;
      serving_inv_q <= 1'b0;
      cr3_staged_q  <= 1'b0;
      bank_q        <= '0;
      la57_q        <= '0;
    end else begin
      unique case (state_q)
        Init: begin
          init_q <= init_q + CtxBits'(1);
          if (init_q == CtxBits'(Contexts - 1)) state_q <= Idle;
        end
        Idle: begin
          serving_inv_q <= serve_inv;
          if (commit_now || (inv_now && !inv_waits)) state_q <= Spaces;
        end
        Spaces: begin
          cr3_staged_q <= (cr3_staged_q || stage_cr3) && !space_done;
          if (space_done) state_q <= Idle;
        end
        default: state_q <= Idle;
      endcase
      if (switch_now) begin
        bank_q[ctx] <= !bank_q[ctx];
        la57_q[ctx] <= next.ctrl[CtrlLa57];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Idle) begin
      refused_q  <= serve_inv ? inv_bad : (other_bank_busy || (reject != RejectNone));
      busy_q     <= other_bank_busy;
      reject_q   <= reject;
      space_op_q <= space_op;
    end
  end

  // ---------------------------------------------------------------- storage
  // One row of one column is written in a cycle. A CR3 that is loaded is staged in a cycle in which software
  // writes nothing, before it becomes active; a later write of software stands.
  logic init;
  logic [CtxBits-1:0] srow;
  assign init      = state_q == Init;
  assign stage_cr3 = (state_q == Spaces) && !refused_q && serving_inv_q && inv_load_i && !cr3_staged_q && !reg_we_i;
  assign srow      = init ? init_q : (stage_cr3 ? ictx : rctx);

  function automatic logic writes(logic [11:0] register);
    return init || (reg_we_i && (reg_offset_i == register));
  endfunction
  always_ff @(posedge clk_i) begin
    if (writes(RegCtrl)) staged_ctrl_q[srow] <= init ? ResetRegs.ctrl : reg_wdata_i[CtrlWidth-1:0];
    if (writes(RegCr3) || stage_cr3) begin
      staged_cr3_q[srow] <= init ? ResetRegs.cr3 : (stage_cr3 ? next.cr3 : reg_wdata_i);
    end
    if (writes(RegEptp)) staged_eptp_q[srow] <= init ? ResetRegs.eptp : reg_wdata_i;
    if (writes(RegVpid)) staged_vpid_q[srow] <= init ? ResetRegs.vpid : reg_wdata_i[15:0];
    if (writes(RegPkru)) staged_pkru_q[srow] <= init ? ResetRegs.pkru : reg_wdata_i[31:0];
    if (writes(RegMaxPhyAddr)) staged_maxphyaddr_q[srow] <= init ? ResetRegs.maxphyaddr : reg_wdata_i[5:0];
    if (writes(RegFaultTarget)) staged_fault_target_q[srow] <= init ? ResetRegs.fault_target : reg_wdata_i[31:0];
    if (writes(RegPmlAddr)) staged_pml_addr_q[srow] <= init ? ResetRegs.pml_addr : reg_wdata_i;
    if (writes(RegPmlWatermark)) staged_pml_watermark_q[srow] <= init ? ResetRegs.pml_watermark : reg_wdata_i[15:0];
  end

  // The other bank is written by the first switch before anything reads it.
  logic [CtxBits-1:0] arow;
  logic arow_bank;
  regs_t activated;
  assign arow      = init ? init_q : ctx;
  assign arow_bank = !init && !bank_q[ctx];
  assign activated = init ? ResetRegs : next;
  always_ff @(posedge clk_i) begin
    if (init || switch_now) begin
      active_q[{arow, arow_bank}] <= activated;
      pml_base_q[arow]            <= activated.pml_addr[PaWidth-1:12];
      pml_watermark_q[arow]       <= activated.pml_watermark;
    end
  end
  always_comb begin
    reg_known_o = 1'b1;
    unique case (reg_offset_i)
      RegCtrl:         reg_rdata_o = 64'(staged.ctrl);
      RegCr3:          reg_rdata_o = staged.cr3;
      RegEptp:         reg_rdata_o = staged.eptp;
      RegVpid:         reg_rdata_o = 64'(staged.vpid);
      RegPkru:         reg_rdata_o = 64'(staged.pkru);
      RegMaxPhyAddr:   reg_rdata_o = 64'(staged.maxphyaddr);
      RegFaultTarget:  reg_rdata_o = 64'(staged.fault_target);
      RegPmlAddr:      reg_rdata_o = staged.pml_addr;
      RegPmlWatermark: reg_rdata_o = 64'(staged.pml_watermark);
      default: begin
        reg_rdata_o = '0;
        reg_known_o = 1'b0;
      end
    endcase
  end
  assign reg_wait_o = switch_now && serving_inv_q;
  assign reg_wide_o = reg_offset_i inside {RegCr3, RegEptp, RegPmlAddr};
  assign walk_regs_o = active_q[{CtxBits'(walk_ctx_i), walk_bank_i}];

  // ---------------------------------------------------------------- requests in flight
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned i = 0; i < 2 * Contexts; i++) flight_q[i] <= '0;
    end else begin
      for (int unsigned i = 0; i < 2 * Contexts; i++) begin
        flight_q[i] <= flight_q[i] +
            FlightWidth'(accept_i && ({CtxBits'(accept_ctx_i), bank_q[CtxBits'(accept_ctx_i)]} == (CtxBits + 1)'(i))) -
            FlightWidth'(answer_i && ({CtxBits'(answer_ctx_i), answer_bank_i} == (CtxBits + 1)'(i)));
      end
    end
  end
  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      live_o[c] = '{
          bank: bank_q[c], la57: la57_q[c], space_valid: space_valid_i[c], space: space_i[c], gspace: gspace_i[c]
      };
      old_bank_busy_o[c] = flight_q[{CtxBits'(c), !bank_q[c]}] != '0;
      pml_base_o[c]      = pml_base_q[c];
      pml_watermark_o[c] = pml_watermark_q[c];
    end
  end

  logic unused_bits;
  assign unused_bits = ^{accept_ctx_i, answer_ctx_i, walk_ctx_i, reg_ctx_i, inv_ctx_i};

  logic none_in_flight;
  assign none_in_flight = flight_q[{CtxBits'(answer_ctx_i), answer_bank_i}] == '0;
  `VMMU_ASSERT(StagedRegistersHaveOneWriter_A, reg_we_i |-> !reg_wait_o)
  `VMMU_ASSERT(AnswerWasInFlight_A, answer_i |-> !none_in_flight)
  `VMMU_ASSERT(LoadedCr3IsStaged_A, switch_now && serving_inv_q |-> cr3_staged_q || stage_cr3)
  `VMMU_ASSERT(SwitchOnlyToADrainedBank_A, switch_now |-> !other_bank_busy)
endmodule
