// The way of a hit alone, between registers: request, L1 TLB, response register. Beside the clock of the whole MMU it
// tells what that path could do. It has no other use.
module vmmu_lookup_harness
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter int unsigned Preset = PresetTiny
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic serial_i,
    output logic fold_o
);
  localparam cfg_t Cfg = preset_cfg(Preset);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);

  typedef struct packed {
    logic req_valid;
    req_t req;
    ctx_live_t [Cfg.NumContexts-1:0] live;
    logic bypass;
    logic fill_valid;
    fill_t fill;
    logic drop;
    logic [63:12] drop_page;
    logic flush;
    logic walk_valid;
    rsp_t walk;
    logic walk_bank;
    logic walk_covered;
    logic rsp_ready;
    logic mark;
  } in_t;

  typedef struct packed {
    logic ready;
    logic [$bits(miss_t):0] miss_data;
    logic miss;
    logic fractured;
    logic rsp_valid;
    rsp_t rsp;
    logic rsp_bank;
    logic covered;
  } out_t;

  logic rst_meta_q, rst_q;
  in_t in_q;
  out_t out, out_q;
  always_ff @(posedge clk_i) begin
    rst_meta_q <= rst_ni;
    rst_q      <= rst_meta_q;
    in_q       <= {in_q[$bits(in_t)-2:0], serial_i};
    out_q      <= out;
    fold_o     <= ^out_q;
  end

  ctx_live_t live;
  logic hit, held, ready, looks, unused_ready, unused_sweep_ready;
  miss_t looked;
  rsp_t hit_rsp;
  assign live  = in_q.live[CtxBits'(in_q.req.ctx)];
  assign looks = in_q.req_valid && ready;
  assign looked = '{
      req: in_q.req, port: '0, alone: 1'b0, bank: live.bank, cacheable: live.space_valid && !in_q.bypass, held: 1'b0,
      space: live.space, gspace: live.gspace
  };
  assign out.miss_data = {looked, held};
  vmmu_l1_tlb #(.Cfg(Cfg)) u_l1_tlb (
      .clk_i, .rst_ni(rst_q),
      .valid_i(looks), .miss_i(looked), .la57_i(live.la57), .hit_o(hit), .hit_rsp_o(hit_rsp), .held_o(held),
      .fill_valid_i(in_q.fill_valid), .fill_i(in_q.fill), .drop_i(in_q.drop), .drop_page_i(in_q.drop_page),
      .flush_i(in_q.flush),
      // Without a sweep: like fills, it is kept from lookups by a register.
      .sweep_i(1'b0), .sweep_force_i(1'b0), .sweep_set_i('0), .sweep_spaces_i('0), .sweep_ready_o(unused_sweep_ready),
      .fractured_o(out.fractured)
  );
  logic [$clog2(2*Cfg.NumWalks+1)-1:0] waiting;
  vmmu_response #(.Depth(2 * Cfg.NumWalks)) u_response (
      .clk_i, .rst_ni(rst_q),
      // Without segments: their answers are another path.
      .seg_valid_i(1'b0), .seg_i('0), .seg_bank_i(1'b0), .seg_ready_o(unused_ready),
      .hit_valid_i(hit), .hit_i(hit_rsp), .hit_bank_i(live.bank), .ready_o(ready),
      .walk_valid_i(in_q.walk_valid), .walk_i(in_q.walk), .walk_bank_i(in_q.walk_bank),
      .walk_covered_i(in_q.walk_covered), .waiting_o(waiting),
      .rsp_valid_o(out.rsp_valid), .rsp_ready_i(in_q.rsp_ready), .rsp_o(out.rsp), .rsp_bank_o(out.rsp_bank),
      .mark_i(in_q.mark), .covered_o(out.covered)
  );
  assign out.ready = ready && (waiting == '0);
  assign out.miss  = looks && !hit;
endmodule
