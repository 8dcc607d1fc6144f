`include "vmmu_macros.svh"

// The MMU: wiring only. Ports and handshakes: docs/interface.md.
module vmmu_top
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
  import vmmu_h3_pkg::*;
#(
    parameter int unsigned Preset = PresetServer,
    parameter cfg_t Cfg = preset_cfg(Preset)
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    // translation requests: accepted when valid and ready; never withdrawn
    input  logic [Cfg.NumPorts-1:0] req_valid_i,
    output logic [Cfg.NumPorts-1:0] req_ready_o,
    input  req_t [Cfg.NumPorts-1:0] req_i,
    output logic [Cfg.NumPorts-1:0] rsp_valid_o,
    input  logic [Cfg.NumPorts-1:0] rsp_ready_i,
    output rsp_t [Cfg.NumPorts-1:0] rsp_o,
    // memory
    output logic     mem_req_valid_o,
    input  logic     mem_req_ready_i,
    output mem_req_t mem_req_o,
    input  logic     mem_rsp_valid_i,
    input  mem_rsp_t mem_rsp_i,
    // registers
    input  logic     reg_req_valid_i,
    output logic     reg_req_ready_o,
    input  reg_req_t reg_req_i,
    output logic     reg_rsp_valid_o,
    output reg_rsp_t reg_rsp_o,
    // invalidations
    input  logic     inv_req_valid_i,
    output logic     inv_req_ready_o,
    input  inv_req_t inv_req_i,
    output logic     inv_rsp_valid_o,
    output logic     inv_rsp_error_o,
    output logic [IdWidth-1:0] inv_rsp_id_o,
    // interrupts: an event of any context, an event of the guest page of a context
    output logic     irq_host_o,
    output logic [Cfg.NumContexts-1:0] irq_guest_o
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  localparam int unsigned CtxBits = $clog2(Contexts);
  localparam int unsigned Answers = 2 * Cfg.NumWalks;
  localparam int unsigned L1Sets = (Cfg.L1Sets4K > Cfg.L1Sets2M) ? Cfg.L1Sets4K : Cfg.L1Sets2M;
  localparam int unsigned L1SetBits = (L1Sets > 1) ? $clog2(L1Sets) : 1;
  localparam int unsigned L2Sets = (Cfg.L2Sets > Cfg.L2Sets2M) ? Cfg.L2Sets : Cfg.L2Sets2M;
  localparam int unsigned L2SetBits = (L2Sets > 1) ? $clog2(L2Sets) : 1;
  localparam int unsigned Ports = Cfg.NumPorts;
  localparam int unsigned PortBits = (Ports > 1) ? $clog2(Ports) : 1;
  localparam int unsigned WalkBits = (Cfg.NumWalks > 1) ? $clog2(Cfg.NumWalks) : 1;

  // ---------------------------------------------------------------- parameters
  function automatic logic cache_fits(int unsigned entries, int unsigned ways);
    return (entries >= ways) && (entries <= 4096) && ((entries & (entries - 1)) == 0) &&
           (ways >= 2) && (ways <= 64) && ((ways & (ways - 1)) == 0);
  endfunction
  if ((Cfg.NumPorts < 1) || (Cfg.NumPorts > 4)) begin : g_bad_ports
    $error("NumPorts must be 1 to 4");
  end
  if ((Contexts < 2) || (Contexts & (Contexts - 1)) != 0 || (4 * Contexts > Cfg.NumSpaces)) begin : g_bad_contexts
    $error("NumContexts must be a power of two, 2 or more, and 4*NumContexts at most NumSpaces");
  end
  if ((Cfg.NumSpaces & (Cfg.NumSpaces - 1)) != 0 || (Cfg.NumSpaces > 16)) begin : g_bad_spaces
    $error("NumSpaces must be a power of two, at most 16");
  end
  if ((Cfg.PaBits < 36) || (Cfg.PaBits > 52)) begin : g_bad_pa
    $error("PaBits must be 36 to 52");
  end
  if ((Cfg.NtlbEntries == 0) ? (Cfg.NtlbWays != 0) || (Cfg.NtlbLarge != 0)
                             : !cache_fits(Cfg.NtlbEntries, Cfg.NtlbWays) || !cache_fits(Cfg.NtlbLarge, Cfg.NtlbLarge))
  begin : g_bad_ntlb
    $error("NtlbEntries must be 0, with NtlbWays and NtlbLarge 0, or a power of two, 2 to 4096, with NtlbWays a power of two, 2 to 64, and NtlbLarge likewise");
  end
  if ((Cfg.NtlbInL2 > 1) || ((Cfg.NtlbInL2 != 0) && ((Cfg.L2Sets == 0) || (Cfg.NtlbEntries != 0)))) begin : g_bad_ntlb_place
    $error("NtlbInL2 must be 0, or 1 in a build with an L2 and without a nested TLB of its own");
  end
  if ((Cfg.PscEntries == 0) ? (Cfg.PscWays != 0) || (Cfg.Psc3Entries != 0) || (Cfg.Psc3Ways != 0) || (Cfg.Psc4Entries != 0)
                            : !cache_fits(Cfg.PscEntries, Cfg.PscWays) || !cache_fits(Cfg.Psc3Entries, Cfg.Psc3Ways) ||
                              !cache_fits(Cfg.Psc4Entries, Cfg.Psc4Entries)) begin : g_bad_psc
    $error("PscEntries must be 0, with the other parameters of structure caches 0, or all of them powers of two, entries 2 to 4096, ways 2 to 64");
  end
  if ((Cfg.L2Sets == 0) ? (Cfg.L2Ways != 0)
                        : (Cfg.L2Sets < 2) || (Cfg.L2Sets > 4096) || (Cfg.L2Sets & (Cfg.L2Sets - 1)) != 0 ||
                          (Cfg.L2Ways < 2) || (Cfg.L2Ways > 16) || (Cfg.L2Ways & (Cfg.L2Ways - 1)) != 0)
  begin : g_bad_l2
    $error("L2Sets must be 0, with L2Ways 0, or a power of two, 2 to 4096, with L2Ways a power of two, 2 to 16");
  end
  if ((Cfg.L2Sets2M == 0) ? (Cfg.L2Ways2M != 0)
                          : (Cfg.L2Sets == 0) || (Cfg.L2Sets2M < 2) || (Cfg.L2Sets2M > 4096) ||
                            (Cfg.L2Sets2M & (Cfg.L2Sets2M - 1)) != 0 || (Cfg.L2Ways2M < 2) || (Cfg.L2Ways2M > 16) ||
                            (Cfg.L2Ways2M & (Cfg.L2Ways2M - 1)) != 0)
  begin : g_bad_l2_2m
    $error("L2Sets2M must be 0, with L2Ways2M 0, or like L2Sets and L2Ways in a build that has these");
  end
  if ((Cfg.Prl > 1) || (Cfg.Epml > 1) || (Cfg.SegLog > 1)) begin : g_bad_logs
    $error("Prl, Epml and SegLog must be 0 or 1");
  end
  if (Cfg.NumVmmSegments > MaxVmmSegments) begin : g_bad_segments
    $error("NumVmmSegments must be 0 to MaxVmmSegments");
  end
  if ((Cfg.ShadowRoots != 0) && (Cfg.ShadowRoots != 8)) begin : g_bad_shadow
    $error("ShadowRoots must be 0 or 8");
  end
  if (Cfg.CheckStages != 0) begin : g_bad_stages
    $error("CheckStages must be 0: this version checks an address in the cycle that forms it");
  end
  if (Cfg.SegmentAtL1 > 1) begin : g_bad_placement
    $error("SegmentAtL1 must be 0 or 1");
  end
  if ((Cfg.SegmentAtL1 != 0) && (Cfg.NumPorts != 1)) begin : g_bad_placement_ports
    $error("SegmentAtL1 must be 0 with more than one request port");
  end
  if ((Cfg.NumWalks < 1) || (Cfg.NumWalks > 16) || (Cfg.NumWalks & (Cfg.NumWalks - 1)) != 0) begin : g_bad_walks
    $error("NumWalks must be a power of two, 1 to 16");
  end
  if ((Cfg.MissQueue < 2) || (Cfg.MissQueue > 16)) begin : g_bad_queue
    $error("MissQueue must be 2 to 16");
  end
  if ((Cfg.LogQueue < 2) || (Cfg.LogQueue > 16)) begin : g_bad_log
    $error("LogQueue must be 2 to 16");
  end
  if (((Cfg.Prl != 0) || (Cfg.Epml != 0)) && (Cfg.LogQueue < 4)) begin : g_bad_log_places
    $error("LogQueue must be 4 or more with Prl or Epml");
  end

  // ---------------------------------------------------------------- ports: lookup, misses, answers
  ctx_live_t [Contexts-1:0] live;
  logic  bank_ready, bypass, freeze, skip_guest, skip_host;
  logic  drop, inv_flush, space_flush, cover_valid, mark;  // cover_valid: an invalidation arrives
  logic [63:12] drop_page;
  // Retired address-space numbers: requests in flight are kept from the caches, then the caches are swept.
  logic inert, sweep_l1, sweep_l1_force, sweep_l2, sweep_l2_ready;
  logic [Ports-1:0] sweep_l1_ready;
  logic [L1SetBits-1:0] sweep_l1_set;
  logic [L2SetBits-1:0] sweep_l2_set;
  logic [2**SpaceWidth-1:0] sweep_spaces;
  logic [2*Contexts-1:0] hold;
  regs_t live_regs;  // of the context of a request; only with SegmentAtL1
  logic  [Ports-1:0] accept, hit, at_l1, answer, answer_bank, fractured, rsp_covered;
  logic  [Ports-1:0][CtxWidth-1:0] accept_ctx, answer_ctx;
  fault_e [Ports-1:0] answer_fault;
  logic  [Ports-1:0] heads_valid, head_take, again_valid, again_ready;
  miss_t [Ports-1:0] heads, again;
  logic  [Ports-1:0] early_to, early_fill_to, rsp_early_ready, fill_early_ready, walk_to, walk_fill_to;
  logic  [Ports-1:0][$clog2(Answers+1)-1:0] waiting;
  logic  early_bank, walk_valid, walk_bank, walk_covered;
  logic  [Ports-1:0] fill_ports;  // that the fill of a walk goes to
  logic  [PortWidth-1:0] walk_port;
  rsp_t  early_rsp, walk_rsp;
  fill_t early_fill, walk_fill;
  for (genvar p = 0; p < Ports; p++) begin : g_port
    vmmu_port #(.Cfg(Cfg), .Port(p)) u_port (
        .clk_i, .rst_ni,
        .req_valid_i(req_valid_i[p]), .req_ready_o(req_ready_o[p]), .req_i(req_i[p]),
        .rsp_valid_o(rsp_valid_o[p]), .rsp_ready_i(rsp_ready_i[p]), .rsp_o(rsp_o[p]), .rsp_bank_o(answer_bank[p]),
        .ready_i(bank_ready), .bypass_i(bypass), .live_i(live), .regs_i(live_regs),
        .again_valid_i(again_valid[p]), .again_ready_o(again_ready[p]), .again_i(again[p]),
        .head_valid_o(heads_valid[p]), .head_ready_i(head_take[p]), .head_o(heads[p]),
        .uncache_i(`VMMU_MUT(80, cover_valid, 1'b0) || inert), .hold_i(hold),
        .early_valid_i(early_to[p]), .early_i(early_rsp), .early_bank_i(early_bank), .early_ready_o(rsp_early_ready[p]),
        .walk_valid_i(walk_to[p]), .walk_i(walk_rsp), .walk_bank_i(walk_bank), .walk_covered_i(walk_covered),
        .waiting_o(waiting[p]),
        .walk_fill_valid_i(walk_fill_to[p]), .walk_fill_i(walk_fill),
        .early_fill_valid_i(early_fill_to[p]), .early_fill_i(early_fill), .early_fill_ready_o(fill_early_ready[p]),
        .fill_clear_i(cover_valid || inert),
        .drop_i(drop), .drop_page_i(drop_page), .flush_i(inv_flush || space_flush),
        .sweep_i(sweep_l1), .sweep_force_i(sweep_l1_force), .sweep_set_i(sweep_l1_set), .sweep_spaces_i(sweep_spaces),
        .sweep_ready_o(sweep_l1_ready[p]), .fractured_o(fractured[p]),
        .mark_i(mark), .covered_o(rsp_covered[p]),
        .accept_o(accept[p]), .hit_o(hit[p]), .at_l1_o(at_l1[p])
    );
    assign accept_ctx[p] = req_i[p].ctx;
    assign answer[p]     = rsp_valid_o[p] && rsp_ready_i[p];
    assign answer_ctx[p] = rsp_o[p].ctx;
    assign answer_fault[p] = rsp_o[p].fault.kind;
  end

  // ---------------------------------------------------------------- the next miss: the ports take turns
  logic  head_valid, head_ready, head_taken;
  miss_t head;
  logic [PortWidth-1:0] turn_q;  // the port served last
  always_comb begin
    head_valid = |heads_valid;
    head       = heads[0];
    for (int p = Ports - 1; p >= 0; p--) if (heads_valid[p]) head = heads[p];
    for (int p = Ports - 1; p >= 0; p--) begin
      if (heads_valid[p] && `VMMU_MUT(237, PortWidth'(p) > turn_q, 1'b0)) head = heads[p];
    end
  end
  always_comb begin
    for (int unsigned p = 0; p < Ports; p++) head_take[p] = head_taken && (head.port == PortWidth'(p));
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) turn_q <= '0;
    else if (head_valid && head_taken) turn_q <= head.port;
  end

  // ---------------------------------------------------------------- segments
  regs_t head_regs;
  seg_result_t head_guest;
  seg_match_t head_vmm;
  logic [Lanes-1:0][IndexWidth-1:0] head_vmm_index;
  logic seg_answers, seg_valid, seg_ready, unused_native;
  rsp_t seg_rsp;
  fill_t seg_fill;
  logic [1:0] head_checks, head_filter_hits;
  vmmu_dual_check #(.Cfg(Cfg)) u_dual_check (
      .clk_i, .rst_ni, .valid_i(head_valid), .miss_i(head), .regs_i(head_regs),
      .guest_o(head_guest), .vmm_o(head_vmm), .vmm_index_o(head_vmm_index),
      .answers_o(seg_answers), .native_o(unused_native), .rsp_o(seg_rsp), .fill_o(seg_fill),
      .checks_o(head_checks), .filter_hits_o(head_filter_hits)
  );
  logic seg_logs;  // the page-reference log has a record of what the segments answer
  assign seg_logs = head_regs.ctrl[CtrlPrlEn] && !head.held;
  // ---------------------------------------------------------------- L2
  logic cover_all, l2_missed, l2_hit, l2_bank, early_valid;
  logic walk_from_valid, walk_from_ready, walk_from_answered;
  logic walk_from_covered, l2_covered, l2_fractured;
  logic walk_fill_valid;
  logic [CtxWidth-1:0] cover_ctx;
  logic [PortWidth-1:0] l2_port, early_port;
  logic [Ports-1:0] early_ready;
  miss_t walk_from;
  rsp_t  l2_rsp;
  fill_t l2_fill;
  seg_result_t walk_from_guest;
  seg_match_t  walk_from_vmm;
  logic [Lanes-1:0][IndexWidth-1:0] walk_from_index;
  logic nested_read, nested_found, nested_touch;
  logic [47:12] nested_read_page, nested_page;
  logic [SpaceWidth-1:0] nested_number;
  nested_t nested_hit;
  nested_fill_t nested_fill;
  vmmu_l2_stage #(.Cfg(Cfg)) u_l2 (
      .clk_i, .rst_ni,
      .head_valid_i(head_valid), .head_ready_o(head_ready), .head_i(head), .head_la57_i(head_regs.ctrl[CtrlLa57]),
      .head_answered_i(seg_answers), .head_guest_i(head_guest), .head_vmm_i(head_vmm),
      .head_vmm_index_i(head_vmm_index), .live_i(live), .bypass_i(bypass),
      .hit_o(l2_hit), .hit_ready_i(early_ready[PortBits'(l2_port)]), .hit_rsp_o(l2_rsp), .hit_bank_o(l2_bank),
      .hit_port_o(l2_port), .hit_fill_o(l2_fill),
      .missed_o(l2_missed),
      .nested_read_i(nested_read), .nested_read_page_i(nested_read_page), .nested_page_i(nested_page),
      .nested_number_i(nested_number), .nested_found_o(nested_found), .nested_o(nested_hit),
      .nested_touch_i(nested_touch), .nested_fill_i(nested_fill),
      .miss_valid_o(walk_from_valid), .miss_ready_i(walk_from_ready), .miss_o(walk_from),
      .miss_answered_o(walk_from_answered), .miss_covered_o(walk_from_covered), .miss_guest_o(walk_from_guest),
      .miss_vmm_o(walk_from_vmm), .miss_vmm_index_o(walk_from_index),
      .fill_valid_i(`VMMU_MUT(107, walk_fill_valid, walk_fill_valid || (|early_fill_to))),
      .fill_i(`VMMU_MUT(107, walk_fill, walk_fill_valid ? walk_fill : early_fill)),
      .cover_valid_i(cover_valid || inert), .cover_all_i(cover_all || inert), .cover_ctx_i(cover_ctx),
      .covered_o(l2_covered), .drop_i(drop), .drop_page_i(drop_page), .flush_i(inv_flush || space_flush),
      .sweep_i(sweep_l2), .sweep_set_i(sweep_l2_set), .sweep_spaces_i(sweep_spaces), .sweep_ready_o(sweep_l2_ready),
      .fractured_o(l2_fractured)
  );

  // What the segments or the L2 answer never waits for the walker, nor the walker for them. They share one way out, and
  // the L2's answer is the older one.
  assign early_ready = rsp_early_ready & fill_early_ready;
  assign early_port  = l2_hit ? l2_port : head.port;
  assign early_rsp   = l2_hit ? l2_rsp : seg_rsp;
  assign early_bank  = l2_hit ? l2_bank : head.bank;
  assign early_fill  = l2_hit ? l2_fill : seg_fill;
  assign early_valid = (l2_hit && early_ready[PortBits'(l2_port)]) || seg_valid;
  assign seg_ready   = early_ready[PortBits'(head.port)] && !l2_hit;
  assign seg_valid   = head_valid && seg_answers && seg_ready;
  assign head_taken  = seg_answers ? seg_ready : head_ready;
  always_comb begin
    for (int unsigned p = 0; p < Ports; p++) begin
      early_to[p] = early_valid && (early_port == PortWidth'(p));
      // With SegmentAtL1 an address in a segment needs no entry.
      early_fill_to[p] = early_to[p] && (l2_hit || (head.cacheable && !bypass && (Cfg.SegmentAtL1 == 0)));
      walk_to[p]       = walk_valid && (walk_port == PortWidth'(p));
      walk_fill_to[p]  = walk_fill_valid && fill_ports[p];
    end
  end

  logic [CtxWidth-1:0] regs_ctx, log_ctx, ev_ctx;
  logic regs_bank, walk_mem_valid, walk_keep_time, walk_rsp_valid, timeout_valid, timeout_ready;
  regs_t regs, bank_regs;
  logic [FrameWidth-1:0] shadow_root;
  always_comb begin
    regs = bank_regs;
    regs.shadow_root = shadow_root;
  end
  mem_req_t walk_mem_req;
  mem_rsp_t mem_rsp;
  logic [MemIdWidth-1:0] timeout_id;
  logic [Cfg.NumWalks-1:0] quarantined, active;
  logic [Cfg.NumWalks-1:0][CtxWidth-1:0] active_ctx;
  log_room_t pml_room, epml_room;
  logic covered_live;
  log_ops_t log_ops;
  log_record_t log_record;
  logic [8:0] epml_slot;
  walk_mode_e ev_mode;
  logic ev_start, ev_restart, ev_timeout, ev_nested, ev_bitmap, ev_check, ev_filter_hit;
  walk_used_t ev_cache_hit, ev_cache_miss;
  logic walk_room;
  // At its port, answers that wait, walks in flight, and one more must fit.
  always_comb begin
    automatic int unsigned owed = 32'(waiting[PortBits'(walk_from.port)]);
    for (int unsigned i = 0; i < Cfg.NumWalks; i++) if (active[i]) owed = owed + 1;
    walk_room = owed < Answers;
  end

  // ---------------------------------------------------------------- requests that wait for the walk of another one
  logic joins, walk_takes, begun;
  logic [WalkBits-1:0] begun_slot, done_slot;
  assign walk_from_ready = walk_takes || joins;
  vmmu_merge #(.Cfg(Cfg)) u_merge (
      .clk_i, .rst_ni,
      .miss_valid_i(walk_from_valid && !walk_from_answered), .miss_i(walk_from), .joins_o(joins),
      .begun_i(begun), .begun_slot_i(begun_slot),
      .done_i(walk_valid), .done_fills_i(walk_fill_valid), .done_slot_i(done_slot), .done_ports_o(fill_ports),
      .cover_i(cover_valid || inert),
      .again_valid_o(again_valid), .again_ready_i(again_ready), .again_o(again)
  );

  vmmu_walker #(.Cfg(Cfg)) u_walker (
      .clk_i, .rst_ni,
      .miss_valid_i(walk_from_valid), .miss_ready_o(walk_takes), .miss_i(walk_from),
      .miss_covered_i(walk_from_covered), .miss_answered_i(walk_from_answered || joins), .miss_guest_i(walk_from_guest),
      .miss_vmm_i(walk_from_vmm), .miss_vmm_index_i(walk_from_index),
      .regs_ctx_o(regs_ctx), .regs_bank_o(regs_bank), .regs_i(regs),
      .mem_valid_o(walk_mem_valid), .mem_keep_time_o(walk_keep_time), .mem_req_o(walk_mem_req),
      .mem_rsp_valid_i(walk_rsp_valid), .mem_rsp_i(mem_rsp),
      .timeout_valid_i(timeout_valid), .timeout_ready_o(timeout_ready), .timeout_id_i(timeout_id),
      .quarantined_i(quarantined),
      .log_ctx_o(log_ctx), .pml_i(pml_room), .epml_i(epml_room), .epml_slot_i(epml_slot), .log_ops_o(log_ops),
      .log_record_o(log_record),
      .rsp_valid_o(walk_valid), .rsp_o(walk_rsp), .rsp_bank_o(walk_bank), .rsp_port_o(walk_port),
      .rsp_covered_o(walk_covered),
      .rsp_room_i(walk_room),
      .fill_valid_o(walk_fill_valid), .fill_o(walk_fill),
      .cover_valid_i(cover_valid || inert), .cover_all_i(cover_all || inert), .cover_ctx_i(cover_ctx),
      .covered_live_o(covered_live), .bypass_i(bypass),
      .live_i(live), .drop_i(drop), .flush_i(inv_flush || inert),
      .nested_read_o(nested_read), .nested_read_page_o(nested_read_page), .nested_page_o(nested_page),
      .nested_number_o(nested_number), .nested_found_i(nested_found), .nested_i(nested_hit),
      .nested_touch_o(nested_touch), .nested_fill_o(nested_fill),
      .ev_start_o(ev_start), .ev_mode_o(ev_mode), .ev_restart_o(ev_restart), .ev_timeout_o(ev_timeout),
      .ev_check_o(ev_check), .ev_filter_hit_o(ev_filter_hit), .ev_ctx_o(ev_ctx), .ev_nested_o(ev_nested),
      .ev_bitmap_o(ev_bitmap),
      .ev_cache_hit_o(ev_cache_hit), .ev_cache_miss_o(ev_cache_miss),
      .begun_o(begun), .begun_slot_o(begun_slot), .done_slot_o(done_slot),
      .active_o(active), .active_ctx_o(active_ctx)
  );

  // ---------------------------------------------------------------- log and memory
  logic log_mem_valid, log_mem_ready, log_rsp_valid, log_rsp_error, log_quarantined;
  mem_req_t log_mem_req;
  log_set_t [Contexts-1:0] log_set;
  log_events_t [Contexts-1:0] log_events;
  logic [Contexts-1:0] old_bank_busy, log_error, pml_record, epml_record, prl_record, prl_drop;
  logic log_access, log_we, log_known, log_wait, reg_guest;
  logic [CtxWidth-1:0] reg_ctx;
  logic [11:0] reg_offset;
  logic [63:0] reg_wdata, error_record, log_rdata;

  vmmu_log #(.Cfg(Cfg)) u_log (
      .clk_i, .rst_ni,
      .walk_ctx_i(log_ctx), .walk_pml_o(pml_room), .walk_epml_o(epml_room), .walk_slot_o(epml_slot),
      .walk_ops_i(log_ops), .walk_record_i(log_record),
      .early_valid_i(seg_valid && seg_logs), .early_ctx_i(head.req.ctx), .early_page_i(head_guest.frame),
      .active_i(log_set), .old_bank_busy_i(old_bank_busy),
      .reg_ctx_i(reg_ctx), .reg_guest_i(reg_guest), .reg_offset_i(reg_offset), .reg_access_i(log_access),
      .reg_we_i(log_we), .reg_wdata_i(reg_wdata), .reg_known_o(log_known), .reg_wait_o(log_wait),
      .reg_rdata_o(log_rdata),
      .error_i(log_error), .events_o(log_events), .error_record_o(error_record),
      .mem_valid_o(log_mem_valid), .mem_ready_i(log_mem_ready), .mem_req_o(log_mem_req),
      .mem_rsp_valid_i(log_rsp_valid), .mem_rsp_error_i(log_rsp_error), .mem_quarantined_i(log_quarantined)
  );

  vmmu_mem #(.Cfg(Cfg)) u_mem (
      .clk_i, .rst_ni,
      .walk_valid_i(walk_mem_valid), .walk_keep_time_i(walk_keep_time), .walk_req_i(walk_mem_req),
      .walk_rsp_valid_o(walk_rsp_valid), .rsp_o(mem_rsp),
      .timeout_valid_o(timeout_valid), .timeout_ready_i(timeout_ready), .timeout_id_o(timeout_id),
      .quarantined_o(quarantined),
      .log_valid_i(log_mem_valid), .log_ready_o(log_mem_ready), .log_req_i(log_mem_req),
      .log_rsp_valid_o(log_rsp_valid), .log_rsp_error_o(log_rsp_error), .log_quarantined_o(log_quarantined),
      .mem_req_valid_o, .mem_req_ready_i, .mem_req_o, .mem_rsp_valid_i, .mem_rsp_i
  );

  // ---------------------------------------------------------------- contexts and invalidation
  logic inv_ctx_valid, inv_ctx_load, inv_ctx_done, inv_ctx_bad, space_valid, space_done;
  logic [CtxWidth-1:0] inv_ctx;
  logic [63:0] inv_cr3;
  space_op_t inv_op, space_op;
  logic [Contexts-1:0] spaces_valid;
  logic [Contexts-1:0][SpaceWidth-1:0] spaces, gspaces;
  logic switched, switch_bank, switch_guest, ctx_ready, shadow_ready;
  logic [CtxWidth-1:0] switch_ctx;
  regs_t switch_regs;
  logic [Contexts-1:0] virt_on, shadow_on, root_missed, sync_pushed;
  logic staged_we, staged_known, staged_wide, staged_wait, commit_valid, commit_done, commit_busy;
  logic [63:0] staged_rdata, shadow_rdata, counter;
  logic [7:0] commit_reject;
  logic [5:0] counter_index;

  vmmu_ctx #(.Cfg(Cfg)) u_ctx (
      .clk_i, .rst_ni, .ready_o(ctx_ready),
      .reg_ctx_i(reg_ctx), .reg_guest_i(reg_guest), .reg_offset_i(reg_offset),
      .reg_we_i(staged_we), .reg_wdata_i(reg_wdata),
      .reg_known_o(staged_known), .reg_wide_o(staged_wide), .reg_wait_o(staged_wait),
      .reg_rdata_o(staged_rdata),
      .commit_valid_i(commit_valid), .commit_done_o(commit_done), .commit_busy_o(commit_busy),
      .commit_reject_o(commit_reject),
      .inv_valid_i(inv_ctx_valid), .inv_load_i(inv_ctx_load), .inv_ctx_i(inv_ctx), .inv_cr3_i(inv_cr3),
      .inv_op_i(inv_op), .inv_done_o(inv_ctx_done), .inv_bad_o(inv_ctx_bad),
      .space_op_o(space_op), .space_valid_o(space_valid), .space_done_i(space_done),
      .space_valid_i(spaces_valid), .space_i(spaces), .gspace_i(gspaces),
      .live_o(live), .walk_ctx_i(regs_ctx), .walk_bank_i(regs_bank), .walk_regs_o(bank_regs),
      .req_ctx_i(req_i[0].ctx), .req_regs_o(live_regs),
      .head_ctx_i(head.req.ctx), .head_bank_i(head.bank), .head_regs_o(head_regs),
      .switch_o(switched), .switch_ctx_o(switch_ctx), .switch_bank_o(switch_bank), .switch_guest_o(switch_guest),
      .switch_regs_o(switch_regs), .shadow_o(shadow_on), .virt_o(virt_on), .hold_i(hold),
      .log_o(log_set), .old_bank_busy_o(old_bank_busy),
      .accept_i(accept), .accept_ctx_i(accept_ctx),
      .answer_i(answer), .answer_ctx_i(answer_ctx), .answer_bank_i(answer_bank)
  );

  logic sweep_start, sweep_done;
  vmmu_spaces #(.Cfg(Cfg)) u_spaces (
      .clk_i, .rst_ni,
      .op_valid_i(space_valid), .op_i(space_op), .hurry_i(commit_valid), .op_done_o(space_done),
      .valid_o(spaces_valid), .space_o(spaces), .gspace_o(gspaces),
      .inert_o(inert), .flush_o(space_flush),
      .sweep_start_o(sweep_start), .sweep_spaces_o(sweep_spaces), .sweep_done_i(sweep_done)
  );
  vmmu_sweep #(.L1Sets(L1Sets), .L2Sets(L2Sets)) u_sweep (
      .clk_i, .rst_ni, .start_i(sweep_start), .abort_i(space_flush), .done_o(sweep_done),
      .l1_valid_o(sweep_l1), .l1_force_o(sweep_l1_force), .l1_set_o(sweep_l1_set), .l1_ready_i(&sweep_l1_ready),
      .l2_valid_o(sweep_l2), .l2_set_o(sweep_l2_set), .l2_ready_i(sweep_l2_ready)
  );

  // ---------------------------------------------------------------- shadow paging
  logic shadow_we, shadow_known, shadow_wide, shadow_error, sync_full, sync_push, sync_valid, sync_take;
  inv_req_t sync_new, sync_done;
  assign bank_ready = ctx_ready && shadow_ready;
  vmmu_shadow_unit #(.Cfg(Cfg)) u_shadow (
      .clk_i, .rst_ni, .ready_o(shadow_ready),
      .reg_ctx_i(reg_ctx), .reg_offset_i(reg_offset), .reg_we_i(shadow_we), .reg_wdata_i(reg_wdata),
      .reg_known_o(shadow_known), .reg_wide_o(shadow_wide), .reg_error_o(shadow_error), .reg_rdata_o(shadow_rdata),
      .switch_i(switched), .switch_ctx_i(switch_ctx), .switch_bank_i(switch_bank), .switch_guest_i(switch_guest),
      .switch_regs_i(switch_regs), .live_i(live), .old_bank_busy_i(old_bank_busy),
      .hold_o(hold), .missed_o(root_missed), .walk_ctx_i(regs_ctx), .walk_bank_i(regs_bank), .walk_root_o(shadow_root),
      .sync_full_o(sync_full), .sync_push_i(sync_push), .sync_req_i(sync_new), .sync_pushed_o(sync_pushed),
      .sync_valid_o(sync_valid), .sync_take_i(sync_take), .sync_req_o(sync_done)
  );

  // ---------------------------------------------------------------- invalidation
  vmmu_inv #(.Cfg(Cfg)) u_inv (
      .clk_i, .rst_ni,
      .req_valid_i(inv_req_valid_i), .req_ready_o(inv_req_ready_o), .req_i(inv_req_i),
      .rsp_valid_o(inv_rsp_valid_o), .rsp_error_o(inv_rsp_error_o), .rsp_id_o(inv_rsp_id_o), .live_i(live),
      .shadow_i(shadow_on), .sync_full_i(sync_full), .sync_push_o(sync_push), .sync_req_o(sync_new),
      .sync_valid_i(sync_valid), .sync_take_o(sync_take), .sync_req_i(sync_done),
      .drop_o(drop), .drop_page_o(drop_page), .flush_o(inv_flush), .fractured_i((|fractured) || l2_fractured),
      .ctx_valid_o(inv_ctx_valid), .ctx_load_o(inv_ctx_load), .ctx_o(inv_ctx), .ctx_cr3_o(inv_cr3),
      .ctx_op_o(inv_op), .ctx_done_i(inv_ctx_done), .ctx_bad_i(inv_ctx_bad),
      .cover_valid_o(cover_valid), .cover_all_o(cover_all), .cover_ctx_o(cover_ctx),
      .mark_o(mark), .covered_i(covered_live || (|rsp_covered) || l2_covered),
      .old_bank_busy_i(old_bank_busy)
  );

  // ---------------------------------------------------------------- registers and counters
  logic [Contexts-1:0][NumEvents-1:0] set_events, events;
  logic [Contexts-1:0][NumGuestEvents-1:0] set_guest_events;
  always_comb begin
    set_events = '0;
    set_guest_events = '0;
    for (int unsigned c = 0; c < Contexts; c++) begin
      set_events[c][EvPmlWatermark] = log_events[c].pml_watermark;
      set_events[c][EvPrlFull]      = log_events[c].prl_full;
      set_events[c][EvPrlWatermark] = log_events[c].prl_watermark;
      set_events[c][EvLogError]     = log_events[c].error;
      set_events[c][EvShadowRoot]   = root_missed[c];
      set_events[c][EvSyncPending]  = sync_pushed[c];
      set_events[c][EvWatchdog]     = ev_timeout && (ev_ctx == CtxWidth'(c));
      log_error[c]                  = events[c][EvLogError];
      set_guest_events[c][EvEpmlFull]      = walk_valid && (walk_rsp.fault.kind == FaultEpmlFull) &&
                                             (walk_rsp.ctx == CtxWidth'(c));
      set_guest_events[c][EvEpmlWatermark] = log_events[c].epml_watermark;
      pml_record[c]  = log_events[c].pml_record;
      epml_record[c] = log_events[c].epml_record;
      prl_record[c]  = log_events[c].prl_record;
      prl_drop[c]    = log_events[c].prl_drop;
    end
  end
  assign irq_host_o = |events;

  vmmu_regs #(.Cfg(Cfg)) u_regs (
      .clk_i, .rst_ni, .ready_i(bank_ready),
      .reg_req_valid_i, .reg_req_ready_o, .reg_req_i, .reg_rsp_valid_o, .reg_rsp_o,
      .ctx_o(reg_ctx), .guest_o(reg_guest), .offset_o(reg_offset), .staged_we_o(staged_we), .wdata_o(reg_wdata),
      .staged_known_i(staged_known), .staged_wide_i(staged_wide), .staged_wait_i(staged_wait),
      .staged_rdata_i(staged_rdata),
      .shadow_we_o(shadow_we), .shadow_known_i(shadow_known), .shadow_wide_i(shadow_wide),
      .shadow_error_i(shadow_error), .shadow_rdata_i(shadow_rdata), .commit_valid_o(commit_valid),
      .commit_done_i(commit_done), .commit_busy_i(commit_busy),
      .commit_reject_i(commit_reject),
      .log_access_o(log_access), .log_we_o(log_we), .log_known_i(log_known), .log_wait_i(log_wait),
      .log_rdata_i(log_rdata), .error_record_i(error_record),
      .counter_index_o(counter_index), .counter_i(counter),
      .set_events_i(set_events), .events_o(events), .set_guest_events_i(set_guest_events),
      .guest_event_o(irq_guest_o), .bypass_o(bypass), .freeze_o(freeze),
      .skip_guest_o(skip_guest), .skip_host_o(skip_host)
  );

  vmmu_counters #(.Cfg(Cfg)) u_counters (
      .clk_i, .rst_ni, .freeze_i(freeze), .skip_guest_i(skip_guest), .skip_host_i(skip_host), .virt_i(virt_on),
      .accept_i(accept), .hit_i(hit), .at_l1_i(at_l1), .accept_ctx_i(accept_ctx),
      .answer_i(answer), .answer_fault_i(answer_fault), .answer_ctx_i(answer_ctx),
      .merged_i(joins), .merged_ctx_i(walk_from.req.ctx),
      .head_i(head_valid && head_taken), .head_answered_i(seg_answers), .head_checks_i(head_checks),
      .head_filter_hits_i(head_filter_hits), .head_ctx_i(head.req.ctx),
      .l2_hit_i(l2_hit && early_ready[PortBits'(l2_port)]), .l2_miss_i(l2_missed), .l2_ctx_i(l2_rsp.ctx),
      .start_i(ev_start), .mode_i(ev_mode), .restart_i(ev_restart),
      .guest_ref_i(walk_mem_valid && (walk_mem_req.op == MemRead) && !ev_nested && !ev_bitmap),
      .nested_ref_i(walk_mem_valid && (walk_mem_req.op == MemRead) && ev_nested),
      .swap_i(walk_mem_valid && (walk_mem_req.op == MemCas)),
      .bitmap_read_i(walk_mem_valid && ev_bitmap && (walk_mem_req.op == MemRead)),
      .check_i(ev_check), .filter_hit_i(ev_filter_hit),
      .ntlb_hit_i(ev_cache_hit.page), .ntlb_miss_i(ev_cache_miss.page),
      .guest_psc_hit_i(ev_cache_hit.guest), .guest_psc_miss_i(ev_cache_miss.guest),
      .nested_psc_hit_i(ev_cache_hit.nested), .nested_psc_miss_i(ev_cache_miss.nested),
      .walk_ctx_i(ev_ctx),
      .active_i(active), .active_ctx_i(active_ctx),
      .pml_record_i(pml_record), .prl_record_i(prl_record), .epml_record_i(epml_record), .prl_drop_i(prl_drop),
      .read_ctx_i(reg_ctx), .read_index_i(counter_index), .read_o(counter)
  );

  logic starts_held;
  assign starts_held = head_valid && head_ready && hold[{CtxBits'(head.req.ctx), head.bank}];
  `VMMU_ASSERT(HeldMissDoesNotStart_A, !starts_held)
endmodule
