// Event counters of one source, of which at most one counts in a cycle. The counts stand in RAM, which has no
// reset: a row that never counted holds anything and reads as 0. An event is added in the cycle after it; a read
// sees it at once.
module vmmu_count_ram #(
    parameter bit          Present = 1'b1,  // 0: the build has no such source; reads are 0
    parameter int unsigned Rows = 4,   // power of two, >= 2
    parameter int unsigned Width = 48,
    parameter int unsigned AddWidth = 1,
    localparam int unsigned RowBits = $clog2(Rows)
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                event_i,
    input  logic [RowBits-1:0]  row_i,
    input  logic [AddWidth-1:0] add_i,
    input  logic [RowBits-1:0]  read_row_i,
    output logic [Width-1:0]    read_o
);
  if (Present) begin : g_counts
    logic [Width-1:0] count_q [Rows];
    logic [Rows-1:0] used_q;
    logic event_q;
    logic [RowBits-1:0] row_q;
    logic [AddWidth-1:0] add_q;

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        event_q <= 1'b0;
        used_q  <= '0;
      end else begin
        event_q <= event_i;
        if (event_q) used_q[row_q] <= 1'b1;
      end
    end

    logic [Width-1:0] counted, read_counted;
    assign counted      = used_q[row_q] ? count_q[row_q] : '0;
    assign read_counted = used_q[read_row_i] ? count_q[read_row_i] : '0;
    always_ff @(posedge clk_i) begin
      row_q <= row_i;
      add_q <= add_i;
      if (event_q) count_q[row_q] <= counted + Width'(add_q);
    end
    assign read_o = read_counted + ((event_q && (row_q == read_row_i)) ? Width'(add_q) : '0);
  end else begin : g_none
    logic unused_inputs;
    assign unused_inputs = ^{clk_i, rst_ni, event_i, row_i, add_i, read_row_i};
    assign read_o = '0;
  end
endmodule
