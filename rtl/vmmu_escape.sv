`include "vmmu_macros.svh"

// Escape filter of one level (MICRO'14 V): pages that the filter hits are translated by paging although they lie in
// a segment. Combinational, in two halves that a register may stand between: page number to index, index to verdict.
module vmmu_escape
  import vmmu_h3_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned PageWidth = 45  // of the page number: gVA[56:12] 45, gPA[51:12] 40; at most KeyWidth
) (
    input  logic clk_i,   // for assertions only
    input  logic rst_ni,
    // first half
    input  logic [PageWidth-1:0] page_i,
    output logic [Lanes-1:0][IndexWidth-1:0] index_o,
    // second half; index_i is index_o of the page in question, in_range_i what vmmu_segment said of it
    input  logic in_range_i,
    input  logic [Lanes-1:0][IndexWidth-1:0] index_i,
    input  filter_t filter_i,
    output logic hit_o,        // in range, and escaped
    output logic use_o         // in range, and not escaped: the segment translates the page
);
  if (PageWidth > KeyWidth) begin : g_bad_width
    $error("PageWidth must be at most KeyWidth");
  end

  always_comb begin
    for (int unsigned i = 0; i < Lanes; i++) begin
      for (int unsigned k = 0; k < IndexWidth; k++) begin
        index_o[i][k] = ^(KeyWidth'(page_i) & Rows[IndexWidth*i+k]);
      end
    end
  end

  // Escaped when the bit of every lane is set. An empty filter lets nothing escape.
  logic escaped;
  always_comb begin
    escaped = 1'b1;
    for (int unsigned i = 0; i < `VMMU_MUT(84, Lanes, Lanes - 1); i++) escaped &= filter_i[i][index_i[i]];
  end
  assign hit_o = in_range_i && escaped;
  assign use_o = in_range_i && `VMMU_MUT(70, !escaped, 1'b1);

  `VMMU_ASSERT(EscapedPageNeverUsesSegment_A, use_o |-> !escaped)
  `VMMU_ASSERT(PageOutsideNeverUsesSegment_A, use_o || hit_o |-> in_range_i)
  `VMMU_ASSERT(InRangeIsUsedOrEscaped_A, in_range_i |-> use_o != hit_o)
endmodule
