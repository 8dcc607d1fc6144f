`include "vmmu_macros.svh"

// Tree pseudo-LRU over a power-of-two number of ways: the victim, and the tree after a touch. Combinational.
// Node 1 is the root, nodes 2n and 2n+1 its children; a node's bit points at the half to replace next.
module vmmu_plru #(
    parameter int unsigned Ways = 4,  // power of two, >= 2
    localparam int unsigned WayWidth = $clog2(Ways)
) (
    input  logic [Ways-1:1]     tree_i,
    input  logic [WayWidth-1:0] touched_i,
    output logic [Ways-1:1]     touched_tree_o,
    output logic [WayWidth-1:0] victim_o
);
  always_comb begin
    automatic int unsigned node = 1;
    victim_o = '0;
    for (int i = WayWidth - 1; i >= 0; i--) begin
      victim_o[i] = tree_i[node];
      node = 2 * node + (tree_i[node] ? 1 : 0);
    end
  end
  always_comb begin
    automatic int unsigned node = 1;
    touched_tree_o = tree_i;
    for (int i = WayWidth - 1; i >= 0; i--) begin
      touched_tree_o[node] = `VMMU_MUT(112, !touched_i[i], tree_i[node] ^ touched_i[i]);
      node = 2 * node + (touched_i[i] ? 1 : 0);
    end
  end
endmodule
