`include "vmmu_macros.svh"

// One page size of an L1 TLB: a set-associative array with tree pseudo-LRU replacement. Tags and data of each
// way are read without a clock, so that they can be distributed RAM; valid bits and replacement state are
// flip-flops. An entry matches under either of two address-space numbers: the PCID's own, or the global one.
//
// The lookup chooses nothing: the entries that match are joined by OR, with a flag that says when they are several
// and the joined data means nothing. Priorities would lie in the longest path of the MMU.
module vmmu_l1_array
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Sets = 16,   // power of two, 1 = fully associative
    parameter int unsigned Ways = 4,    // power of two, >= 2
    parameter int unsigned VpnWidth = 45,
    localparam int unsigned DataWidth = $bits(tlb_data_t)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    // lookup
    input  logic [VpnWidth-1:0]   lookup_vpn_i,
    input  logic [SpaceWidth-1:0] lookup_space_i,
    input  logic [SpaceWidth-1:0] lookup_gspace_i,
    input  logic [PermWidth-1:0]  lookup_class_i,  // the class of the access, one bit
    output logic                  lookup_hit_o,
    output logic                  lookup_allowed_o,  // a match permits the access
    output logic                  lookup_many_o,   // more than one match
    output tlb_data_t             lookup_data_o,   // of the match, 0 without one
    input  logic                  touch_i,       // the hit was used
    // maintenance: at most one of fill, drop, flush and sweep in a cycle
    input  logic [VpnWidth-1:0]   maint_vpn_i,
    input  logic                  fill_i,        // insert; older entries of the page under either number go
    input  logic                  clear_i,       // the page was inserted at another size: it goes here
    input  logic                  drop_i,        // the page goes whatever its number
    input  logic                  flush_i,       // everything goes
    input  logic                  sweep_i,       // of the page's set, entries that carry one of these numbers go
    input  logic [2**SpaceWidth-1:0] sweep_spaces_i,
    input  logic [SpaceWidth-1:0] fill_space_i,
    input  logic [SpaceWidth-1:0] fill_other_i,
    input  tlb_data_t             fill_data_i
);
  localparam int unsigned SetBits = (Sets > 1) ? $clog2(Sets) : 1;
  localparam int unsigned SetShift = (Sets > 1) ? $clog2(Sets) : 0;
  localparam int unsigned TagWidth = VpnWidth - SetShift;
  localparam int unsigned WayWidth = $clog2(Ways);

  logic [Ways-1:0]       valid_q [Sets];
  logic [Ways-1:1]       tree_q [Sets];

  function automatic logic [SetBits-1:0] set_of(logic [VpnWidth-1:0] vpn);
    return (Sets > 1) ? SetBits'(vpn) : '0;
  endfunction

  // ---------------------------------------------------------------- storage
  logic [SetBits-1:0] lset, mset;
  logic [WayWidth-1:0] fill_way;
  logic [Ways-1:0][TagWidth-1:0]   ltag, mtag;      // as the lookup and as maintenance see them
  logic [Ways-1:0][SpaceWidth-1:0] lspace, mspace;
  logic [Ways-1:0][DataWidth-1:0]  ldata;
  assign lset = set_of(lookup_vpn_i);
  assign mset = set_of(`VMMU_MUT(118, maint_vpn_i, maint_vpn_i >> 1));
  for (genvar w = 0; w < Ways; w++) begin : g_way
    logic [TagWidth-1:0]   tag_q [Sets];
    logic [SpaceWidth-1:0] space_q [Sets];
    logic [DataWidth-1:0]  data_q [Sets];
    always_ff @(posedge clk_i) begin
      if (fill_i && (fill_way == WayWidth'(w))) begin
        tag_q[mset]   <= maint_vpn_i[VpnWidth-1:SetShift];
        space_q[mset] <= fill_space_i;
        data_q[mset]  <= fill_data_i;
      end
    end
    assign ltag[w]   = tag_q[lset];
    assign lspace[w] = space_q[lset];
    assign ldata[w]  = data_q[lset];
    assign mtag[w]   = tag_q[mset];
    assign mspace[w] = space_q[mset];
  end

  // ---------------------------------------------------------------- lookup
  tlb_data_t [Ways-1:0] entry;
  assign entry = ldata;
  logic [Ways-1:0] match, permitted;
  logic [WayWidth-1:0] way;
  always_comb begin
    lookup_data_o = '0;
    lookup_many_o = 1'b0;
    way           = '0;
    for (int unsigned w = 0; w < Ways; w++) begin
      match[w] = valid_q[lset][w] &&
          (((ltag[w] ^ lookup_vpn_i[VpnWidth-1:SetShift]) & `VMMU_MUT(120, {TagWidth{1'b1}}, ~TagWidth'(1))) == '0) &&
          (lspace[w] == `VMMU_MUT(10, lookup_space_i, lspace[w]) || lspace[w] == lookup_gspace_i);
      permitted[w] = |(entry[w].perm & lookup_class_i);
      if (match[w]) lookup_data_o |= entry[w];
      if (match[w]) way |= WayWidth'(w);
      // Two entries can match when software made a page global without invalidating it.
      for (int unsigned v = 0; v < w; v++) if (match[w] && match[v]) lookup_many_o = 1'b1;
    end
  end
  assign lookup_hit_o     = |match;
  assign lookup_allowed_o = |(match & permitted);

  // The replacement state follows a cycle later: it is not worth a longer path.
  logic touch_q;
  logic [SetBits-1:0] touch_set_q;
  logic [WayWidth-1:0] touch_way_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) touch_q <= 1'b0;
    else touch_q <= touch_i;
  end
  always_ff @(posedge clk_i) begin
    touch_set_q <= lset;
    touch_way_q <= way;
  end

  // ---------------------------------------------------------------- maintenance
  logic [Ways-1:0] page_match, same_match, removed;
  logic [WayWidth-1:0] victim;
  always_comb begin
    for (int unsigned w = 0; w < Ways; w++) begin
      page_match[w] = valid_q[mset][w] && (mtag[w] == maint_vpn_i[VpnWidth-1:SetShift]);
      same_match[w] = page_match[w] &&
          ((mspace[w] == fill_space_i) || (mspace[w] == fill_other_i));
    end
    // An entry of the same page is replaced, else an empty way is taken, else the least recently used.
    fill_way = victim;
    for (int w = Ways - 1; w >= 0; w--) if (!valid_q[mset][w]) fill_way = WayWidth'(w);
    for (int w = Ways - 1; w >= 0; w--) if (`VMMU_MUT(11, same_match[w], 1'b0)) fill_way = WayWidth'(w);
    removed = '0;
    if (drop_i) removed = page_match;
    if (clear_i || fill_i) removed = `VMMU_MUT(11, same_match, '0);
    if (sweep_i) begin
      for (int unsigned w = 0; w < Ways; w++) removed[w] = `VMMU_MUT(255, sweep_spaces_i[mspace[w]], 1'b0);
    end
  end

  logic [Ways-1:1] touched_tree, filled_tree;
  logic [WayWidth-1:0] unused_victim;
  vmmu_plru #(.Ways(Ways)) u_touch (
      .tree_i(tree_q[touch_set_q]), .touched_i(touch_way_q), .touched_tree_o(touched_tree), .victim_o(unused_victim)
  );
  vmmu_plru #(.Ways(Ways)) u_fill (
      .tree_i(tree_q[mset]), .touched_i(fill_way), .touched_tree_o(filled_tree), .victim_o(victim)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned s = 0; s < Sets; s++) begin
        valid_q[s] <= '0;
        tree_q[s]  <= '0;
      end
    end else begin
      if (touch_q) tree_q[touch_set_q] <= touched_tree;
      if (fill_i) tree_q[mset] <= filled_tree;
      if (flush_i) begin
        for (int unsigned s = 0; s < Sets; s++) valid_q[s] <= '0;
      end else if (fill_i) begin
        valid_q[mset] <= (valid_q[mset] & ~removed) | (Ways'(1) << fill_way);
      end else begin
        valid_q[mset] <= valid_q[mset] & ~removed;
      end
    end
  end

  // The two numbers of a lookup may match one entry each, one number never two.
  logic twice;
  always_comb begin
    twice = 1'b0;
    for (int unsigned w = 1; w < Ways; w++) begin
      for (int unsigned v = 0; v < w; v++) begin
        if (match[w] && match[v] && (lspace[w] == lspace[v])) twice = 1'b1;
      end
    end
  end
  `VMMU_ASSERT(NoPageTwiceUnderOneNumber_A, !twice)
  `VMMU_ASSERT(OneMaintenance_A, $onehot0({fill_i, clear_i, drop_i, flush_i, sweep_i}))
endmodule
