// Counters of every context. Each counts at most one event a cycle, except walk cycles, which add the
// number of slots in use.
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

  logic [CountWidth-1:0] count_q [Cfg.NumContexts][NumCounters];

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
      event_now[CntCycles]     = 1'b1;
      for (int unsigned k = 1; k < 16; k++) event_now[CntFaultKind + k] = answers && (answer_fault_i == fault_e'(k));
      in_use = '0;
      for (int unsigned s = 0; s < Cfg.NumWalks; s++) begin
        in_use = in_use + ActiveWidth'(active_i[s] && (active_ctx_i[s] == CtxWidth'(c)));
      end
    end
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        for (int unsigned n = 0; n < NumCounters; n++) count_q[c][n] <= '0;
      end else if (!freeze_i) begin
        for (int unsigned n = 0; n < NumCounters; n++) begin
          if (event_now[n]) count_q[c][n] <= count_q[c][n] + CountWidth'(1);
        end
        count_q[c][CntWalkCycles] <= count_q[c][CntWalkCycles] + CountWidth'(in_use);
      end
    end
  end

  assign read_o = 64'(count_q[CtxBits'(read_ctx_i)][read_index_i]);

  logic unused_ctx;
  assign unused_ctx = ^read_ctx_i;
endmodule
