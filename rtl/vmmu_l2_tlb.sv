`include "vmmu_macros.svh"

// Storage of the L2 TLB, entries of one page size: tag and data in RAM with a synchronous read, valid bits and the tree
// pseudo-LRU of each set in flip-flops. What is read in one cycle is compared in the next. A fill reads its set like a
// lookup does, and writes a cycle later; it takes the one read port, and what is read of a set while it is being
// written is not used: the lookup reads again.
//
// An entry matches under either of two address-space numbers, as in the L1. Two matches are possible when software
// changed a table without invalidating: they are a miss, and the fill that follows leaves one.
module vmmu_l2_tlb
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter size_e       Size = Size4K, // of the entries: 4 KiB or 2 MiB
    parameter int unsigned Sets = 128,    // power of two, >= 2
    parameter int unsigned Ways = 4,      // power of two, >= 2
    parameter int unsigned PaBits = 52,
    parameter bit          Nested = 1'b0  // nested translations of 4 KiB have entries too (NtlbInL2)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // lookup, first cycle
    input  logic [56:12] read_page_i,
    output logic        read_ok_o,        // the next cycle has the set of this page
    // lookup, second cycle
    input  logic [56:12] page_i,
    input  logic [SpaceWidth-1:0] space_i,
    input  logic [SpaceWidth-1:0] gspace_i,
    input  logic [2:0]  access_i,         // bit of tlb_data_t.perm
    output logic        found_o,          // an entry matches
    output logic        allowed_o,        // one entry matches, and permits the access
    output tlb_data_t   data_o,           // of that entry, 0 without a match
    output logic        global_o,         // it matched under gspace_i
    input  logic        touch_i,          // the entry was used
    // The walker's lookup, in the same two cycles: it goes before the other, which reads again.
    input  logic        nested_read_i,
    input  logic [47:12] nested_read_page_i,
    input  logic [47:12] nested_page_i,
    input  logic [SpaceWidth-1:0] nested_number_i,
    output logic        nested_found_o,
    output nested_t     nested_o,
    input  logic        nested_touch_i,
    input  nested_fill_t nested_fill_i,   // lost when another one waits still
    // maintenance
    input  logic        fill_valid_i,     // lost when two fills are still under way
    input  fill_t       fill_i,           // a page of another size only removes what is there of its address
    input  logic        cancel_i,         // an invalidation arrives: fills under way are lost
    input  logic        drop_i,           // the whole set of the page goes
    input  logic [56:12] drop_page_i,
    input  logic        flush_i,          // everything goes
    input  logic        sweep_i,          // only when sweep_ready_o: of this set, entries that carry one of these go
    input  logic [$clog2(Sets)-1:0] sweep_set_i,
    input  logic [2**SpaceWidth-1:0] sweep_spaces_i,
    output logic        sweep_ready_o,    // it is read now, and swept in the next cycle
    output logic        fractured_o       // entries may exist that are smaller than their guest page
);
  localparam int unsigned SetBits = $clog2(Sets);
  localparam int unsigned Shift = (Size == Size2M) ? 21 : 12;
  localparam int unsigned TagWidth = 57 - Shift - SetBits;
  localparam int unsigned WayWidth = $clog2(Ways);
  typedef struct packed {
    logic                  nested;
    logic [TagWidth-1:0]   tag;
    logic [SpaceWidth-1:0] space;
    tlb_data_t             data;
  } entry_t;

  function automatic logic [SetBits-1:0] set_of(logic [56:12] page);
    return page[Shift+:SetBits];
  endfunction
  function automatic logic [TagWidth-1:0] tag_of(logic [56:12] page);
    return page[56-:TagWidth];
  endfunction

  logic [Sets-1:0][Ways-1:0] valid_q;
  logic [Sets-1:0][Ways-1:1] tree_q;

  // ---------------------------------------------------------------- fills: read the set, then compare and write
  logic  reads_q, writes_q, reading, reads_nested, takes_nested, reads_nested_q, writes_nested_q;
  fill_t reads_fill_q, writes_fill_q, nested_fill;
  assign reads_nested = Nested && nested_read_i;
  // A nested translation waits for the fill of the walk that found it.
  nested_fill_t nested_wait_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) nested_wait_q <= '0;
    else if (cancel_i) nested_wait_q <= '0;
    else if (Nested && nested_fill_i.valid) nested_wait_q <= nested_fill_i;
    else if (takes_nested) nested_wait_q.valid <= 1'b0;
  end
  assign takes_nested = nested_wait_q.valid && !fill_valid_i && (!reads_q || reading);
  // A nested translation in the room of another: permissions, size and dirty where those have resolved permissions.
  always_comb begin
    nested_fill = '0;
    nested_fill.vpage      = {16'd0, nested_wait_q.page};
    nested_fill.size       = Size4K;
    nested_fill.space      = nested_wait_q.number;
    nested_fill.other      = nested_wait_q.number;
    nested_fill.data.frame = nested_wait_q.data.frame;
    nested_fill.data.perm  = {1'b0, nested_wait_q.data.dirty, nested_wait_q.data.size, nested_wait_q.data.perm};
    nested_fill.data.emt   = nested_wait_q.data.emt;
    nested_fill.data.ipat  = nested_wait_q.data.ipat;
  end
  logic [SetBits-1:0] write_set;
  // Never while its own set may be written. The walker's lookup goes first: it often comes with the fill of the nested
  // walk before it, and asks once.
  assign reading   = reads_q && !writes_q && !sweep_i && !reads_nested;
  assign write_set = set_of(writes_fill_q.vpage[56:12]);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      reads_q  <= 1'b0;
      writes_q <= 1'b0;
    end else begin
      reads_q  <= !cancel_i && (fill_valid_i || takes_nested || (reads_q && !reading));
      writes_q <= !cancel_i && reading;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!reads_q || reading) begin
      reads_fill_q   <= takes_nested ? nested_fill : fill_i;
      reads_nested_q <= takes_nested;
    end
    if (reading) begin
      writes_fill_q   <= reads_fill_q;
      writes_nested_q <= reads_nested_q;
    end
  end

  // A sweep takes the read port in every second cycle at most, so that neither lookups nor fills wait for long.
  logic sweeps_q;
  logic [SetBits-1:0] swept_set_q;
  assign sweep_ready_o = !sweeps_q && !writes_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) sweeps_q <= 1'b0;
    else         sweeps_q <= sweep_i;
  end
  always_ff @(posedge clk_i) begin
    swept_set_q <= sweep_set_i;
  end

  // ---------------------------------------------------------------- storage
  logic [SetBits-1:0] read_set;
  logic [WayWidth-1:0] fill_way;
  logic kept;  // the fill that writes is an entry
  entry_t [Ways-1:0] row;  // of the set read in the cycle before
  entry_t written;
  localparam logic [FrameWidth-1:0] FrameMask =
      ({FrameWidth{1'b1}} >> (PaWidth - PaBits)) & ({FrameWidth{1'b1}} << (Shift - 12));
  always_comb begin
    written = '{
        nested: writes_nested_q,
        tag: tag_of(writes_fill_q.vpage[56:12]), space: writes_fill_q.space, data: writes_fill_q.data
    };
    written.data.frame = writes_fill_q.data.frame & FrameMask;
  end
  assign read_set  = sweep_i ? sweep_set_i
                             : (reading ? set_of(reads_fill_q.vpage[56:12])
                                          : set_of(reads_nested ? {9'd0, nested_read_page_i} : read_page_i));
  assign read_ok_o = !reading && !sweep_i && !reads_nested &&
                     !`VMMU_MUT(130, writes_q && (write_set == set_of(read_page_i)), 1'b0);
  assign kept      = writes_q && `VMMU_MUT(109, writes_fill_q.size == Size, 1'b1);
  for (genvar w = 0; w < Ways; w++) begin : g_way
    vmmu_ram #(.Width($bits(entry_t)), .Depth(Sets)) u_ram (
        .clk_i,
        .write_i(kept && (fill_way == WayWidth'(w))), .write_addr_i(write_set), .write_data_i(written),
        .read_addr_i(read_set), .read_data_o(row[w])
    );
  end

  // ---------------------------------------------------------------- compare
  logic [SetBits-1:0] set;
  logic [Ways-1:0] match;
  logic [WayWidth-1:0] way;
  logic many, permitted;
  assign set = set_of(page_i);
  always_comb begin
    data_o    = '0;
    many      = 1'b0;
    way       = '0;
    permitted = 1'b0;
    global_o  = 1'b0;
    for (int unsigned w = 0; w < Ways; w++) begin
      match[w] = valid_q[set][w] && !row[w].nested && (row[w].tag == tag_of(page_i)) &&
          `VMMU_MUT(100, (row[w].space == space_i) || (row[w].space == gspace_i), 1'b1);
      if (match[w]) data_o |= row[w].data;
      if (match[w]) way |= WayWidth'(w);
      if (match[w] && (row[w].space == gspace_i)) global_o = 1'b1;
      if (match[w] && row[w].data.perm[access_i]) permitted = 1'b1;
      for (int unsigned v = 0; v < w; v++) if (match[w] && match[v]) many = 1'b1;
    end
  end
  assign found_o   = |match;
  assign allowed_o = (|match) && !many && `VMMU_MUT(101, permitted, 1'b1);

  // ---------------------------------------------------------------- nested translations
  logic nested_ok_q;
  logic [SetBits-1:0] nested_set;
  logic [Ways-1:0] nested_match;
  logic [WayWidth-1:0] nested_way;
  tlb_data_t nested_data;
  always_ff @(posedge clk_i) nested_ok_q <= reads_nested && !sweep_i && !(writes_q && (write_set == read_set));
  assign nested_set = set_of({9'd0, nested_page_i});
  always_comb begin
    nested_data = '0;
    nested_way  = '0;
    for (int unsigned w = 0; w < Ways; w++) begin
      nested_match[w] = Nested && valid_q[nested_set][w] && `VMMU_MUT(217, row[w].nested, 1'b1) &&
                        (row[w].tag == tag_of({9'd0, nested_page_i})) && (row[w].space == nested_number_i);
      if (nested_match[w]) nested_data |= row[w].data;
      if (nested_match[w]) nested_way |= WayWidth'(w);
    end
  end
  assign nested_found_o = nested_ok_q && (|nested_match);
  assign nested_o = '{frame: nested_data.frame, size: size_e'(nested_data.perm[5:4]), perm: nested_data.perm[3:0],
                      emt: nested_data.emt, ipat: nested_data.ipat, dirty: nested_data.perm[6]};

  // ---------------------------------------------------------------- the fill that writes
  logic [Ways-1:0] same;
  logic [WayWidth-1:0] victim, unused_victim;
  logic [Ways-1:1] touched_tree, filled_tree;
  always_comb begin
    for (int unsigned w = 0; w < Ways; w++) begin
      same[w] = valid_q[write_set][w] && (row[w].nested == writes_nested_q) && (row[w].tag == written.tag) &&
          ((row[w].space == writes_fill_q.space) || (row[w].space == writes_fill_q.other));
    end
    same = `VMMU_MUT(103, same, '0);
    // An entry of the same page is replaced, else an empty way is taken, else the least recently used.
    fill_way = victim;
    for (int w = Ways - 1; w >= 0; w--) if (!valid_q[write_set][w]) fill_way = WayWidth'(w);
    for (int w = Ways - 1; w >= 0; w--) if (same[w]) fill_way = WayWidth'(w);
  end
  logic [SetBits-1:0] touched_set;
  assign touched_set = touch_i ? set : nested_set;
  vmmu_plru #(.Ways(Ways)) u_touch (
      .tree_i(tree_q[touched_set]), .touched_i(touch_i ? way : nested_way), .touched_tree_o(touched_tree), .victim_o(unused_victim)
  );
  vmmu_plru #(.Ways(Ways)) u_fill (
      .tree_i(tree_q[write_set]), .touched_i(fill_way), .touched_tree_o(filled_tree), .victim_o(victim)
  );

  logic fractured_q;
  assign fractured_o = fractured_q || (kept && writes_fill_q.fractured);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fractured_q <= 1'b0;
      valid_q     <= '0;
      tree_q      <= '0;
    end else begin
      fractured_q <= fractured_o && !flush_i;
      if (`VMMU_MUT(102, touch_i, 1'b0) || nested_touch_i) tree_q[touched_set] <= touched_tree;
      if (kept) tree_q[write_set] <= filled_tree;
      if (writes_q) valid_q[write_set] <= (valid_q[write_set] & ~same) | (Ways'(kept) << fill_way);
      if (sweeps_q) begin
        for (int unsigned w = 0; w < Ways; w++) begin
          if (`VMMU_MUT(256, sweep_spaces_i[row[w].space], 1'b0)) valid_q[swept_set_q][w] <= 1'b0;
        end
      end
      if (`VMMU_MUT(104, drop_i, 1'b0)) valid_q[set_of(drop_page_i)] <= '0;
      if (flush_i) valid_q <= '0;
    end
  end

  logic unused_bits;
  assign unused_bits = ^{reads_fill_q, writes_fill_q, page_i, nested_data, nested_page_i, nested_read_page_i};

  // The two numbers of a lookup may match one entry each, one number never two.
  logic twice;
  always_comb begin
    twice = 1'b0;
    for (int unsigned w = 1; w < Ways; w++) begin
      for (int unsigned v = 0; v < w; v++) if (match[w] && match[v] && (row[w].space == row[v].space)) twice = 1'b1;
    end
  end
  `VMMU_ASSERT(NoPageTwiceUnderOneNumber_A, touch_i |-> !twice)
  `VMMU_ASSERT(WhatIsUsedMatches_A, touch_i |-> $onehot(match))
endmodule
