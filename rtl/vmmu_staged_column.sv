// One staged register of every context: a column of distributed RAM with a row per context.
module vmmu_staged_column #(
    parameter int unsigned Width = 64,
    parameter int unsigned Rows = 4     // power of two
) (
    input  logic                    clk_i,
    input  logic                    we_i,
    input  logic [$clog2(Rows)-1:0] row_i,
    input  logic [Width-1:0]        wdata_i,
    input  logic [$clog2(Rows)-1:0] read_row_i,
    output logic [Width-1:0]        rdata_o
);
  logic [Width-1:0] column_q [Rows];
  always_ff @(posedge clk_i) if (we_i) column_q[row_i] <= wdata_i;
  assign rdata_o = column_q[read_row_i];
endmodule
