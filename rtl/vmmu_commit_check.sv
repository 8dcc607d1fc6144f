`include "vmmu_macros.svh"

// What COMMIT and GCOMMIT refuse. Rules of single registers are judged at once. Those of segments are judged in the
// background, one segment and one pair of segments in a cycle, from the start whenever a staged segment register is
// written or another context is looked at; a (G)COMMIT waits until they are through.
module vmmu_commit_check
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic [$clog2(Cfg.NumContexts)-1:0] ctx_i,
    input  logic        changed_i,    // staged segment registers are written or cleared in this cycle
    input  regs_t       staged_i,     // of ctx_i
    input  logic        shadow_on_i,  // SHADOW of the active registers of ctx_i
    output logic        ready_o,      // both reasons are those of the staged registers
    output logic [7:0]  commit_o,     // reason, 0 = accepted
    output logic [7:0]  gcommit_o
);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  localparam int unsigned Segments = Cfg.NumVmmSegments + 1;  // the guest segment is the last one
  localparam int unsigned Guest = Cfg.NumVmmSegments;
  localparam int unsigned Pairs = Cfg.NumVmmSegments * (Cfg.NumVmmSegments - 1) / 2;
  localparam int unsigned Steps = (Pairs > Segments) ? Pairs : Segments;
  localparam int unsigned StepBits = $clog2(Steps + 1);

  localparam logic [CtrlWidth-1:0] CtrlReserved =
      ((Cfg.Prl == 0) ? CtrlWidth'(1) << CtrlPrlEn | CtrlWidth'(1) << CtrlPrlDouble : '0) |
      ((Cfg.SegLog == 0) ? CtrlWidth'(1) << CtrlSegLogEn : '0) |
      ((Cfg.ShadowRoots == 0) ? CtrlWidth'(1) << CtrlShadow : '0);

  logic [63:0] above_max;
  assign above_max = ~64'd0 << staged_i.maxphyaddr;

  // ---------------------------------------------------------------- one segment in a cycle
  logic [StepBits-1:0] step_q;
  logic [CtxBits-1:0] ctx_q;
  logic restart;
  assign restart = changed_i || (ctx_i != ctx_q);
  assign ready_o = !restart && (step_q == StepBits'(Steps));

  guest_seg_t seg;
  vmm_seg_t vmm;
  always_comb begin
    vmm = '0;
    for (int unsigned n = 0; n < Cfg.NumVmmSegments; n++) if (step_q == StepBits'(n)) vmm = staged_i.vseg[n];
    seg = (step_q == StepBits'(Guest))
        ? staged_i.gseg
        : '{base: 52'(vmm.base), limit: 52'(vmm.limit), offset: vmm.offset, attr: vmm.attr};
  end
  // The image of a segment may not go over the end of the 64-bit space: it does when the sum for its first page stays
  // below that end, and the sum for LIMIT, the first page behind the segment, goes beyond it.
  logic full, wraps;
  logic [52:0] first_image, end_image;
  assign full        = seg.base < seg.limit;
  assign first_image = 53'(seg.base) + 53'(seg.offset);
  assign end_image   = 53'(seg.limit) + 53'(seg.offset);
  assign wraps       = full && `VMMU_MUT(93, !first_image[52] && end_image[52] && (end_image[51:0] != '0), 1'b0);

  // The first and the last word of its bitmap, one bit for each page. Only the bits of the sum below 2^53 are of
  // interest: a first word above that is refused by itself.
  logic [63:12] bitmap;
  logic [40:0] last_page;
  logic [52:3] last_word;
  logic bad_bitmap;
  always_comb begin
    bitmap = '0;
    for (int unsigned n = 0; n < Cfg.NumVmmSegments; n++) if (step_q == StepBits'(n)) bitmap = staged_i.log.bitmap[n];
    last_page  = vmm.limit - vmm.base - 41'd1;
    last_word  = {1'b0, bitmap[51:12], 9'd0} + 50'(last_page[40:6]);
    bad_bitmap = full && ((|({bitmap, 12'd0} & above_max)) || (|(64'({last_word, 3'd0}) & above_max)));
  end

  // ---------------------------------------------------------------- one pair of VMM segments in a cycle
  vmm_seg_t one, other;
  logic overlap;
  always_comb begin
    automatic int unsigned pair = 0;
    one   = '0;
    other = '0;
    for (int unsigned a = 0; a < Cfg.NumVmmSegments; a++) begin
      for (int unsigned b = a + 1; b < Cfg.NumVmmSegments; b++) begin
        if (32'(step_q) == pair) begin
          one   = staged_i.vseg[a];
          other = staged_i.vseg[b];
        end
        pair = pair + 1;
      end
    end
    // LIMIT is exclusive: segments may adjoin.
    overlap = (one.base < one.limit) && (other.base < other.limit) &&
              `VMMU_MUT(94, (one.base < other.limit) && (other.base < one.limit),
                            (one.base <= other.limit) && (other.base <= one.limit));
  end

  logic vmm_full_q, guest_full_q, vmm_wraps_q, guest_wraps_q, overlap_q, bitmap_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      step_q        <= '0;
      ctx_q         <= '0;
      vmm_full_q    <= 1'b0;
      guest_full_q  <= 1'b0;
      vmm_wraps_q   <= 1'b0;
      guest_wraps_q <= 1'b0;
      overlap_q     <= 1'b0;
      bitmap_q      <= 1'b0;
    end else begin
      ctx_q <= ctx_i;
      if (restart) begin
        step_q        <= '0;
        vmm_full_q    <= 1'b0;
        guest_full_q  <= 1'b0;
        vmm_wraps_q   <= 1'b0;
        guest_wraps_q <= 1'b0;
        overlap_q     <= 1'b0;
        bitmap_q      <= 1'b0;
      end else if (step_q != StepBits'(Steps)) begin
        step_q    <= step_q + StepBits'(1);
        overlap_q <= overlap_q || overlap;
        if (step_q == StepBits'(Guest)) begin
          guest_full_q  <= full;
          guest_wraps_q <= wraps;
        end else begin
          vmm_full_q  <= vmm_full_q || full;
          vmm_wraps_q <= vmm_wraps_q || wraps;
          bitmap_q    <= bitmap_q || `VMMU_MUT(270, bad_bitmap, 1'b0);
        end
      end
    end
  end

  // ---------------------------------------------------------------- the first reason found
  logic virt, ept, shadow, bad_virt, bad_eptp, bad_pml, bad_shadow, bad_prl;
  assign virt      = staged_i.ctrl[CtrlVirt];
  assign ept       = staged_i.ctrl[CtrlEptEn];
  assign shadow    = staged_i.ctrl[CtrlShadow];
  assign bad_virt  = !virt && (ept || shadow || `VMMU_MUT(95, vmm_full_q, 1'b0));
  // SDM 25.6.11, 26.2.1.1: four levels, write-back or uncacheable, reserved bits clear.
  assign bad_eptp  = ept && ((staged_i.eptp[5:3] != 3'd3) || !(staged_i.eptp[2:0] inside {3'd0, 3'd6}) ||
                             (|staged_i.eptp[11:7]) || (|(staged_i.eptp & above_max)));
  assign bad_pml   = staged_i.ctrl[CtrlPmlEn] && ((|(staged_i.pml_addr & above_max)) || (|staged_i.pml_addr[11:0]));
  assign bad_shadow = shadow && (ept || vmm_full_q || guest_full_q);
  assign bad_prl   = staged_i.ctrl[CtrlPrlEn] &&
                     ((|({staged_i.log.prl_addr, 12'd0} & above_max)) ||
                      (staged_i.ctrl[CtrlPrlDouble] && (|({staged_i.log.prl_addr2, 12'd0} & above_max))));
  always_comb begin
    commit_o = RejectNone;
    if (|(staged_i.ctrl & CtrlReserved)) commit_o = RejectUnsupported;
    else if (bad_virt) commit_o = RejectVirt;
    else if ((staged_i.maxphyaddr < 6'd32) || (staged_i.maxphyaddr > 6'(Cfg.PaBits))) commit_o = RejectMaxPhyAddr;
    else if (bad_eptp) commit_o = RejectEptp;
    else if (|(staged_i.cr3 & above_max)) commit_o = RejectCr3;
    else if (bad_pml) commit_o = RejectPmlAddr;
    else if (bad_shadow) commit_o = RejectShadow;
    else if (vmm_full_q && !ept && `VMMU_MUT(96, !staged_i.ctrl[CtrlVsegMiss], 1'b0)) commit_o = RejectVsegMiss;
    else if (overlap_q) commit_o = RejectSegmentOverlap;
    else if (vmm_wraps_q || guest_wraps_q) commit_o = RejectSegmentWrap;
    else if (`VMMU_MUT(271, bad_prl, 1'b0)) commit_o = RejectPrlAddr;
    else if (staged_i.ctrl[CtrlSegLogEn] && bitmap_q) commit_o = RejectBitmap;
  end
  // The active host registers stay, so only they and the guest's own segment count.
  always_comb begin
    gcommit_o = RejectNone;
    if (shadow_on_i && guest_full_q) gcommit_o = RejectShadow;
    else if (guest_wraps_q) gcommit_o = RejectSegmentWrap;
  end

  logic unused_bits;
  assign unused_bits = ^{staged_i, seg.attr, vmm.attr, one, other, first_image, last_page};

  `VMMU_ASSERT(EmptySegmentsAreNeverRefused_A,
               ready_o && !vmm_full_q && !guest_full_q -> !(overlap_q || vmm_wraps_q || guest_wraps_q))
endmodule
