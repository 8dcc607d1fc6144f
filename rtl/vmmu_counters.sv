`include "vmmu_macros.svh"

// Counters of every context. The events of one source (a request port, a walk step, an answer) exclude one another, so
// each source has a RAM of its own with a row per context and event; what one register tells is the sum of its sources.
// Only walk cycles add the number of slots in use.
module vmmu_counters
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic freeze_i,                             // nothing counts
    input  logic skip_guest_i,                         // contexts with VIRT do not count
    input  logic skip_host_i,                          // those without do not
    input  logic [Cfg.NumContexts-1:0] virt_i,         // VIRT is active now
    // of each request port
    input  logic [Cfg.NumPorts-1:0] accept_i,          // a request was accepted
    input  logic [Cfg.NumPorts-1:0] hit_i,             // and answered by the L1
    input  logic [Cfg.NumPorts-1:0] at_l1_i,           // and answered beside the L1 by the guest segment
    input  logic [Cfg.NumPorts-1:0][CtxWidth-1:0] accept_ctx_i,
    input  logic [Cfg.NumPorts-1:0] answer_i,
    input  fault_e [Cfg.NumPorts-1:0] answer_fault_i,
    input  logic [Cfg.NumPorts-1:0][CtxWidth-1:0] answer_ctx_i,
    // behind the L1
    input  logic                merged_i,              // a request joined a walk that was on its way
    input  logic [CtxWidth-1:0] merged_ctx_i,
    input  logic                head_i,                // the request at the head of the miss queue was taken
    input  logic                head_answered_i,       // and answered by the segments
    input  logic [1:0]          head_checks_i,
    input  logic [1:0]          head_filter_hits_i,
    input  logic [CtxWidth-1:0] head_ctx_i,
    input  logic                l2_hit_i,              // the L2 answered a request
    input  logic                l2_miss_i,             // or let it go on to the walker
    input  logic [CtxWidth-1:0] l2_ctx_i,
    // events of the walk step, all of walk_ctx_i
    input  logic                start_i,
    input  walk_mode_e          mode_i,                // of the walk that starts
    input  logic                restart_i,
    input  logic                guest_ref_i,
    input  logic                nested_ref_i,
    input  logic                swap_i,
    input  logic                bitmap_read_i,
    input  logic                check_i,
    input  logic                filter_hit_i,
    input  logic                ntlb_hit_i,            // the nested TLB translated the address that the step forms
    input  logic                ntlb_miss_i,           // was asked and did not
    input  logic                guest_psc_hit_i,       // structure caches, likewise
    input  logic                guest_psc_miss_i,
    input  logic                nested_psc_hit_i,
    input  logic                nested_psc_miss_i,
    input  logic [CtxWidth-1:0] walk_ctx_i,
    input  logic [Cfg.NumWalks-1:0]                active_i,
    input  logic [Cfg.NumWalks-1:0][CtxWidth-1:0]  active_ctx_i,
    // logs: a record of the context was written, at most one of all in a cycle; a PRL record was dropped
    input  logic [Cfg.NumContexts-1:0] pml_record_i,
    input  logic [Cfg.NumContexts-1:0] prl_record_i,
    input  logic [Cfg.NumContexts-1:0] epml_record_i,
    input  logic [Cfg.NumContexts-1:0] prl_drop_i,     // at most one bit
    // a read
    input  logic [CtxWidth-1:0] read_ctx_i,
    input  logic [5:0]          read_index_i,
    output logic [63:0]         read_o
);
  localparam int unsigned CountWidth = 48;
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  localparam int unsigned ActiveWidth = $clog2(Cfg.NumWalks + 1);
  localparam int unsigned Slots = NumWalkSlotCounters;
  localparam int unsigned SlotBits = $clog2(Slots);

  // ---------------------------------------------------------------- who counts
  logic [Cfg.NumContexts-1:0] counts;
  for (genvar c = 0; c < Cfg.NumContexts; c++) begin : g_filter
    assign counts[c] = !freeze_i && !`VMMU_MUT(250, virt_i[c] ? skip_guest_i : skip_host_i, 1'b0);
  end
  function automatic logic [CtxBits-1:0] ctx_of(logic [Cfg.NumContexts-1:0] one_hot);
    ctx_of = '0;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) if (one_hot[c]) ctx_of = CtxBits'(c);
  endfunction
  logic [CtxBits-1:0] read_ctx;
  assign read_ctx = CtxBits'(read_ctx_i);

  // ---------------------------------------------------------------- request ports
  logic [Cfg.NumPorts-1:0][CountWidth-1:0] hits, misses, at_l1, faults, kinds;
  for (genvar p = 0; p < Cfg.NumPorts; p++) begin : g_port
    logic accept, answer;
    logic [CtxBits-1:0] accept_ctx, answer_ctx;
    assign accept_ctx = CtxBits'(accept_ctx_i[p]);
    assign answer_ctx = CtxBits'(answer_ctx_i[p]);
    assign accept     = accept_i[p] && counts[accept_ctx];
    assign answer     = answer_i[p] && (answer_fault_i[p] != FaultNone) && counts[answer_ctx];
    vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_hits (
        .clk_i, .rst_ni, .event_i(accept && hit_i[p]), .row_i(accept_ctx), .add_i(1'b1),
        .read_row_i(read_ctx), .read_o(hits[p])
    );
    vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_misses (
        .clk_i, .rst_ni, .event_i(accept && !hit_i[p]), .row_i(accept_ctx), .add_i(1'b1),
        .read_row_i(read_ctx), .read_o(misses[p])
    );
    vmmu_count_ram #(.Present(Cfg.SegmentAtL1 != 0), .Rows(Cfg.NumContexts)) u_at_l1 (
        .clk_i, .rst_ni, .event_i(accept && at_l1_i[p]), .row_i(accept_ctx), .add_i(1'b1),
        .read_row_i(read_ctx), .read_o(at_l1[p])
    );
    vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_faults (
        .clk_i, .rst_ni, .event_i(answer), .row_i(answer_ctx), .add_i(1'b1),
        .read_row_i(read_ctx), .read_o(faults[p])
    );
    vmmu_count_ram #(.Rows(16 * Cfg.NumContexts)) u_kinds (
        .clk_i, .rst_ni, .event_i(answer), .row_i({answer_ctx, answer_fault_i[p]}), .add_i(1'b1),
        .read_row_i({read_ctx, read_index_i[3:0]}), .read_o(kinds[p])
    );
    logic unused_ctx;
    assign unused_ctx = ^{accept_ctx_i[p], answer_ctx_i[p]};
  end

  // ---------------------------------------------------------------- behind the L1
  // Segment checks are made at the head of the miss queue, by walks, and with SegmentAtL1 beside the L1. There a guest
  // segment answers or nothing is counted, because the head checks again.
  logic [CtxBits-1:0] head_ctx, l2_ctx, merged_ctx;
  logic head;
  logic [CountWidth-1:0] merged, head_checks, head_filter_hits, head_answers, l2_lookups;
  assign head_ctx   = CtxBits'(head_ctx_i);
  assign l2_ctx     = CtxBits'(l2_ctx_i);
  assign merged_ctx = CtxBits'(merged_ctx_i);
  assign head       = head_i && counts[head_ctx];
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_merged (
      .clk_i, .rst_ni, .event_i(merged_i && counts[merged_ctx]), .row_i(merged_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(merged)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts), .AddWidth(2)) u_head_checks (
      .clk_i, .rst_ni, .event_i(head), .row_i(head_ctx), .add_i(head_checks_i),
      .read_row_i(read_ctx), .read_o(head_checks)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts), .AddWidth(2)) u_head_filter_hits (
      .clk_i, .rst_ni, .event_i(head), .row_i(head_ctx), .add_i(head_filter_hits_i),
      .read_row_i(read_ctx), .read_o(head_filter_hits)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_head_answers (
      .clk_i, .rst_ni, .event_i(head && head_answered_i), .row_i(head_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(head_answers)
  );
  vmmu_count_ram #(.Present(Cfg.L2Sets != 0), .Rows(2 * Cfg.NumContexts)) u_l2_lookups (
      .clk_i, .rst_ni, .event_i((l2_hit_i || l2_miss_i) && counts[l2_ctx]),
      .row_i({l2_ctx, `VMMU_MUT(251, l2_miss_i, 1'b0)}), .add_i(1'b1),
      .read_row_i({read_ctx, read_index_i == 6'(CntL2Misses)}), .read_o(l2_lookups)
  );

  // ---------------------------------------------------------------- walk steps
  // A walk either starts or starts again; a step makes one memory request at most, and asks each cache once.
  logic walking;
  logic [CtxBits-1:0] walk_ctx;
  logic [CountWidth-1:0] turns, modes, accesses, walk_checks, walk_filter_hits, ntlb, guest_psc, nested_psc;
  assign walk_ctx = CtxBits'(walk_ctx_i);
  assign walking  = counts[walk_ctx];
  vmmu_count_ram #(.Rows(2 * Cfg.NumContexts)) u_turns (
      .clk_i, .rst_ni, .event_i((start_i || restart_i) && walking), .row_i({walk_ctx, restart_i}), .add_i(1'b1),
      .read_row_i({read_ctx, read_index_i == 6'(CntRestarts)}), .read_o(turns)
  );
  vmmu_count_ram #(.Rows(8 * Cfg.NumContexts)) u_modes (
      .clk_i, .rst_ni, .event_i(start_i && walking), .row_i({walk_ctx, mode_i}), .add_i(1'b1),
      .read_row_i({read_ctx, 3'(read_index_i - 6'(CntWalkMode))}), .read_o(modes)
  );
  logic [1:0] access, read_access;
  assign access      = {swap_i || bitmap_read_i, nested_ref_i || bitmap_read_i};
  assign read_access = {read_index_i inside {6'(CntSwaps), 6'(CntBitmapReads)},
                        read_index_i inside {6'(CntNestedRefs), 6'(CntBitmapReads)}};
  vmmu_count_ram #(.Rows(4 * Cfg.NumContexts)) u_accesses (
      .clk_i, .rst_ni, .event_i((guest_ref_i || nested_ref_i || swap_i || bitmap_read_i) && walking),
      .row_i({walk_ctx, access}), .add_i(1'b1), .read_row_i({read_ctx, read_access}), .read_o(accesses)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_walk_checks (
      .clk_i, .rst_ni, .event_i(check_i && walking), .row_i(walk_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(walk_checks)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_walk_filter_hits (
      .clk_i, .rst_ni, .event_i(filter_hit_i && walking), .row_i(walk_ctx), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(walk_filter_hits)
  );
  vmmu_count_ram #(.Present((Cfg.NtlbEntries != 0) || (Cfg.NtlbInL2 != 0)), .Rows(2 * Cfg.NumContexts)) u_ntlb (
      .clk_i, .rst_ni, .event_i((ntlb_hit_i || ntlb_miss_i) && walking), .row_i({walk_ctx, ntlb_miss_i}),
      .add_i(1'b1), .read_row_i({read_ctx, read_index_i == 6'(CntNtlbMisses)}), .read_o(ntlb)
  );
  vmmu_count_ram #(.Present(Cfg.PscEntries != 0), .Rows(2 * Cfg.NumContexts)) u_guest_psc (
      .clk_i, .rst_ni, .event_i((guest_psc_hit_i || guest_psc_miss_i) && walking),
      .row_i({walk_ctx, guest_psc_miss_i}), .add_i(1'b1),
      .read_row_i({read_ctx, read_index_i == 6'(CntGuestPscMisses)}), .read_o(guest_psc)
  );
  vmmu_count_ram #(.Present(Cfg.PscEntries != 0), .Rows(2 * Cfg.NumContexts)) u_nested_psc (
      .clk_i, .rst_ni, .event_i((nested_psc_hit_i || nested_psc_miss_i) && walking),
      .row_i({walk_ctx, nested_psc_miss_i}), .add_i(1'b1),
      .read_row_i({read_ctx, read_index_i == 6'(CntNestedPscMisses)}), .read_o(nested_psc)
  );

  // ---------------------------------------------------------------- logs
  logic [Cfg.NumContexts-1:0] record, record_counts, drop_counts;
  logic [1:0] log, read_log;
  logic [CountWidth-1:0] records, drops;
  assign record        = pml_record_i | prl_record_i | epml_record_i;
  assign record_counts = record & counts;
  assign drop_counts   = prl_drop_i & counts;
  assign log           = {|epml_record_i, |prl_record_i};
  assign read_log      = {read_index_i == 6'(CntEpmlRecords), read_index_i == 6'(CntPrlRecords)};
  vmmu_count_ram #(.Rows(4 * Cfg.NumContexts)) u_records (
      .clk_i, .rst_ni, .event_i(|record_counts), .row_i({ctx_of(record), log}), .add_i(1'b1),
      .read_row_i({read_ctx, read_log}), .read_o(records)
  );
  vmmu_count_ram #(.Rows(Cfg.NumContexts)) u_drops (
      .clk_i, .rst_ni, .event_i(|drop_counts), .row_i(ctx_of(prl_drop_i)), .add_i(1'b1),
      .read_row_i(read_ctx), .read_o(drops)
  );

  // ---------------------------------------------------------------- walk cycles, of every context at once
  // They gather in a few flip-flops; the contexts take turns to hand over what they have.
  localparam int unsigned BurstWidth = CtxBits + ActiveWidth;
  logic [CtxBits-1:0] turn_q;
  logic [Cfg.NumContexts-1:0][BurstWidth-1:0] burst_q;
  logic [Cfg.NumContexts-1:0][ActiveWidth-1:0] in_use;
  logic [CountWidth-1:0] walk_cycles;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) turn_q <= '0;
    else         turn_q <= turn_q + CtxBits'(1);
  end
  for (genvar c = 0; c < Cfg.NumContexts; c++) begin : g_burst
    always_comb begin
      in_use[c] = '0;
      for (int unsigned s = 0; s < Cfg.NumWalks; s++) begin
        in_use[c] = in_use[c] + ActiveWidth'(active_i[s] && (active_ctx_i[s] == CtxWidth'(c)) && counts[c]);
      end
    end
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) burst_q[c] <= '0;
      else         burst_q[c] <= ((turn_q == CtxBits'(c)) ? '0 : burst_q[c]) + BurstWidth'(in_use[c]);
    end
  end
  vmmu_count_ram #(.Rows(Cfg.NumContexts), .AddWidth(BurstWidth)) u_walk_cycles (
      .clk_i, .rst_ni, .event_i(1'b1), .row_i(turn_q), .add_i(burst_q[turn_q]),
      .read_row_i(read_ctx), .read_o(walk_cycles)
  );

  // Occupancy: the slots serve all contexts, so it is one histogram for all. The last bar holds what is beyond, too.
  logic [ActiveWidth-1:0] busy_slots;
  logic [SlotBits-1:0] bar;
  logic [CountWidth-1:0] occupancy;
  always_comb begin
    busy_slots = '0;
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) busy_slots = busy_slots + in_use[c];
    bar = (32'(busy_slots) > Slots) ? SlotBits'(Slots - 1) : SlotBits'(32'(busy_slots) - 1);
  end
  vmmu_count_ram #(.Rows(Slots)) u_occupancy (
      .clk_i, .rst_ni, .event_i(busy_slots != '0), .row_i(bar), .add_i(1'b1),
      .read_row_i(SlotBits'(read_index_i - 6'(CntWalkSlots))), .read_o(occupancy)
  );

  // Clock cycles are the same for every context.
  logic [CountWidth-1:0] cycles_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) cycles_q <= '0;
    else if (!freeze_i) cycles_q <= cycles_q + CountWidth'(1);
  end

  // ---------------------------------------------------------------- a read
  logic [CountWidth-1:0] one, two, of_ports;  // the answer is their sum
  logic [CountWidth-1:0] total;
  logic is_kind, is_mode, is_slot;
  assign is_kind = (read_index_i >= 6'(CntFaultKind)) && (read_index_i < 6'(CntFaultKind + 16));
  assign is_mode = (read_index_i >= 6'(CntWalkMode)) && (read_index_i < 6'(CntWalkMode + NumWalkModes));
  assign is_slot = (read_index_i >= 6'(CntWalkSlots)) && (read_index_i < 6'(CntWalkSlots + Slots));
  always_comb begin
    of_ports = '0;
    for (int unsigned p = 0; p < Cfg.NumPorts; p++) begin
      if (read_index_i inside {6'(CntRequests), 6'(CntL1Hits)}) of_ports = of_ports + hits[p];
      if (read_index_i inside {6'(CntRequests), 6'(CntL1Misses)}) of_ports = of_ports + misses[p];
      if (read_index_i inside {6'(CntSegChecks), 6'(CntSegHits)}) of_ports = of_ports + at_l1[p];
      if (read_index_i == 6'(CntFaults)) of_ports = of_ports + faults[p];
      if (is_kind) of_ports = of_ports + kinds[p];
    end
    one = '0;
    two = '0;
    unique case (read_index_i)
      6'(CntWalks), 6'(CntRestarts): one = turns;
      6'(CntGuestRefs), 6'(CntNestedRefs), 6'(CntSwaps), 6'(CntBitmapReads): one = accesses;
      6'(CntWalkCycles): begin
        one = walk_cycles;
        two = CountWidth'(burst_q[read_ctx]);
      end
      6'(CntPmlRecords), 6'(CntPrlRecords), 6'(CntEpmlRecords): one = records;
      6'(CntCycles): one = cycles_q;
      6'(CntSegChecks): begin
        one = head_checks;
        two = walk_checks;
      end
      6'(CntFilterHits): begin
        one = head_filter_hits;
        two = walk_filter_hits;
      end
      6'(CntSegHits):  one = head_answers;
      6'(CntL2Hits), 6'(CntL2Misses): one = l2_lookups;
      6'(CntNtlbHits), 6'(CntNtlbMisses): one = ntlb;
      6'(CntGuestPscHits), 6'(CntGuestPscMisses): one = guest_psc;
      6'(CntNestedPscHits), 6'(CntNestedPscMisses): one = nested_psc;
      6'(CntMerged):   one = merged;
      6'(CntPrlDrops): one = drops;
      default: begin
        if (is_mode) one = modes;
        if (is_slot) one = occupancy;
      end
    endcase
  end
  assign total  = one + two + of_ports;
  assign read_o = 64'(total);

  logic unused_ctx;
  assign unused_ctx = ^{head_ctx_i, l2_ctx_i, merged_ctx_i, walk_ctx_i, read_ctx_i};

  `VMMU_ASSERT(OneTurnOfAWalkInACycle_A, !(start_i && restart_i))
  `VMMU_ASSERT(OneMemoryRequestInACycle_A, $onehot0({guest_ref_i, nested_ref_i, swap_i, bitmap_read_i}))
  `VMMU_ASSERT(OneEndOfAnL2LookupInACycle_A, !(l2_hit_i && l2_miss_i))
  `VMMU_ASSERT(EachCacheAnswersOnce_A, !(ntlb_hit_i && ntlb_miss_i) && !(guest_psc_hit_i && guest_psc_miss_i) &&
                                       !(nested_psc_hit_i && nested_psc_miss_i))
  `VMMU_ASSERT(OneRecordInACycle_A, $onehot0({pml_record_i, prl_record_i, epml_record_i}))
  `VMMU_ASSERT(OneDropInACycle_A, $onehot0(prl_drop_i))
endmodule
