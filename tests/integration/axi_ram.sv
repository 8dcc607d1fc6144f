// The example's memory: AXI4 ports with a monitor for exclusive accesses each, and a port for the processor. Each AXI port has
// a read and a write under way; of all ports one writes in a cycle, the processor first.
module axi_ram
  import bus_pkg::*;
#(
    parameter int unsigned NumPorts = 2,
    parameter int unsigned Words = 131072  // of 8 bytes, from address 0; power of two
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  to_memory_t   [NumPorts-1:0] port_i,
    output from_memory_t [NumPorts-1:0] port_o,
    // the processor: always ready, reads in the same cycle
    input  logic        cpu_write_i,
    input  logic [51:0] cpu_addr_i,
    input  logic [63:0] cpu_wdata_i,
    output logic [63:0] cpu_rdata_o
);
  localparam int unsigned IndexWidth = $clog2(Words);
  localparam logic [1:0] RespOkay = 2'b00;
  localparam logic [1:0] RespExOkay = 2'b01;
  localparam logic [1:0] RespDecErr = 2'b11;
  typedef logic [IndexWidth-1:0] index_t;

  function automatic logic inside_ram(logic [AddrWidth-1:0] addr);
    return (addr >> 3) < AddrWidth'(Words);
  endfunction

  logic [63:0] words_q [Words];
  assign cpu_rdata_o = words_q[index_t'(cpu_addr_i >> 3)];

  // ---------------------------------------------------------------- who writes
  logic [NumPorts-1:0] offers, grant, answering;  // answering: the reply to the write before waits
  logic taken;
  always_comb begin
    taken = cpu_write_i;
    for (int unsigned p = 0; p < NumPorts; p++) begin
      offers[p] = port_i[p].awvalid && port_i[p].wvalid && !answering[p];
      grant[p]  = offers[p] && !taken;
      taken     = taken || offers[p];
    end
  end

  // A write happens unless it is outside, or exclusive and its word is not monitored any more.
  logic   [NumPorts-1:0] monitor_q, reaches;  // monitor_q: the word that the port's exclusive write may write
  index_t [NumPorts-1:0] monitored_q;
  logic   writes;
  index_t write_index;
  logic [63:0] write_word;
  always_comb begin
    writes      = cpu_write_i;
    write_index = index_t'(cpu_addr_i >> 3);
    write_word  = cpu_wdata_i;
    for (int unsigned p = 0; p < NumPorts; p++) begin
      reaches[p] = inside_ram(port_i[p].awaddr) &&
                   (!port_i[p].awlock || (monitor_q[p] && (monitored_q[p] == index_t'(port_i[p].awaddr >> 3))));
      if (grant[p]) begin
        writes      = reaches[p];
        write_index = index_t'(port_i[p].awaddr >> 3);
        write_word  = port_i[p].wdata;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (writes) words_q[write_index] <= write_word;
  end

  // ---------------------------------------------------------------- ports
  for (genvar p = 0; p < NumPorts; p++) begin : g_port
    logic read;
    index_t read_index;
    from_memory_t out_q;
    assign read       = port_i[p].arvalid && !out_q.rvalid;
    assign read_index = index_t'(port_i[p].araddr >> 3);
    assign answering[p] = out_q.bvalid;

    always_comb begin
      port_o[p]         = out_q;
      port_o[p].arready = !out_q.rvalid;
      port_o[p].awready = grant[p];
      port_o[p].wready  = grant[p];
    end

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        out_q <= '0;
      end else begin
        out_q.rlast <= 1'b1;
        if (read) begin
          out_q.rvalid <= 1'b1;
          out_q.rid    <= port_i[p].arid;
          out_q.rdata  <= words_q[read_index];
          out_q.rresp  <= !inside_ram(port_i[p].araddr) ? RespDecErr : port_i[p].arlock ? RespExOkay : RespOkay;
        end else if (port_i[p].rready) begin
          out_q.rvalid <= 1'b0;
        end
        if (grant[p]) begin
          out_q.bvalid <= 1'b1;
          out_q.bid    <= port_i[p].awid;
          out_q.bresp  <= !inside_ram(port_i[p].awaddr) ? RespDecErr :
                          (port_i[p].awlock && reaches[p]) ? RespExOkay : RespOkay;
        end else if (port_i[p].bready) begin
          out_q.bvalid <= 1'b0;
        end
      end
    end

    // A write to the monitored word by anyone ends the monitoring, in the cycle of the read itself too.
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        monitor_q[p]   <= 1'b0;
        monitored_q[p] <= '0;
      end else if (read && port_i[p].arlock) begin
        monitor_q[p]   <= !(writes && (write_index == read_index));
        monitored_q[p] <= read_index;
      end else if ((writes && (write_index == monitored_q[p])) || (grant[p] && port_i[p].awlock)) begin
        monitor_q[p] <= 1'b0;
      end
    end
  end
endmodule
