`include "vmmu_macros.svh"

// The segments of one level and one page: which segment holds it, what that makes of it, and how large a page the
// answer may be kept as. Combinational; page numbers only, because every register is page aligned. The escape filter
// stands beside it (vmmu_escape), not in it, so both start from the page number at once.
module vmmu_segment
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned NumSegments = 1,  // >= 1
    parameter int unsigned PageWidth = 52,   // bits of the input's page number: gVA[63:12] 52, gPA[51:12] 40
    parameter int unsigned BoundWidth = 52,  // of BASE and LIMIT: guest 52, VMM 41, because LIMIT may be 2**52
    parameter int unsigned Bitmaps = 0,      // 1: the segments have dirty bitmaps
    localparam int unsigned SumWidth = 52    // 64-bit arithmetic without the 12 bits that are 0
) (
    input  logic clk_i,   // for assertions only
    input  logic rst_ni,
    input  logic valid_i, // for assertions only: what follows is a page and the registers of a context
    input  logic [PageWidth-1:0] page_i,
    // At most one of the segments holds a page: COMMIT rejects overlapping ones. Empty when base >= limit.
    input  logic [NumSegments-1:0][BoundWidth-1:0] base_i,
    input  logic [NumSegments-1:0][BoundWidth-1:0] limit_i,   // exclusive
    input  logic [NumSegments-1:0][SumWidth-1:0]   offset_i,  // two's complement
    input  seg_attr_t [NumSegments-1:0]            attr_i,
    input  logic [NumSegments-1:0][FrameWidth-1:0] bitmap_i,  // page numbers; only with Bitmaps
    input  logic [51:32] reserved_pa_i,  // address bits at or above MAXPHYADDR
    input  logic promote_i,              // SEG_PROMOTE_EN, and the level's filter is all zero
    output seg_match_t match_o
);
  logic [BoundWidth-1:0] page;
  assign page = BoundWidth'(page_i);

  // ---------------------------------------------------------------- bounds and sums, all segments in parallel
  logic [NumSegments-1:0] filled, holds;
  logic [NumSegments-1:0] meets_2m, meets_1g, inside_2m, inside_1g;
  logic [NumSegments-1:0][SumWidth-1:0] sum;
  for (genvar n = 0; n < NumSegments; n++) begin : g_segment
    logic [BoundWidth-1:0] base, limit;
    assign base  = base_i[n];
    assign limit = limit_i[n];
    // The page number is compared in three parts, because each part with those above it is a page number too: of a
    // page of 1 GiB, 2 MiB and 4 KiB.
    logic base_before_1g, base_at_1g, limit_after_1g, limit_at_1g;
    logic base_before_2m, base_at_2m, limit_after_2m, limit_at_2m;
    assign base_before_1g = base[BoundWidth-1:18] < page[BoundWidth-1:18];
    assign base_at_1g     = base[BoundWidth-1:18] == page[BoundWidth-1:18];
    assign limit_after_1g = limit[BoundWidth-1:18] > page[BoundWidth-1:18];
    assign limit_at_1g    = limit[BoundWidth-1:18] == page[BoundWidth-1:18];
    assign base_before_2m = base_before_1g || (base_at_1g && (base[17:9] < page[17:9]));
    assign base_at_2m     = base_at_1g && (base[17:9] == page[17:9]);
    assign limit_after_2m = limit_after_1g || (limit_at_1g && (limit[17:9] > page[17:9]));
    assign limit_at_2m    = limit_at_1g && (limit[17:9] == page[17:9]);

    // The bounds are compared before anything is added: no sum can wrap a page into a segment.
    assign filled[n] = base < limit;
    assign holds[n]  = (base_before_2m || (base_at_2m && (base[8:0] <= page[8:0]))) &&
        (limit_after_2m || (limit_at_2m && `VMMU_MUT(71, page[8:0] < limit[8:0], page[8:0] <= limit[8:0])));
    assign sum[n]    = SumWidth'(page_i) + offset_i[n];

    // The large page around the input: does it share a page with the segment, does it lie wholly inside, and is the
    // output aligned like it?
    assign meets_2m[n] = filled[n] && (base_before_2m || base_at_2m) &&
        (limit_after_2m || (limit_at_2m && (limit[8:0] != '0)));
    assign meets_1g[n] = filled[n] && (base_before_1g || base_at_1g) &&
        (limit_after_1g || (limit_at_1g && (limit[17:0] != '0)));
    assign inside_2m[n] = limit_after_2m && (base_before_2m || (base_at_2m && (base[8:0] == '0))) &&
        `VMMU_MUT(72, offset_i[n][8:0] == '0, 1'b1);
    assign inside_1g[n] = limit_after_1g && (base_before_1g || (base_at_1g && (base[17:0] == '0))) &&
        (offset_i[n][17:0] == '0);
  end

  // ---------------------------------------------------------------- the bit of the page
  // COMMIT has seen to it that the sum does not wrap.
  logic [PaWidth-1:3] bitmap_addr;
  logic [5:0] bitmap_bit;
  if (Bitmaps != 0) begin : g_bitmap
    logic [BoundWidth-1:0] first, index;
    logic [FrameWidth-1:0] bitmap;
    always_comb begin
      first  = '0;
      bitmap = '0;
      for (int unsigned n = 0; n < NumSegments; n++) begin
        if (holds[n]) begin
          first  |= base_i[n];
          bitmap |= bitmap_i[n];
        end
      end
      index = page - first;
    end
    assign bitmap_addr = {bitmap, 9'd0} + (PaWidth - 3)'(index[BoundWidth-1:6]);
    assign bitmap_bit  = index[5:0];
  end else begin : g_no_bitmap
    logic unused_bitmap;
    assign unused_bitmap = ^bitmap_i;
    assign bitmap_addr   = '0;
    assign bitmap_bit    = '0;
  end

  // ---------------------------------------------------------------- the one that holds the page
  logic [SumWidth-1:0] chosen;
  logic chosen_2m, chosen_1g;
  always_comb begin
    chosen       = '0;
    chosen_2m    = 1'b0;
    chosen_1g    = 1'b0;
    match_o.attr = '0;
    for (int unsigned n = 0; n < NumSegments; n++) begin
      if (holds[n]) begin
        chosen       |= sum[n];
        chosen_2m    |= inside_2m[n];
        chosen_1g    |= inside_1g[n];
        match_o.attr |= attr_i[n];
      end
    end
    match_o.any      = |filled;
    match_o.in_range = |holds;
    match_o.frame    = chosen[FrameWidth-1:0];
    match_o.beyond   = (|chosen[SumWidth-1:FrameWidth]) || (|(chosen[39:20] & reserved_pa_i));

    match_o.bitmap_addr = bitmap_addr;
    match_o.bitmap_bit  = bitmap_bit;
    match_o.size_used = Size4K;
    if (promote_i && chosen_2m) match_o.size_used = Size2M;
    if (promote_i && chosen_1g) match_o.size_used = Size1G;
    match_o.size_unused = Size1G;
    if (|meets_1g) match_o.size_unused = Size2M;
    if (`VMMU_MUT(73, |meets_2m, 1'b0)) match_o.size_unused = Size4K;
  end

  `VMMU_ASSERT(PageIsInOneSegmentAtMost_A, valid_i -> $onehot0(holds))
  `VMMU_ASSERT(EmptySegmentsHoldNothing_A, (holds & ~filled) == '0)
  `VMMU_ASSERT(PageOfASegmentMeetsIt_A, match_o.in_range -> match_o.size_unused == Size4K)
endmodule
