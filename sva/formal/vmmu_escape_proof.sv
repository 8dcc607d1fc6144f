`include "vmmu_macros.svh"

// vmmu_escape: a page that was inserted escapes, whatever else was inserted. Inserting is what software does: for each
// lane, set the bit that the hash of the contract names. The hash is computed here from splitmix64 itself.
module vmmu_escape_proof
  import vmmu_int_pkg::*;
#(
    parameter int unsigned PageWidth = 45
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [PageWidth-1:0] page_i,
    input logic in_range_i,
    input filter_t others_i   // what other insertions have set
);
  // splitmix64, output number n from 0, seed 0x766d6d75.
  function automatic logic [63:0] splitmix(int unsigned n);
    logic [63:0] z;
    z = 64'h766d6d75 + 64'h9e3779b97f4a7c15 * 64'(n + 1);
    z = (z ^ (z >> 30)) * 64'hbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 64'h94d049bb133111eb;
    return z ^ (z >> 31);
  endfunction

  logic [3:0][5:0] where;
  filter_t filter, single;
  for (genvar i = 0; i < 4; i++) begin : g_lane
    for (genvar k = 0; k < 6; k++) begin : g_bit
      localparam logic [63:0] Row = splitmix(6 * i + k);
      assign where[i][k] = ^(64'(page_i) & (Row & 64'h1fff_ffff_ffff));
    end
    assign single[i] = 64'd1 << where[i];
  end
  assign filter = others_i | single;

  logic [3:0][5:0] index;
  logic hit, use_segment;
  vmmu_escape #(.PageWidth(PageWidth)) u_inserted (
      .clk_i, .rst_ni, .page_i, .index_o(index), .in_range_i, .index_i(index), .filter_i(filter),
      .hit_o(hit), .use_o(use_segment)
  );
  // The filter without the page: it escapes only if the others happen to have set all four bits.
  logic other_hit, other_use;
  logic [3:0][5:0] other_index;
  vmmu_escape #(.PageWidth(PageWidth)) u_others (
      .clk_i, .rst_ni, .page_i, .index_o(other_index), .in_range_i, .index_i(other_index), .filter_i(others_i),
      .hit_o(other_hit), .use_o(other_use)
  );

  `VMMU_ASSERT(IndexIsTheContracts_A, index == where)
  `VMMU_ASSERT(InsertedPageEscapes_A, hit == in_range_i && !use_segment)
  `VMMU_ASSERT(EscapeNeedsEveryLane_A, other_hit == (in_range_i && ((others_i & single) == single)))
  `VMMU_ASSERT(UsedOrEscaped_A, other_use == (in_range_i && !other_hit))
endmodule
