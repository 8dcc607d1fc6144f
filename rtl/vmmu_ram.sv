// Simple dual-port RAM: one write port, one read port with a synchronous read, no reset. What is read of a word in the
// cycle in which it is written means nothing, as in the block RAM of most devices: a simulation gives the old word, the
// new one or noise, as vmmu_ram_pkg says. Users know when it happens and do not use the word.
module vmmu_ram #(
    parameter int unsigned Width = 64,
    parameter int unsigned Depth = 128,  // power of two, >= 2
    localparam int unsigned AddrBits = $clog2(Depth)
) (
    input  logic                clk_i,
    input  logic                write_i,
    input  logic [AddrBits-1:0] write_addr_i,
    input  logic [Width-1:0]    write_data_i,
    input  logic [AddrBits-1:0] read_addr_i,
    output logic [Width-1:0]    read_data_o   // of the address in the cycle before
);
  logic [Width-1:0] word_q [Depth];
  logic [Width-1:0] read_q;
  assign read_data_o = read_q;
  always_ff @(posedge clk_i) if (write_i) word_q[write_addr_i] <= write_data_i;

`ifdef SYNTHESIS
  always_ff @(posedge clk_i) read_q <= word_q[read_addr_i];
`elsif FORMAL
  always_ff @(posedge clk_i) read_q <= word_q[read_addr_i];
`else
  localparam int unsigned Words = (Width + 31) / 32;
  function automatic logic [Width-1:0] noise();
    logic [Words-1:0][31:0] words;
    for (int unsigned i = 0; i < Words; i++) words[i] = $urandom;
    return Width'(words);
  endfunction
  always_ff @(posedge clk_i) begin
    if (!(write_i && (write_addr_i == read_addr_i))) read_q <= word_q[read_addr_i];
    else if (vmmu_ram_pkg::collision == vmmu_ram_pkg::CollisionNew) read_q <= write_data_i;
    else if (vmmu_ram_pkg::collision == vmmu_ram_pkg::CollisionRandom) read_q <= noise();
    else read_q <= word_q[read_addr_i];
  end
`endif
endmodule
