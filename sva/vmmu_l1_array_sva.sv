`include "vmmu_macros.svh"

// Claims about the entries of an L1 array.
module vmmu_l1_array_sva
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Ways = 4
) (
    input logic                  clk_i,
    input logic                  rst_ni,
    input logic [Ways-1:0]       match,        // of the lookup, under either number
    input logic [Ways-1:0]       page_match,   // of the maintenance access, whatever the number
    input logic [Ways-1:0]       same_match,   // of the fill, under either number
    input logic                  fill_i,
    input logic                  drop_i,
    input logic                  lookup_hit_o,
    input logic                  touch_i
);
  `VMMU_ASSERT(OnlyHitsAreTouched_A, touch_i |-> lookup_hit_o)
  `VMMU_ASSERT(HitMeansMatch_A, lookup_hit_o |-> match != '0)
  `VMMU_ASSERT(SameMatchIsPageMatch_A, (same_match & ~page_match) == '0)
  logic unused_bits;
  assign unused_bits = fill_i ^ drop_i;
endmodule

bind vmmu_l1_array vmmu_l1_array_sva #(.Ways(Ways)) u_sva (
    .clk_i, .rst_ni, .match, .page_match, .same_match, .fill_i, .drop_i, .lookup_hit_o, .touch_i
);
