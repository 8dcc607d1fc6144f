`include "vmmu_macros.svh"

// The register port: decodes addresses, answers reads, and keeps what is live (events, global control).
// One access at a time; a COMMIT is answered when it is decided.
module vmmu_regs
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    input  logic     ready_i,           // the context bank is out of reset
    input  logic     reg_req_valid_i,
    output logic     reg_req_ready_o,
    input  reg_req_t reg_req_i,
    output logic     reg_rsp_valid_o,   // one cycle
    output reg_rsp_t reg_rsp_o,
    // context bank
    output logic [CtxWidth-1:0] ctx_o,
    output logic        guest_o,        // the offset is one of the guest page
    output logic [11:0] offset_o,
    output logic        staged_we_o,
    output logic [63:0] wdata_o,
    input  logic        staged_known_i,
    input  logic        staged_wide_i,
    input  logic        staged_wait_i,
    input  logic [63:0] staged_rdata_i,
    // shadow-root buffer and synchronization queue
    output logic        shadow_we_o,
    input  logic        shadow_known_i,  // the offset is one of theirs, on a host page
    input  logic        shadow_wide_i,
    input  logic        shadow_error_i,  // of a write
    input  logic [63:0] shadow_rdata_i,  // 0 when not known
    output logic        commit_valid_o, // with guest_o: GCOMMIT
    input  logic        commit_done_i,
    input  logic        commit_busy_i,
    input  logic [7:0]  commit_reject_i,
    // log
    output logic        log_access_o,   // of one of its registers
    output logic        log_we_o,
    input  logic        log_known_i,    // the offset is one of them
    input  logic        log_wait_i,
    input  logic [63:0] log_rdata_i,
    input  logic [63:0] error_record_i,
    // counters
    output logic [5:0]  counter_index_o,
    input  logic [63:0] counter_i,
    // events
    input  logic [Cfg.NumContexts-1:0][NumEvents-1:0] set_events_i,
    output logic [Cfg.NumContexts-1:0][NumEvents-1:0] events_o,
    input  logic [Cfg.NumContexts-1:0][NumGuestEvents-1:0] set_guest_events_i,
    output logic [Cfg.NumContexts-1:0]                guest_event_o,  // of the guest pages, one is pending
    // global control
    output logic        bypass_o,
    output logic        freeze_o,
    output logic        skip_guest_o,
    output logic        skip_host_o
);
  localparam int unsigned CtxBits = $clog2(Cfg.NumContexts);
  localparam int unsigned CapWords = $bits(cfg_t) / 32;
  localparam logic [63:0] Identification = 64'h0000_0001_554d_4d56;  // version 1, "VMMU"

  // ---------------------------------------------------------------- one access
  logic busy_q;
  reg_req_t req_q;
  assign reg_req_ready_o = !busy_q && ready_i;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) busy_q <= 1'b0;
    else if (reg_req_valid_i && reg_req_ready_o) busy_q <= 1'b1;
    else if (reg_rsp_valid_o) busy_q <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    if (reg_req_valid_i && reg_req_ready_o) req_q <= reg_req_i;
  end

  // ---------------------------------------------------------------- decode
  logic [RegAddrWidth-1:0] host_offset;
  logic in_global, in_ctx, in_host, in_guest;
  logic is_commit, is_gcommit, is_guest_events, is_log, is_events, is_error_record, is_counter, is_cap, is_shadow;
  logic [CtxBits-1:0] ctx;
  assign host_offset = req_q.addr - RegHostBase;
  assign in_global   = req_q.addr < RegHostBase;
  // Pages of RegHostStride each; the second half of each is the guest page, whose first registers vmmu_csr_guest has.
  assign in_ctx      = !in_global && (host_offset < RegAddrWidth'(Cfg.NumContexts) * RegHostStride);
  assign in_host     = in_ctx && !host_offset[12];
  assign in_guest    = in_ctx && host_offset[12];
  assign guest_o     = in_guest;
  assign ctx         = CtxBits'(host_offset >> $clog2(RegHostStride));
  assign offset_o    = req_q.addr[11:0];
  assign ctx_o       = CtxWidth'(ctx);
  // A word that is not written keeps its value.
  logic [63:0] kept;
  assign kept        = staged_known_i ? staged_rdata_i : shadow_rdata_i;
  assign wdata_o     = {req_q.half[1] ? req_q.wdata[63:32] : kept[63:32],
                        req_q.half[0] ? req_q.wdata[31:0] : kept[31:0]};
  assign is_commit       = in_host && (offset_o == RegCommit);
  assign is_gcommit      = in_guest && (offset_o == RegGcommit);
  assign is_guest_events = in_guest && (offset_o == RegGuestEvents);
  assign is_log          = in_ctx && log_known_i;
  assign is_events       = in_host && (offset_o == RegEvents);
  assign is_shadow       = in_host && shadow_known_i;
  assign is_error_record = in_host && (offset_o == RegLogErrorRec);
  assign is_counter      = in_host && (offset_o >= RegCounters) &&
                           (offset_o < RegCounters + 12'(8 * NumCounters)) && (offset_o[2:0] == 3'd0);
  assign is_cap          = in_global && (req_q.addr >= RegGlobalCaps) &&
                           (req_q.addr < RegGlobalCaps + RegAddrWidth'(8 * CapWords)) && (req_q.addr[2:0] == 3'd0);
  assign counter_index_o = {offset_o[9], offset_o[7:3]};  // RegCounters is 100h

  // The high word of a register of at most 32 bits is an undefined address.
  logic wide, half_exists;
  assign wide = (in_ctx && staged_known_i && staged_wide_i) || (is_shadow && shadow_wide_i) ||
                is_error_record || is_counter ||
                (in_global && (req_q.addr == RegGlobalId));
  assign half_exists = req_q.half[0] || (req_q.half[1] && wide);

  logic write_now;
  assign write_now      = busy_q && req_q.write && half_exists;
  logic staged_write, staged_wait;
  assign staged_wait    = `VMMU_MUT(44, staged_wait_i, 1'b0);
  assign staged_write   = write_now && in_ctx && staged_known_i;
  assign staged_we_o    = staged_write && !staged_wait;
  assign commit_valid_o = write_now && (is_commit || is_gcommit);
  assign shadow_we_o    = write_now && is_shadow && !shadow_error_i;
  assign log_access_o   = busy_q && half_exists && is_log;
  assign log_we_o       = write_now && is_log && !log_wait_i;

  // ---------------------------------------------------------------- live registers
  logic decided;  // a COMMIT or GCOMMIT was judged
  assign decided = commit_valid_o && commit_done_i && !commit_busy_i;
  logic [GlobalCtrlWidth-1:0] global_ctrl_q;
  logic [Cfg.NumContexts-1:0][NumEvents-1:0] events_q;
  logic [Cfg.NumContexts-1:0][NumGuestEvents-1:0] guest_events_q;
  logic [7:0] reason_q [Cfg.NumContexts];
  logic [7:0] guest_reason_q [Cfg.NumContexts];
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      events_q <= '0;
      global_ctrl_q  <= '0;
      guest_events_q <= '0;
      for (int unsigned c = 0; c < Cfg.NumContexts; c++) begin
        reason_q[c]       <= RejectNone;
        guest_reason_q[c] <= RejectNone;
      end
    end else begin
      events_q <= events_q | set_events_i;
      if (write_now && is_events) events_q[ctx] <= (events_q[ctx] & ~req_q.wdata[NumEvents-1:0]) | set_events_i[ctx];
      guest_events_q <= guest_events_q | set_guest_events_i;
      if (write_now && is_guest_events) begin
        guest_events_q[ctx] <= (guest_events_q[ctx] & ~req_q.wdata[NumGuestEvents-1:0]) | set_guest_events_i[ctx];
      end
      if (decided && `VMMU_MUT(92, is_commit, 1'b1)) begin
        reason_q[ctx] <= commit_reject_i;
        if (commit_reject_i != RejectNone) events_q[ctx][EvCommitRejected] <= 1'b1;
      end
      if (decided && is_gcommit) begin
        guest_reason_q[ctx] <= commit_reject_i;
        if (commit_reject_i != RejectNone) guest_events_q[ctx][EvGuestCommitRejected] <= 1'b1;
      end
      if (write_now && in_global && (req_q.addr == RegGlobalCtrl)) global_ctrl_q <= req_q.wdata[GlobalCtrlWidth-1:0];
    end
  end
  assign events_o      = events_q;
  assign bypass_o      = global_ctrl_q[GlobalCacheBypass];
  assign freeze_o      = global_ctrl_q[GlobalFreeze];
  assign skip_guest_o  = global_ctrl_q[GlobalSkipGuest];
  assign skip_host_o   = global_ctrl_q[GlobalSkipHost];
  always_comb begin
    for (int unsigned c = 0; c < Cfg.NumContexts; c++) guest_event_o[c] = |guest_events_q[c];
  end

  // ---------------------------------------------------------------- answer
  // Field n of cfg_t, counted from the first; the last field is the low word of the packed struct.
  logic [CapWords-1:0][31:0] caps;
  assign caps = Cfg;
  logic [5:0] cap_index;
  assign cap_index = 6'(CapWords - 1) - (req_q.addr[8:3] - RegGlobalCaps[8:3]);

  always_comb begin
    reg_rsp_o = '{rdata: '0, error: 1'b0};
    if (!half_exists) reg_rsp_o.error = 1'b1;
    else if (in_ctx && staged_known_i) reg_rsp_o.rdata = staged_rdata_i;
    else if (is_commit) begin
      reg_rsp_o.rdata = 64'(reason_q[ctx]);
      reg_rsp_o.error = req_q.write && commit_busy_i;
    end
    else if (is_gcommit) begin
      reg_rsp_o.rdata = 64'(guest_reason_q[ctx]);
      reg_rsp_o.error = req_q.write && commit_busy_i;
    end
    else if (is_guest_events) reg_rsp_o.rdata = 64'(guest_events_q[ctx]);
    else if (is_shadow) reg_rsp_o = '{rdata: shadow_rdata_i, error: req_q.write && shadow_error_i};
    else if (is_log) reg_rsp_o.rdata = log_rdata_i;
    else if (is_events) reg_rsp_o.rdata = 64'(events_q[ctx]);
    else if (is_error_record) reg_rsp_o = '{rdata: error_record_i, error: req_q.write};
    else if (is_counter) reg_rsp_o = '{rdata: counter_i, error: req_q.write};
    else if (is_cap) reg_rsp_o = '{rdata: 64'(caps[cap_index]), error: req_q.write};
    else if (in_global && (req_q.addr == RegGlobalId)) reg_rsp_o = '{rdata: Identification, error: req_q.write};
    else if (in_global && (req_q.addr == RegGlobalCtrl)) reg_rsp_o.rdata = 64'(global_ctrl_q);
    else reg_rsp_o.error = 1'b1;
    if (req_q.write) reg_rsp_o.rdata = '0;
  end
  // An index is told only when memory has every record before it.
  assign reg_rsp_valid_o = busy_q && (!commit_valid_o || commit_done_i) && !(staged_write && staged_wait) &&
                           !(log_access_o && log_wait_i);

  logic unused_bits;
  assign unused_bits = ^host_offset;
endmodule
