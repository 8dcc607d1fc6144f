`include "vmmu_macros.svh"

// One cache of the walker: a set-associative array, or a fully associative one, with tree pseudo-LRU replacement. A
// lookup presents its key in the select stage, so that RAM is addressed, and is compared in the step stage, where its
// result is used. Valid bits and replacement state are flip-flops; the rest is RAM, or flip-flops too with one set.
//
// A fill reads its set, in a cycle in which no lookup wants the only read port, and writes it a cycle later. There is
// room for one that waits: another one is lost, which costs a reference some time. A set that is read while it is
// being written answers nothing.
//
// Entries may be of two sizes: a wide one ignores the low WideBits bits of the key.
module vmmu_walk_cache
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Sets = 16,      // power of two, 1 = fully associative
    parameter int unsigned Ways = 4,       // power of two, >= 2
    parameter int unsigned KeyWidth = 36,  // bits of the page number
    parameter int unsigned DataWidth = 44,
    parameter int unsigned WideBits = 0    // 0: no wide entries; else with one set only
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    // lookup, select stage
    input  logic                  read_i,
    input  logic [KeyWidth-1:0]   read_key_i,
    // lookup, step stage
    input  logic [KeyWidth-1:0]   key_i,     // read_key_i of the cycle before
    input  logic [SpaceWidth-1:0] number_i,  // address-space number
    output logic                  hit_o,
    output logic                  wide_o,
    output logic [DataWidth-1:0]  data_o,    // of the entry that matches
    input  logic                  touch_i,   // it was used
    // maintenance
    input  logic                  fill_i,
    input  logic [KeyWidth-1:0]   fill_key_i,
    input  logic [SpaceWidth-1:0] fill_number_i,
    input  logic                  fill_wide_i,
    input  logic [DataWidth-1:0]  fill_data_i,
    input  logic                  cancel_i,  // fills under way are lost
    input  logic                  clear_i    // everything goes
);
  localparam int unsigned SetBits = (Sets > 1) ? $clog2(Sets) : 1;
  localparam int unsigned SetShift = (Sets > 1) ? $clog2(Sets) : 0;
  localparam int unsigned TagWidth = KeyWidth - SetShift;
  localparam int unsigned WayWidth = $clog2(Ways);
  typedef struct packed {
    logic [TagWidth-1:0]   tag;
    logic [SpaceWidth-1:0] number;
    logic                  wide;
    logic [DataWidth-1:0]  data;
  } entry_t;
  typedef struct packed {
    logic [KeyWidth-1:0]   key;
    logic [SpaceWidth-1:0] number;
    logic                  wide;
    logic [DataWidth-1:0]  data;
  } fill_t;

  localparam logic [TagWidth-1:0] WideMask = ~((TagWidth'(1) << WideBits) - TagWidth'(1));
  function automatic logic [SetBits-1:0] set_of(logic [KeyWidth-1:0] key);
    return (Sets > 1) ? SetBits'(key) : '0;
  endfunction
  function automatic logic same_tag(logic [TagWidth-1:0] a, logic [TagWidth-1:0] b, logic wide);
    return ((a ^ b) & (wide ? WideMask : '1)) == '0;
  endfunction

  logic [Sets-1:0][Ways-1:0] valid_q;
  logic [Sets-1:0][Ways-1:1] tree_q;

  // ---------------------------------------------------------------- fills
  logic  waits_q, writes_q, reading;
  fill_t waiting_q, writing_q;
  logic [SetBits-1:0] write_set;
  assign reading   = waits_q && !writes_q && !(read_i && (Sets > 1));  // never while its own set may be written
  assign write_set = set_of(writing_q.key);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      waits_q  <= 1'b0;
      writes_q <= 1'b0;
    end else begin
      waits_q  <= !cancel_i && (fill_i || (waits_q && !reading));
      writes_q <= !cancel_i && reading;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!waits_q || reading) begin
      waiting_q <= '{key: fill_key_i, number: fill_number_i, wide: fill_wide_i && (WideBits != 0), data: fill_data_i};
    end
    if (reading) writing_q <= waiting_q;
  end

  // ---------------------------------------------------------------- storage
  logic [WayWidth-1:0] fill_way;
  entry_t [Ways-1:0] row;  // of the set that was read in the cycle before
  entry_t written;
  logic row_ok;
  assign written = '{tag: writing_q.key[KeyWidth-1:SetShift], number: writing_q.number, wide: writing_q.wide,
                     data: writing_q.data};
  if (Sets > 1) begin : g_ram
    logic row_ok_q;
    logic [SetBits-1:0] read_set;
    assign read_set = reading ? set_of(waiting_q.key) : set_of(read_key_i);
    always_ff @(posedge clk_i) row_ok_q <= !(writes_q && (write_set == read_set));
    assign row_ok = row_ok_q;
    for (genvar w = 0; w < Ways; w++) begin : g_way
      vmmu_ram #(.Width($bits(entry_t)), .Depth(Sets)) u_ram (
          .clk_i,
          .write_i(writes_q && (fill_way == WayWidth'(w))), .write_addr_i(write_set), .write_data_i(written),
          .read_addr_i(read_set), .read_data_o(row[w])
      );
    end
  end else begin : g_flops
    logic unused_read;
    assign unused_read = ^read_key_i;
    assign row_ok = 1'b1;
    for (genvar w = 0; w < Ways; w++) begin : g_way
      entry_t entry_q;
      always_ff @(posedge clk_i) if (writes_q && (fill_way == WayWidth'(w))) entry_q <= written;
      assign row[w] = entry_q;
    end
  end

  // ---------------------------------------------------------------- lookup
  logic [SetBits-1:0] set;
  logic [Ways-1:0] match;
  logic [WayWidth-1:0] way;
  assign set = set_of(key_i);
  always_comb begin
    data_o = '0;
    wide_o = 1'b0;
    way    = '0;
    for (int unsigned w = 0; w < Ways; w++) begin
      match[w] = valid_q[set][w] && same_tag(row[w].tag, key_i[KeyWidth-1:SetShift], row[w].wide) &&
                 `VMMU_MUT(201, row[w].number == number_i, 1'b1);
      if (match[w]) data_o |= row[w].data;
      if (match[w]) wide_o |= row[w].wide;
      if (match[w]) way |= WayWidth'(w);
    end
  end
  assign hit_o = row_ok && (|match);

  // ---------------------------------------------------------------- maintenance
  logic [Ways-1:0] same;
  logic [Ways-1:1] touched_tree, filled_tree;
  logic [WayWidth-1:0] victim, unused_victim;
  always_comb begin
    for (int unsigned w = 0; w < Ways; w++) begin
      same[w] = valid_q[write_set][w] && (row[w].number == writing_q.number) &&
                same_tag(row[w].tag, writing_q.key[KeyWidth-1:SetShift], row[w].wide || writing_q.wide);
    end
    // An entry for the same page is replaced, else an empty way is taken, else the least recently used.
    fill_way = victim;
    for (int w = Ways - 1; w >= 0; w--) if (!valid_q[write_set][w]) fill_way = WayWidth'(w);
    for (int w = Ways - 1; w >= 0; w--) if (same[w]) fill_way = WayWidth'(w);
  end
  vmmu_plru #(.Ways(Ways)) u_touch (
      .tree_i(tree_q[set]), .touched_i(way), .touched_tree_o(touched_tree), .victim_o(unused_victim)
  );
  vmmu_plru #(.Ways(Ways)) u_fill (
      .tree_i(tree_q[write_set]), .touched_i(fill_way), .touched_tree_o(filled_tree), .victim_o(victim)
  );
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q <= '0;
      tree_q  <= '0;
    end else begin
      if (touch_i) tree_q[set] <= touched_tree;
      if (writes_q) tree_q[write_set] <= filled_tree;
      if (writes_q) valid_q[write_set] <= (valid_q[write_set] & ~same) | (Ways'(1) << fill_way);
      if (clear_i) valid_q <= '0;
    end
  end

  logic looked_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) looked_q <= 1'b0;
    else looked_q <= read_i;
  end
  `VMMU_ASSERT(NoPageTwice_A, looked_q && row_ok |-> $onehot0(match))
  `VMMU_ASSERT(WideEntriesAreInOneSet_A, (WideBits == 0) || (Sets == 1))
endmodule
