// What a RAM of this project gives when the word that is read is being written: chosen for each simulation, because
// no user may depend on it. Synthesis does not read it.
package vmmu_ram_pkg;
`ifndef SYNTHESIS
`ifndef FORMAL
  localparam int CollisionOld = 0;
  localparam int CollisionNew = 1;
  localparam int CollisionRandom = 2;
  int collision = CollisionRandom;
`endif
`endif
endpackage
