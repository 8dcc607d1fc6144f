// Assertions and hand-made mutants: the only two macros of this project.
`ifndef VMMU_MACROS_SVH
`define VMMU_MACROS_SVH

// A claim that holds in every clock cycle outside reset. Simulators always check it; the proofs of sva/formal, which
// define FORMAL, prove it; synthesis, for which SYNTHESIS is defined, does not see it. The Yosys front end knows no |-> : in a
// module that a proof reads, implication is the operator -> , which every tool understands.
`ifdef FORMAL
`define VMMU_ASSERT(Name, Claim) \
  always_comb if (rst_ni) Name: assert (Claim);
`elsif SYNTHESIS
`define VMMU_ASSERT(Name, Claim)
`else
`define VMMU_ASSERT(Name, Claim) \
  Name: assert property (@(posedge clk_i) disable iff (!rst_ni) (Claim)) \
    else $error("%m");
`endif

// The good expression in the shipped build. A build with VMMU_MUTANTS defined selects the bad one at run
// time with the plusarg +vmmu_mutant=Number, so that one build holds every mutant (scripts/mutants). A proof is tried
// on one mutant at a time, the number of which is VMMU_FORMAL_MUTANT.
`ifdef VMMU_MUTANTS
`define VMMU_MUT(Number, Good, Bad) ((vmmu_mut_pkg::selected == (Number)) ? (Bad) : (Good))
`elsif VMMU_FORMAL_MUTANT
`define VMMU_MUT(Number, Good, Bad) ((`VMMU_FORMAL_MUTANT == (Number)) ? (Bad) : (Good))
`else
`define VMMU_MUT(Number, Good, Bad) (Good)
`endif

`endif
