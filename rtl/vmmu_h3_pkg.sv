// Made by scripts/regen, not by hand: the rows of the escape filters' H3 hash.
// Bit k of the index into lane i is the parity of key AND row 6*i + k; row r is the low 45 bits of output
// number r of splitmix64 with seed 0x766d6d75.
package vmmu_h3_pkg;
  localparam int unsigned KeyWidth = 45;   // bits of a page number that are hashed; shorter ones are zero-extended
  localparam int unsigned Lanes = 4;
  localparam int unsigned IndexWidth = 6;  // a lane has 2**IndexWidth bits

  // The highest row stands first.
  localparam logic [Lanes*IndexWidth-1:0][KeyWidth-1:0] Rows = {
    45'h1ef9e6207826,  // lane 3, bit 5
    45'h08c3b26f918d,  // lane 3, bit 4
    45'h136684e7461d,  // lane 3, bit 3
    45'h12dbc49413b0,  // lane 3, bit 2
    45'h11eed87e19f0,  // lane 3, bit 1
    45'h1865be4c9ee0,  // lane 3, bit 0
    45'h0541d587b2db,  // lane 2, bit 5
    45'h1a895ad44a3e,  // lane 2, bit 4
    45'h1372b3caafa8,  // lane 2, bit 3
    45'h10a84a327fa1,  // lane 2, bit 2
    45'h04e6ef640e36,  // lane 2, bit 1
    45'h14582d6d1e80,  // lane 2, bit 0
    45'h144f7860b7f6,  // lane 1, bit 5
    45'h0cc1dd2edec5,  // lane 1, bit 4
    45'h02a36fe7c70b,  // lane 1, bit 3
    45'h0e791ecc4ae6,  // lane 1, bit 2
    45'h08594c311eb7,  // lane 1, bit 1
    45'h193704d7d8ae,  // lane 1, bit 0
    45'h17e7c465cb62,  // lane 0, bit 5
    45'h0b87fe636dcd,  // lane 0, bit 4
    45'h1c5a90aec468,  // lane 0, bit 3
    45'h0d7cd6178cbe,  // lane 0, bit 2
    45'h15e940e168c3,  // lane 0, bit 1
    45'h0b30e5d76d87   // lane 0, bit 0
  };
endpackage
