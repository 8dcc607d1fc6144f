`include "vmmu_macros.svh"

// What the reply to a compare-and-swap of a flag means (docs/contract.md, "Compare-and-swap"), and whether it made
// the page dirty. Combinational.
module vmmu_walk_swap
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter logic [63:0] GuestFlagA = 64'h20,
    parameter logic [63:0] GuestFlagD = 64'h40,
    parameter logic [63:0] NestedFlagA = 64'h100,
    parameter logic [63:0] NestedFlagD = 64'h200
) (
    input  walk_t       walk_i,
    input  logic [63:0] data_i,        // the word found
    input  logic        write_i,       // the access that the flag is for is a write: its leaf becomes dirty
    input  logic        reply_i,       // the reply of the swap is here
    input  logic        no_reply_i,    // memory did not answer in time
    input  logic        error_i,       // memory answered with an error
    output logic        done_o,        // all wanted flags are there
    output logic        again_o,       // only flags differ: try with the word found
    output logic        lost_o,        // the entry is another one: restart
    output logic [63:0] wanted_o,      // flags to set
    output logic        dirtied_o,     // the dirty flag of the leaf went from 0 to 1 by this swap
    output logic        settled_o      // it will not any more
);
  logic nested, leaf, flags_only;
  logic [63:0] flags;
  assign nested = walk_i.phase == PhNestedFlag;
  assign leaf   = nested ? (walk_i.nlevel == 3'(walk_i.nsize) + 3'd1) : (walk_i.glevel == 3'(walk_i.gsize) + 3'd1);
  always_comb begin
    if (nested) begin
      flags    = NestedFlagA | NestedFlagD;
      wanted_o = NestedFlagA | ((leaf && write_i) ? NestedFlagD : 64'd0);
    end else begin
      flags    = GuestFlagA | GuestFlagD;
      wanted_o = GuestFlagA | ((leaf && write_i) ? GuestFlagD : 64'd0);
    end
    flags_only = ((data_i ^ walk_i.expected) & ~flags) == 64'd0;
    done_o  = `VMMU_MUT(25, 1'b0, 1'b1) || (data_i == walk_i.expected) ||
              (flags_only && ((data_i & wanted_o) == wanted_o));
    again_o = !done_o && flags_only;
    lost_o  = `VMMU_MUT(25, !done_o && !again_o, 1'b0);
  end

  // No reply in time counts as done: a duplicate record is legal, a lost one is not.
  logic dirties;
  assign dirties   = leaf && write_i && !walk_i.expected[nested ? 9 : 6];
  assign dirtied_o = dirties && ((reply_i && (data_i == walk_i.expected)) || no_reply_i);
  assign settled_o = !dirtied_o && ((reply_i && (lost_o || (done_o && leaf))) || no_reply_i || error_i);

  logic unused_bits;
  assign unused_bits = ^walk_i;
endmodule
