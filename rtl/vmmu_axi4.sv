`include "vmmu_macros.svh"

// AXI4 master for the memory port: every access is one aligned 8-byte beat. Reads go straight to AR with the
// id of the memory port; log records go to AW and W. A compare-and-swap is an exclusive read and, if the word
// is the expected one, an exclusive write, one pair at a time; the others wait in a queue beside the reads,
// which pass them. No output depends combinationally on an input of the AXI side. docs/interface.md.
module vmmu_axi4
  import vmmu_pkg::*;
#(
    parameter cfg_t        Cfg        = preset_cfg(PresetServer),
    parameter int unsigned AxiIdWidth = MemIdWidth,  // enough for NumWalks + 1 ids
    parameter logic [2:0]  AxiProt    = 3'b011       // privileged, non-secure, data
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    // memory port of vmmu_top
    input  logic     mem_req_valid_i,
    output logic     mem_req_ready_o,
    input  mem_req_t mem_req_i,
    output logic     mem_rsp_valid_o,
    output mem_rsp_t mem_rsp_o,
    // read address
    output logic                  m_axi_arvalid,
    input  logic                  m_axi_arready,
    output logic [AxiIdWidth-1:0] m_axi_arid,
    output logic [PaWidth-1:0]    m_axi_araddr,
    output logic [7:0]            m_axi_arlen,
    output logic [2:0]            m_axi_arsize,
    output logic [1:0]            m_axi_arburst,
    output logic                  m_axi_arlock,
    output logic [3:0]            m_axi_arcache,
    output logic [2:0]            m_axi_arprot,
    // read data
    input  logic                  m_axi_rvalid,
    output logic                  m_axi_rready,
    input  logic [AxiIdWidth-1:0] m_axi_rid,
    input  logic [63:0]           m_axi_rdata,
    input  logic [1:0]            m_axi_rresp,
    input  logic                  m_axi_rlast,
    // write address
    output logic                  m_axi_awvalid,
    input  logic                  m_axi_awready,
    output logic [AxiIdWidth-1:0] m_axi_awid,
    output logic [PaWidth-1:0]    m_axi_awaddr,
    output logic [7:0]            m_axi_awlen,
    output logic [2:0]            m_axi_awsize,
    output logic [1:0]            m_axi_awburst,
    output logic                  m_axi_awlock,
    output logic [3:0]            m_axi_awcache,
    output logic [2:0]            m_axi_awprot,
    // write data
    output logic                  m_axi_wvalid,
    input  logic                  m_axi_wready,
    output logic [63:0]           m_axi_wdata,
    output logic [7:0]            m_axi_wstrb,
    output logic                  m_axi_wlast,
    // write response
    input  logic                  m_axi_bvalid,
    output logic                  m_axi_bready,
    input  logic [AxiIdWidth-1:0] m_axi_bid,
    input  logic [1:0]            m_axi_bresp
);
  localparam logic [1:0] RespOkay = 2'b00;
  localparam logic [1:0] RespExOkay = 2'b01;  // SLVERR and DECERR have bit 1 set

  if ((AxiIdWidth < 32) && (2 ** AxiIdWidth < Cfg.NumWalks + 1)) begin : g_bad_id
    $error("AxiIdWidth must hold NumWalks + 1 ids");
  end
  if (AxiIdWidth > 32) begin : g_wide_id
    $error("AxiIdWidth must be at most 32, as AMBA recommends");
  end

  // ---------------------------------------------------------------- fields that never change
  assign m_axi_arlen   = 8'd0;   // one beat
  assign m_axi_arsize  = 3'd3;   // of 8 bytes
  assign m_axi_arburst = 2'b01;  // INCR
  assign m_axi_awlen   = 8'd0;
  assign m_axi_awsize  = 3'd3;
  assign m_axi_awburst = 2'b01;
  // Normal memory, non-cacheable, non-bufferable: the monitor of exclusives must see each access, and a log
  // record is acknowledged only where software can see it.
  assign m_axi_arcache = 4'b0010;
  assign m_axi_awcache = 4'b0010;
  assign m_axi_arprot  = AxiProt;
  assign m_axi_awprot  = AxiProt;
  assign m_axi_wstrb   = 8'hff;
  assign m_axi_wlast   = 1'b1;

  // ---------------------------------------------------------------- compare-and-swap: who waits for what
  typedef enum logic [2:0] {
    CasIdle,       // for a compare-and-swap
    CasRead,       // for AR to take the exclusive read
    CasReadWait,   // for its word
    CasWrite,      // for a write before it to leave AW and W
    CasWriteWait   // for the verdict on the exclusive write
  } cas_e;
  cas_e cas_q, cas_d;
  mem_req_t swap_q, queued;  // the compare-and-swap in hand, the next one
  logic swap_load, queue_push, queue_pop, queue_valid, unused_queue_full;
  logic [$clog2(Cfg.NumWalks+1)-1:0] unused_queue_count;

  // A walk slot has at most one request, so a place for each slot is enough and nothing ever waits for one.
  vmmu_fifo #(
      .Width($bits(mem_req_t)),
      .Depth(Cfg.NumWalks)
  ) u_swaps (
      .clk_i,
      .rst_ni,
      .push_i (queue_push),
      .data_i (mem_req_i),
      .pop_i  (queue_pop),
      .valid_o(queue_valid),
      .data_o (queued),
      .full_o (unused_queue_full),
      .count_o(unused_queue_count)
  );

  // ---------------------------------------------------------------- the memory port's request
  logic is_read, is_swap, is_write, swap_direct, port_to_ar, record_full, record_push;
  assign is_read     = mem_req_valid_i && (mem_req_i.op == MemRead);
  assign is_swap     = mem_req_valid_i && (mem_req_i.op == MemCas);
  assign is_write    = mem_req_valid_i && (mem_req_i.op == MemWrite);
  // A compare-and-swap that finds nobody before it is an exclusive read at once.
  assign swap_direct = is_swap && (cas_q == CasIdle) && !queue_valid;
  assign port_to_ar  = is_read || swap_direct;
  assign queue_push  = is_swap && !swap_direct;
  assign record_push = is_write && !record_full;

  // ---------------------------------------------------------------- AR: the port, or the pair in hand
  // What has been offered stays until it is taken; otherwise the pair goes first, of which there is one.
  logic port_waits_q, own_ar, port_taken;
  assign own_ar        = `VMMU_MUT(60, (cas_q == CasRead) && !port_waits_q, cas_q == CasRead);
  assign m_axi_arvalid = own_ar || port_to_ar;
  assign m_axi_arid    = AxiIdWidth'(own_ar ? swap_q.id : mem_req_i.id);
  assign m_axi_araddr  = own_ar ? swap_q.addr : mem_req_i.addr;
  assign m_axi_arlock  = own_ar || swap_direct;
  assign port_taken    = port_to_ar && !own_ar && m_axi_arready;

  assign mem_req_ready_o = port_to_ar ? port_taken : (is_write ? !record_full : 1'b1);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) port_waits_q <= 1'b0;
    else port_waits_q <= port_to_ar && !own_ar && !m_axi_arready;
  end

  // ---------------------------------------------------------------- replies
  // The memory port takes one reply per cycle. When R and B come together, B's is kept for the next cycle, in
  // which both channels wait: neither can be kept out for ever.
  logic later_q, r_taken, b_taken, r_swap, r_equal, b_swap, b_lost, r_reply, b_reply;
  mem_rsp_t later_rsp_q, r_rsp, b_rsp;
  assign m_axi_rready = !later_q;
  assign m_axi_bready = !later_q;
  assign r_taken = m_axi_rvalid && m_axi_rready;
  assign b_taken = m_axi_bvalid && m_axi_bready;

  assign r_swap  = r_taken && (cas_q == CasReadWait) && (m_axi_rid == AxiIdWidth'(swap_q.id));
  assign r_equal = r_swap && `VMMU_MUT(61, m_axi_rresp == RespExOkay, !m_axi_rresp[1]) &&
                   `VMMU_MUT(62, m_axi_rdata == swap_q.expected, 1'b1);
  assign r_reply = r_taken && !r_equal;
  // OKAY on an exclusive read: nobody monitors exclusives there.
  assign r_rsp   = '{
      id: MemIdWidth'(m_axi_rid), data: m_axi_rdata,
      error: m_axi_rresp[1] || `VMMU_MUT(61, r_swap && (m_axi_rresp == RespOkay), 1'b0)
  };

  // OKAY on an exclusive write: another writer came between, and nothing was written.
  assign b_swap  = b_taken && (cas_q == CasWriteWait) && (m_axi_bid == AxiIdWidth'(swap_q.id));
  assign b_lost  = b_swap && `VMMU_MUT(63, m_axi_bresp == RespOkay, 1'b0);
  assign b_reply = b_taken && !b_lost;
  assign b_rsp   = '{id: MemIdWidth'(m_axi_bid), data: swap_q.expected, error: m_axi_bresp[1]};

  assign mem_rsp_valid_o = later_q || r_reply || b_reply;
  assign mem_rsp_o       = later_q ? later_rsp_q : (r_reply ? r_rsp : b_rsp);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) later_q <= 1'b0;
    else later_q <= r_reply && b_reply;
  end
  always_ff @(posedge clk_i) begin
    if (b_reply) later_rsp_q <= b_rsp;
  end

  // ---------------------------------------------------------------- AW and W: one write at a time
  // They are offered together and taken in any order; the next write comes when both are gone.
  typedef struct packed {
    logic [MemIdWidth-1:0] id;
    logic [PaWidth-1:0]    addr;
    logic [63:0]           data;
    logic                  lock;
  } write_t;
  write_t write_q, record;
  logic aw_valid_q, w_valid_q, write_free, swap_writes, record_valid, record_pop;
  logic unused_record_count;

  // Only the log writes, one record at a time.
  vmmu_fifo #(
      .Width($bits(write_t)),
      .Depth(1)
  ) u_record (
      .clk_i,
      .rst_ni,
      .push_i (record_push),
      .data_i ({mem_req_i.id, mem_req_i.addr, mem_req_i.wdata, 1'b0}),  // a write_t
      .pop_i  (record_pop),
      .valid_o(record_valid),
      .data_o (record),
      .full_o (record_full),
      .count_o(unused_record_count)
  );

  assign write_free  = (!aw_valid_q || m_axi_awready) && (!w_valid_q || m_axi_wready);
  assign swap_writes = r_equal || (cas_q == CasWrite);
  assign record_pop  = record_valid && write_free && !swap_writes;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      aw_valid_q <= 1'b0;
      w_valid_q  <= 1'b0;
    end else if (write_free) begin
      aw_valid_q <= swap_writes || record_valid;
      w_valid_q  <= swap_writes || record_valid;
    end else begin
      if (m_axi_awready) aw_valid_q <= 1'b0;
      if (m_axi_wready) w_valid_q <= 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    if (write_free) begin
      write_q <= swap_writes ? {swap_q.id, swap_q.addr, swap_q.wdata, 1'b1} : record;
    end
  end

  assign m_axi_awvalid = aw_valid_q;
  assign m_axi_awid    = AxiIdWidth'(write_q.id);
  assign m_axi_awaddr  = write_q.addr;
  assign m_axi_awlock  = write_q.lock;
  assign m_axi_wvalid  = w_valid_q;
  assign m_axi_wdata   = write_q.data;

  // ---------------------------------------------------------------- the pair
  always_comb begin
    cas_d     = cas_q;
    swap_load = 1'b0;
    queue_pop = 1'b0;
    unique case (cas_q)
      CasIdle: begin
        swap_load = queue_valid || (swap_direct && port_taken);
        queue_pop = queue_valid;
        if (queue_valid) cas_d = CasRead;
        else if (swap_direct && port_taken) cas_d = CasReadWait;
      end
      CasRead:      if (own_ar && m_axi_arready) cas_d = CasReadWait;
      CasReadWait:  if (r_swap) cas_d = !r_equal ? CasIdle : (write_free ? CasWriteWait : CasWrite);
      CasWrite:     if (write_free) cas_d = CasWriteWait;
      CasWriteWait: if (b_swap) cas_d = b_lost ? CasRead : CasIdle;
      default:      cas_d = CasIdle;
    endcase
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) cas_q <= CasIdle;
    else cas_q <= cas_d;
  end
  always_ff @(posedge clk_i) begin
    if (swap_load) swap_q <= queue_valid ? queued : mem_req_i;
  end

  logic unused_bits;
  assign unused_bits = ^{m_axi_rlast, swap_q.op};
endmodule
