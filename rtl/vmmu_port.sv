`include "vmmu_macros.svh"

// What one requester has for itself: L1 TLB, queue of misses, queue of answers. The port is ready when a hit and a miss
// would both find room, so that readiness never depends on the lookup. A request that waited for the walk of another
// one is looked up again before a new one is taken.
module vmmu_port
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    parameter int unsigned Port = 0,
    localparam int unsigned Answers = 2 * Cfg.NumWalks,
    localparam int unsigned L1Sets = (Cfg.L1Sets4K > Cfg.L1Sets2M) ? Cfg.L1Sets4K : Cfg.L1Sets2M,
    localparam int unsigned L1SetBits = (L1Sets > 1) ? $clog2(L1Sets) : 1
) (
    input  logic  clk_i,
    input  logic  rst_ni,
    // requester
    input  logic  req_valid_i,
    output logic  req_ready_o,
    input  req_t  req_i,
    output logic  rsp_valid_o,
    input  logic  rsp_ready_i,
    output rsp_t  rsp_o,
    output logic  rsp_bank_o,
    // state of the contexts
    input  logic  ready_i,           // requests may be taken
    input  logic  bypass_i,
    input  ctx_live_t [Cfg.NumContexts-1:0] live_i,
    input  regs_t regs_i,            // of the context of req_i; only with SegmentAtL1
    // second lookups
    input  logic  again_valid_i,
    output logic  again_ready_o,
    input  miss_t again_i,
    // misses
    output logic  head_valid_o,
    input  logic  head_ready_i,
    output miss_t head_o,
    input  logic  uncache_i,
    input  logic [2*Cfg.NumContexts-1:0] hold_i,
    // answers of the segments and of the L2, and those of walks; a walk begins only when its answer will find room
    input  logic  early_valid_i,     // only when early_ready_o
    input  rsp_t  early_i,
    input  logic  early_bank_i,
    output logic  early_ready_o,
    input  logic  walk_valid_i,
    input  rsp_t  walk_i,
    input  logic  walk_bank_i,
    input  logic  walk_covered_i,
    output logic [$clog2(Answers+1)-1:0] waiting_o,
    // what is inserted: as in vmmu_fill_port
    input  logic  walk_fill_valid_i,
    input  fill_t walk_fill_i,
    input  logic  early_fill_valid_i,  // only when early_fill_ready_o
    input  fill_t early_fill_i,
    output logic  early_fill_ready_o,
    input  logic  fill_clear_i,
    // invalidation
    input  logic  drop_i,
    input  logic [63:12] drop_page_i,
    input  logic  flush_i,
    input  logic  sweep_i,           // as in vmmu_l1_tlb
    input  logic  sweep_force_i,
    input  logic  [L1SetBits-1:0] sweep_set_i,
    input  logic  [2**SpaceWidth-1:0] sweep_spaces_i,
    output logic  sweep_ready_o,
    output logic  fractured_o,
    input  logic  mark_i,
    output logic  covered_o,
    // counters: events of this cycle
    output logic  accept_o,          // a request was taken
    output logic  hit_o,             // and answered by the L1
    output logic  at_l1_o            // and answered by the guest segment beside it
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  localparam int unsigned CtxBits = $clog2(Contexts);

  // ---------------------------------------------------------------- lookup
  logic  rsp_ready, queue_full, lookup_ready, looks, in_force, hit, held, at_l1;
  rsp_t  hit_rsp, at_l1_rsp;
  miss_t fresh, looked, missed;
  ctx_live_t req_live, again_live;
  logic  fill_valid;
  fill_t fill;
  assign lookup_ready  = ready_i && rsp_ready && !queue_full;
  assign again_ready_o = lookup_ready;
  assign req_ready_o   = lookup_ready && `VMMU_MUT(238, !again_valid_i, 1'b1);
  assign accept_o      = req_valid_i && req_ready_o;
  assign looks         = accept_o || (again_valid_i && again_ready_o);

  assign req_live   = live_i[CtxBits'(req_i.ctx)];
  assign again_live = live_i[CtxBits'(again_i.req.ctx)];
  assign fresh = '{
      req: req_i, port: PortWidth'(Port), alone: 1'b0, bank: req_live.bank,
      cacheable: req_live.space_valid && !bypass_i, held: 1'b0, space: req_live.space, gspace: req_live.gspace
  };
  // Registers and numbers that a request was accepted under may have been replaced while it waited: then it walks.
  assign in_force = again_live.space_valid && (again_live.bank == again_i.bank) &&
      (again_live.space == again_i.space) && (again_live.gspace == again_i.gspace);
  always_comb begin
    looked = again_valid_i ? again_i : fresh;
    if (again_valid_i) looked.cacheable = again_i.cacheable && in_force && !bypass_i;
  end

  vmmu_l1_tlb #(.Cfg(Cfg)) u_l1_tlb (
      .clk_i, .rst_ni,
      .valid_i(looks), .miss_i(looked), .la57_i(again_valid_i ? again_live.la57 : req_live.la57),
      .hit_o(hit), .hit_rsp_o(hit_rsp), .held_o(held),
      .fill_valid_i(fill_valid), .fill_i(fill), .drop_i, .drop_page_i, .flush_i,
      .sweep_i, .sweep_force_i, .sweep_set_i, .sweep_spaces_i, .sweep_ready_o, .fractured_o
  );
  assign hit_o = hit && accept_o;
  always_comb begin
    missed = looked;
    missed.held = held;
  end

  // ISCA 2013's placement: a guest segment with nothing below it answers like an L1 hit. The rest is for the head of
  // the miss queue, here as elsewhere.
  if (Cfg.SegmentAtL1 != 0) begin : g_at_l1
    logic answers, native;
    seg_result_t unused_guest;
    seg_match_t unused_vmm;
    logic [vmmu_h3_pkg::Lanes-1:0][vmmu_h3_pkg::IndexWidth-1:0] unused_index;
    fill_t unused_fill;
    logic [1:0] unused_checks, unused_filter_hits;
    vmmu_dual_check #(.Cfg(Cfg)) u_at_l1 (
        .clk_i, .rst_ni, .valid_i(accept_o), .miss_i(fresh), .regs_i,
        .guest_o(unused_guest), .vmm_o(unused_vmm), .vmm_index_o(unused_index),
        .answers_o(answers), .native_o(native), .rsp_o(at_l1_rsp), .fill_o(unused_fill),
        .checks_o(unused_checks), .filter_hits_o(unused_filter_hits)
    );
    assign at_l1 = accept_o && !hit && answers && native;
  end else begin : g_behind_l1
    logic unused_regs;
    assign unused_regs = ^regs_i;
    assign at_l1     = 1'b0;
    assign at_l1_rsp = '0;
  end
  assign at_l1_o = at_l1;

  // ---------------------------------------------------------------- misses
  vmmu_miss_queue #(.Depth(Cfg.MissQueue), .Contexts(Contexts)) u_miss_queue (
      .clk_i, .rst_ni,
      .push_i(looks && !hit && !at_l1), .miss_i(missed), .full_o(queue_full),
      .valid_o(head_valid_o), .ready_i(head_ready_i), .miss_o(head_o), .uncache_i, .hold_i
  );

  // ---------------------------------------------------------------- what is inserted
  vmmu_fill_port u_fill_port (
      .clk_i, .rst_ni,
      .walk_valid_i(walk_fill_valid_i), .walk_i(walk_fill_i),
      .seg_valid_i(early_fill_valid_i), .seg_i(early_fill_i), .seg_ready_o(early_fill_ready_o),
      .clear_i(fill_clear_i), .fill_valid_o(fill_valid), .fill_o(fill)
  );

  // ---------------------------------------------------------------- answers
  vmmu_response #(.Depth(Answers)) u_response (
      .clk_i, .rst_ni,
      .hit_valid_i(hit || at_l1), .hit_i(at_l1 ? at_l1_rsp : hit_rsp), .hit_bank_i(looked.bank), .ready_o(rsp_ready),
      .seg_valid_i(early_valid_i), .seg_i(early_i), .seg_bank_i(early_bank_i), .seg_ready_o(early_ready_o),
      .walk_valid_i, .walk_i, .walk_bank_i, .walk_covered_i, .waiting_o,
      .rsp_valid_o, .rsp_ready_i, .rsp_o, .rsp_bank_o,
      .mark_i, .covered_o
  );

  `VMMU_ASSERT(RequestContextExists_A, req_valid_i |-> 32'(req_i.ctx) < Contexts)
endmodule
