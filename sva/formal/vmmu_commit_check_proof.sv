`include "vmmu_macros.svh"

// vmmu_commit_check: what COMMIT accepts has no two VMM segments that share a page, no segment whose image goes over
// the end of the address space, no VMM segment without VIRT or without anything below it, no segment under SHADOW.
// These are the assumptions of the segments' own proof. The staged registers are any, and stay; a write starts the
// judgement again, which is a claim of its own. The rules are written down pair by pair, not one pair in a cycle.
module vmmu_commit_check_proof
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Preset = PresetTiny,
    parameter int unsigned Early = 3,  // cycles that the judgement takes after the last write, at least
    parameter int unsigned Late = 4,   // at most
    localparam cfg_t Cfg = preset_cfg(Preset)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [$clog2(Cfg.NumContexts)-1:0] ctx_i,
    input regs_t r,       // staged, of that context
    input logic write_i,
    input logic shadow_on_i
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  logic start_q;
  initial start_q = 1'b1;
  always_ff @(posedge clk_i) start_q <= 1'b0;
  always_comb assume (rst_ni == !start_q);

  regs_t before_q;
  logic [$clog2(Cfg.NumContexts)-1:0] ctx_q;
  always_ff @(posedge clk_i) begin
    before_q <= r;
    ctx_q    <= ctx_i;
  end
  always_comb assume (start_q || ((r == before_q) && (ctx_i == ctx_q)));

  logic ready;
  logic [7:0] commit_reason, gcommit_reason;
  vmmu_commit_check #(.Cfg(Cfg)) u_dut (
      .clk_i, .rst_ni, .ctx_i, .changed_i(write_i), .staged_i(r), .shadow_on_i,
      .ready_o(ready), .commit_o(commit_reason), .gcommit_o(gcommit_reason)
  );

  // ---------------------------------------------------------------- the rules
  logic guest_set, vmm_set, overlap, wrap, guest_wrap;
  always_comb begin
    guest_set  = r.gseg.base < r.gseg.limit;
    guest_wrap = guest_set && (52'(r.gseg.base + r.gseg.offset) > 52'(r.gseg.limit - 52'd1 + r.gseg.offset));
    vmm_set    = 1'b0;
    overlap    = 1'b0;
    wrap       = guest_wrap;
    for (int unsigned n = 0; n < Cfg.NumVmmSegments; n++) begin
      if (r.vseg[n].base < r.vseg[n].limit) begin
        vmm_set = 1'b1;
        if (52'(52'(r.vseg[n].base) + r.vseg[n].offset) > 52'(52'(r.vseg[n].limit) - 52'd1 + r.vseg[n].offset)) wrap = 1'b1;
        for (int unsigned m = 0; m < n; m++) begin
          // The later of the two first pages lies before the earlier of the two ends.
          if ((r.vseg[m].base < r.vseg[m].limit) &&
              (((r.vseg[n].base > r.vseg[m].base) ? r.vseg[n].base : r.vseg[m].base) <
               ((r.vseg[n].limit < r.vseg[m].limit) ? r.vseg[n].limit : r.vseg[m].limit))) overlap = 1'b1;
        end
      end
    end
  end
  logic virt, ept, shadow, accepted;
  assign virt     = r.ctrl[CtrlVirt];
  assign ept      = r.ctrl[CtrlEptEn];
  assign shadow   = r.ctrl[CtrlShadow];
  assign accepted = ready && (commit_reason == RejectNone);

  `VMMU_ASSERT(AcceptedSegmentsDoNotOverlap_A, accepted -> !overlap)
  `VMMU_ASSERT(AcceptedSegmentsDoNotWrap_A, accepted -> !wrap)
  `VMMU_ASSERT(VmmSegmentsNeedVirt_A, accepted && vmm_set -> virt)
  `VMMU_ASSERT(VmmSegmentsNeedSomethingBelow_A, accepted && vmm_set -> ept || r.ctrl[CtrlVsegMiss])
  `VMMU_ASSERT(ShadowStandsAlone_A, accepted && shadow -> !ept && !vmm_set && !guest_set)
  `VMMU_ASSERT(AcceptedRootsAreBelowMaxPhyAddr_A, accepted -> (r.cr3 >> r.maxphyaddr) == '0 &&
               (!ept || (r.eptp >> r.maxphyaddr) == '0))
  `VMMU_ASSERT(AcceptedGuestSegmentDoesNotWrap_A, ready && (gcommit_reason == RejectNone) -> !guest_wrap)
  // No reason without its cause.
  `VMMU_ASSERT(OverlapIsWhatItSays_A, ready && (commit_reason == RejectSegmentOverlap) -> overlap)
  `VMMU_ASSERT(WrapIsWhatItSays_A, ready && (commit_reason == RejectSegmentWrap) -> wrap)
  `VMMU_ASSERT(GuestWrapIsWhatItSays_A, ready && (gcommit_reason == RejectSegmentWrap) -> guest_wrap)
  `VMMU_ASSERT(MissIsWhatItSays_A, ready && (commit_reason == RejectVsegMiss) -> vmm_set && !ept)
  // It is through in time.
  logic [3:0] quiet_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) quiet_q <= '0;
    else if (write_i) quiet_q <= '0;
    else if (quiet_q != '1) quiet_q <= quiet_q + 4'd1;
  end
  `VMMU_ASSERT(JudgedInTime_A, (quiet_q >= 4'(Late)) && !write_i -> ready)
  `VMMU_ASSERT(NotJudgedTooEarly_A, write_i || (quiet_q < 4'(Early)) -> !ready)
endmodule
