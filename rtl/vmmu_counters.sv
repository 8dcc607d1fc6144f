`include "vmmu_macros.svh"

// Counters of every context. The events of one source (a request, a walk step, an answer) exclude one another, so
// each source has a RAM of its own with a row per context and event. Only walk cycles add the number of slots in use.
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
    input  logic                at_l1_i,       // and answered beside the L1 by the guest segment
    input  logic                head_i,        // the request at the head of the miss queue was taken
    input  logic                head_answered_i,  // and answered by the segments
    input  logic [1:0]          head_checks_i,
    input  logic [1:0]          head_filter_hits_i,
    input  logic [CtxWidth-1:0] head_ctx_i,
    input  logic                l2_hit_i,      // the L2 answered a request
    input  logic [CtxWidth-1:0] l2_ctx_i,
    input  logic                answer_i,
    input  fault_e              answer_fault_i,
    input  logic [CtxWidth-1:0] answer_ctx_i,
    input  logic                start_i,       // events of the walk step, all of walk_ctx_i
    input  logic                restart_i,
    input  logic                guest_ref_i,
    input  logic                nested_ref_i,
    input  logic                swap_i,
    input  logic                check_i,
    input  logic                filter_hit_i,
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

  // ---------------------------------------------------------------- what happened
  logic accept, answer;
  logic [CtxBits-1:0] accept_ctx, head_ctx, answer_ctx, walk_ctx, pml_ctx, read_ctx;
  assign accept     = accept_i && !freeze_i;
  assign answer     = answer_i && (answer_fault_i != FaultNone) && !freeze_i;
  assign accept_ctx = CtxBits'(accept_ctx_i);
  assign head_ctx   = CtxBits'(head_ctx_i);
  assign answer_ctx = CtxBits'(answer_ctx_i);
  assign walk_ctx   = CtxBits'(walk_ctx_i);
  assign read_ctx   = CtxBits'(read_ctx_i);
  always_comb begin
    pml_ctx = '0;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) if (pml_record_i[c]) pml_ctx = CtxBits'(c);
  end

  // ---------------------------------------------------------------- counts
  logic [CountWidth-1:0] hits, misses, turns, accesses, records, faults, kinds;
  logic [CountWidth-1:0] head_checks, head_filter_hits, head_answers, walk_checks, walk_filter_hits, at_l1, l2_hits;
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_hits (
      .clk_i, .rst_ni, .event_i(accept && hit_i), .row_i(accept_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(hits)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_misses (
      .clk_i, .rst_ni, .event_i(accept && !hit_i), .row_i(accept_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(misses)
  );
  // A walk either starts or starts again; a step makes one memory request at most.
  vmmu_count_ram #(.Rows(2 * Cfg.NumContexts)) u_turns (
      .clk_i, .rst_ni, .event_i((start_i || restart_i) && !freeze_i), .row_i({walk_ctx, restart_i}), .add_i(1'b1),
      .read_row_i({read_ctx, read_index_i == 5'(CntRestarts)}), .read_o(turns)
  );
  vmmu_count_ram #(.Rows(4 * Cfg.NumContexts)) u_accesses (
      .clk_i, .rst_ni, .event_i((guest_ref_i || nested_ref_i || swap_i) && !freeze_i),
      .row_i({walk_ctx, swap_i, nested_ref_i}), .add_i(1'b1),
      .read_row_i({read_ctx, read_index_i == 5'(CntSwaps), read_index_i == 5'(CntNestedRefs)}), .read_o(accesses)
  );
  // Segment checks are made at the head of the miss queue, by walks, and with SegmentAtL1 beside the L1. There a guest
  // segment answers or nothing is counted, because the head checks again.
  vmmu_count_ram #(.Rows(Cfg.NumContexts), .AddWidth(2)) u_head_checks (
      .clk_i, .rst_ni, .event_i(head_i && !freeze_i), .row_i(head_ctx), .add_i(head_checks_i),
      .read_row_i(read_ctx), .read_o(head_checks)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts), .AddWidth(2)) u_head_filter_hits (
      .clk_i, .rst_ni, .event_i(head_i && !freeze_i), .row_i(head_ctx), .add_i(head_filter_hits_i),
      .read_row_i(read_ctx), .read_o(head_filter_hits)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_head_answers (
      .clk_i, .rst_ni, .event_i(head_i && head_answered_i && !freeze_i), .row_i(head_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(head_answers)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_walk_checks (
      .clk_i, .rst_ni, .event_i(check_i && !freeze_i), .row_i(walk_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(walk_checks)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_walk_filter_hits (
      .clk_i, .rst_ni, .event_i(filter_hit_i && !freeze_i), .row_i(walk_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(walk_filter_hits)
  );
  if (Cfg.L2Sets != 0) begin : g_l2
    vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_l2_hits (
        .clk_i, .rst_ni, .event_i(l2_hit_i && !freeze_i), .row_i(CtxBits'(l2_ctx_i)), .add_i(1'b1),
        .read_row_i(read_ctx), .read_o(l2_hits)
    );
  end else begin : g_no_l2
    logic unused_l2;
    assign unused_l2 = l2_hit_i;
    assign l2_hits = '0;
  end
  if (Cfg.SegmentAtL1 != 0) begin : g_at_l1
    vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_at_l1 (
        .clk_i, .rst_ni, .event_i(accept && at_l1_i), .row_i(accept_ctx), .add_i(1'b1),
        .read_row_i(read_ctx), .read_o(at_l1)
    );
  end else begin : g_no_l1
    logic unused_at_l1;
    assign unused_at_l1 = at_l1_i;
    assign at_l1 = '0;
  end
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_records (
      .clk_i, .rst_ni, .event_i((|pml_record_i) && !freeze_i), .row_i(pml_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(records)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_faults (
      .clk_i, .rst_ni, .event_i(answer), .row_i(answer_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(faults)
  );
  vmmu_count_ram #(.Rows(16 * Cfg.NumContexts)) u_kinds (
      .clk_i, .rst_ni, .event_i(answer), .row_i({answer_ctx, answer_fault_i}), .add_i(1'b1),
      .read_row_i({read_ctx, read_index_i[3:0]}), .read_o(kinds)
  );

  // ---------------------------------------------------------------- walk cycles, of every context at once
  // They gather in a few flip-flops; the contexts take turns to hand over what they have.
  localparam int unsigned BurstWidth = CtxBits + ActiveWidth;
  logic [CtxBits-1:0] turn_q;
  logic [Cfg.NumContexts-1:0][BurstWidth-1:0] burst_q;
  logic [CountWidth-1:0] walk_cycles;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) turn_q <= '0;
    else         turn_q <= turn_q + CtxBits'(1);
  end
  for (genvar c = 0; c < Cfg.NumContexts; c++) begin : g_burst
    logic [ActiveWidth-1:0] in_use;
    always_comb begin
      in_use = '0;
      for (int unsigned s = 0; s < Cfg.NumWalks; s++) begin
        in_use = in_use + ActiveWidth'(active_i[s] && (active_ctx_i[s] == CtxWidth'(c)) && !freeze_i);
      end
    end
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) burst_q[c] <= '0;
      else         burst_q[c] <= ((turn_q == CtxBits'(c)) ? '0 : burst_q[c]) + BurstWidth'(in_use);
    end
  end
  vmmu_count_ram #(.Rows(Cfg.NumContexts), .AddWidth(BurstWidth)) u_walk_cycles (
      .clk_i, .rst_ni, .event_i(1'b1), .row_i(turn_q), .add_i(burst_q[turn_q]),
      .read_row_i(read_ctx), .read_o(walk_cycles)
  );

  // Clock cycles are the same for every context.
  logic [CountWidth-1:0] cycles_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) cycles_q <= '0;
    else if (!freeze_i) cycles_q <= cycles_q + CountWidth'(1);
  end

  // ---------------------------------------------------------------- a read
  logic [CountWidth-1:0] one, two, three;  // the answer is their sum
  logic [CountWidth-1:0] total;
  always_comb begin
    one   = '0;
    two   = '0;
    three = '0;
    unique case (read_index_i)
      5'(CntRequests): begin
        one = hits;
        two = misses;
      end
      5'(CntL1Hits):   one = hits;
      5'(CntL1Misses): two = misses;
      5'(CntWalks), 5'(CntRestarts): one = turns;
      5'(CntGuestRefs), 5'(CntNestedRefs), 5'(CntSwaps): one = accesses;
      5'(CntWalkCycles): begin
        one = walk_cycles;
        two = CountWidth'(burst_q[read_ctx]);
      end
      5'(CntPmlRecords): one = records;
      5'(CntFaults):     one = faults;
      5'(CntCycles):     one = cycles_q;
      5'(CntSegChecks): begin
        one   = head_checks;
        two   = walk_checks;
        three = at_l1;
      end
      5'(CntFilterHits): begin
        one = head_filter_hits;
        two = walk_filter_hits;
      end
      5'(CntL2Hits):     one = l2_hits;
      5'(CntSegHits): begin
        one   = head_answers;
        three = at_l1;
      end
      default: if (read_index_i >= 5'(CntFaultKind)) one = kinds;
    endcase
  end
  assign total  = one + two + three;
  assign read_o = 64'(total);

  logic unused_ctx;
  assign unused_ctx = ^{accept_ctx_i, head_ctx_i, l2_ctx_i, answer_ctx_i, walk_ctx_i, read_ctx_i};

  `VMMU_ASSERT(OneTurnOfAWalkInACycle_A, !(start_i && restart_i))
  `VMMU_ASSERT(OneMemoryRequestInACycle_A, $onehot0({guest_ref_i, nested_ref_i, swap_i}))
  `VMMU_ASSERT(OneRecordInACycle_A, $onehot0(pml_record_i))
endmodule
