`include "vmmu_macros.svh"

// The logging unit: page-modification logging (SDM 28.3.6, PML white paper). A walk reserves room before it
// sets a dirty flag, and hands in the record once the flag is set; records leave one by one in order. The
// index that software reads moves when memory has acknowledged the record.
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
    output logic    walk_full_o,  // the log is full for certain
    output logic    walk_room_o,  // one more record can be reserved now; neither: wait
    input  log_op_e walk_op_i,
    input  logic [FrameWidth-1:0] walk_page_i,
    // registers
    input  logic [Cfg.NumContexts-1:0][FrameWidth-1:0] base_i,       // active PML address, page number
    input  logic [Cfg.NumContexts-1:0][15:0]           watermark_i,
    input  logic [Cfg.NumContexts-1:0]                 old_bank_busy_i,
    input  logic    index_we_i,
    input  logic [CtxWidth-1:0] index_ctx_i,
    input  logic [15:0] index_wdata_i,
    output logic [Cfg.NumContexts-1:0][15:0] index_o,
    output logic [Cfg.NumContexts-1:0]       index_busy_o,  // records are on their way: software waits
    input  logic [Cfg.NumContexts-1:0] error_i,   // LOG_ERROR is pending
    output logic [Cfg.NumContexts-1:0] set_error_o,
    output logic [Cfg.NumContexts-1:0] set_watermark_o,
    output logic [Cfg.NumContexts-1:0] wrote_o,
    output logic [63:0] error_record_o,
    // memory
    output logic     mem_valid_o,
    input  logic     mem_ready_i,
    output mem_req_t mem_req_o,
    input  logic     mem_rsp_valid_i,
    input  logic     mem_rsp_error_i,
    input  logic     mem_quarantined_i
);
  localparam int unsigned CountWidth = $clog2(Cfg.LogQueue + 1);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);

  logic [15:0] index_q [Cfg.NumContexts];
  logic [FrameWidth-1:0] base_q [Cfg.NumContexts];
  logic [CountWidth-1:0] held_q [Cfg.NumContexts];  // reserved or in the queue
  logic [CountWidth-1:0] queued_q [Cfg.NumContexts];  // in the queue
  logic [CountWidth-1:0] held_all_q;

  // ---------------------------------------------------------------- room
  logic [CtxBits-1:0] wctx;
  assign wctx = CtxBits'(walk_ctx_i);
  assign walk_full_o = |index_q[wctx][15:9] || error_i[wctx];
  assign walk_room_o = !walk_full_o && (16'(held_q[wctx]) <= index_q[wctx]) &&
                       (held_all_q < CountWidth'(Cfg.LogQueue));

  // ---------------------------------------------------------------- records
  typedef struct packed {
    logic [CtxWidth-1:0]   ctx;
    logic [FrameWidth-1:0] page;
  } record_t;
  record_t head;
  logic queued, done, unused_full;
  logic [CountWidth-1:0] unused_count;
  vmmu_fifo #(
      .Width($bits(record_t)),
      .Depth(Cfg.LogQueue)
  ) u_records (
      .clk_i,
      .rst_ni,
      .push_i (walk_op_i == LogPush),
      .data_i ({walk_ctx_i, walk_page_i}),
      .pop_i  (done),
      .valid_o(queued),
      .data_o (head),
      .full_o (unused_full),
      .count_o(unused_count)
  );

  logic waiting_q;  // for memory to acknowledge the head
  logic [CtxBits-1:0] hctx;
  assign hctx        = CtxBits'(head.ctx);
  assign done        = waiting_q && mem_rsp_valid_i;
  assign mem_valid_o = queued && !waiting_q && !mem_quarantined_i;
  assign mem_req_o   = '{
      op: MemWrite, id: MemIdWidth'(Cfg.NumWalks), addr: {base_q[hctx], index_q[hctx][8:0], 3'b000},
      wdata: `VMMU_MUT(26, 64'({head.page, 12'd0}), 64'({head.page, 12'd8})), expected: '0
  };

  logic good;
  assign good = done && !mem_rsp_error_i;
  always_comb begin
    set_error_o     = '0;
    set_watermark_o = '0;
    wrote_o         = '0;
    set_error_o[hctx]     = done && mem_rsp_error_i;
    set_watermark_o[hctx] = good && (index_q[hctx] - 16'd1 == watermark_i[hctx]);
    wrote_o[hctx]         = good;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      index_o[c]      = index_q[c];
      // Records that memory keeps unanswered must not hold up the register port.
      index_busy_o[c] = (queued_q[c] != '0) && !mem_quarantined_i;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      waiting_q  <= 1'b0;
      held_all_q <= '0;
      error_record_o <= '0;
      for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
        index_q[c] <= 16'h1ff;
        held_q[c]  <= '0;
        queued_q[c] <= '0;
      end
    end else begin
      if (mem_valid_o && mem_ready_i) waiting_q <= 1'b1;
      else if (mem_rsp_valid_i) waiting_q <= 1'b0;
      held_all_q <= held_all_q + CountWidth'(walk_op_i == LogReserve) - CountWidth'(walk_op_i == LogRelease) -
                    CountWidth'(done);
      for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
        held_q[c] <= held_q[c] + CountWidth'((walk_op_i == LogReserve) && (wctx == CtxBits'(c))) -
                     CountWidth'((walk_op_i == LogRelease) && (wctx == CtxBits'(c))) -
                     CountWidth'(done && (hctx == CtxBits'(c)));
        queued_q[c] <= queued_q[c] + CountWidth'((walk_op_i == LogPush) && (wctx == CtxBits'(c))) -
                       CountWidth'(done && (hctx == CtxBits'(c)));
      end
      if (done && mem_rsp_error_i) error_record_o <= 64'({head.page, 12'd0});
      if (good) index_q[hctx] <= index_q[hctx] - 16'd1;
      if (index_we_i) index_q[CtxBits'(index_ctx_i)] <= index_wdata_i;
    end
  end

  always_ff @(posedge clk_i) begin
    // A log address takes effect when nothing is left to write under the old one.
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
      if ((held_q[c] == '0) && !old_bank_busy_i[c]) base_q[c] <= base_i[c];
    end
  end

  logic unused_ctx;
  assign unused_ctx = ^{walk_ctx_i, index_ctx_i, head.ctx};

  logic held_none;
  assign held_none = held_q[wctx] == '0;
  `VMMU_ASSERT(RoomIsReservedBeforeUse_A, (walk_op_i inside {LogRelease, LogPush}) |-> !held_none)
endmodule
