`include "vmmu_macros.svh"

// Judges one page-table entry, of either kind and any level: the only place that does. Combinational.
// A kind of table is a row of data here (which bits say present, leaf, reserved), not a state machine.
module vmmu_entry_check
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
(
    input  logic        nested_i,      // EPT entry; otherwise a guest (or native) entry
    input  logic [2:0]  level_i,       // 5 .. 1; 1 is the level of 4 KiB pages
    input  logic [63:0] word_i,
    input  logic [CtrlWidth-1:0] ctrl_i,
    input  logic [51:32] reserved_pa_i,  // address bits at or above MAXPHYADDR
    // In this order of priority:
    output logic        not_present_o,
    output logic        bad_o,         // a reserved bit, or an EPT misconfiguration
    // Meaningful when neither of the two:
    output logic        leaf_o,
    output size_e       size_o,        // of the leaf
    output logic        accessed_o,
    output logic        dirty_o,
    output guest_perm_t gperm_o,
    output ept_perm_t   nperm_o,
    output logic [2:0]  memtype_o,     // guest leaf: PAT index; EPT leaf: memory type
    output logic        ipat_o,
    output logic [3:0]  pkey_o,
    output logic        global_o
);
  // SDM 4.1.4, 28.3.2: bits 51:MAXPHYADDR are reserved in every present entry of either kind.
  logic bad_address;
  assign bad_address = |(word_i[51:32] & reserved_pa_i);

  // A large page is possible at levels 2 and 3 (SDM 4.5, 28.3.2). At level 1 every entry is a leaf.
  logic large_page, large_level;
  assign large_level = (level_i == 3'd2) || (level_i == 3'd3);
  assign large_page  = large_level && word_i[7];
  assign leaf_o = large_page || (level_i == 3'd1);

  always_comb begin
    unique case (level_i)
      3'd3:    size_o = Size1G;
      3'd2:    size_o = Size2M;
      default: size_o = Size4K;
    endcase
  end

  // ---------------------------------------------------------------- guest (SDM 4.5, tables 4-14 to 4-20)
  logic guest_bad;
  always_comb begin
    guest_bad = bad_address;
    // SDM 4.5: XD is reserved when EFER.NXE = 0.
    if (word_i[63] && !ctrl_i[CtrlNxe]) guest_bad = 1'b1;
    // PS is reserved in PML5E and PML4E, and in a PDPTE of a processor without 1 GiB pages.
    if (word_i[7] && (level_i >= 3'd4)) guest_bad = 1'b1;
    if (word_i[7] && (level_i == 3'd3) && !ctrl_i[CtrlPage1G]) guest_bad = 1'b1;
    // Address bits below the page size, above the PAT bit.
    if (large_page && (level_i == 3'd2) && `VMMU_MUT(1, |word_i[20:13], 1'b0)) guest_bad = 1'b1;
    if (large_page && (level_i == 3'd3) && |word_i[29:13]) guest_bad = 1'b1;
  end

  // ---------------------------------------------------------------- EPT (SDM 28.3.2, 28.3.3.1)
  logic nested_present, nested_bad;
  always_comb begin
    // With mode-based execute control, bit 10 alone makes an entry present too.
    nested_present = |word_i[2:0] || (ctrl_i[CtrlMbe] && word_i[10]);
    nested_bad = bad_address;
    // Writable but not readable. Execute-only is supported.
    if (`VMMU_MUT(2, word_i[1] && !word_i[0], 1'b0)) nested_bad = 1'b1;
    if ((level_i == 3'd4) && |word_i[7:3]) nested_bad = 1'b1;
    if (large_level && !word_i[7] && |word_i[6:3]) nested_bad = 1'b1;
    if (large_page && (level_i == 3'd2) && (|word_i[20:13] || `VMMU_MUT(3, word_i[12], 1'b0))) nested_bad = 1'b1;
    if (large_page && (level_i == 3'd3) && (|word_i[29:13] || `VMMU_MUT(3, word_i[12], 1'b0))) nested_bad = 1'b1;
    // Reserved memory types of a leaf.
    if (leaf_o && (word_i[5:3] inside {3'd2, 3'd3, 3'd7})) nested_bad = 1'b1;
  end

  // ---------------------------------------------------------------- the answer
  assign not_present_o = nested_i ? !nested_present : !word_i[0];
  assign bad_o         = nested_i ? nested_bad : guest_bad;
  assign accessed_o    = nested_i ? word_i[8] : word_i[5];
  assign dirty_o       = nested_i ? word_i[9] : word_i[6];
  assign gperm_o       = '{rw: word_i[1], us: word_i[2], nx: word_i[63] && ctrl_i[CtrlNxe]};
  assign nperm_o       = '{r: word_i[0], w: word_i[1], x: word_i[2], xu: ctrl_i[CtrlMbe] && word_i[10]};
  assign memtype_o     = nested_i ? word_i[5:3] : {large_page ? word_i[12] : word_i[7], word_i[4:3]};
  assign ipat_o        = word_i[6];
  assign pkey_o        = word_i[62:59];
  assign global_o      = word_i[8] && ctrl_i[CtrlPge];

  logic unused_bits;
  assign unused_bits = ^{word_i[58:52], word_i[31:30], word_i[11], ctrl_i};
endmodule
