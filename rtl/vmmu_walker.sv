`include "vmmu_macros.svh"

// The table of walk slots around the one step engine. Two stages with one register between them:
//   select  a memory reply (first), a parked slot, or a new miss; read the slot's state and registers; compare the
//           guest-physical page that the reply may form with the VMM segments, on the raw entry
//   step    the step engine; its memory request leaves in the same cycle
// so a walk alone makes a reference every M + 1 cycles (M: cycles from request accepted to data valid).
// The memory id of a request is its slot number.
module vmmu_walker
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
  import vmmu_h3_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    localparam int unsigned Slots = Cfg.NumWalks,
    localparam int unsigned SlotWidth = (Slots > 1) ? $clog2(Slots) : 1
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    // misses
    input  logic     miss_valid_i,
    output logic     miss_ready_o,
    input  miss_t    miss_i,
    // what the segments make of it
    input  logic        miss_covered_i,   // it counts as in flight when the latest invalidation arrived
    input  logic        miss_answered_i,  // no walk is needed: one that is begun in this cycle is none
    input  seg_result_t miss_guest_i,
    input  seg_match_t  miss_vmm_i,       // of the final address, if the guest segment translates
    input  logic [Lanes-1:0][IndexWidth-1:0] miss_vmm_index_i,
    // registers of a context as the request was accepted under them, read in the same cycle
    output logic [CtxWidth-1:0] regs_ctx_o,
    output logic     regs_bank_o,
    input  regs_t    regs_i,
    // memory requests leave in the cycle shown; the receiver always has room
    output logic     mem_valid_o,
    output logic     mem_keep_time_o,  // the watchdog goes on counting from the earlier request
    output mem_req_t mem_req_o,
    input  logic     mem_rsp_valid_i,  // never of a quarantined id
    input  mem_rsp_t mem_rsp_i,
    input  logic     timeout_valid_i,  // the request of this slot got no reply in time
    output logic     timeout_ready_o,
    input  logic [MemIdWidth-1:0] timeout_id_i,
    input  logic [Cfg.NumWalks-1:0] quarantined_i,
    // log
    output logic [CtxWidth-1:0] log_ctx_o,
    input  log_room_t pml_i,
    input  log_room_t epml_i,
    input  logic [8:0] epml_slot_i,
    output log_ops_t log_ops_o,
    output log_record_t log_record_o,
    // answers; the receiver has room for every walk that may be in flight
    output logic     rsp_valid_o,
    output rsp_t     rsp_o,
    output logic     rsp_bank_o,
    output logic [PortWidth-1:0] rsp_port_o,
    output logic     rsp_covered_o,    // the walk was in flight when the latest invalidation arrived
    input  logic     rsp_room_i,       // one more walk may start
    output logic     fill_valid_o,
    output fill_t    fill_o,
    // invalidation
    input  logic     cover_valid_i,    // walks in flight insert nothing any more
    input  logic     cover_all_i,      // of every context, else of cover_ctx_i
    input  logic [CtxWidth-1:0] cover_ctx_i,
    output logic     covered_live_o,
    input  logic     bypass_i,
    // caches of the walker
    input  ctx_live_t [Cfg.NumContexts-1:0] live_i,
    input  logic     drop_i,           // of a page: all guest structure caches go
    input  logic     flush_i,          // everything goes: also when numbers are about to be used again
    // with NtlbInL2, lookups and insertions in the second-level TLB, as in vmmu_l2_tlb
    output logic     nested_read_o,
    output logic [47:12] nested_read_page_o,
    output logic [47:12] nested_page_o,
    output logic [SpaceWidth-1:0] nested_number_o,
    input  logic     nested_found_i,
    input  nested_t  nested_i,
    output logic     nested_touch_o,
    output nested_fill_t nested_fill_o,
    // counters: events of this cycle
    output logic     ev_start_o,
    output walk_mode_e ev_mode_o,          // of the walk that starts
    output logic     ev_restart_o,
    output logic     ev_timeout_o,
    output logic     ev_check_o,
    output logic     ev_filter_hit_o,
    output logic [CtxWidth-1:0] ev_ctx_o,  // of the start, the restart, the check, and the memory request
    output logic     ev_nested_o,          // the memory request is for an EPT entry
    output logic     ev_bitmap_o,          // it is for a segment's bitmap
    output walk_used_t ev_cache_hit_o,     // the walk used what a cache found; it asked, and there was nothing to use
    output walk_used_t ev_cache_miss_o,
    // slots: a walk begins for miss_i; the one that answers ends
    output logic     begun_o,
    output logic [SlotWidth-1:0] begun_slot_o,
    output logic [SlotWidth-1:0] done_slot_o,
    output logic [Cfg.NumWalks-1:0] active_o,
    output logic [Cfg.NumWalks-1:0][CtxWidth-1:0] active_ctx_o
);
  logic [Slots-1:0] active_q, parked_q, noinsert_q, covered_q;
  logic [CtxWidth-1:0] ctx_q [Slots];  // of the slot's request, for all slots at once; the rest is RAM
  miss_t    miss_q [Slots];
  walk_t    walk_q [Slots];
  pending_t gpending_q [8 << SlotWidth];  // row {slot, level}
  pending_t npending_q [8 << SlotWidth];
  walk_t    saved_q [Slots];  // put aside while the page of the guest's log is translated

  // Row of an EPT entry: there are four levels, so that both walks of a slot have theirs.
  function automatic logic [2:0] nested_row(logic buffer, logic [2:0] level);
    return level + (buffer ? 3'd4 : 3'd0);
  endfunction

  function automatic logic [2:0] top_level(logic [5:1] mask);
    for (int unsigned i = 5; i >= 1; i--) if (mask[i]) return 3'(i);
    return 3'd0;
  endfunction

  // ---------------------------------------------------------------- select
  logic free_exists, parked_exists;
  logic [SlotWidth-1:0] free_slot, parked_slot;
  logic [SlotWidth-1:0] resumed_q;  // the last one that was: those that wait take turns, because one may wait for another
  always_comb begin
    free_exists   = 1'b0;
    free_slot     = '0;
    parked_exists = 1'b0;
    parked_slot   = '0;
    for (int i = Slots - 1; i >= 0; i--) begin
      if (!active_q[i] && !quarantined_i[i]) begin
        free_exists = 1'b1;
        free_slot   = SlotWidth'(i);
      end
      if (parked_q[i]) begin
        parked_exists = 1'b1;
        parked_slot   = SlotWidth'(i);
      end
    end
    for (int i = Slots - 1; i >= 0; i--) begin
      if (parked_q[i] && `VMMU_MUT(285, SlotWidth'(i) > resumed_q, 1'b0)) parked_slot = SlotWidth'(i);
    end
  end
  // With every id in quarantine there is nobody left to wait for: the walk fails at once. It borrows the
  // storage of slot 0, whose reply will be dropped.
  logic no_id, start_ok;
  assign no_id    = (&quarantined_i) && (active_q == '0);
  // Replies and new walks go before those that wait, but no walk begins when one has waited for long.
  logic [4:0] waited_q;
  logic overdue;
  assign overdue  = `VMMU_MUT(286, &waited_q, 1'b0);
  assign start_ok = miss_valid_i && rsp_room_i && (free_exists || no_id) && !overdue;

  logic  sel_valid;
  step_e sel_step;
  logic [SlotWidth-1:0] sel_slot;
  always_comb begin
    sel_valid = 1'b1;
    sel_step  = StepReply;
    sel_slot  = SlotWidth'(mem_rsp_i.id);
    if (!mem_rsp_valid_i) begin
      if (timeout_valid_i) begin
        sel_step = StepFail;
        sel_slot = SlotWidth'(timeout_id_i);
      end else if (start_ok) begin
        sel_step = no_id ? StepFail : StepStart;
        sel_slot = no_id ? '0 : free_slot;
      end else begin
        sel_valid = parked_exists;
        sel_step  = StepResume;
        sel_slot  = parked_slot;
      end
    end
  end
  assign timeout_ready_o = !mem_rsp_valid_i;

  logic unused_id;  // ids of this unit have SlotWidth bits
  assign unused_id = ^{timeout_id_i, mem_rsp_i.id};
  assign miss_ready_o    = !mem_rsp_valid_i && !timeout_valid_i && rsp_room_i && (free_exists || no_id) && !overdue;

  logic  sel_start;
  miss_t sel_miss;
  walk_t sel_walk;
  assign sel_start   = !mem_rsp_valid_i && !timeout_valid_i && start_ok;
  assign sel_miss    = sel_start ? miss_i : miss_q[sel_slot];
  assign sel_walk    = walk_q[sel_slot];
  assign regs_ctx_o  = `VMMU_MUT(127, sel_miss.req.ctx, miss_i.req.ctx);
  assign regs_bank_o = sel_miss.bank;

  logic taken, begun;  // a step follows; it is the first of a walk
  assign begun = sel_start && !miss_answered_i;
  assign taken = sel_valid && !(sel_start && miss_answered_i);

  // ---------------------------------------------------------------- VMM segments
  // The page of the guest-physical address that the step forms, if it forms one. That the entry is a good one is
  // known only after the register.
  logic [FrameWidth-1:0] formed_page;
  logic at_1g, at_2m;  // an entry that maps, or lies at a level that maps, such a page
  assign at_1g = (sel_walk.glevel == 3'd3) && mem_rsp_i.data[7];
  assign at_2m = (sel_walk.glevel == 3'd2) && mem_rsp_i.data[7];
  always_comb begin
    formed_page = mem_rsp_i.data[51:12];
    if (at_1g) formed_page[17:9] = sel_miss.req.gva[29:21];
    if (at_1g || at_2m) formed_page[8:0] = sel_miss.req.gva[20:12];
    if (!mem_rsp_valid_i && !sel_start && (sel_walk.phase == PhBuffer)) formed_page = regs_i.log.epml_addr[PaWidth-1:12];
    else if (!mem_rsp_valid_i) formed_page = (!sel_start && sel_walk.gseg) ? sel_walk.gpa[PaWidth-1:12] : regs_i.cr3[51:12];
    else if (sel_walk.phase == PhGuestFlag) formed_page = sel_walk.gpa[PaWidth-1:12];
  end

  // ---------------------------------------------------------------- caches
  // They are read while the step is selected, for the same page; the guest segment's result has come with the miss.
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  logic sel_begins, sel_forms, sel_in_force;
  logic [47:12] cache_page;
  ctx_live_t sel_live;
  assign sel_begins   = sel_valid && (sel_start || (sel_step == StepResume));
  assign sel_forms    = sel_begins || (mem_rsp_valid_i && ((sel_walk.phase == PhGuestRead) ||
                                                           (sel_walk.phase == PhGuestFlag)));
  assign cache_page   = (sel_start && miss_guest_i.used) ? miss_guest_i.frame[35:0] : formed_page[35:0];
  // Numbers that are not in force any more may be those that an invalidation has retired.
  assign sel_live     = live_i[CtxBits'(sel_miss.req.ctx)];
  assign sel_in_force = sel_live.space_valid && (sel_live.space == sel_miss.space) &&
                        (sel_live.gspace == sel_miss.gspace);

  localparam int unsigned Segments = (Cfg.NumVmmSegments == 0) ? 1 : Cfg.NumVmmSegments;
  logic [Segments-1:0][40:0] base, limit;
  logic [Segments-1:0][51:0] offset;
  seg_attr_t [Segments-1:0]  attr;
  logic [Segments-1:0][FrameWidth-1:0] bitmap;
  always_comb begin
    for (int unsigned n = 0; n < Segments; n++) begin
      base[n]   = regs_i.vseg[n].base;
      limit[n]  = regs_i.vseg[n].limit;
      offset[n] = regs_i.vseg[n].offset;
      attr[n]   = regs_i.vseg[n].attr;
      bitmap[n] = regs_i.log.bitmap[n][PaWidth-1:12];
    end
  end
  regs_t regs_q;  // behind the register, like everything that ends in _q from here
  seg_match_t sel_vmm, step_vmm_q;
  logic [Lanes-1:0][IndexWidth-1:0] sel_vmm_index, step_vmm_index_q;
  logic vmm_use, unused_escaped;
  vmmu_segment #(
      .NumSegments(Segments), .PageWidth(FrameWidth), .BoundWidth(FrameWidth + 1), .Bitmaps(Cfg.SegLog)
  ) u_vmm (
      .clk_i, .rst_ni, .valid_i(sel_valid),
      .page_i(formed_page), .base_i(base), .limit_i(limit), .offset_i(offset), .attr_i(attr), .bitmap_i(bitmap),
      .reserved_pa_i(regs_i.reserved_pa),
      .promote_i(regs_i.ctrl[CtrlSegPromote] && `VMMU_MUT(273, !regs_i.ctrl[CtrlSegLogEn], 1'b1) && (regs_i.vfilter == '0)), .match_o(sel_vmm)
  );
  // The filter's bits are read after the register.
  vmmu_escape #(.PageWidth(FrameWidth)) u_vmm_filter (
      .clk_i, .rst_ni,
      .page_i(formed_page), .index_o(sel_vmm_index),
      .in_range_i(step_vmm_q.in_range), .index_i(step_vmm_index_q), .filter_i(regs_q.vfilter),
      .hit_o(unused_escaped), .use_o(vmm_use)
  );

  // ---------------------------------------------------------------- the register in the middle of the loop
  logic     step_valid_q, step_start_q, step_error_q;
  step_e    step_q;
  logic [SlotWidth-1:0] slot_q;
  logic [63:0] data_q;
  miss_t    step_miss_q;
  walk_t    step_walk_q;
  seg_result_t step_guest_q;
  pending_t step_gpending_q, step_npending_q;
  logic     in_force_q;
  logic [47:12] cache_page_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      step_valid_q <= 1'b0;
      resumed_q    <= '0;
      waited_q     <= '0;
    end else begin
      step_valid_q <= taken;
      if (sel_valid && (sel_step == StepResume)) resumed_q <= sel_slot;
      if (!parked_exists || (sel_valid && (sel_step == StepResume))) waited_q <= '0;
      else if (!(&waited_q)) waited_q <= waited_q + 5'd1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (sel_valid) begin
      step_q          <= sel_step;
      step_start_q    <= sel_start;
      slot_q          <= sel_slot;
      data_q          <= mem_rsp_i.data;
      step_error_q    <= mem_rsp_i.error;
      step_miss_q     <= sel_miss;
      regs_q          <= regs_i;
      regs_q.gseg     <= '0;  // nothing after this register looks at the segments
      regs_q.gfilter  <= '0;
      regs_q.vseg     <= '0;
      step_guest_q    <= miss_guest_i;
      step_vmm_q       <= (sel_start && miss_guest_i.used) ? miss_vmm_i : sel_vmm;
      step_vmm_index_q <= (sel_start && miss_guest_i.used) ? miss_vmm_index_i : sel_vmm_index;
      step_walk_q     <= sel_walk;
      in_force_q      <= sel_in_force;
      cache_page_q    <= cache_page;
      step_gpending_q <= gpending_q[{sel_slot, top_level(sel_walk.gmask)}];
      step_npending_q <= npending_q[{sel_slot, nested_row(sel_walk.buffer, top_level({1'b0, sel_walk.nmask}))}];
    end
  end

  // ---------------------------------------------------------------- step
  walk_t    walk_in, walk_d;
  pending_t pending;
  logic     mem_valid, gpending_we, npending_we, park, restart, done, check, filter_hit;
  log_op_e  pml_op, epml_op;
  logic     save;
  walk_t    saved;
  logic [FrameWidth-1:0] log_page;
  fill_t    fill;

  always_comb begin
    walk_in = step_walk_q;
    if (step_start_q) begin
      // A fresh slot holds the state of an earlier walk. Its address matters only if the walk fails at once.
      walk_in.phase    = PhGuestRead;
      walk_in.log_held = 1'b0;
      walk_in.epml_held = 1'b0;
      walk_in.buffer   = 1'b0;
      walk_in.gmask    = '0;
      walk_in.nmask    = '0;
      walk_in.addr     = {regs_q.ctrl[CtrlEptEn] ? regs_q.eptp[51:12] : regs_q.cr3[51:12], 9'd0};
      walk_in.gcap     = step_guest_q.size;
      walk_in.gseg     = step_guest_q.used;
      walk_in.gread    = !step_guest_q.used || step_guest_q.attr.r;
      if (step_guest_q.used) begin
        // The guest's part is done: as after a leaf with these permissions, with its flags set.
        walk_in.gpa       = {step_guest_q.frame, step_miss_q.req.gva[11:0]};
        walk_in.gperm     = '{rw: step_guest_q.attr.w, us: step_guest_q.attr.u, nx: !step_guest_q.attr.x};
        walk_in.pkey      = '0;
        walk_in.global_pg = 1'b0;
        walk_in.pat       = '0;
        walk_in.gsize     = step_guest_q.size;
        walk_in.gdirty    = 1'b1;
      end
    end
  end

  // A walk that an invalidation covers uses no cache and leaves nothing in one, from that moment.
  logic covered_now, keeps, looks;
  walk_cached_t found, insert, to_insert;
  walk_used_t used, to_touch;
  assign covered_now = cover_valid_i && (cover_all_i || (cover_ctx_i == step_miss_q.req.ctx));
  assign keeps       = step_miss_q.cacheable && !bypass_i &&
                       `VMMU_MUT(9, !`VMMU_MUT(115, noinsert_q[slot_q], |noinsert_q) && !covered_now, 1'b1);
  assign looks       = keeps && in_force_q;
  always_comb begin
    to_insert = insert;
    to_insert.guest_valid  = step_valid_q && keeps && insert.guest_valid;
    to_insert.nested_valid = step_valid_q && keeps && insert.nested_valid;
    to_insert.page_valid   = step_valid_q && keeps && insert.page_valid;
    to_touch               = step_valid_q ? used : '0;
  end
  vmmu_walk_caches #(.Cfg(Cfg)) u_caches (
      .clk_i, .rst_ni,
      .guest_read_i(sel_begins), .guest_page_i(sel_miss.req.gva[56:12]),
      .nested_read_i(sel_forms), .nested_page_i(cache_page),
      .miss_i(step_miss_q), .step_page_i(cache_page_q), .found_o(found), .used_i(to_touch),
      .fill_i(to_insert), .fill_page_i(step_walk_q.gpa[47:12]),
      .outer_found_i(nested_found_i), .outer_i(nested_i), .outer_touch_o(nested_touch_o), .outer_fill_o(nested_fill_o),
      .cancel_i(cover_valid_i), .guest_clear_i(drop_i), .clear_i(flush_i)
  );

  assign nested_read_o      = (Cfg.NtlbInL2 != 0) && sel_forms;
  assign nested_read_page_o = cache_page;
  assign nested_page_o      = cache_page_q;
  assign nested_number_o    = step_miss_q.gspace;

  walk_used_t missed;
  vmmu_walk_step #(.KeepsFinal(Cfg.NtlbInL2 != 0)) u_step (
      .step_i        (step_q),
      .error_i       (step_error_q),
      .data_i        (data_q),
      .miss_i        (step_miss_q),
      .regs_i        (regs_q),
      .walk_i        (walk_in),
      .gpending_i    (step_gpending_q),
      .npending_i    (step_npending_q),
      .saved_i       (saved_q[slot_q]),
      .pml_i,
      .epml_i,
      .epml_slot_i,
      .vmm_i         (step_vmm_q),
      .vmm_use_i     (vmm_use),
      .guest_beyond_i(step_guest_q.beyond),
      .look_i        (looks),
      .cached_i      (found),
      .walk_o        (walk_d),
      .mem_valid_o   (mem_valid),
      .mem_op_o      (mem_req_o.op),
      .mem_addr_o    (mem_req_o.addr[PaWidth-1:3]),
      .mem_wdata_o   (mem_req_o.wdata),
      .mem_expected_o(mem_req_o.expected),
      .gpending_we_o (gpending_we),
      .npending_we_o (npending_we),
      .pending_o     (pending),
      .park_o        (park),
      .restart_o     (restart),
      .save_o        (save),
      .saved_o       (saved),
      .pml_op_o      (pml_op),
      .epml_op_o     (epml_op),
      .log_page_o    (log_page),
      .done_o        (done),
      .rsp_o         (rsp_o),
      .fill_o        (fill),
      .used_o        (used),
      .missed_o      (missed),
      .insert_o      (insert),
      .check_o       (check),
      .filter_hit_o  (filter_hit)
  );

  assign mem_req_o.addr[2:0] = '0;
  assign mem_req_o.id        = MemIdWidth'(slot_q);
  assign mem_valid_o         = step_valid_q && mem_valid;
  assign mem_keep_time_o     = step_walk_q.restarted && !step_start_q;

  assign log_ctx_o  = step_miss_q.req.ctx;
  // A page-reference record comes with each answer, unless the page was only looked for again.
  always_comb begin
    log_ops_o.pml  = step_valid_q ? pml_op : LogNone;
    log_ops_o.epml = step_valid_q ? epml_op : LogNone;
    log_ops_o.prl  = rsp_valid_o && (rsp_o.fault.kind == FaultNone) && regs_q.ctrl[CtrlPrlEn] && !step_miss_q.held;
    log_record_o   = '{gpa_page: log_page, gva_page: step_miss_q.req.gva[63:12], buffer: step_walk_q.epml_page};
  end

  assign rsp_valid_o   = step_valid_q && done;
  assign rsp_bank_o    = step_miss_q.bank;
  assign rsp_port_o    = step_miss_q.port;
  assign begun_o       = begun;
  assign begun_slot_o  = sel_slot;
  assign done_slot_o   = slot_q;
  assign rsp_covered_o = covered_q[slot_q];

  // A walk that faulted inserts nothing, nor does one that an invalidation covered.
  assign fill_o       = fill;
  assign fill_valid_o = rsp_valid_o && `VMMU_MUT(8, rsp_o.fault.kind == FaultNone, 1'b1) && keeps;

  // ---------------------------------------------------------------- mode, for the counters
  logic virt, exits, below;  // a gPA outside the VMM segments exits; they are looked at below the guest
  walk_mode_e mode;
  assign virt    = regs_q.ctrl[CtrlVirt];
  assign exits = virt && regs_q.ctrl[CtrlVsegMiss];
  assign below   = step_vmm_q.any || exits;
  always_comb begin
    if (virt && regs_q.ctrl[CtrlShadow]) mode = WalkShadow;
    else if (step_guest_q.any && below) mode = WalkDualDirect;
    else if (step_guest_q.any) mode = `VMMU_MUT(252, regs_q.ctrl[CtrlEptEn], 1'b0) ? WalkGuestDirect : WalkDirect;
    else if (exits) mode = WalkTiled;
    else if (below) mode = WalkVmmDirect;
    else mode = regs_q.ctrl[CtrlEptEn] ? WalkNested : WalkNative;
  end

  // ---------------------------------------------------------------- slots
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q   <= '0;
      parked_q   <= '0;
      noinsert_q <= '0;
      covered_q  <= '0;
    end else begin
      if (cover_valid_i) begin
        for (int unsigned i = 0; i < Slots; i++) begin
          if (active_q[i] && (cover_all_i || (cover_ctx_i == ctx_q[i]))) begin
            noinsert_q[i] <= 1'b1;
            covered_q[i]  <= 1'b1;
          end
        end
      end
      if (sel_valid && (sel_step == StepResume)) parked_q[sel_slot] <= 1'b0;
      if (step_valid_q && park) parked_q[slot_q] <= 1'b1;
      if (rsp_valid_o) begin
        active_q[slot_q]  <= 1'b0;
        covered_q[slot_q] <= 1'b0;
      end
      if (begun) begin
        active_q[sel_slot]   <= 1'b1;
        // A walk that starts while an invalidation arrives reads memory after it, but its numbers are old.
        noinsert_q[sel_slot] <= cover_valid_i;
        covered_q[sel_slot]  <= miss_covered_i;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (sel_start) miss_q[sel_slot] <= miss_i;
    if (sel_start) ctx_q[sel_slot] <= miss_i.req.ctx;
    if (step_valid_q) walk_q[slot_q] <= walk_d;
    if (step_valid_q && gpending_we) gpending_q[{slot_q, walk_in.glevel}] <= pending;
    if (step_valid_q && npending_we) npending_q[{slot_q, nested_row(walk_in.buffer, walk_in.nlevel)}] <= pending;
    if (step_valid_q && save) saved_q[slot_q] <= saved;
  end

  assign covered_live_o = |covered_q;
  assign active_o       = active_q;
  always_comb begin
    for (int unsigned i = 0; i < Slots; i++) active_ctx_o[i] = ctx_q[i];
  end
  assign ev_start_o   = step_valid_q && step_start_q;
  assign ev_mode_o    = mode;
  assign ev_restart_o = step_valid_q && restart;
  assign ev_timeout_o = step_valid_q && (step_q == StepFail);
  assign ev_check_o      = step_valid_q && check;
  assign ev_filter_hit_o = step_valid_q && filter_hit;
  assign ev_ctx_o     = step_miss_q.req.ctx;
  assign ev_nested_o  = walk_d.phase == PhNestedRead;
  assign ev_bitmap_o  = walk_d.phase == PhBitmapRead;
  assign ev_cache_hit_o  = to_touch;
  assign ev_cache_miss_o = step_valid_q ? missed : '0;

  logic unused_live;
  assign unused_live = ^{sel_live.bank, sel_live.la57};

  `VMMU_ASSERT(StepEndsOneWay_A, step_valid_q |-> $onehot({mem_valid, park, done}))
  `VMMU_ASSERT(ReplyBelongsToLiveWalk_A,
               mem_rsp_valid_i |-> active_q[SlotWidth'(mem_rsp_i.id)] && !parked_q[SlotWidth'(mem_rsp_i.id)])
  `VMMU_ASSERT(StepBelongsToLiveWalk_A, step_valid_q |-> active_q[slot_q])
endmodule
