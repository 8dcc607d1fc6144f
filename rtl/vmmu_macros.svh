// Assertions and hand-made mutants: the only two macros of this project.
`ifndef VMMU_MACROS_SVH
`define VMMU_MACROS_SVH

// A claim that holds in every clock cycle outside reset. Simulators always check it; synthesis, which defines
// SYNTHESIS, does not see it.
`ifdef SYNTHESIS
`define VMMU_ASSERT(Name, Claim)
`else
`define VMMU_ASSERT(Name, Claim) \
  Name: assert property (@(posedge clk_i) disable iff (!rst_ni) (Claim)) \
    else $error("%m");
`endif

// The good expression in the shipped build. A build with VMMU_MUTANTS defined selects the bad one at run
// time with the plusarg +vmmu_mutant=Number, so that one build holds every mutant (scripts/mutants).
`ifdef VMMU_MUTANTS
`define VMMU_MUT(Number, Good, Bad) ((vmmu_mut_pkg::selected == (Number)) ? (Bad) : (Good))
`else
`define VMMU_MUT(Number, Good, Bad) (Good)
`endif

`endif
