`include "vmmu_macros.svh"

// The logging unit: page-modification logging (SDM 28.3.6, PML white paper), the guest's own log (EPML) and the
// page-reference log (PRL). A walk reserves room before it sets a dirty flag and hands in the record once the flag is
// set. PRL records come with answers and reserve nothing: one without room is dropped and counted. Records leave one by
// one in order. The index that software reads moves when memory has acknowledged the record.
//
// One entry of the queue holds what one step has to log: up to a record for each log, written in the order PML, EPML,
// PRL. Held room counts twice: against the index of the log, and against the queue. The last place of the queue is for
// PML alone, because a walk that holds room for EPML may have to wait for room for PML, and the last but one is not for
// PRL, whose records may come without end.
module vmmu_log
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic    clk_i,
    input  logic    rst_ni,
    // walker
    input  logic [CtxWidth-1:0] walk_ctx_i,
    output log_room_t walk_pml_o,
    output log_room_t walk_epml_o,
    output logic [8:0] walk_slot_o,   // of the EPML record for which room is asked now
    input  log_ops_t walk_ops_i,
    input  log_record_t walk_record_i,
    // answers without a walk, for PRL; one at a time
    input  logic    early_valid_i,
    input  logic [CtxWidth-1:0] early_ctx_i,
    input  logic [FrameWidth-1:0] early_page_i,
    // registers
    input  log_set_t [Cfg.NumContexts-1:0] active_i,
    input  logic [Cfg.NumContexts-1:0] old_bank_busy_i,
    input  logic [CtxWidth-1:0] reg_ctx_i,
    input  logic        reg_guest_i,
    input  logic [11:0] reg_offset_i,
    input  logic        reg_access_i,  // of a register that is known, held until it does not wait
    input  logic        reg_we_i,      // it is written now
    input  logic [63:0] reg_wdata_i,
    output logic        reg_known_o,   // the offset is one of the live registers here
    output logic        reg_wait_o,    // records before the access are on their way
    output logic [63:0] reg_rdata_o,   // 0 when not known
    input  logic [Cfg.NumContexts-1:0] error_i,   // LOG_ERROR is pending
    output log_events_t [Cfg.NumContexts-1:0] events_o,
    output logic [63:0] error_record_o,
    // memory
    output logic     mem_valid_o,
    input  logic     mem_ready_i,
    output mem_req_t mem_req_o,
    input  logic     mem_rsp_valid_i,
    input  logic     mem_rsp_error_i,
    input  logic     mem_quarantined_i
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  localparam int unsigned CtxBits = $clog2(Contexts);
  localparam int unsigned CountWidth = $clog2(Cfg.LogQueue + 1);
  localparam logic [15:0] ResetIndex = 16'h1ff;

  logic [15:0] pml_index_q [Contexts];
  logic [15:0] epml_index_q [Contexts];
  logic [15:0] prl_index_q [Contexts];
  logic [CountWidth-1:0] pml_held_q [Contexts];   // reserved or in the queue
  logic [CountWidth-1:0] epml_held_q [Contexts];
  logic [CountWidth-1:0] held_q;                  // places of the queue, taken or reserved
  logic [Contexts-1:0] pml_error_q, epml_error_q, prl_error_q;  // whose LOG_ERROR it is
  logic [FrameWidth-1:0] pml_base_q [Contexts];
  logic [FrameWidth-1:0] prl_base_q [Contexts];
  logic [FrameWidth-1:0] prl_base2_q [Contexts];
  logic [CountWidth-1:0] prl_queued_q [Contexts];  // in the queue
  logic [Contexts-1:0] prl_moves;                  // its pages are others now, but not yet here
  logic [1:0] prl_full_q [Contexts];
  logic [Contexts-1:0] prl_second_q;              // the second buffer is in use
  logic [31:0] prl_drops_q [Contexts];

  // ---------------------------------------------------------------- room
  logic [CtxBits-1:0] wctx;
  logic place_free, place_for_epml, place_for_prl;
  assign wctx       = CtxBits'(walk_ctx_i);
  assign place_free     = held_q < CountWidth'(Cfg.LogQueue);
  assign place_for_epml = held_q < CountWidth'(Cfg.LogQueue - 1);
  assign place_for_prl  = held_q < CountWidth'(Cfg.LogQueue - 2);
  always_comb begin
    walk_pml_o.full  = (|pml_index_q[wctx][15:9]) || (pml_error_q[wctx] && error_i[wctx]);
    walk_pml_o.room  = !walk_pml_o.full && (16'(pml_held_q[wctx]) <= pml_index_q[wctx]) && place_free;
    walk_epml_o.full = (|epml_index_q[wctx][15:9]) || (epml_error_q[wctx] && error_i[wctx]);
    walk_epml_o.room = !walk_epml_o.full && (16'(epml_held_q[wctx]) <= epml_index_q[wctx]) &&
                       place_for_epml;
    walk_slot_o      = epml_index_q[wctx][8:0] - 9'(epml_held_q[wctx]);
  end

  // ---------------------------------------------------------------- what comes in
  typedef struct packed {
    logic [CtxWidth-1:0] ctx;
    logic                pml;
    logic                epml;
    logic                prl;
    log_record_t         record;
  } entry_t;
  entry_t entering, head;
  logic pushes, walk_logs, walk_any, walk_drop, early_push, early_drop, queued, last_done, unused_full;
  logic early_q;  // a record of an answer without a walk waits for a cycle in which the walker needs nothing
  logic [CtxBits-1:0] early_ctx_q;
  logic [FrameWidth-1:0] early_page_q;
  logic [CountWidth-1:0] count;
  assign walk_logs  = (walk_ops_i.pml == LogPush) || (walk_ops_i.epml == LogPush);
  assign walk_any   = (walk_ops_i.pml != LogNone) || (walk_ops_i.epml != LogNone) || walk_ops_i.prl;
  assign walk_drop  = walk_ops_i.prl && (prl_moves[wctx] || (!walk_logs && !place_for_prl));
  assign early_push = early_q && !walk_any && place_for_prl && !prl_moves[early_ctx_q];
  assign early_drop = early_valid_i && early_q && !early_push;
  assign pushes     = early_push || walk_logs || (walk_ops_i.prl && !walk_drop);
  always_comb begin
    entering = '{
        ctx: walk_ctx_i, pml: walk_ops_i.pml == LogPush, epml: walk_ops_i.epml == LogPush, prl: walk_ops_i.prl && !walk_drop,
        record: walk_record_i
    };
    if (early_push) begin
      entering = '0;
      entering.ctx             = CtxWidth'(early_ctx_q);
      entering.prl             = 1'b1;
      entering.record.gpa_page = early_page_q;
    end
  end
  vmmu_fifo #(
      .Width($bits(entry_t)),
      .Depth(Cfg.LogQueue)
  ) u_entries (
      .clk_i,
      .rst_ni,
      .push_i (pushes),
      .data_i (entering),
      .pop_i  (last_done),
      .valid_o(queued),
      .data_o (head),
      .full_o (unused_full),
      .count_o(count)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) early_q <= 1'b0;
    else early_q <= early_valid_i || (early_q && !early_push);
  end
  always_ff @(posedge clk_i) begin
    if (early_valid_i && !early_drop) begin
      early_ctx_q  <= CtxBits'(early_ctx_i);
      early_page_q <= early_page_i;
    end
  end

  // ---------------------------------------------------------------- the head, record by record
  logic waiting_q;           // for memory to acknowledge the record
  logic pml_gone_q, epml_gone_q;  // records of the head that are done
  logic [CtxBits-1:0] hctx;
  log_set_t set;
  logic is_pml, is_epml, is_prl;
  assign hctx    = CtxBits'(head.ctx);
  assign set     = active_i[hctx];
  assign is_pml  = queued && head.pml && !pml_gone_q;
  assign is_epml = queued && head.epml && !epml_gone_q && !is_pml;
  assign is_prl  = queued && head.prl && !is_pml && !is_epml;

  logic reg_moves;  // software writes one of the live registers: nothing starts from the old value
  // PRL as published leaves slot 0 alone; with two buffers all slots count.
  logic prl_second, prl_closed, prl_room, prl_drop;
  assign prl_second = set.prl_double && prl_second_q[hctx];
  assign prl_closed = prl_error_q[hctx] && error_i[hctx];
  assign prl_room   = !prl_closed && (prl_index_q[hctx][15:9] == '0) &&
                      (set.prl_double ? !(&prl_full_q[hctx]) : (prl_index_q[hctx] != '0));
  assign prl_drop   = is_prl && !waiting_q && !prl_room && !reg_moves;

  logic done, good, bad;  // memory has answered
  assign done        = waiting_q && mem_rsp_valid_i;
  assign good        = done && !mem_rsp_error_i;
  assign bad         = done && mem_rsp_error_i;
  assign mem_valid_o = (is_pml || is_epml || (is_prl && prl_room)) && !waiting_q && !mem_quarantined_i && !reg_moves;
  assign last_done   = (is_prl && (done || prl_drop)) || (is_epml && done && !head.prl) ||
                       (is_pml && done && !head.prl && !head.epml);

  logic [FrameWidth-1:0] buffer;
  logic [15:0] index;
  logic [63:0] record;
  always_comb begin
    buffer = prl_second ? prl_base2_q[hctx] : prl_base_q[hctx];
    index  = prl_index_q[hctx];
    record = 64'({head.record.gpa_page, 12'd0});
    if (is_epml) begin
      buffer = head.record.buffer;
      index  = epml_index_q[hctx];
      record = {head.record.gva_page, 12'd0};
    end
    if (is_pml) begin
      buffer = pml_base_q[hctx];
      index  = pml_index_q[hctx];
    end
  end
  assign mem_req_o = '{
      op: MemWrite, id: MemIdWidth'(Cfg.NumWalks), addr: {buffer, index[8:0], 3'b000},
      wdata: `VMMU_MUT(26, record, record | 64'd8), expected: '0
  };

  // ---------------------------------------------------------------- registers
  logic [CtxBits-1:0] rctx;
  logic at_pml, at_prl, at_drops, at_status, at_epml;
  assign rctx      = CtxBits'(reg_ctx_i);
  assign at_pml    = !reg_guest_i && (reg_offset_i == RegPmlIndex);
  assign at_prl    = !reg_guest_i && (reg_offset_i == RegPrlIndex) && (Cfg.Prl != 0);
  assign at_drops  = !reg_guest_i && (reg_offset_i == RegPrlDrops) && (Cfg.Prl != 0);
  assign at_status = !reg_guest_i && (reg_offset_i == RegPrlStatus) && (Cfg.Prl != 0);
  assign at_epml   = reg_guest_i && (reg_offset_i == RegEpmlIndex) && (Cfg.Epml != 0);
  assign reg_known_o = at_pml || at_prl || at_drops || at_status || at_epml;
  assign reg_moves   = reg_we_i && reg_known_o;
  always_comb begin
    reg_rdata_o = '0;
    if (at_pml) reg_rdata_o = 64'(pml_index_q[rctx]);
    if (at_prl) reg_rdata_o = 64'(prl_index_q[rctx]);
    if (at_drops) reg_rdata_o = 64'(prl_drops_q[rctx]);
    if (at_status) reg_rdata_o = 64'({prl_full_q[rctx], prl_second_q[rctx]});
    if (at_epml) reg_rdata_o = 64'(epml_index_q[rctx]);
  end

  // An access waits for the records that are queued when it comes, and not for those that come after it. Records that
  // memory keeps unanswered must not hold up the register port.
  logic seen_q;
  logic [CountWidth-1:0] ahead_q, ahead;
  assign ahead      = seen_q ? ahead_q : count;
  assign reg_wait_o = `VMMU_MUT(272, (ahead != '0) && !mem_quarantined_i, 1'b0);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) seen_q <= 1'b0;
    else seen_q <= reg_access_i && reg_wait_o;
  end
  always_ff @(posedge clk_i) ahead_q <= ahead - CountWidth'(last_done && (ahead != '0));

  // ---------------------------------------------------------------- events
  logic prl_wraps;  // the buffer's last slot was written
  logic [Contexts-1:0] counted;  // a dropped record is, see below
  assign prl_wraps = is_prl && good && set.prl_double && (prl_index_q[hctx] == '0);
  always_comb begin
    events_o = '0;
    events_o[hctx].error          = bad;
    events_o[hctx].pml_record     = is_pml && good;
    events_o[hctx].pml_watermark  = is_pml && good && (pml_index_q[hctx] - 16'd1 == set.pml_watermark);
    events_o[hctx].epml_record    = is_epml && good;
    events_o[hctx].epml_watermark = is_epml && good && (epml_index_q[hctx] - 16'd1 == set.epml_watermark);
    events_o[hctx].prl_record     = is_prl && good;
    events_o[hctx].prl_watermark  = is_prl && good && (prl_index_q[hctx] - 16'd1 == set.prl_watermark);
    events_o[hctx].prl_full       = prl_wraps ||
        (prl_drop && !prl_closed && !set.prl_double && !prl_full_q[hctx][0]);
    for (int unsigned c = 0; c < Contexts; c++) events_o[c].prl_drop = counted[c];
  end

  // Several records may be dropped in a cycle; the counters of the MMU take one event at a time.
  logic [1:0] dropped [Contexts];
  logic [7:0] uncounted_q [Contexts];
  always_comb begin
    counted = '0;
    for (int unsigned c = 0; c < Contexts; c++) begin
      dropped[c] = 2'(prl_drop && (hctx == CtxBits'(c))) + 2'(walk_drop && (wctx == CtxBits'(c))) +
                   2'(early_drop && (CtxBits'(early_ctx_i) == CtxBits'(c)));
      counted[c] = (uncounted_q[c] != '0) && (counted == '0);
    end
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned c = 0; c < Contexts; c++) uncounted_q[c] <= '0;
    end else begin
      for (int unsigned c = 0; c < Contexts; c++) uncounted_q[c] <= uncounted_q[c] + 8'(dropped[c]) - 8'(counted[c]);
    end
  end

  // ---------------------------------------------------------------- state
  function automatic logic [CountWidth-1:0] held_change(log_op_e op, logic mine, logic gone);
    return CountWidth'((op == LogReserve) && mine) - CountWidth'((op == LogRelease) && mine) - CountWidth'(gone);
  endfunction
  logic [CountWidth-1:0] walk_places;  // that the walker takes, modulo the width: it may be less than none
  assign walk_places = held_change(walk_ops_i.pml, 1'b1, 1'b0) + held_change(walk_ops_i.epml, 1'b1, 1'b0) -
      CountWidth'((walk_ops_i.pml == LogPush) && (walk_ops_i.epml == LogPush)) +
      CountWidth'(walk_ops_i.prl && !walk_logs && !walk_drop);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      waiting_q      <= 1'b0;
      pml_gone_q     <= 1'b0;
      epml_gone_q    <= 1'b0;
      held_q         <= '0;
      error_record_o <= '0;
      pml_error_q    <= '0;
      epml_error_q   <= '0;
      prl_error_q    <= '0;
      for (int unsigned c = 0; c < Contexts; c++) begin
        pml_index_q[c]  <= ResetIndex;
        epml_index_q[c] <= ResetIndex;
        pml_held_q[c]   <= '0;
        epml_held_q[c]  <= '0;
      end
    end else begin
      if (mem_valid_o && mem_ready_i) waiting_q <= 1'b1;
      else if (mem_rsp_valid_i) waiting_q <= 1'b0;
      pml_gone_q  <= !last_done && (pml_gone_q || (is_pml && done));
      epml_gone_q <= !last_done && (epml_gone_q || (is_epml && done));
      held_q      <= held_q + walk_places + CountWidth'(early_push) - CountWidth'(last_done);
      for (int unsigned c = 0; c < Contexts; c++) begin
        pml_held_q[c]  <= pml_held_q[c] + held_change(walk_ops_i.pml, wctx == CtxBits'(c),
                                                      is_pml && done && (hctx == CtxBits'(c)));
        epml_held_q[c] <= epml_held_q[c] + held_change(walk_ops_i.epml, wctx == CtxBits'(c),
                                                       is_epml && done && (hctx == CtxBits'(c)));
      end
      pml_error_q  <= pml_error_q & error_i;
      epml_error_q <= epml_error_q & error_i;
      prl_error_q  <= prl_error_q & error_i;
      if (bad) begin
        error_record_o <= record;
        if (is_pml) pml_error_q[hctx] <= 1'b1;
        if (is_epml) epml_error_q[hctx] <= 1'b1;
        if (is_prl) prl_error_q[hctx] <= 1'b1;
      end
      if (is_pml && good) pml_index_q[hctx] <= pml_index_q[hctx] - 16'd1;
      if (is_epml && good) epml_index_q[hctx] <= epml_index_q[hctx] - 16'd1;
      if (reg_we_i && at_pml) pml_index_q[rctx] <= reg_wdata_i[15:0];
      if (reg_we_i && at_epml) epml_index_q[rctx] <= reg_wdata_i[15:0];
    end
  end

  if (Cfg.Prl != 0) begin : g_prl
    // New records find no room until the last one for the older pages is written, so that this comes to an end.
    always_comb begin
      for (int unsigned c = 0; c < Contexts; c++) begin
        prl_moves[c] = !old_bank_busy_i[c] && ((prl_base_q[c] != active_i[c].prl_base) ||
                                               (prl_base2_q[c] != active_i[c].prl_base2));
      end
    end
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        for (int unsigned c = 0; c < Contexts; c++) prl_queued_q[c] <= '0;
      end else begin
        for (int unsigned c = 0; c < Contexts; c++) begin
          prl_queued_q[c] <= prl_queued_q[c] + CountWidth'(entering.prl && pushes && (CtxBits'(entering.ctx) == CtxBits'(c))) -
                             CountWidth'(is_prl && last_done && (hctx == CtxBits'(c)));
        end
      end
    end

    logic [32:0] drops [Contexts];
    always_comb begin
      for (int unsigned c = 0; c < Contexts; c++) drops[c] = 33'(prl_drops_q[c]) + 33'(dropped[c]);
    end
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        prl_second_q <= '0;
        for (int unsigned c = 0; c < Contexts; c++) begin
          prl_index_q[c] <= ResetIndex;
          prl_full_q[c]  <= '0;
          prl_drops_q[c] <= '0;
        end
      end else begin
        for (int unsigned c = 0; c < Contexts; c++) prl_drops_q[c] <= drops[c][32] ? '1 : drops[c][31:0];
        if (events_o[hctx].prl_full) prl_full_q[hctx][prl_second] <= 1'b1;
        if (is_prl && good) prl_index_q[hctx] <= prl_index_q[hctx] - 16'd1;
        if (prl_wraps && !prl_full_q[hctx][!prl_second]) begin
          prl_second_q[hctx] <= !prl_second;
          prl_index_q[hctx]  <= ResetIndex;
        end
        if (reg_we_i && at_prl) begin
          prl_index_q[rctx] <= reg_wdata_i[15:0];
          if (!active_i[rctx].prl_double) prl_full_q[rctx][0] <= 1'b0;
        end
        if (reg_we_i && at_drops) prl_drops_q[rctx] <= '0;
        if (reg_we_i && at_status) begin
          prl_full_q[rctx] <= prl_full_q[rctx] & ~reg_wdata_i[2:1];
          // Both were full: the one that is armed again is used next; of both the one that was full first.
          if (active_i[rctx].prl_double && (&prl_full_q[rctx]) && (|reg_wdata_i[2:1])) begin
            prl_second_q[rctx] <= (&reg_wdata_i[2:1]) ? !prl_second_q[rctx] : reg_wdata_i[2];
            prl_index_q[rctx]  <= ResetIndex;
          end
        end
      end
    end
  end else begin : g_no_prl
    always_comb begin
      prl_second_q = '0;
      prl_moves    = '0;
      for (int unsigned c = 0; c < Contexts; c++) begin
        prl_index_q[c] = '0;
        prl_full_q[c]  = '0;
        prl_drops_q[c] = '0;
        prl_queued_q[c] = '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    // A log address takes effect when nothing is left to write under the old one.
    for (int unsigned c = 0; c < Contexts; c++) begin
      if ((pml_held_q[c] == '0) && !old_bank_busy_i[c]) pml_base_q[c] <= active_i[c].pml_base;
      if ((prl_queued_q[c] == '0) && !old_bank_busy_i[c]) begin
        prl_base_q[c]  <= active_i[c].prl_base;
        prl_base2_q[c] <= active_i[c].prl_base2;
      end
    end
  end

  logic unused_bits;
  assign unused_bits = ^{walk_ctx_i, early_ctx_i, reg_ctx_i, head.ctx, reg_wdata_i, set, index};

  logic pml_none, epml_none;
  assign pml_none  = pml_held_q[wctx] == '0;
  assign epml_none = epml_held_q[wctx] == '0;
  `VMMU_ASSERT(PmlRoomIsReservedBeforeUse_A, (walk_ops_i.pml inside {LogRelease, LogPush}) |-> !pml_none)
  `VMMU_ASSERT(EpmlRoomIsReservedBeforeUse_A, (walk_ops_i.epml inside {LogRelease, LogPush}) |-> !epml_none)
  `VMMU_ASSERT(QueueHoldsWhatIsReserved_A, held_q <= CountWidth'(Cfg.LogQueue))
endmodule
