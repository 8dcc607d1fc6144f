`include "vmmu_macros.svh"

// Claims about the AXI side of vmmu_axi4 (AMBA AXI4, sections A3.2 and A7.2). Those about inputs are what the
// master asks of its surroundings.
module vmmu_axi4_sva
  import vmmu_pkg::*;
#(
    parameter int unsigned AxiIdWidth = MemIdWidth
) (
    input logic                  clk_i,
    input logic                  rst_ni,
    input logic                  arvalid,
    input logic                  arready,
    input logic [AxiIdWidth-1:0] arid,
    input logic [PaWidth-1:0]    araddr,
    input logic                  arlock,
    input logic                  rvalid,
    input logic                  rready,
    input logic [AxiIdWidth-1:0] rid,
    input logic [1:0]            rresp,
    input logic                  rlast,
    input logic                  awvalid,
    input logic                  awready,
    input logic [AxiIdWidth-1:0] awid,
    input logic [PaWidth-1:0]    awaddr,
    input logic                  awlock,
    input logic                  wvalid,
    input logic                  wready,
    input logic [63:0]           wdata
);
  // A3.2.1: what is offered stays as it is until it is taken.
  `VMMU_ASSERT(ReadAddressIsHeld_A,
               $past(arvalid && !arready && rst_ni) |-> arvalid && $stable({arid, araddr, arlock}))
  `VMMU_ASSERT(WriteAddressIsHeld_A,
               $past(awvalid && !awready && rst_ni) |-> awvalid && $stable({awid, awaddr, awlock}))
  `VMMU_ASSERT(WriteDataIsHeld_A, $past(wvalid && !wready && rst_ni) |-> wvalid && $stable(wdata))

  // One exclusive pair at a time, and the write is for the word that was read (A7.2.4).
  logic read_out_q, read_good_q;
  logic [AxiIdWidth-1:0] pair_id_q;
  logic [PaWidth-1:0] pair_addr_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read_out_q  <= 1'b0;
      read_good_q <= 1'b0;
    end else begin
      if (rvalid && rready && read_out_q && (rid == pair_id_q)) begin
        read_out_q  <= 1'b0;
        read_good_q <= rresp == 2'b01;
      end
      if (arvalid && arready && arlock) begin
        read_out_q  <= 1'b1;
        read_good_q <= 1'b0;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (arvalid && arready && arlock) begin
      pair_id_q   <= arid;
      pair_addr_q <= araddr;
    end
  end
  `VMMU_ASSERT(OneExclusiveReadAtATime_A, arvalid && arlock |-> !read_out_q)
  `VMMU_ASSERT(ExclusiveWriteFollowsItsRead_A,
               awvalid && awlock |-> read_good_q && (awid == pair_id_q) && (awaddr == pair_addr_q))

  `VMMU_ASSERT(ReadIsOneBeat_A, rvalid |-> rlast)
endmodule

bind vmmu_axi4 vmmu_axi4_sva #(.AxiIdWidth(AxiIdWidth)) u_sva (
    .clk_i, .rst_ni,
    .arvalid(m_axi_arvalid), .arready(m_axi_arready), .arid(m_axi_arid), .araddr(m_axi_araddr), .arlock(m_axi_arlock),
    .rvalid(m_axi_rvalid), .rready(m_axi_rready), .rid(m_axi_rid), .rresp(m_axi_rresp), .rlast(m_axi_rlast),
    .awvalid(m_axi_awvalid), .awready(m_axi_awready), .awid(m_axi_awid), .awaddr(m_axi_awaddr),
    .awlock(m_axi_awlock), .wvalid(m_axi_wvalid), .wready(m_axi_wready), .wdata(m_axi_wdata)
);
