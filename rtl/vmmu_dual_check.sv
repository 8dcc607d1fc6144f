`include "vmmu_macros.svh"

// The segment check of a request that missed the L1, in one cycle beside the walker's selection: the guest segment on
// gVA, and on what that makes of it the VMM segments (MICRO'14, figure 5). When both translate and permit, the request
// is answered without a walk. Otherwise the walk, which reports the faults, goes on from what was found here.
// Combinational.
module vmmu_dual_check
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
  import vmmu_h3_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,    // for assertions only
    input  logic        rst_ni,
    input  logic        valid_i,  // for assertions only: what follows is a request and its registers
    input  miss_t       miss_i,
    input  regs_t       regs_i,   // those that the request was accepted under
    // to the walk
    output seg_result_t guest_o,
    output seg_match_t  vmm_o,        // of the final address, meaningful when the guest segment translates
    output logic [Lanes-1:0][IndexWidth-1:0] vmm_index_o,
    // the answer
    output logic        answers_o,
    output logic        native_o,     // there is nothing below the guest segment
    output rsp_t        rsp_o,
    output fill_t       fill_o,
    // what a counter adds when the request is taken
    output logic [1:0]  checks_o,
    output logic [1:0]  filter_hits_o
);
  localparam int unsigned Segments = (Cfg.NumVmmSegments == 0) ? 1 : Cfg.NumVmmSegments;

  logic [63:0] gva;
  logic canonical, promote, seg_log;
  assign gva       = miss_i.req.gva;
  assign canonical = is_canonical(gva[63:47], regs_i.ctrl[CtrlLa57]);
  assign seg_log   = regs_i.ctrl[CtrlSegLogEn];
  assign promote   = regs_i.ctrl[CtrlSegPromote] && `VMMU_MUT(273, !seg_log, 1'b1);  // the bitmap has a bit for each 4 KiB

  // ---------------------------------------------------------------- guest segment
  seg_match_t guest;
  logic [Lanes-1:0][IndexWidth-1:0] guest_index;
  logic guest_use, guest_escaped;
  vmmu_segment #(
      .NumSegments(1), .PageWidth(52), .BoundWidth(52)
  ) u_guest (
      .clk_i, .rst_ni, .valid_i,
      .page_i(gva[63:12]), .base_i(regs_i.gseg.base), .limit_i(regs_i.gseg.limit), .offset_i(regs_i.gseg.offset),
      .attr_i(regs_i.gseg.attr), .bitmap_i('0), .reserved_pa_i(regs_i.reserved_pa),
      .promote_i(promote && (regs_i.gfilter == '0)), .match_o(guest)
  );
  vmmu_escape #(.PageWidth(45)) u_guest_filter (
      .clk_i, .rst_ni,
      .page_i(gva[56:12]), .index_o(guest_index),
      .in_range_i(guest.in_range), .index_i(guest_index), .filter_i(regs_i.gfilter),
      .hit_o(guest_escaped), .use_o(guest_use)
  );
  assign guest_o = '{
      any: guest.any, used: guest_use, beyond: guest.beyond, frame: guest.frame, attr: guest.attr,
      size: guest_use ? guest.size_used : guest.size_unused
  };

  // ---------------------------------------------------------------- VMM segments
  logic [Segments-1:0][40:0] base, limit;
  logic [Segments-1:0][51:0] offset;
  seg_attr_t [Segments-1:0]  attr;
  logic [Segments-1:0][FrameWidth-1:0] bitmap;
  always_comb begin
    for (int unsigned n = 0; n < Segments; n++) begin
      base[n]   = regs_i.vseg[n].base;
      limit[n]  = regs_i.vseg[n].limit;
      offset[n] = regs_i.vseg[n].offset;
      attr[n]   = regs_i.vseg[n].attr;
      bitmap[n] = regs_i.log.bitmap[n][PaWidth-1:12];
    end
  end
  logic vmm_use, vmm_escaped;
  vmmu_segment #(
      .NumSegments(Segments), .PageWidth(FrameWidth), .BoundWidth(FrameWidth + 1), .Bitmaps(Cfg.SegLog)
  ) u_vmm (
      .clk_i, .rst_ni, .valid_i,
      .page_i(guest.frame), .base_i(base), .limit_i(limit), .offset_i(offset), .attr_i(attr), .bitmap_i(bitmap),
      .reserved_pa_i(regs_i.reserved_pa), .promote_i(promote && (regs_i.vfilter == '0)), .match_o(vmm_o)
  );
  vmmu_escape #(.PageWidth(FrameWidth)) u_vmm_filter (
      .clk_i, .rst_ni,
      .page_i(guest.frame), .index_o(vmm_index_o),
      .in_range_i(vmm_o.in_range), .index_i(vmm_index_o), .filter_i(regs_i.vfilter),
      .hit_o(vmm_escaped), .use_o(vmm_use)
  );

  // ---------------------------------------------------------------- permissions
  // ATTR stands in for a page-table entry with key 0; a read needs R besides.
  logic [PermWidth-1:0] by_attr, guest_allowed, allowed;
  logic [2:0] access;
  logic unused_denied, unused_key;
  assign access = perm_index(miss_i.req.op, user_effective(miss_i.req), ac_effective(miss_i.req));
  vmmu_access_check u_access_check (
      .perm_i         ('{rw: guest.attr.w, us: guest.attr.u, nx: !guest.attr.x}),
      .pkey_i         ('0),
      .ctrl_i         (regs_i.ctrl),
      .pkru_i         (regs_i.pkru),
      .op_i           (miss_i.req.op),
      .user_i         (user_effective(miss_i.req)),
      .ac_i           (ac_effective(miss_i.req)),
      .allowed_o      (by_attr),
      .denied_o       (unused_denied),
      .key_violation_o(unused_key)
  );
  assign guest_allowed = perm_limit(by_attr, `VMMU_MUT(79, guest.attr.r, 1'b1), 1'b1, 1'b1);
  // With nothing below the guest segment its result is the host address.
  logic nothing_below;
  always_comb begin
    nothing_below = !regs_i.ctrl[CtrlEptEn] && !vmm_o.any;
    if (regs_i.ctrl[CtrlVirt] && !regs_i.ctrl[CtrlShadow] && regs_i.ctrl[CtrlVsegMiss]) nothing_below = 1'b0;
  end
  assign native_o = nothing_below;
  // With SEG_LOG_EN a write first looks at the bitmap, which a walk does.
  logic writes_answered;
  assign writes_answered = vmm_o.attr.w && `VMMU_MUT(274, !seg_log, 1'b1);
  assign allowed = nothing_below ? guest_allowed
                                 : perm_limit(guest_allowed, vmm_o.attr.r, writes_answered, vmm_o.attr.x);

  // ---------------------------------------------------------------- the answer
  logic guest_passes, found;
  logic [FrameWidth-1:0] frame;
  size_e kept;
  assign guest_passes = canonical && guest_use && !guest.beyond;
  assign found        = guest_passes && (nothing_below || (vmm_use && !vmm_o.beyond));
  assign answers_o    = found && allowed[access];
  assign frame        = nothing_below ? guest.frame : vmm_o.frame;
  assign kept         = smaller(guest.size_used, nothing_below ? Size1G : vmm_o.size_used);
  always_comb begin
    rsp_o = '0;
    rsp_o.ctx    = miss_i.req.ctx;
    rsp_o.id     = miss_i.req.id;
    rsp_o.source = SrcSegment;
    rsp_o.hpa    = {frame, gva[11:0]};
    rsp_o.size   = kept;
    rsp_o.emt    = 3'd6;
    fill_o.vpage     = gva[63:12];
    fill_o.size      = kept;
    fill_o.fractured = kept != guest.size_used;
    fill_o.space     = miss_i.space;
    fill_o.other     = miss_i.gspace;
    fill_o.data      = '{frame: page_frame(frame, kept), perm: allowed, pat: '0, emt: 3'd6, ipat: 1'b0};
  end

  // A level is checked only when nothing before it ended the request.
  logic guest_checked, vmm_checked;
  assign guest_checked = canonical && guest.any;
  assign vmm_checked   = guest_passes && guest_allowed[access] && vmm_o.any;
  assign checks_o      = 2'(guest_checked) + 2'(vmm_checked);
  assign filter_hits_o = 2'(guest_checked && guest_escaped) + 2'(vmm_checked && vmm_escaped);

  logic unused_bits;
  assign unused_bits = ^{miss_i, regs_i, guest};

  `VMMU_ASSERT(AnswerUsesBothLevels_A, answers_o |-> guest_use && (vmm_use || nothing_below))
  `VMMU_ASSERT(AnswerIsBelowMaxPhyAddr_A, answers_o |-> !guest.beyond && !(vmm_use && vmm_o.beyond))
endmodule
