`include "vmmu_macros.svh"

// The memory port: queue, reply routing, watchdog. Ids 0 .. NumWalks-1 are walk slots, id NumWalks is the
// log. An id that got no reply within WatchdogCycles is quarantined until the reply comes, which is dropped.
module vmmu_mem
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    // walker: always taken
    input  logic     walk_valid_i,
    input  logic     walk_keep_time_i,
    input  mem_req_t walk_req_i,
    output logic     walk_rsp_valid_o,
    output mem_rsp_t rsp_o,
    output logic     timeout_valid_o,
    input  logic     timeout_ready_i,
    output logic [MemIdWidth-1:0] timeout_id_o,
    output logic [Cfg.NumWalks-1:0] quarantined_o,
    // log
    input  logic     log_valid_i,
    output logic     log_ready_o,
    input  mem_req_t log_req_i,
    output logic     log_rsp_valid_o,
    output logic     log_rsp_error_o,
    output logic     log_quarantined_o,
    // memory
    output logic     mem_req_valid_o,
    input  logic     mem_req_ready_i,
    output mem_req_t mem_req_o,
    input  logic     mem_rsp_valid_i,
    input  mem_rsp_t mem_rsp_i
);
  localparam int unsigned Ids = Cfg.NumWalks + 1;
  localparam int unsigned IdBits = $clog2(Ids);
  localparam int unsigned LogId = Cfg.NumWalks;

  // ---------------------------------------------------------------- requests
  // Every id has at most one request, so the queue never fills. An empty queue is passed by.
  logic in_valid, queue_valid, queue_push, queue_pop, unused_full;
  mem_req_t in_req, queue_req;
  assign log_ready_o = !walk_valid_i;
  assign in_valid    = walk_valid_i || log_valid_i;
  assign in_req      = walk_valid_i ? walk_req_i : log_req_i;
  assign queue_push  = in_valid && (queue_valid || !mem_req_ready_i);
  assign queue_pop   = queue_valid && mem_req_ready_i;

  logic [$clog2(Ids+1)-1:0] unused_count;
  vmmu_fifo #(
      .Width($bits(mem_req_t)),
      .Depth(Ids)
  ) u_queue (
      .clk_i,
      .rst_ni,
      .push_i (queue_push),
      .data_i (in_req),
      .pop_i  (queue_pop),
      .valid_o(queue_valid),
      .data_o (queue_req),
      .full_o (unused_full),
      .count_o(unused_count)
  );
  assign mem_req_valid_o = queue_valid || in_valid;
  assign mem_req_o       = queue_valid ? queue_req : in_req;

  // ---------------------------------------------------------------- replies and the watchdog
  logic [Ids-1:0] busy_q, quarantined_q, expired;
  logic [IdBits-1:0] rsp_id, in_id;
  logic rsp_good;
  assign rsp_id   = IdBits'(mem_rsp_i.id);
  assign in_id    = IdBits'(in_req.id);
  assign rsp_good = mem_rsp_valid_i && !`VMMU_MUT(128, quarantined_q[rsp_id], 1'b0);
  assign rsp_o    = mem_rsp_i;
  assign walk_rsp_valid_o = rsp_good && (rsp_id != IdBits'(LogId));

  logic log_expired;
  assign log_expired       = expired[LogId] && !mem_rsp_valid_i;
  assign log_rsp_valid_o   = (rsp_good && (rsp_id == IdBits'(LogId))) || log_expired;
  assign log_rsp_error_o   = log_expired || mem_rsp_i.error;
  assign log_quarantined_o = quarantined_q[LogId];
  assign quarantined_o     = quarantined_q[LogId-1:0];

  always_comb begin
    timeout_valid_o = 1'b0;
    timeout_id_o    = '0;
    for (int unsigned i = 0; i < LogId; i++) begin
      if (expired[i]) begin
        timeout_valid_o = 1'b1;
        timeout_id_o    = MemIdWidth'(i);
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q        <= '0;
      quarantined_q <= '0;
    end else begin
      if (mem_rsp_valid_i) begin
        busy_q[rsp_id]        <= 1'b0;
        quarantined_q[rsp_id] <= 1'b0;
      end
      if (timeout_valid_o && timeout_ready_i) begin
        busy_q[IdBits'(timeout_id_o)]        <= 1'b0;
        quarantined_q[IdBits'(timeout_id_o)] <= 1'b1;
      end
      if (log_expired) begin
        busy_q[LogId]        <= 1'b0;
        quarantined_q[LogId] <= 1'b1;
      end
      if (in_valid) busy_q[in_id] <= 1'b1;
    end
  end

  if (Cfg.WatchdogCycles != 0) begin : g_watchdog
    localparam int unsigned TimeWidth = $clog2(Cfg.WatchdogCycles + 1);
    logic [TimeWidth-1:0] time_q [Ids];
    always_ff @(posedge clk_i) begin
      for (int unsigned i = 0; i < Ids; i++) begin
        if (in_valid && (in_id == IdBits'(i)) && !(walk_valid_i && walk_keep_time_i)) time_q[i] <= '0;
        else if (!expired[i]) time_q[i] <= time_q[i] + TimeWidth'(1);
      end
    end
    always_comb begin
      for (int unsigned i = 0; i < Ids; i++) begin
        expired[i] = busy_q[i] && (time_q[i] >= TimeWidth'(Cfg.WatchdogCycles));
      end
    end
  end else begin : g_no_watchdog
    logic unused_keep;
    assign unused_keep = walk_keep_time_i;
    assign expired = '0;
  end

  `VMMU_ASSERT(ReplyWasAskedFor_A, mem_rsp_valid_i |-> busy_q[rsp_id] || quarantined_q[rsp_id])
  `VMMU_ASSERT(RequestIdIsFree_A, in_valid |-> !busy_q[in_id] && !quarantined_q[in_id])
endmodule
