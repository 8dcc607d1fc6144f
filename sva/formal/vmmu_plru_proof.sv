`include "vmmu_macros.svh"

// vmmu_plru: the way touched last is never the victim, a touch moves no other subtree's choice, and as many touches of
// victims as there are ways visit every way.
module vmmu_plru_proof #(
    parameter int unsigned Ways = 8,
    localparam int unsigned WayWidth = $clog2(Ways)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [Ways-1:1] tree_i,
    input logic [WayWidth-1:0] touched_i
);
  logic [Ways-1:1] after;
  logic [WayWidth-1:0] unused_victim, next_victim;
  vmmu_plru #(.Ways(Ways)) u_touch (
      .tree_i, .touched_i, .touched_tree_o(after), .victim_o(unused_victim)
  );
  logic [Ways-1:1] unused_tree;
  vmmu_plru #(.Ways(Ways)) u_after (
      .tree_i(after), .touched_i('0), .touched_tree_o(unused_tree), .victim_o(next_victim)
  );
  `VMMU_ASSERT(TouchedIsNotTheVictim_A, next_victim != touched_i)
  // The victim stands in the other half of the ways: the root points away from what was touched.
  `VMMU_ASSERT(VictimIsInTheOtherHalf_A, next_victim[WayWidth-1] != touched_i[WayWidth-1])
  // Of the nodes, only those above the way that was touched change: one in each level of the tree.
  `VMMU_ASSERT(OneNodeALevel_A, $countones(after ^ tree_i) <= WayWidth)

  // Victims touched one after another, from any state of the tree.
  logic [Ways:0][Ways-1:1] tree;
  logic [Ways-1:0][WayWidth-1:0] victim;
  logic [Ways-1:0] visited;
  assign tree[0] = tree_i;
  for (genvar i = 0; i < Ways; i++) begin : g_turn
    vmmu_plru #(.Ways(Ways)) u_turn (
        .tree_i(tree[i]), .touched_i(victim[i]), .touched_tree_o(tree[i+1]), .victim_o(victim[i])
    );
  end
  always_comb begin
    visited = '0;
    for (int unsigned i = 0; i < Ways; i++) visited[victim[i]] = 1'b1;
  end
  `VMMU_ASSERT(EveryWayHasItsTurn_A, &visited)
endmodule
