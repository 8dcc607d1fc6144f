// Shadow paging: the shadow-root buffer and the synchronization queue, or nothing in a build without them.
module vmmu_shadow_unit
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        ready_o,         // 0 for some cycles after reset
    // registers of the host page
    input  logic [CtxWidth-1:0] reg_ctx_i,
    input  logic [11:0] reg_offset_i,
    input  logic        reg_we_i,        // only with known and without error
    input  logic [63:0] reg_wdata_i,
    output logic        reg_known_o,
    output logic        reg_wide_o,
    output logic        reg_error_o,     // of a write
    output logic [63:0] reg_rdata_o,     // 0 when not known
    // context bank, miss queue, walker: as in vmmu_shadow
    input  logic        switch_i,
    input  logic [CtxWidth-1:0] switch_ctx_i,
    input  logic        switch_bank_i,
    input  logic        switch_guest_i,
    input  regs_t       switch_regs_i,
    input  ctx_live_t [Cfg.NumContexts-1:0] live_i,
    input  logic [Cfg.NumContexts-1:0] old_bank_busy_i,
    output logic [2*Cfg.NumContexts-1:0] hold_o,
    output logic [Cfg.NumContexts-1:0]   missed_o,
    input  logic [CtxWidth-1:0] walk_ctx_i,
    input  logic        walk_bank_i,
    output logic [FrameWidth-1:0] walk_root_o,
    // invalidation unit: as in vmmu_sync_queue
    output logic        sync_full_o,
    input  logic        sync_push_i,
    input  inv_req_t    sync_req_i,
    output logic [Cfg.NumContexts-1:0] sync_pushed_o,
    output logic        sync_valid_o,
    input  logic        sync_take_i,
    output inv_req_t    sync_req_o
);
  if (Cfg.ShadowRoots != 0) begin : g_shadow
    logic root_known, root_wide, sync_known, sync_wide, sync_error;
    logic [63:0] root_rdata, sync_rdata;
    vmmu_shadow #(.Cfg(Cfg)) u_shadow (
        .clk_i, .rst_ni, .ready_o,
        .reg_ctx_i, .reg_offset_i, .reg_we_i(reg_we_i && root_known), .reg_wdata_i,
        .reg_known_o(root_known), .reg_wide_o(root_wide), .reg_rdata_o(root_rdata),
        .switch_i, .switch_ctx_i, .switch_bank_i, .switch_guest_i, .switch_regs_i, .live_i, .old_bank_busy_i,
        .hold_o, .missed_o, .walk_ctx_i, .walk_bank_i, .walk_root_o
    );
    vmmu_sync_queue #(.Cfg(Cfg)) u_sync_queue (
        .clk_i, .rst_ni,
        .reg_ctx_i, .reg_offset_i, .reg_we_i(reg_we_i && sync_known),
        .reg_known_o(sync_known), .reg_wide_o(sync_wide), .reg_error_o(sync_error), .reg_rdata_o(sync_rdata),
        .full_o(sync_full_o), .push_i(sync_push_i), .push_req_i(sync_req_i), .pushed_o(sync_pushed_o),
        .valid_o(sync_valid_o), .take_i(sync_take_i), .req_o(sync_req_o)
    );
    assign reg_known_o = root_known || sync_known;
    assign reg_wide_o  = root_wide || sync_wide;
    assign reg_error_o = sync_known && sync_error;
    assign reg_rdata_o = root_rdata | sync_rdata;
  end else begin : g_none
    assign ready_o = 1'b1;
    assign {reg_known_o, reg_wide_o, reg_error_o, reg_rdata_o} = '0;
    assign {hold_o, missed_o, walk_root_o} = '0;
    assign {sync_full_o, sync_pushed_o, sync_valid_o, sync_req_o} = '0;
    logic unused_inputs;
    assign unused_inputs = ^{clk_i, rst_ni, reg_ctx_i, reg_offset_i, reg_we_i, reg_wdata_i, switch_i, switch_ctx_i,
                             switch_bank_i, switch_guest_i, switch_regs_i, live_i, old_bank_busy_i, walk_ctx_i,
                             walk_bank_i, sync_push_i, sync_req_i, sync_take_i};
  end
endmodule
