// A system around vmmu_axi_top: a copy engine with virtual addresses, memory, and a processor. The processor is the
// testbench: it has the AXI4-Lite port of the MMU, the MMU's invalidation port, the copy engine's controls and a port of
// the memory.
module example_system
  import vmmu_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    // processor: registers of the MMU
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [19:0] s_axil_awaddr,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    input  logic [31:0] s_axil_wdata,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    output logic [1:0]  s_axil_bresp,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    input  logic [19:0] s_axil_araddr,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    output logic [31:0] s_axil_rdata,
    output logic [1:0]  s_axil_rresp,
    // processor: invalidations
    input  logic        inv_valid_i,
    output logic        inv_ready_o,
    input  logic [3:0]  inv_op_i,
    input  logic [3:0]  inv_ctx_i,
    input  logic [63:0] inv_addr_i,
    output logic        inv_done_o,
    output logic        inv_error_o,
    // processor: interrupt, memory
    output logic        irq_o,
    input  logic        cpu_write_i,
    input  logic [51:0] cpu_addr_i,
    input  logic [63:0] cpu_wdata_i,
    output logic [63:0] cpu_rdata_o,
    // processor: copy engine
    input  logic        start_i,
    input  logic [63:0] source_i,
    input  logic [63:0] destination_i,
    input  logic [15:0] words_i,
    input  logic        resume_i,
    output logic        busy_o,
    output logic        stopped_o,
    output logic [3:0]  fault_kind_o,
    output logic [15:0] fault_code_o,
    output logic [31:0] fault_target_o,
    output logic [63:0] fault_gva_o,
    output logic [63:0] fault_addr_o
);
  localparam int unsigned Preset = PresetTiny;
  localparam cfg_t Cfg = preset_cfg(Preset);

  bus_pkg::to_memory_t   [1:0] to_memory;
  bus_pkg::from_memory_t [1:0] from_memory;

  // ---------------------------------------------------------------- the requester, on port 1 of the memory
  logic   req_valid, req_ready, rsp_valid, rsp_ready;
  req_t   req;
  rsp_t   rsp;
  fault_t fault;
  copy_engine u_copy_engine (
      .clk_i, .rst_ni, .start_i, .source_i, .destination_i, .words_i, .resume_i, .busy_o, .stopped_o, .fault_o(fault),
      .req_valid_o(req_valid), .req_ready_i(req_ready), .req_o(req),
      .rsp_valid_i(rsp_valid), .rsp_ready_o(rsp_ready), .rsp_i(rsp),
      .mem_o(to_memory[1]), .mem_i(from_memory[1])
  );
  assign fault_kind_o   = fault.kind;
  assign fault_code_o   = fault.code;
  assign fault_target_o = fault.target;
  assign fault_gva_o    = fault.gva;
  assign fault_addr_o   = fault.addr;

  // ---------------------------------------------------------------- the MMU, on port 0 of the memory
  // One invalidation at a time: its id says nothing.
  logic [IdWidth-1:0] inv_id;
  inv_req_t inv_req;
  always_comb begin
    inv_req      = '0;
    inv_req.op   = inv_op_e'(inv_op_i);
    inv_req.ctx  = inv_ctx_i;
    inv_req.addr = inv_addr_i;
  end

  logic [7:0] arlen, awlen, wstrb;
  logic [2:0] arsize, awsize, arprot, awprot;
  logic [1:0] arburst, awburst;
  logic [3:0] arcache, awcache;
  logic       wlast;
  logic [Cfg.NumContexts-1:0] irq_guest;
  vmmu_axi_top #(.Preset(Preset), .AxiIdWidth(bus_pkg::IdWidth)) u_mmu (
      .clk_i, .rst_ni,
      .req_valid_i(req_valid), .req_ready_o(req_ready), .req_i(req),
      .rsp_valid_o(rsp_valid), .rsp_ready_i(rsp_ready), .rsp_o(rsp),
      .s_axil_awvalid, .s_axil_awready, .s_axil_awaddr, .s_axil_awprot(3'd0),
      .s_axil_wvalid, .s_axil_wready, .s_axil_wdata, .s_axil_wstrb(4'hf),
      .s_axil_bvalid, .s_axil_bready, .s_axil_bresp,
      .s_axil_arvalid, .s_axil_arready, .s_axil_araddr, .s_axil_arprot(3'd0),
      .s_axil_rvalid, .s_axil_rready, .s_axil_rdata, .s_axil_rresp,
      .inv_req_valid_i(inv_valid_i), .inv_req_ready_o(inv_ready_o), .inv_req_i(inv_req),
      .inv_rsp_valid_o(inv_done_o), .inv_rsp_error_o(inv_error_o), .inv_rsp_id_o(inv_id),
      .irq_host_o(irq_o), .irq_guest_o(irq_guest),
      .m_axi_arvalid(to_memory[0].arvalid), .m_axi_arready(from_memory[0].arready), .m_axi_arid(to_memory[0].arid),
      .m_axi_araddr(to_memory[0].araddr), .m_axi_arlen(arlen), .m_axi_arsize(arsize), .m_axi_arburst(arburst),
      .m_axi_arlock(to_memory[0].arlock), .m_axi_arcache(arcache), .m_axi_arprot(arprot),
      .m_axi_rvalid(from_memory[0].rvalid), .m_axi_rready(to_memory[0].rready), .m_axi_rid(from_memory[0].rid),
      .m_axi_rdata(from_memory[0].rdata), .m_axi_rresp(from_memory[0].rresp), .m_axi_rlast(from_memory[0].rlast),
      .m_axi_awvalid(to_memory[0].awvalid), .m_axi_awready(from_memory[0].awready), .m_axi_awid(to_memory[0].awid),
      .m_axi_awaddr(to_memory[0].awaddr), .m_axi_awlen(awlen), .m_axi_awsize(awsize), .m_axi_awburst(awburst),
      .m_axi_awlock(to_memory[0].awlock), .m_axi_awcache(awcache), .m_axi_awprot(awprot),
      .m_axi_wvalid(to_memory[0].wvalid), .m_axi_wready(from_memory[0].wready), .m_axi_wdata(to_memory[0].wdata),
      .m_axi_wstrb(wstrb), .m_axi_wlast(wlast),
      .m_axi_bvalid(from_memory[0].bvalid), .m_axi_bready(to_memory[0].bready), .m_axi_bid(from_memory[0].bid),
      .m_axi_bresp(from_memory[0].bresp)
  );

  // ---------------------------------------------------------------- memory
  axi_ram #(.NumPorts(2)) u_ram (
      .clk_i, .rst_ni, .port_i(to_memory), .port_o(from_memory),
      .cpu_write_i, .cpu_addr_i, .cpu_wdata_i, .cpu_rdata_o
  );

  // The memory takes aligned single beats of 8 whole bytes, which is all that the MMU and the copy engine send.
  logic unused_bits;
  assign unused_bits = ^{arlen, arsize, arburst, arcache, arprot, awlen, awsize, awburst, awcache, awprot, wstrb, wlast,
                         irq_guest, inv_id, fault.gva_valid};
endmodule
