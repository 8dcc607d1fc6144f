`include "vmmu_macros.svh"

// The first registers of the guest pages, below RegGuestEvents: operands, command and status of each guest's own
// invalidations. They hold only what the guest itself wrote, and no other register is behind them.
module vmmu_csr_guest
  import vmmu_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // one access, answered in the same cycle
    input  logic        valid_i,
    input  logic        write_i,
    input  logic [CtxWidth-1:0] ctx_i,
    input  logic [11:0] offset_i,
    input  logic [31:0] wdata_i,
    output logic [31:0] rdata_o,
    output logic        error_o,
    // commands that wait or run, and the end of one
    output logic     [Cfg.NumContexts-1:0] busy_o,
    output inv_req_t [Cfg.NumContexts-1:0] req_o,
    input  logic     [Cfg.NumContexts-1:0] done_i,
    input  logic        done_error_i
);
  localparam int unsigned Contexts = Cfg.NumContexts;
  localparam int unsigned CtxBits = $clog2(Contexts);
  localparam logic [31:0] LastOp = 32'(InvLoadCr3);  // the later ones reach beyond the guest's own context

  logic [Contexts-1:0] busy_q, error_q;
  logic [63:0] addr_q [Contexts];
  logic [11:0] pcid_q [Contexts];
  inv_op_e     op_q   [Contexts];

  // ---------------------------------------------------------------- decode
  logic exists, free, addr_low, addr_high, pcid, command, status;
  logic [CtxBits-1:0] ctx;
  assign exists    = 32'(ctx_i) < Contexts;
  assign ctx       = CtxBits'(ctx_i);
  assign free      = !busy_q[ctx];
  assign addr_low  = offset_i == RegInvAddr;
  assign addr_high = offset_i == RegInvAddr + 12'd4;
  assign pcid      = offset_i == RegInvPcid;
  assign command   = offset_i == RegInvCommand;
  assign status    = offset_i == RegInvStatus;

  logic known, writable;
  assign known    = addr_low || addr_high || pcid || command || status;
  // The operands of a command stay as they are until it is done.
  assign writable = free && (addr_low || addr_high || pcid || (command && (wdata_i <= LastOp)));
  assign error_o  = !exists || !known || (write_i && !writable);

  always_comb begin
    rdata_o = '0;
    if (exists && !write_i) begin
      unique case (1'b1)
        addr_low:  rdata_o = addr_q[ctx][31:0];
        addr_high: rdata_o = addr_q[ctx][63:32];
        pcid:      rdata_o = 32'(pcid_q[ctx]);
        command:   rdata_o = 32'(op_q[ctx]);
        status:    rdata_o = 32'({error_q[ctx], busy_q[ctx]});
        default:   rdata_o = '0;
      endcase
    end
  end

  // ---------------------------------------------------------------- storage
  logic write_now;
  assign write_now = valid_i && write_i && !error_o;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q  <= '0;
      error_q <= '0;
      for (int unsigned c = 0; c < Contexts; c++) begin
        addr_q[c] <= '0;
        pcid_q[c] <= '0;
        op_q[c]   <= InvInvlpg;
      end
    end else begin
      busy_q <= busy_q & ~done_i;
      for (int unsigned c = 0; c < Contexts; c++) if (done_i[c]) error_q[c] <= done_error_i;
      if (write_now) begin
        if (addr_low) addr_q[ctx][31:0] <= wdata_i;
        if (addr_high) addr_q[ctx][63:32] <= wdata_i;
        if (pcid) pcid_q[ctx] <= wdata_i[11:0];
        if (command) begin
          op_q[ctx]    <= inv_op_e'(wdata_i[3:0]);
          busy_q[ctx]  <= 1'b1;
          error_q[ctx] <= 1'b0;
        end
      end
    end
  end

  assign busy_o = busy_q;
  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      req_o[c] = '{op: op_q[c], ctx: `VMMU_MUT(43, CtxWidth'(c), '0), id: GuestInvId + IdWidth'(c), addr: addr_q[c],
                   pcid: pcid_q[c], vpid: '0};
    end
  end
endmodule
