// Counters of every context. Each counts at most one event a cycle, except walk cycles, which add the
// number of slots in use. The counts stand in RAM. Events gather in a few flip-flops per counter, and a sweep that
// visits one counter a cycle adds them up; a read adds what has not been added yet, so that it is exact.
module vmmu_counters
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic freeze_i,
    input  logic                accept_i,      // a request was accepted
    input  logic                hit_i,         // and answered by the L1
    input  logic [CtxWidth-1:0] accept_ctx_i,
    input  logic                answer_i,
    input  fault_e              answer_fault_i,
    input  logic [CtxWidth-1:0] answer_ctx_i,
    input  logic                start_i,       // events of the walk step, all of walk_ctx_i
    input  logic                restart_i,
    input  logic                guest_ref_i,
    input  logic                nested_ref_i,
    input  logic                swap_i,
    input  logic [CtxWidth-1:0] walk_ctx_i,
    input  logic [Cfg.NumWalks-1:0]                active_i,
    input  logic [Cfg.NumWalks-1:0][CtxWidth-1:0]  active_ctx_i,
    input  logic [Cfg.NumContexts-1:0]             pml_record_i,
    input  logic [CtxWidth-1:0] read_ctx_i,
    input  logic [4:0]          read_index_i,
    output logic [63:0]         read_o
);
  localparam int unsigned CountWidth = 48;
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  localparam int unsigned ActiveWidth = $clog2(Cfg.NumWalks + 1);
  localparam int unsigned Rows = Cfg.NumContexts * NumCounters;  // row {context, counter}
  localparam int unsigned RowBits = $clog2(Rows);
  localparam int unsigned RecentWidth = RowBits + 1;             // one event a cycle, Rows cycles between two visits
  localparam int unsigned BurstWidth = RowBits + ActiveWidth;    // walk cycles: up to NumWalks a cycle

  // ---------------------------------------------------------------- the sweep
  // One cycle takes what gathered in a row, the next adds it. The first sweep clears the RAM.
  logic [CountWidth-1:0] count_q [Rows];
  logic [RowBits-1:0] row_q, add_row_q;
  logic cleared_q, add_valid_q, add_first_q;
  logic [BurstWidth-1:0] add_q;
  logic [CountWidth-1:0] old_q;
  logic [Rows-1:0][BurstWidth-1:0] recent;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      row_q       <= '0;
      cleared_q   <= 1'b0;
      add_valid_q <= 1'b0;
    end else begin
      row_q       <= row_q + RowBits'(1);
      add_valid_q <= 1'b1;
      if (&row_q) cleared_q <= 1'b1;
    end
  end
  always_ff @(posedge clk_i) begin
    add_row_q   <= row_q;
    add_first_q <= !cleared_q;
    add_q       <= recent[row_q];
    old_q       <= count_q[row_q];
    if (add_valid_q) count_q[add_row_q] <= (add_first_q ? '0 : old_q) + CountWidth'(add_q);
  end

  // ---------------------------------------------------------------- events
  for (genvar c = 0; c < Cfg.NumContexts; c++) begin : g_ctx
    logic [NumCounters-1:0] event_now;
    logic accepts, answers, walks;
    logic [ActiveWidth-1:0] in_use;
    assign accepts = accept_i && (accept_ctx_i == CtxWidth'(c));
    assign answers = answer_i && (answer_ctx_i == CtxWidth'(c));
    assign walks   = walk_ctx_i == CtxWidth'(c);
    always_comb begin
      event_now = '0;
      event_now[CntRequests]   = accepts;
      event_now[CntL1Hits]     = accepts && hit_i;
      event_now[CntL1Misses]   = accepts && !hit_i;
      event_now[CntWalks]      = walks && start_i;
      event_now[CntGuestRefs]  = walks && guest_ref_i;
      event_now[CntNestedRefs] = walks && nested_ref_i;
      event_now[CntSwaps]      = walks && swap_i;
      event_now[CntRestarts]   = walks && restart_i;
      event_now[CntPmlRecords] = pml_record_i[c];
      event_now[CntFaults]     = answers && (answer_fault_i != FaultNone);
      for (int unsigned k = 1; k < 16; k++) event_now[CntFaultKind + k] = answers && (answer_fault_i == fault_e'(k));
      in_use = '0;
      for (int unsigned s = 0; s < Cfg.NumWalks; s++) begin
        in_use = in_use + ActiveWidth'(active_i[s] && (active_ctx_i[s] == CtxWidth'(c)));
      end
    end

    // Events since the sweep was here.
    logic [RecentWidth-1:0] recent_q [NumCounters];
    logic [BurstWidth-1:0]  burst_q;
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        burst_q <= '0;
        for (int unsigned n = 0; n < NumCounters; n++) recent_q[n] <= '0;
      end else begin
        for (int unsigned n = 0; n < NumCounters; n++) begin
          recent_q[n] <= ((row_q == RowBits'(c * NumCounters + n)) ? '0 : recent_q[n]) +
                         RecentWidth'(event_now[n] && !freeze_i);
        end
        burst_q <= ((row_q == RowBits'(c * NumCounters + CntWalkCycles)) ? '0 : burst_q) +
                   (freeze_i ? '0 : BurstWidth'(in_use));
      end
    end
    for (genvar n = 0; n < NumCounters; n++) begin : g_recent
      assign recent[c * NumCounters + n] = (n == CntWalkCycles) ? burst_q : BurstWidth'(recent_q[n]);
    end
  end

  // Clock cycles are the same for every context.
  logic [CountWidth-1:0] cycles_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) cycles_q <= '0;
    else if (!freeze_i) cycles_q <= cycles_q + CountWidth'(1);
  end

  // ---------------------------------------------------------------- a read
  logic [RowBits-1:0] read_row;
  logic [CountWidth-1:0] counted, adding, total;
  assign read_row = {CtxBits'(read_ctx_i), read_index_i};
  always_comb begin
    // Rows that the first sweep has not reached hold nothing yet.
    counted = (cleared_q || (read_row < row_q)) ? count_q[read_row] : '0;
    adding  = '0;
    if (add_valid_q && (add_row_q == read_row)) begin
      counted = add_first_q ? '0 : old_q;
      adding  = CountWidth'(add_q);
    end
    total = counted + adding + CountWidth'(recent[read_row]);
    if (read_index_i == 5'(CntCycles)) total = cycles_q;
  end
  assign read_o = 64'(total);

  logic unused_ctx;
  assign unused_ctx = ^read_ctx_i;
endmodule
