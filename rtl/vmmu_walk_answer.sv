`include "vmmu_macros.svh"

// What a walk that is complete answers, and the TLB entry that it makes. Combinational.
module vmmu_walk_answer
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
(
    input  miss_t  miss_i,
    input  walk_t  walk_i,       // as it stands at the end
    input  logic   mbe_i,
    input  logic [PermWidth-1:0] allowed_i,  // by the guest's tables or segment
    input  fault_t fault_i,
    output rsp_t   rsp_o,
    output fill_t  fill_o
);
  // The smaller page of the two levels, so that at neither level it meets a segment that does not map it.
  size_e kept;
  assign kept = smaller(smaller(walk_i.gsize, `VMMU_MUT(74, walk_i.gcap, Size1G)),
                        smaller(`VMMU_MUT(19, walk_i.nsize, Size1G), `VMMU_MUT(75, walk_i.ncap, Size1G)));

  // With mode-based execute, U/S of the linear address chooses the bit, not the CPL (SDM 28.3.3.2).
  logic nested_x;
  logic [PermWidth-1:0] perm;
  assign nested_x = (mbe_i && walk_i.gperm.us) ? walk_i.nperm.xu : walk_i.nperm.x;
  // A write is allowed only if nothing is left to set or log.
  assign perm = perm_limit(allowed_i, walk_i.gread && walk_i.nperm.r,
                           walk_i.gdirty && walk_i.nperm.w && walk_i.ndirty, nested_x);

  logic [PaWidth-1:0] hpa;
  assign hpa = `VMMU_MUT(22, walk_i.hpa, walk_i.hpa & {{4{1'b0}}, {48{1'b1}}});
  always_comb begin
    rsp_o = '{
        ctx: miss_i.req.ctx, id: miss_i.req.id, source: SrcWalk, hpa: hpa, size: kept, pat: walk_i.pat,
        emt: walk_i.emt, ipat: walk_i.ipat, fault: fault_i
    };
    fill_o.vpage     = miss_i.req.gva[63:12];
    fill_o.size      = kept;
    fill_o.fractured = kept != walk_i.gsize;
    fill_o.space     = `VMMU_MUT(113, walk_i.global_pg, 1'b1) ? miss_i.gspace : miss_i.space;
    fill_o.other     = walk_i.global_pg ? miss_i.space : miss_i.gspace;
    fill_o.data      = '{
        frame: page_frame(hpa[PaWidth-1:12], kept), perm: perm, pat: walk_i.pat, emt: walk_i.emt, ipat: walk_i.ipat
    };
  end

  logic unused_bits;
  assign unused_bits = ^{miss_i, walk_i};
endmodule
