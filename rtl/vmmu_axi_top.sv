// vmmu_top behind an AXI4 master: what a system on chip instantiates. Wiring only.
module vmmu_axi_top
  import vmmu_pkg::*;
#(
    parameter int unsigned Preset     = PresetServer,
    parameter cfg_t        Cfg        = preset_cfg(Preset),
    parameter int unsigned AxiIdWidth = MemIdWidth,  // enough for NumWalks + 1 ids
    parameter logic [2:0]  AxiProt    = 3'b011       // of every access: privileged, non-secure, data
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    // translation requests: accepted when valid and ready; never withdrawn
    input  logic [Cfg.NumPorts-1:0] req_valid_i,
    output logic [Cfg.NumPorts-1:0] req_ready_o,
    input  req_t [Cfg.NumPorts-1:0] req_i,
    output logic [Cfg.NumPorts-1:0] rsp_valid_o,
    input  logic [Cfg.NumPorts-1:0] rsp_ready_i,
    output rsp_t [Cfg.NumPorts-1:0] rsp_o,
    // registers
    input  logic     reg_req_valid_i,
    output logic     reg_req_ready_o,
    input  reg_req_t reg_req_i,
    output logic     reg_rsp_valid_o,
    output reg_rsp_t reg_rsp_o,
    // invalidations
    input  logic     inv_req_valid_i,
    output logic     inv_req_ready_o,
    input  inv_req_t inv_req_i,
    output logic     inv_rsp_valid_o,
    output logic     inv_rsp_error_o,
    output logic [IdWidth-1:0] inv_rsp_id_o,
    // interrupts: an event of any context, an event of the guest page of a context
    output logic     irq_host_o,
    output logic [Cfg.NumContexts-1:0] irq_guest_o,
    // memory: read address
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
    // memory: read data
    input  logic                  m_axi_rvalid,
    output logic                  m_axi_rready,
    input  logic [AxiIdWidth-1:0] m_axi_rid,
    input  logic [63:0]           m_axi_rdata,
    input  logic [1:0]            m_axi_rresp,
    input  logic                  m_axi_rlast,
    // memory: write address
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
    // memory: write data
    output logic                  m_axi_wvalid,
    input  logic                  m_axi_wready,
    output logic [63:0]           m_axi_wdata,
    output logic [7:0]            m_axi_wstrb,
    output logic                  m_axi_wlast,
    // memory: write response
    input  logic                  m_axi_bvalid,
    output logic                  m_axi_bready,
    input  logic [AxiIdWidth-1:0] m_axi_bid,
    input  logic [1:0]            m_axi_bresp
);
  logic     mem_req_valid, mem_req_ready, mem_rsp_valid;
  mem_req_t mem_req;
  mem_rsp_t mem_rsp;

  // ---------------------------------------------------------------- the MMU
  vmmu_top #(.Preset(Preset), .Cfg(Cfg)) u_top (
      .clk_i, .rst_ni,
      .req_valid_i, .req_ready_o, .req_i, .rsp_valid_o, .rsp_ready_i, .rsp_o,
      .mem_req_valid_o(mem_req_valid), .mem_req_ready_i(mem_req_ready), .mem_req_o(mem_req),
      .mem_rsp_valid_i(mem_rsp_valid), .mem_rsp_i(mem_rsp),
      .reg_req_valid_i, .reg_req_ready_o, .reg_req_i, .reg_rsp_valid_o, .reg_rsp_o,
      .inv_req_valid_i, .inv_req_ready_o, .inv_req_i, .inv_rsp_valid_o, .inv_rsp_error_o, .inv_rsp_id_o,
      .irq_host_o, .irq_guest_o
  );

  // ---------------------------------------------------------------- memory
  vmmu_axi4 #(.Cfg(Cfg), .AxiIdWidth(AxiIdWidth), .AxiProt(AxiProt)) u_axi4 (
      .clk_i, .rst_ni,
      .mem_req_valid_i(mem_req_valid), .mem_req_ready_o(mem_req_ready), .mem_req_i(mem_req),
      .mem_rsp_valid_o(mem_rsp_valid), .mem_rsp_o(mem_rsp),
      .m_axi_arvalid, .m_axi_arready, .m_axi_arid, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arlock, .m_axi_arcache, .m_axi_arprot,
      .m_axi_rvalid, .m_axi_rready, .m_axi_rid, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast,
      .m_axi_awvalid, .m_axi_awready, .m_axi_awid, .m_axi_awaddr, .m_axi_awlen, .m_axi_awsize, .m_axi_awburst,
      .m_axi_awlock, .m_axi_awcache, .m_axi_awprot,
      .m_axi_wvalid, .m_axi_wready, .m_axi_wdata, .m_axi_wstrb, .m_axi_wlast,
      .m_axi_bvalid, .m_axi_bready, .m_axi_bid, .m_axi_bresp
  );
endmodule
