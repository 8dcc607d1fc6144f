// The number of the mutant that this simulation runs; 0 is the real design. Only builds with VMMU_MUTANTS
// read it.
package vmmu_mut_pkg;
`ifdef VMMU_MUTANTS
  int selected = 0;
`endif
endpackage
