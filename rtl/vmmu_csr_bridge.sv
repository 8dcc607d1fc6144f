`include "vmmu_macros.svh"

// Between the generated page decoder and the registers: turns a 32-bit access to a page into an access to the
// register port of vmmu_top or to the guest pages, one at a time, and keeps the high word of a live 64-bit register.
//
// The generated block's external interface has no error input. The answer's error bit therefore goes beside it:
// vmmu_csr_axil puts it into the AXI response of the same access.
module vmmu_csr_bridge
  import vmmu_pkg::*;
  import vmmu_csr_regs_pkg::*;
(
    input  logic       clk_i,
    input  logic       rst_ni,
    input  vmmu__out_t hwif_i,
    output vmmu__in_t  hwif_o,
    output logic       ack_o,          // one cycle, together with the acknowledgement in hwif_o
    output logic       ack_error_o,    // with ack_o: the access is answered SLVERR
    // register port
    output logic       reg_req_valid_o,
    input  logic       reg_req_ready_i,
    output reg_req_t   reg_req_o,
    input  logic       reg_rsp_valid_i,
    input  reg_rsp_t   reg_rsp_i,
    // guest pages: answered in the same cycle
    output logic       guest_valid_o,
    output logic       guest_write_o,
    output logic [CtxWidth-1:0] guest_ctx_o,
    output logic [11:0] guest_offset_o,
    output logic [31:0] guest_wdata_o,
    input  logic [31:0] guest_rdata_i,
    input  logic       guest_error_i
);
  localparam int unsigned BlockBits = 16;  // the decoder sees the contexts as two blocks of eight

  typedef struct packed {
    logic                    write;
    logic                    whole;  // every byte of the word is written
    logic [RegAddrWidth-1:0] addr;
    logic [31:0]             wdata;
  } access_t;

  // ---------------------------------------------------------------- the access that the decoder found
  logic start;
  access_t found;
  assign start = hwif_i.global_page.req || hwif_i.contexts_0.req || hwif_i.contexts_8.req;
  always_comb begin
    // The decoder shows the same access to every block and `req` to one of them.
    found = '{write: hwif_i.global_page.req_is_wr, whole: &hwif_i.global_page.wr_biten,
              addr: RegAddrWidth'(hwif_i.global_page.addr), wdata: hwif_i.global_page.wr_data};
    if (hwif_i.contexts_0.req) found.addr = RegHostBase + RegAddrWidth'(hwif_i.contexts_0.addr);
    if (hwif_i.contexts_8.req) begin
      found.addr = RegHostBase + (RegAddrWidth'(1) << BlockBits) + RegAddrWidth'(hwif_i.contexts_8.addr);
    end
  end

  // ---------------------------------------------------------------- states
  typedef enum logic [2:0] {
    Idle,     // waits for an access
    Judge,    // refuses parts of a word, answers guest pages and latched words
    Request,  // waits until the register port takes it
    Reply,    // waits for the register port's reply
    Answer    // acknowledges
  } state_e;
  state_e state_q, state_d;
  access_t acc_q;
  logic [31:0] rdata_q;
  logic error_q;

  logic of_context, guest;
  logic [RegAddrWidth-1:0] context_offset;
  assign of_context     = acc_q.addr >= RegHostBase;
  assign context_offset = acc_q.addr - RegHostBase;
  // The upper part of a guest page is behind the register port.
  assign guest          = of_context && acc_q.addr[$clog2(RegHostStride)-1] && (acc_q.addr[11:0] < RegGuestEvents);

  // Only whole words are written: staged registers are rows of a RAM without byte enables, and half a command or half
  // a write-one-to-clear has no meaning.
  logic partial;
  assign partial = `VMMU_MUT(40, acc_q.write && !acc_q.whole, 1'b0);

  // ---------------------------------------------------------------- live registers of 64 bits
  // Reading the low word of what changes by itself keeps the high one, so that both are of one moment. One word is
  // kept, with its address: a high word whose low word was not the latest one read is read as it is now.
  logic high, live_wide, latched, latch_valid_q;
  logic [RegAddrWidth-1:3] latch_addr_q;
  logic [31:0] latch_q;
  assign high      = acc_q.addr[2];
  assign live_wide = of_context && !acc_q.addr[$clog2(RegHostStride)-1] &&
                     (((acc_q.addr[11:0] >= RegCounters) && (acc_q.addr[11:0] < RegVseg)) ||
                      (acc_q.addr[11:3] == RegSyncAddr[11:3]) || (acc_q.addr[11:3] == RegLogErrorRec[11:3]));
  assign latched   = `VMMU_MUT(41, high && live_wide && !acc_q.write && latch_valid_q &&
                               (latch_addr_q == acc_q.addr[RegAddrWidth-1:3]), 1'b0);

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      Idle:    if (start) state_d = Judge;
      Judge:   state_d = (partial || latched || guest) ? Answer : Request;
      Request: if (reg_req_ready_i) state_d = Reply;
      Reply:   if (reg_rsp_valid_i) state_d = Answer;
      Answer:  state_d = Idle;
      default: state_d = Idle;
    endcase
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q       <= Idle;
      latch_valid_q <= 1'b0;
    end else begin
      state_q <= state_d;
      if ((state_q == Reply) && reg_rsp_valid_i && live_wide && !high && !acc_q.write) begin
        latch_valid_q <= !reg_rsp_i.error;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (state_q == Idle) acc_q <= found;
    if (state_q == Judge) begin
      error_q <= partial || (guest && guest_error_i);
      rdata_q <= (partial || acc_q.write) ? '0 : (guest ? guest_rdata_i : latch_q);
    end else if ((state_q == Reply) && reg_rsp_valid_i) begin
      error_q <= reg_rsp_i.error;
      rdata_q <= high ? reg_rsp_i.rdata[63:32] : reg_rsp_i.rdata[31:0];
      if (live_wide && !high && !acc_q.write) begin
        latch_addr_q <= acc_q.addr[RegAddrWidth-1:3];
        latch_q      <= reg_rsp_i.rdata[63:32];
      end
    end
  end

  assign reg_req_valid_o = state_q == Request;
  assign reg_req_o       = '{write: acc_q.write, half: high ? 2'b10 : 2'b01,
                             addr: {acc_q.addr[RegAddrWidth-1:3], 3'd0}, wdata: {2{acc_q.wdata}}};
  assign guest_valid_o   = (state_q == Judge) && guest && !partial;
  assign guest_write_o   = acc_q.write;
  assign guest_ctx_o     = CtxWidth'(context_offset >> $clog2(RegHostStride));
  assign guest_offset_o  = acc_q.addr[11:0];
  assign guest_wdata_o   = acc_q.wdata;

  // ---------------------------------------------------------------- back to the decoder
  // It takes the acknowledgement of any page for the access that it waits for.
  assign ack_o       = state_q == Answer;
  assign ack_error_o = error_q;
  logic [31:0] rdata;
  assign rdata = error_q ? '0 : rdata_q;
  always_comb begin
    hwif_o.global_page.rd_ack  = ack_o && !acc_q.write;
    hwif_o.global_page.wr_ack  = ack_o && acc_q.write;
    hwif_o.global_page.rd_data = rdata;
    hwif_o.contexts_0.rd_ack   = 1'b0;
    hwif_o.contexts_0.wr_ack   = 1'b0;
    hwif_o.contexts_0.rd_data  = rdata;
    hwif_o.contexts_8.rd_ack   = 1'b0;
    hwif_o.contexts_8.wr_ack   = 1'b0;
    hwif_o.contexts_8.rd_data  = rdata;
  end

  logic unused_bits;
  assign unused_bits = ^{hwif_i.contexts_0.req_is_wr, hwif_i.contexts_0.wr_data, hwif_i.contexts_0.wr_biten,
                         hwif_i.contexts_8.req_is_wr, hwif_i.contexts_8.wr_data, hwif_i.contexts_8.wr_biten,
                         context_offset};

  `VMMU_ASSERT(OneAccessAtATime_A, start |-> state_q == Idle)
endmodule
