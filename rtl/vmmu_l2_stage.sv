`include "vmmu_macros.svh"

// The L2 TLB behind the head of the miss queue. In one cycle a miss reads its sets, that of 4 KiB entries and that of
// 2 MiB entries, beside the segment check; in the next they are compared: the one entry that matches answers if it
// permits the access, every other miss goes to the walker a cycle later.
// What the segments answer does not come here (MICRO'14, figure 5 and table I). Without an L2 the walker takes misses
// from the head of the queue.
//
// A miss that an invalidation finds here neither looks up any more nor is inserted; it counts as a walk in flight, so
// the invalidation is acknowledged after its answer. A lookup under numbers that are not in force any more is a
// miss: an invalidation may have retired them.
module vmmu_l2_stage
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
  import vmmu_h3_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    localparam int unsigned MostSets = (Cfg.L2Sets > Cfg.L2Sets2M) ? Cfg.L2Sets : Cfg.L2Sets2M,
    localparam int unsigned SetBits = (MostSets > 1) ? $clog2(MostSets) : 1
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // head of the miss queue, and what the segments make of it
    input  logic        head_valid_i,
    output logic        head_ready_o,      // of a miss that the segments do not answer
    input  miss_t       head_i,
    input  logic        head_la57_i,
    input  logic        head_answered_i,   // by the segments
    input  seg_result_t head_guest_i,
    input  seg_match_t  head_vmm_i,
    input  logic [Lanes-1:0][IndexWidth-1:0] head_vmm_index_i,
    input  ctx_live_t [Cfg.NumContexts-1:0] live_i,
    input  logic        bypass_i,
    // answers
    output logic        hit_o,
    input  logic        hit_ready_i,       // the answer and its insertion in the L1 find room
    output rsp_t        hit_rsp_o,
    output logic        hit_bank_o,
    output logic [PortWidth-1:0] hit_port_o,
    output fill_t       hit_fill_o,
    output logic        missed_o,          // the request of hit_rsp_o goes on to the walker, for a counter
    // walker
    output logic        miss_valid_o,
    input  logic        miss_ready_i,
    output miss_t       miss_o,
    output logic        miss_answered_o,
    output logic        miss_covered_o,    // counts as in flight when the latest invalidation arrived
    output seg_result_t miss_guest_o,
    output seg_match_t  miss_vmm_o,
    output logic [Lanes-1:0][IndexWidth-1:0] miss_vmm_index_o,
    // maintenance
    input  logic        fill_valid_i,
    input  fill_t       fill_i,
    input  logic        cover_valid_i,     // an invalidation arrives, or the address-space numbers are flushed
    input  logic        cover_all_i,
    input  logic [CtxWidth-1:0] cover_ctx_i,
    output logic        covered_o,         // a miss that it covers is here
    input  logic        drop_i,
    input  logic [63:12] drop_page_i,
    input  logic        flush_i,
    input  logic        sweep_i,           // of this set, entries that carry one of these numbers go
    input  logic [SetBits-1:0] sweep_set_i,
    input  logic [2**SpaceWidth-1:0] sweep_spaces_i,
    output logic        sweep_ready_o,
    output logic        fractured_o
);
  if (Cfg.L2Sets == 0) begin : g_none
    assign head_ready_o     = miss_ready_i;
    assign hit_o            = 1'b0;
    assign hit_rsp_o        = '0;
    assign hit_bank_o       = 1'b0;
    assign hit_port_o       = '0;
    assign hit_fill_o       = '0;
    assign missed_o         = 1'b0;
    assign miss_valid_o     = head_valid_i;
    assign miss_o           = head_i;
    assign miss_answered_o  = head_answered_i;
    assign miss_covered_o   = 1'b0;
    assign miss_guest_o     = head_guest_i;
    assign miss_vmm_o       = head_vmm_i;
    assign miss_vmm_index_o = head_vmm_index_i;
    assign covered_o        = 1'b0;
    assign fractured_o      = 1'b0;
    assign sweep_ready_o    = 1'b1;
    logic unused_bits;
    assign unused_bits = ^{clk_i, rst_ni, head_la57_i, live_i, bypass_i, hit_ready_i, fill_valid_i, fill_i,
                           cover_valid_i, cover_all_i, cover_ctx_i, drop_i, drop_page_i, flush_i,
                           sweep_i, sweep_set_i, sweep_spaces_i};
  end else begin : g_l2
    localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
    typedef struct packed {
      miss_t       miss;
      seg_result_t guest;
      seg_match_t  vmm;
      logic [Lanes-1:0][IndexWidth-1:0] vmm_index;
    } item_t;

    function automatic logic covers(logic [CtxWidth-1:0] ctx);
      return cover_valid_i && (cover_all_i || (cover_ctx_i == ctx));
    endfunction

    // ---------------------------------------------------------------- compare, and what waits for the walker
    logic  cmp_valid_q, cmp_look_q, cmp_fresh_q, cmp_keep_q, cmp_old_q;
    logic  out_valid_q, out_keep_q, out_old_q;
    item_t cmp_q, out_q;
    logic ok_4k, found_4k, allowed_4k, global_4k, fractured_4k;
    logic ok_2m, found_2m, allowed_2m, global_2m, fractured_2m;
    logic  enters, leaves, misses, out_ready, looks, in_force, allowed, read_ok, head_looks, reads_again;
    logic  global_page;
    size_e size;
    ctx_live_t live;
    tlb_data_t data;

    assign live     = live_i[CtxBits'(cmp_q.miss.req.ctx)];
    assign in_force = live.space_valid && (live.space == cmp_q.miss.space) && (live.gspace == cmp_q.miss.gspace);
    assign looks    = cmp_look_q && cmp_keep_q && !cover_valid_i && in_force && !bypass_i;
    assign hit_o    = cmp_valid_q && looks && cmp_fresh_q && allowed;
    assign misses   = cmp_valid_q && (!looks || (cmp_fresh_q && !allowed));
    assign leaves   = (hit_o && hit_ready_i) || (misses && out_ready);

    // A miss that cannot leave reads again: what it waits for may be what it wants.
    assign reads_again = cmp_valid_q && !cmp_fresh_q;
    assign head_looks  = head_i.cacheable && is_canonical(head_i.req.gva[63:47], head_la57_i);
    assign head_ready_o = !cmp_valid_q || leaves;
    assign enters       = head_valid_i && !head_answered_i && head_ready_o;
    assign out_ready    = !out_valid_q || miss_ready_i;

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        cmp_valid_q <= 1'b0;
        out_valid_q <= 1'b0;
        cmp_old_q   <= 1'b0;
        out_old_q   <= 1'b0;
        cmp_fresh_q <= 1'b0;
      end else begin
        cmp_valid_q <= enters || (cmp_valid_q && !leaves);
        cmp_fresh_q <= enters ? (read_ok && !reads_again) : (read_ok && reads_again);
        cmp_old_q   <= enters ? 1'b0 : (cmp_valid_q && !leaves && (cmp_old_q || covers(cmp_q.miss.req.ctx)));
        out_valid_q <= (misses && out_ready) || (out_valid_q && !miss_ready_i);
        if (misses && out_ready) out_old_q <= cmp_old_q || covers(cmp_q.miss.req.ctx);
        else out_old_q <= out_valid_q && !miss_ready_i && (out_old_q || covers(out_q.miss.req.ctx));
      end
    end
    always_ff @(posedge clk_i) begin
      if (misses && out_ready) begin
        out_q           <= cmp_q;
        out_q.miss.held <= cmp_q.miss.held || (looks && (found_4k || found_2m));
      end
      if (misses && out_ready) out_keep_q <= cmp_keep_q && !cover_valid_i;
      else if (cover_valid_i) out_keep_q <= 1'b0;
      if (enters) begin
        cmp_q      <= '{miss: head_i, guest: head_guest_i, vmm: head_vmm_i, vmm_index: head_vmm_index_i};
        cmp_look_q <= head_looks;
        cmp_keep_q <= head_i.cacheable;
      end else if (cover_valid_i) begin
        cmp_keep_q <= 1'b0;
      end
    end

    // ---------------------------------------------------------------- storage
    logic [56:12] read_page;
    logic [2:0] access;
    logic sweepable_4k, sweepable_2m;  // both arrays take a set at once; the smaller one is swept more than once
    tlb_data_t data_4k, data_2m;
    assign read_page = reads_again ? cmp_q.miss.req.gva[56:12] : head_i.req.gva[56:12];
    assign access = perm_index(cmp_q.miss.req.op, user_effective(cmp_q.miss.req), ac_effective(cmp_q.miss.req));
    vmmu_l2_tlb #(.Size(Size4K), .Sets(Cfg.L2Sets), .Ways(Cfg.L2Ways), .PaBits(Cfg.PaBits)) u_4k (
        .clk_i, .rst_ni,
        .read_page_i(read_page), .read_ok_o(ok_4k),
        .page_i(cmp_q.miss.req.gva[56:12]), .space_i(cmp_q.miss.space), .gspace_i(cmp_q.miss.gspace),
        .access_i(access), .found_o(found_4k), .allowed_o(allowed_4k), .data_o(data_4k), .global_o(global_4k),
        .touch_i(hit_o && hit_ready_i && found_4k),
        .fill_valid_i, .fill_i, .cancel_i(cover_valid_i),
        .drop_i, .drop_page_i(drop_page_i[56:12]), .flush_i,
        .sweep_i(sweep_i && sweep_ready_o), .sweep_set_i($clog2(Cfg.L2Sets)'(sweep_set_i)), .sweep_spaces_i,
        .sweep_ready_o(sweepable_4k), .fractured_o(fractured_4k)
    );
    if (Cfg.L2Sets2M != 0) begin : g_2m
      vmmu_l2_tlb #(.Size(Size2M), .Sets(Cfg.L2Sets2M), .Ways(Cfg.L2Ways2M), .PaBits(Cfg.PaBits)) u_2m (
          .clk_i, .rst_ni,
          .read_page_i(read_page), .read_ok_o(ok_2m),
          .page_i(cmp_q.miss.req.gva[56:12]), .space_i(cmp_q.miss.space), .gspace_i(cmp_q.miss.gspace),
          .access_i(access), .found_o(found_2m), .allowed_o(allowed_2m), .data_o(data_2m), .global_o(global_2m),
          .touch_i(hit_o && hit_ready_i && found_2m),
          .fill_valid_i, .fill_i, .cancel_i(cover_valid_i),
          .drop_i, .drop_page_i(drop_page_i[56:12]), .flush_i,
          .sweep_i(sweep_i && sweep_ready_o), .sweep_set_i($clog2(Cfg.L2Sets2M)'(sweep_set_i)), .sweep_spaces_i,
          .sweep_ready_o(sweepable_2m), .fractured_o(fractured_2m)
      );
    end else begin : g_no_2m
      assign {ok_2m, sweepable_2m, found_2m, allowed_2m, global_2m, fractured_2m} = 6'b110000;
      assign data_2m = '0;
    end
    // An entry of each size matches only when software changed a table without invalidating: a miss, like two of one.
    assign read_ok     = ok_4k && ok_2m;
    assign allowed     = `VMMU_MUT(230, !(found_4k && found_2m), 1'b1) && (allowed_4k || allowed_2m);
    assign data        = data_4k | data_2m;
    assign global_page = global_4k || global_2m;
    assign size        = found_2m ? Size2M : Size4K;
    assign fractured_o = fractured_4k || fractured_2m;
    assign sweep_ready_o = sweepable_4k && sweepable_2m;

    // ---------------------------------------------------------------- answers
    // The L2 remembers for good that it had pieces of a large page: fractured need not be an entry's.
    always_comb begin
      hit_rsp_o = '0;
      hit_rsp_o.ctx    = cmp_q.miss.req.ctx;
      hit_rsp_o.id     = cmp_q.miss.req.id;
      hit_rsp_o.source = SrcL2;
      hit_rsp_o.hpa    = {data.frame, cmp_q.miss.req.gva[11:0]};
      if (size == Size2M) hit_rsp_o.hpa[20:12] = `VMMU_MUT(231, cmp_q.miss.req.gva[20:12], '0);
      hit_rsp_o.size   = size;
      hit_rsp_o.pat    = data.pat;
      hit_rsp_o.emt    = data.emt;
      hit_rsp_o.ipat   = data.ipat;
      hit_fill_o = '0;
      hit_fill_o.vpage = cmp_q.miss.req.gva[63:12];
      hit_fill_o.size  = size;
      hit_fill_o.space = global_page ? cmp_q.miss.gspace : cmp_q.miss.space;
      hit_fill_o.other = global_page ? cmp_q.miss.space : cmp_q.miss.gspace;
      hit_fill_o.data  = data;
    end
    assign hit_bank_o = cmp_q.miss.bank;
    assign missed_o   = misses && out_ready;
    assign hit_port_o = cmp_q.miss.port;

    // ---------------------------------------------------------------- walker
    assign miss_valid_o = out_valid_q;
    always_comb begin
      miss_o = out_q.miss;
      miss_o.cacheable = out_keep_q && !cover_valid_i;
    end
    assign miss_answered_o  = 1'b0;
    assign miss_covered_o   = out_old_q || covers(out_q.miss.req.ctx);
    assign miss_guest_o     = out_q.guest;
    assign miss_vmm_o       = out_q.vmm;
    assign miss_vmm_index_o = out_q.vmm_index;
    assign covered_o        = cmp_old_q || out_old_q;

    logic unused_bits;
    assign unused_bits = ^{drop_page_i[63:57], live.bank, live.la57, cmp_q.miss.cacheable};

    `VMMU_ASSERT(HitMayBeInserted_A, hit_o && hit_ready_i |-> cmp_q.miss.cacheable && cmp_keep_q)
  end
endmodule
