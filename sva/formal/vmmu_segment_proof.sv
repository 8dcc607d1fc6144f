`include "vmmu_macros.svh"

// Isolation by the segments of one level (vmmu_segment and vmmu_escape together): a page that a segment translates
// comes out inside the image of that segment, below MAXPHYADDR, at its own place in it; an escaped page and a page of
// no segment are not translated. The registers are any that COMMIT accepts.
//
// A second page of the same large page shows that what a TLB may keep of the first answer is true of the second.
module vmmu_segment_proof
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
  import vmmu_h3_pkg::*;
#(
    parameter int unsigned NumSegments = 4,
    parameter int unsigned PageWidth = 40,
    parameter int unsigned BoundWidth = 41,
    localparam int unsigned SumWidth = 52
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [PageWidth-1:0] page_i,
    input logic [17:0] neighbour_i,  // low bits of the second page
    input logic neighbour_is_near_i, // in the same 2 MiB, else in the same 1 GiB
    input logic [NumSegments-1:0][BoundWidth-1:0] base_i,
    input logic [NumSegments-1:0][BoundWidth-1:0] limit_i,
    input logic [NumSegments-1:0][SumWidth-1:0] offset_i,
    input seg_attr_t [NumSegments-1:0] attr_i,
    input logic [5:0] maxphyaddr_i,
    input logic promote_i,
    input filter_t filter_i
);
  // ---------------------------------------------------------------- what COMMIT accepts
  logic [NumSegments-1:0] filled;
  logic [NumSegments-1:0][SumWidth-1:0] first, last;  // of the image, as page numbers
  logic overlap, wrap;
  always_comb begin
    overlap = 1'b0;
    wrap    = 1'b0;
    for (int unsigned n = 0; n < NumSegments; n++) begin
      filled[n] = base_i[n] < limit_i[n];
      first[n]  = SumWidth'(base_i[n]) + offset_i[n];
      last[n]   = SumWidth'(limit_i[n]) - SumWidth'(1) + offset_i[n];
      if (filled[n] && (first[n] > last[n])) wrap = 1'b1;
      for (int unsigned m = 0; m < n; m++) begin
        if (filled[n] && filled[m] && (base_i[n] < limit_i[m]) && (base_i[m] < limit_i[n])) overlap = 1'b1;
      end
    end
    assume ((maxphyaddr_i >= 6'd32) && (maxphyaddr_i <= 6'd52));
    assume (!overlap && !wrap);
  end
  logic [51:0] beyond;
  assign beyond = ~52'd0 << maxphyaddr_i;

  // ---------------------------------------------------------------- two pages
  logic [PageWidth-1:0] second;
  assign second = neighbour_is_near_i ? {page_i[PageWidth-1:9], neighbour_i[8:0]} : {page_i[PageWidth-1:18], neighbour_i};

  seg_match_t match, match2;
  logic hit, use_segment;
  vmmu_segment #(.NumSegments(NumSegments), .PageWidth(PageWidth), .BoundWidth(BoundWidth)) u_segment (
      .clk_i, .rst_ni, .valid_i(1'b1), .page_i, .base_i, .limit_i, .offset_i, .attr_i,
      .bitmap_i('0), .reserved_pa_i(beyond[51:32]), .promote_i, .match_o(match)
  );
  vmmu_segment #(.NumSegments(NumSegments), .PageWidth(PageWidth), .BoundWidth(BoundWidth)) u_second (
      .clk_i, .rst_ni, .valid_i(1'b1), .page_i(second), .base_i, .limit_i, .offset_i, .attr_i,
      .bitmap_i('0), .reserved_pa_i(beyond[51:32]), .promote_i, .match_o(match2)
  );
  localparam int unsigned HashWidth = (PageWidth < KeyWidth) ? PageWidth : KeyWidth;
  logic [Lanes-1:0][IndexWidth-1:0] index;
  vmmu_escape #(.PageWidth(HashWidth)) u_escape (
      .clk_i, .rst_ni, .page_i(page_i[HashWidth-1:0]), .index_o(index), .in_range_i(match.in_range),
      .index_i(index), .filter_i, .hit_o(hit), .use_o(use_segment)
  );
  logic escaped;
  assign escaped = filter_i[0][index[0]] && filter_i[1][index[1]] && filter_i[2][index[2]] && filter_i[3][index[3]];

  // ---------------------------------------------------------------- where the page lies
  logic [NumSegments-1:0] member, image, place, rights;
  always_comb begin
    for (int unsigned n = 0; n < NumSegments; n++) begin
      member[n] = (BoundWidth'(page_i) >= base_i[n]) && (BoundWidth'(page_i) < limit_i[n]);
      image[n]  = (SumWidth'(match.frame) >= first[n]) && (SumWidth'(match.frame) <= last[n]);
      place[n]  = SumWidth'(match.frame) - first[n] == SumWidth'(page_i) - SumWidth'(base_i[n]);
      rights[n] = match.attr == attr_i[n];
    end
  end
  logic translated;
  assign translated = use_segment && !match.beyond;

  // ---------------------------------------------------------------- claims
  `VMMU_ASSERT(OnlyPagesOfASegmentAreUsed_A, use_segment -> (|member))
  `VMMU_ASSERT(NeverTwoSegments_A, $countones(member) <= 1)
  `VMMU_ASSERT(OutputIsInTheImage_A, translated -> (member & image) == member)
  `VMMU_ASSERT(OutputIsInItsPlace_A, translated -> (member & place) == member)
  `VMMU_ASSERT(OutputIsBelowMaxPhyAddr_A, translated -> ({match.frame, 12'd0} & beyond) == '0)
  `VMMU_ASSERT(RightsAreTheSegments_A, use_segment -> (member & rights) == member)
  `VMMU_ASSERT(EscapedNeverUses_A, escaped -> !use_segment)
  `VMMU_ASSERT(EmptyNeverHits_A, (member & ~filled) == '0 && (filled == '0 -> !match.in_range && !match.any))
  `VMMU_ASSERT(PagesOfASegmentAreFound_A, match.in_range == (|member))

  // What is kept of a large page holds for every page of it.
  logic kept_used, kept_unused;
  assign kept_used   = neighbour_is_near_i ? (match.size_used != Size4K) : (match.size_used == Size1G);
  assign kept_unused = neighbour_is_near_i ? (match.size_unused != Size4K) : (match.size_unused == Size1G);
  `VMMU_ASSERT(LargePageIsOneSegments_A, match.in_range && kept_used -> match2.in_range && (match2.attr == match.attr))
  `VMMU_ASSERT(LargePageIsContiguous_A, match.in_range && kept_used && !match.beyond -> !match2.beyond &&
               (match2.frame == (neighbour_is_near_i ? {match.frame[39:9], neighbour_i[8:0]} :
                                                       {match.frame[39:18], neighbour_i})))
  `VMMU_ASSERT(LargePageOutsideMeetsNoSegment_A, !match.in_range && kept_unused -> !match2.in_range)
endmodule
