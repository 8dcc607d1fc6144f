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
    input  logic        reg_guest_i,       // the offset is one of the guest page
    input  logic [11:0] reg_offset_i,
    input  logic        reg_we_i,
    input  logic [63:0] reg_wdata_i,
    output logic        reg_known_o,       // the offset is a staged register
    output logic        reg_wide_o,        // of more than 32 bits
    output logic        reg_wait_o,        // LOAD_CR3 writes the staged registers in this cycle: write in the next one
    output logic [63:0] reg_rdata_o,
    // COMMIT, with reg_guest_i GCOMMIT, of reg_ctx_i; valid is held until done
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
    input  logic [CtxWidth-1:0] req_ctx_i,    // of the request that is presented; only with SegmentAtL1
    output regs_t       req_regs_o,
    input  logic [CtxWidth-1:0] head_ctx_i,   // of the request at the head of the miss queue
    input  logic        head_bank_i,
    output regs_t       head_regs_o,
    // to the shadow-root buffer: registers become active; misses of a context that wait for a root
    output logic        switch_o,
    output logic [CtxWidth-1:0] switch_ctx_o,
    output logic        switch_bank_o,
    output logic        switch_guest_o,    // by GCOMMIT
    output regs_t       switch_regs_o,
    output logic [Cfg.NumContexts-1:0] shadow_o,  // SHADOW is active
    output logic [Cfg.NumContexts-1:0] virt_o,    // VIRT is
    input  logic [2*Cfg.NumContexts-1:0] hold_i,  // of {context, bank}
    // to the log
    output log_set_t [Cfg.NumContexts-1:0] log_o,
    output logic [Cfg.NumContexts-1:0]     old_bank_busy_o,
    // requests accepted and answered
    input  logic [Cfg.NumPorts-1:0] accept_i,
    input  logic [Cfg.NumPorts-1:0][CtxWidth-1:0] accept_ctx_i,
    input  logic [Cfg.NumPorts-1:0] answer_i,
    input  logic [Cfg.NumPorts-1:0][CtxWidth-1:0] answer_ctx_i,
    input  logic [Cfg.NumPorts-1:0] answer_bank_i
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  localparam int unsigned CtxBits = $clog2(Contexts);
  // More than can be in flight: what waits in each port, in the merge buffer and on the way to the walker.
  localparam int unsigned Flights =
      Cfg.NumPorts * (2 * Cfg.NumWalks + Cfg.MissQueue + 4) + Cfg.NumWalks + Cfg.MissQueue + 4;
  localparam int unsigned FlightWidth = $clog2(Flights + 1);

  localparam int unsigned ResetPaBits = (Cfg.PaBits < 46) ? Cfg.PaBits : 46;
  localparam log_regs_t ResetLog = '{
      prl_addr: '0, prl_addr2: '0, prl_watermark: 16'hffff, epml_en: 1'b0, epml_ept: 1'b0, epml_addr: '0,
      epml_watermark: 16'hffff, bitmap: '0
  };
  localparam regs_t ResetRegs = '{
      ctrl: CtrlWidth'(1) << CtrlPage1G, cr3: '0, eptp: '0, vpid: '0, pkru: '0,
      maxphyaddr: 6'(ResetPaBits), reserved_pa: 20'hfffff << (ResetPaBits - 32),
      fault_target: '0, pml_addr: '0, pml_watermark: 16'hffff,
      gseg: '0, gfilter: '0, vseg: '0, vfilter: '0, log: ResetLog, shadow_root: '0
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
  log_set_t [Contexts-1:0] log_q;  // of the current bank
  logic [Contexts-1:0] bank_q, la57_q, shadow_q, virt_q;
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
  logic guest_only_q;       // in Spaces: GCOMMIT, which no address-space number depends on
  logic [7:0] reject_q;
  logic cr3_staged_q;   // in Spaces: the CR3 that is being loaded is staged already

  logic [CtxBits-1:0] rctx, ictx, ctx;
  assign rctx = CtxBits'(reg_ctx_i);
  assign ictx = CtxBits'(inv_ctx_i);

  logic commit_now, serve_inv, rules_ready;
  assign commit_now = commit_valid_i && (state_q == Idle) && rules_ready;
  assign serve_inv  = (state_q == Spaces) ? serving_inv_q : !commit_valid_i;
  assign ctx        = serve_inv ? ictx : rctx;

  // ---------------------------------------------------------------- what would become active
  regs_t staged, current, next;
  logic init, seg_known, seg_wide, log_known, log_wide, log_bitmap;
  logic [63:0] seg_rdata, log_rdata;
  log_regs_t log;
  guest_seg_t gseg;
  filter_t gfilter, vfilter;
  vmm_seg_t [MaxVmmSegments-1:0] vseg;
  assign staged  = '{
      ctrl: staged_ctrl_q[rctx], cr3: staged_cr3_q[rctx], eptp: staged_eptp_q[rctx], vpid: staged_vpid_q[rctx],
      pkru: staged_pkru_q[rctx], maxphyaddr: staged_maxphyaddr_q[rctx], reserved_pa: '0,
      fault_target: staged_fault_target_q[rctx],
      pml_addr: staged_pml_addr_q[rctx], pml_watermark: staged_pml_watermark_q[rctx],
      gseg: gseg, gfilter: gfilter, vseg: vseg, vfilter: vfilter, log: log, shadow_root: '0
  };
  assign current = active_q[{ctx, bank_q[ctx]}];
  // LOAD_CR3 and GCOMMIT keep the active registers that they do not concern.
  logic keeps;
  logic [63:0] above_max;
  assign keeps     = serve_inv || `VMMU_MUT(88, reg_guest_i, 1'b0);
  assign above_max = ~64'd0 << (keeps ? current.maxphyaddr : staged.maxphyaddr);
  always_comb begin
    next = keeps ? current : staged;
    if (serve_inv) next.cr3 = {1'b0, inv_cr3_i[62:0]};
    if (!serve_inv) begin
      next.gseg    = gseg;
      next.gfilter = gfilter;
      next.log.epml_en        = log.epml_en;
      next.log.epml_ept       = log.epml_ept;
      next.log.epml_addr      = log.epml_addr;
      next.log.epml_watermark = log.epml_watermark;
    end
    next.reserved_pa = above_max[51:32];
  end

  logic [7:0] reject_commit, reject_gcommit, reject;
  vmmu_commit_check #(.Cfg(Cfg)) u_check (
      .clk_i, .rst_ni, .ctx_i(rctx), .changed_i(init || (reg_we_i && (seg_known || log_bitmap))), .staged_i(staged),
      .shadow_on_i(shadow_q[rctx]), .ready_o(rules_ready), .commit_o(reject_commit), .gcommit_o(reject_gcommit)
  );
  assign reject = reg_guest_i ? reject_gcommit : reject_commit;
  // SDM 4.10.4.1: bit 63 is legal only with PCIDs.
  logic cr3_bad;
  assign cr3_bad = (|(64'(inv_cr3_i[62:0]) & above_max)) || (inv_cr3_i[63] && !current.ctrl[CtrlPcide]);

  logic other_bank_busy, root_missing;
  assign other_bank_busy = flight_q[{ctx, !bank_q[ctx]}] != '0;
  // Requests wait for the shadow root of the active CR3: software must be able to read which one that is.
  assign root_missing    = hold_i[{ctx, bank_q[ctx]}] && (flight_q[{ctx, bank_q[ctx]}] != '0);

  // ---------------------------------------------------------------- address-space numbers
  function automatic tagset_t tags_of(regs_t r);
    tags_of.virt     = `VMMU_MUT(122, r.ctrl[CtrlVirt], 1'b0);
    tags_of.ept_en   = `VMMU_MUT(122, r.ctrl[CtrlEptEn], 1'b0);
    tags_of.vpid     = `VMMU_MUT(122, r.ctrl[CtrlVirt], 1'b0) ? r.vpid : '0;
    tags_of.pcid     = r.ctrl[CtrlPcide] ? r.cr3[11:0] : '0;
    tags_of.ept_root = `VMMU_MUT(122, r.ctrl[CtrlEptEn], 1'b0) ? r.eptp[51:12] : '0;
  endfunction

  // L1 entries hold resolved permissions, so a change of anything that they were resolved with gives the
  // context fresh numbers. A change of root or tag does not, nor does one of segments, nor the page-reference log.
  localparam logic [CtrlWidth-1:0] CtrlOfEntries =
      ~(CtrlWidth'(1) << CtrlSegPromote | CtrlWidth'(1) << CtrlVsegMiss | CtrlWidth'(1) << CtrlPrlEn |
        CtrlWidth'(1) << CtrlPrlDouble);
  logic meaning_changed;
  assign meaning_changed = (|((staged.ctrl ^ current.ctrl) & CtrlOfEntries)) || (staged.pkru != current.pkru) ||
      (staged.maxphyaddr != current.maxphyaddr) || (staged.eptp[11:0] != current.eptp[11:0]);
  space_op_t space_op, space_op_q;
  always_comb begin
    if (serve_inv) begin
      space_op = inv_op_i;
      space_op.assign_ctx = inv_load_i;
      if (inv_load_i) space_op.pcid = next.ctrl[CtrlPcide] ? next.cr3[11:0] : '0;
    end else begin
      space_op = '0;
      space_op.kind = `VMMU_MUT(14, `VMMU_MUT(122, meaning_changed, 1'b0), 1'b0) ? RetireCtx : RetireNone;
      space_op.ctx = reg_ctx_i;
      space_op.assign_ctx = 1'b1;
    end
    space_op.tags = tags_of(next);
  end
  assign space_op_o    = space_op_q;
  assign space_valid_o = (state_q == Spaces) && !refused_q && !guest_only_q;

  // ---------------------------------------------------------------- control
  // Nothing that is judged can change before the operation ends: both ports hold it, and neither switches a bank.
  logic inv_now, inv_bad, inv_waits, switch_now, stage_cr3, space_done;
  assign inv_now         = inv_valid_i && !commit_valid_i && (state_q == Idle);
  assign inv_bad         = inv_load_i && cr3_bad;
  // A load of CR3 waits until the other bank is free; a mere retirement needs no bank.
  assign inv_waits       = inv_load_i && (other_bank_busy || root_missing) && !cr3_bad;
  assign space_done      = (state_q == Spaces) && (refused_q || guest_only_q || space_done_i);
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
      shadow_q      <= '0;
      virt_q        <= '0;
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
        shadow_q[ctx] <= next.ctrl[CtrlShadow];
        virt_q[ctx] <= next.ctrl[CtrlVirt];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Idle) begin
      refused_q  <= serve_inv ? inv_bad : (other_bank_busy || (reject != RejectNone));
      busy_q     <= other_bank_busy;
      guest_only_q <= !serve_inv && reg_guest_i;
      reject_q   <= reject;
      space_op_q <= space_op;
    end
  end

  // ---------------------------------------------------------------- storage
  // One row of one column is written in a cycle. A CR3 that is loaded is staged in a cycle in which software
  // writes nothing, before it becomes active; a later write of software stands.
  logic [CtxBits-1:0] srow;
  assign init      = state_q == Init;
  assign stage_cr3 = (state_q == Spaces) && !refused_q && serving_inv_q && inv_load_i && !cr3_staged_q && !reg_we_i;
  assign srow      = init ? init_q : (stage_cr3 ? ictx : rctx);

  function automatic logic writes(logic [11:0] register);
    return init || (reg_we_i && !reg_guest_i && (reg_offset_i == register));
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

  vmmu_seg_regs #(.Cfg(Cfg)) u_seg_regs (
      .clk_i, .init_i(init), .row_i(srow), .ctx_i(rctx), .guest_i(reg_guest_i), .offset_i(reg_offset_i),
      .we_i(reg_we_i), .wdata_i(reg_wdata_i), .known_o(seg_known), .wide_o(seg_wide), .rdata_o(seg_rdata),
      .gseg_o(gseg), .gfilter_o(gfilter), .vseg_o(vseg), .vfilter_o(vfilter)
  );

  vmmu_log_regs #(.Cfg(Cfg)) u_log_regs (
      .clk_i, .init_i(init), .row_i(srow), .ctx_i(rctx), .guest_i(reg_guest_i), .offset_i(reg_offset_i),
      .we_i(reg_we_i), .wdata_i(reg_wdata_i), .known_o(log_known), .wide_o(log_wide), .bitmap_o(log_bitmap),
      .rdata_o(log_rdata), .log_o(log)
  );

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
      log_q[arow] <= '{
          pml_base: activated.pml_addr[PaWidth-1:12], pml_watermark: activated.pml_watermark,
          prl_base: activated.log.prl_addr[PaWidth-1:12], prl_base2: activated.log.prl_addr2[PaWidth-1:12],
          prl_watermark: activated.log.prl_watermark, prl_double: activated.ctrl[CtrlPrlDouble],
          epml_watermark: activated.log.epml_watermark
      };
    end
  end
  logic plain_known;
  logic [63:0] plain_rdata;
  always_comb begin
    plain_known = !reg_guest_i;
    unique case (reg_offset_i)
      RegCtrl:         plain_rdata = 64'(staged.ctrl);
      RegCr3:          plain_rdata = staged.cr3;
      RegEptp:         plain_rdata = staged.eptp;
      RegVpid:         plain_rdata = 64'(staged.vpid);
      RegPkru:         plain_rdata = 64'(staged.pkru);
      RegMaxPhyAddr:   plain_rdata = 64'(staged.maxphyaddr);
      RegFaultTarget:  plain_rdata = 64'(staged.fault_target);
      RegPmlAddr:      plain_rdata = staged.pml_addr;
      RegPmlWatermark: plain_rdata = 64'(staged.pml_watermark);
      default: begin
        plain_rdata = '0;
        plain_known = 1'b0;
      end
    endcase
  end
  assign reg_wait_o = switch_now && serving_inv_q;
  assign reg_known_o = plain_known || seg_known || log_known;
  assign reg_wide_o  = seg_wide || log_wide || (plain_known && (reg_offset_i inside {RegCr3, RegEptp, RegPmlAddr}));
  assign reg_rdata_o = plain_known ? plain_rdata : (seg_rdata | log_rdata);
  assign walk_regs_o = active_q[{CtxBits'(walk_ctx_i), `VMMU_MUT(142, walk_bank_i, bank_q[CtxBits'(walk_ctx_i)])}];
  assign req_regs_o  = (Cfg.SegmentAtL1 != 0) ? active_q[{CtxBits'(req_ctx_i), bank_q[CtxBits'(req_ctx_i)]}] : '0;
  assign head_regs_o = active_q[{CtxBits'(head_ctx_i), head_bank_i}];

  // ---------------------------------------------------------------- requests in flight
  logic [FlightWidth-1:0] came [2*Contexts];
  logic [FlightWidth-1:0] went [2*Contexts];
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned i = 0; i < 2 * Contexts; i++) flight_q[i] <= '0;
    end else begin
      for (int unsigned i = 0; i < 2 * Contexts; i++) begin
        flight_q[i] <= `VMMU_MUT(141, flight_q[i], switch_now ? '0 : flight_q[i]) + came[i] - went[i];
      end
    end
  end
  always_comb begin
    for (int unsigned i = 0; i < 2 * Contexts; i++) begin
      came[i] = '0;
      went[i] = '0;
      for (int unsigned p = 0; p < Cfg.NumPorts; p++) begin
        came[i] += FlightWidth'(accept_i[p] &&
            ({CtxBits'(accept_ctx_i[p]), bank_q[CtxBits'(accept_ctx_i[p])]} == (CtxBits + 1)'(i)));
        went[i] += FlightWidth'(answer_i[p] && ({CtxBits'(answer_ctx_i[p]), answer_bank_i[p]} == (CtxBits + 1)'(i)));
      end
    end
  end
  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      live_o[c] = '{
          bank: bank_q[c], la57: la57_q[c], space_valid: space_valid_i[c], space: space_i[c], gspace: gspace_i[c]
      };
      old_bank_busy_o[c] = flight_q[{CtxBits'(c), !bank_q[c]}] != '0;
    end
  end
  assign log_o = log_q;

  assign switch_o       = switch_now;
  assign switch_ctx_o   = CtxWidth'(ctx);
  assign switch_bank_o  = arow_bank;
  assign switch_guest_o = !serve_inv && reg_guest_i;
  assign switch_regs_o  = next;
  assign shadow_o       = shadow_q;
  assign virt_o         = virt_q;

  logic unused_bits;
  assign unused_bits = ^{accept_ctx_i, answer_ctx_i, walk_ctx_i, head_ctx_i, req_ctx_i, reg_ctx_i, inv_ctx_i};

  logic none_in_flight;
  always_comb begin
    none_in_flight = 1'b0;
    for (int unsigned i = 0; i < 2 * Contexts; i++) if (went[i] > flight_q[i]) none_in_flight = 1'b1;
  end
  `VMMU_ASSERT(StagedRegistersHaveOneWriter_A, reg_we_i |-> !reg_wait_o)
  `VMMU_ASSERT(AnswerWasInFlight_A, !none_in_flight)
  `VMMU_ASSERT(LoadedCr3IsStaged_A, switch_now && serving_inv_q |-> cr3_staged_q || stage_cr3)
  `VMMU_ASSERT(SwitchOnlyToADrainedBank_A, switch_now |-> !other_bank_busy)
endmodule
