`include "vmmu_macros.svh"

// The L1 TLB of one port: 4 KiB, 2 MiB and 1 GiB arrays looked up together in the cycle in which a request
// is presented. It answers "allowed" or misses; the miss path computes every fault. Two entries match only when
// software changed a table without invalidating: that is a miss too, and the fill that follows drops both.
//
// A fill or a drop waits a cycle in a register, between what computes it and the arrays; lookups do not see it there.
// A lookup in that cycle may still hit what is to be dropped: vmmu_inv marks the answers of the cycle after a drop.
module vmmu_l1_tlb
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    localparam int unsigned MostSets = (Cfg.L1Sets4K > Cfg.L1Sets2M) ? Cfg.L1Sets4K : Cfg.L1Sets2M,
    localparam int unsigned SetBits = (MostSets > 1) ? $clog2(MostSets) : 1
) (
    input  logic      clk_i,
    input  logic      rst_ni,
    // lookup
    input  logic      valid_i,       // a request is looked up in this cycle
    input  miss_t     miss_i,        // the request as it goes on if it misses; when it is not cacheable, it does
    input  logic      la57_i,        // of its context
    output logic      hit_o,
    output rsp_t      hit_rsp_o,
    output logic      held_o,        // an entry matches, whether it permits the access or not
    // maintenance
    input  logic      fill_valid_i,  // lost when a drop, a flush or a forced sweep comes in the same cycle, or a
                                     // flush in the next
    input  fill_t     fill_i,
    input  logic      drop_i,
    input  logic [63:12] drop_page_i,
    input  logic      flush_i,
    input  logic      sweep_i,         // of this set of each array, entries that carry one of these numbers go
    input  logic      sweep_force_i,   // even if a fill is lost
    input  logic [SetBits-1:0] sweep_set_i,
    input  logic [2**SpaceWidth-1:0] sweep_spaces_i,  // does not change while a sweep is on its way
    output logic      sweep_ready_o,
    output logic      fractured_o    // entries may exist that are smaller than their guest page
);
  // An address that is not canonical never matches; tags hold bits 56:12 only.
  req_t req;
  logic canonical, usable;
  assign req       = miss_i.req;
  assign canonical = is_canonical(req.gva[63:47], la57_i);
  assign usable    = miss_i.cacheable && `VMMU_MUT(12, canonical, 1'b1);

  // A page that lies in the set of that number in every array that has it. A smaller array is swept more than once.
  logic [63:12] sweep_page;
  always_comb begin
    sweep_page = '0;
    sweep_page[12+:SetBits] = sweep_set_i;
    sweep_page[21+:SetBits] = sweep_set_i;
  end

  // One register for all of them, so that they reach the arrays in the order in which they came.
  logic  fill_q, drop_q, sweep_q, fill, drop, sweep;
  fill_t maint_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fill_q  <= 1'b0;
      drop_q  <= 1'b0;
      sweep_q <= 1'b0;
    end else begin
      fill_q  <= fill_valid_i && !drop_i && !flush_i && !(sweep_i && sweep_force_i);
      drop_q  <= drop_i && !flush_i && !`VMMU_MUT(140, 1'b0, fill_valid_i);
      sweep_q <= sweep_i && sweep_ready_o;
    end
  end
  always_ff @(posedge clk_i) begin
    maint_q <= fill_i;
    if (sweep_i && sweep_ready_o) maint_q.vpage <= sweep_page;
    if (drop_i) maint_q.vpage <= drop_page_i;
  end
  assign sweep_ready_o = !drop_i && !flush_i && (!fill_valid_i || sweep_force_i);
  assign fill = fill_q && !flush_i;
  assign drop = drop_q && !flush_i;
  assign sweep = sweep_q && !flush_i;

  // Frame bits that a page size cannot have set are no storage, nor are those above the build's addresses.
  localparam logic [FrameWidth-1:0] FrameMask4K = {FrameWidth{1'b1}} >> (PaWidth - Cfg.PaBits);
  localparam logic [FrameWidth-1:0] FrameMask2M = FrameMask4K & ({FrameWidth{1'b1}} << 9);
  localparam logic [FrameWidth-1:0] FrameMask1G = FrameMask4K & ({FrameWidth{1'b1}} << 18);
  function automatic tlb_data_t masked(tlb_data_t data, logic [FrameWidth-1:0] mask);
    masked = data;
    masked.frame = data.frame & mask;
  endfunction

  logic [2:0] match, allowed, many, touch;
  tlb_data_t data [3];
  logic [PermWidth-1:0] access_class;
  always_comb begin
    access_class = '0;
    access_class[perm_index(req.op, user_effective(req), ac_effective(req))] = 1'b1;
  end

  vmmu_l1_array #(
      .Sets(Cfg.L1Sets4K), .Ways(Cfg.L1Ways4K), .VpnWidth(45)
  ) u_4k (
      .clk_i, .rst_ni,
      .lookup_vpn_i(req.gva[56:12]), .lookup_space_i(miss_i.space), .lookup_gspace_i(miss_i.gspace),
      .lookup_class_i(access_class), .lookup_hit_o(match[0]), .lookup_allowed_o(allowed[0]),
      .lookup_many_o(many[0]), .lookup_data_o(data[0]), .touch_i(touch[0]),
      .maint_vpn_i(maint_q.vpage[56:12]),
      .fill_i(fill && (maint_q.size == Size4K)), .clear_i(fill && (maint_q.size != Size4K)), .drop_i(drop), .flush_i,
      .sweep_i(sweep), .sweep_spaces_i,
      .fill_space_i(maint_q.space), .fill_other_i(maint_q.other),
      .fill_data_i(masked(maint_q.data, FrameMask4K))
  );
  vmmu_l1_array #(
      .Sets(Cfg.L1Sets2M), .Ways(Cfg.L1Ways2M), .VpnWidth(36)
  ) u_2m (
      .clk_i, .rst_ni,
      .lookup_vpn_i(req.gva[56:21]), .lookup_space_i(miss_i.space), .lookup_gspace_i(miss_i.gspace),
      .lookup_class_i(access_class), .lookup_hit_o(match[1]), .lookup_allowed_o(allowed[1]),
      .lookup_many_o(many[1]), .lookup_data_o(data[1]), .touch_i(touch[1]),
      .maint_vpn_i(maint_q.vpage[56:21]),
      .fill_i(fill && (maint_q.size == Size2M)), .clear_i(fill && (maint_q.size != Size2M)),
      .drop_i(`VMMU_MUT(114, drop, 1'b0)), .flush_i,
      .sweep_i(sweep), .sweep_spaces_i,
      .fill_space_i(maint_q.space), .fill_other_i(maint_q.other),
      .fill_data_i(masked(maint_q.data, FrameMask2M))
  );
  vmmu_l1_array #(
      .Sets(1), .Ways(Cfg.L1Ways1G), .VpnWidth(27)
  ) u_1g (
      .clk_i, .rst_ni,
      .lookup_vpn_i(req.gva[56:30]), .lookup_space_i(miss_i.space), .lookup_gspace_i(miss_i.gspace),
      .lookup_class_i(access_class), .lookup_hit_o(match[2]), .lookup_allowed_o(allowed[2]),
      .lookup_many_o(many[2]), .lookup_data_o(data[2]), .touch_i(touch[2]),
      .maint_vpn_i(maint_q.vpage[56:30]),
      .fill_i(fill && (maint_q.size == Size1G)), .clear_i(fill && (maint_q.size != Size1G)), .drop_i(drop), .flush_i,
      .sweep_i(sweep), .sweep_spaces_i,
      .fill_space_i(maint_q.space), .fill_other_i(maint_q.other),
      .fill_data_i(masked(maint_q.data, FrameMask1G))
  );

  // ---------------------------------------------------------------- the answer
  logic several, permitted;
  tlb_data_t chosen;
  logic [FrameWidth-1:0] page_offset;  // address bits that a large page leaves as they are
  assign several   = (|many) || (match[0] && match[1]) || (match[0] && match[2]) || (match[1] && match[2]);
  assign permitted = `VMMU_MUT(13, |allowed, |match);
  assign hit_o     = valid_i && usable && permitted && !`VMMU_MUT(121, several, 1'b0);
  assign held_o    = usable && (|match);
  assign touch     = hit_o ? match : '0;
  // Frame bits below the page size are 0, and so is all of an array without a match.
  assign chosen      = data[0] | data[1] | data[2];
  assign page_offset = FrameWidth'({{9{match[2]}}, {9{match[1] || `VMMU_MUT(119, match[2], 1'b0)}}});
  always_comb begin
    hit_rsp_o = '0;
    hit_rsp_o.ctx    = req.ctx;
    hit_rsp_o.id     = req.id;
    hit_rsp_o.source = SrcL1;
    hit_rsp_o.size   = size_e'({match[2], match[1]});
    hit_rsp_o.pat    = chosen.pat;
    hit_rsp_o.emt    = chosen.emt;
    hit_rsp_o.ipat   = chosen.ipat;
    hit_rsp_o.hpa    = {chosen.frame | (req.gva[PaWidth-1:12] & page_offset), req.gva[11:0]};
  end
  // A fill that waits counts already: it is in the arrays before a drop that arrives now.
  logic fractured_q;
  assign fractured_o = fractured_q || (fill && maint_q.fractured);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fractured_q <= 1'b0;
    else fractured_q <= fractured_o && !flush_i;
  end

  logic unused_bits;  // the permissions were judged way by way
  assign unused_bits = ^{maint_q.vpage[63:57], chosen.perm, miss_i};
endmodule
