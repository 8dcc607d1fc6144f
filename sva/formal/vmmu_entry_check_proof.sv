`include "vmmu_macros.svh"

// vmmu_entry_check against the formats of SDM vol. 3, tables 4-14 to 4-20 (guest) and 28-1 to 28-7 (EPT): each format
// as the mask of its reserved bits, by level, instead of as the module's tests.
module vmmu_entry_check_proof
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
(
    input logic clk_i,
    input logic rst_ni,
    input logic        nested_i,
    input logic [2:0]  level_i,
    input logic [63:0] word_i,
    input logic [CtrlWidth-1:0] ctrl_i,
    input logic [5:0]  maxphyaddr_i
);
  // Bits hi:lo of a word.
  function automatic logic [63:0] bits(int unsigned hi, int unsigned lo);
    return (~64'd0 >> (63 - hi)) & (~64'd0 << lo);
  endfunction

  logic [63:0] beyond;  // 51:MAXPHYADDR
  assign beyond = bits(51, 0) & (~64'd0 << maxphyaddr_i);
  always_comb begin
    assume ((maxphyaddr_i >= 6'd32) && (maxphyaddr_i <= 6'd52));
    assume ((level_i >= 3'd1) && (level_i <= (nested_i ? 3'd4 : 3'd5)));
  end

  logic not_present, bad, leaf, accessed, dirty, ipat, global_page;
  size_e size;
  guest_perm_t gperm;
  ept_perm_t nperm;
  logic [2:0] memtype;
  logic [3:0] pkey;
  vmmu_entry_check u_dut (
      .nested_i, .level_i, .word_i, .ctrl_i, .reserved_pa_i(beyond[51:32]),
      .not_present_o(not_present), .bad_o(bad), .leaf_o(leaf), .size_o(size), .accessed_o(accessed),
      .dirty_o(dirty), .gperm_o(gperm), .nperm_o(nperm), .memtype_o(memtype), .ipat_o(ipat), .pkey_o(pkey),
      .global_o(global_page)
  );

  // ---------------------------------------------------------------- the formats
  logic ps;
  assign ps = word_i[7];
  logic [63:0] guest_reserved, nested_reserved;
  always_comb begin
    guest_reserved = beyond;
    if (!ctrl_i[CtrlNxe]) guest_reserved |= bits(63, 63);
    unique case (level_i)
      3'd1:    guest_reserved |= '0;
      3'd2:    guest_reserved |= ps ? bits(20, 13) : '0;
      3'd3:    guest_reserved |= !ctrl_i[CtrlPage1G] ? bits(7, 7) : ps ? bits(29, 13) : '0;
      default: guest_reserved |= bits(7, 7);
    endcase
    nested_reserved = beyond;
    unique case (level_i)
      3'd1:    nested_reserved |= '0;
      3'd2:    nested_reserved |= ps ? bits(20, 12) : bits(6, 3);
      3'd3:    nested_reserved |= ps ? bits(29, 12) : bits(6, 3);
      default: nested_reserved |= bits(7, 3);
    endcase
  end

  logic is_leaf, guest_bad, nested_bad, nested_type_bad;
  assign is_leaf = (level_i == 3'd1) || (ps && ((level_i == 3'd2) || (level_i == 3'd3)));
  assign guest_bad = (word_i & guest_reserved) != '0;
  // 28.3.3.1: writable and not readable; a memory type that is not 0, 1, 4, 5 or 6.
  assign nested_type_bad = !((word_i[5:3] <= 3'd1) || ((word_i[5:3] >= 3'd4) && (word_i[5:3] <= 3'd6)));
  assign nested_bad = ((word_i & nested_reserved) != '0) || (word_i[1:0] == 2'b10) || (is_leaf && nested_type_bad);

  // ---------------------------------------------------------------- claims
  `VMMU_ASSERT(PresentAsInTheManual_A,
               not_present == (nested_i ? (word_i[2:0] == '0) && !(word_i[10] && ctrl_i[CtrlMbe]) : !word_i[0]))
  `VMMU_ASSERT(BadAsInTheManual_A, !not_present -> bad == (nested_i ? nested_bad : guest_bad))
  logic good;
  assign good = !not_present && !bad;
  `VMMU_ASSERT(LeafAsInTheManual_A, good -> leaf == is_leaf)
  `VMMU_ASSERT(SizeIsTheLevels_A, good && leaf -> 3'(size) + 3'd1 == level_i)
  // A leaf that passes is aligned: its address has no bit below its size but the PAT bit of a large guest leaf.
  `VMMU_ASSERT(LargeLeafIsAligned_A, good && leaf && (level_i != 3'd1) ->
               (word_i & bits(20, nested_i ? 12 : 13)) == '0 && ((level_i == 3'd2) || (word_i & bits(29, 21)) == '0))
  `VMMU_ASSERT(AddressIsBelowMaxPhyAddr_A, good -> (word_i & bits(51, 0)) >> maxphyaddr_i == '0)
  `VMMU_ASSERT(FlagsAreTheirBits_A, good -> accessed == (nested_i ? word_i[8] : word_i[5]) &&
               dirty == (nested_i ? word_i[9] : word_i[6]))
  `VMMU_ASSERT(GuestRights_A, good && !nested_i -> gperm.rw == word_i[1] && gperm.us == word_i[2] &&
               gperm.nx == word_i[63] && global_page == (word_i[8] && ctrl_i[CtrlPge]) && pkey == word_i[62:59])
  `VMMU_ASSERT(NestedRights_A, good && nested_i -> nperm.r == word_i[0] && nperm.w == word_i[1] &&
               nperm.x == word_i[2] && nperm.xu == (word_i[10] && ctrl_i[CtrlMbe]))
  `VMMU_ASSERT(NothingWritableIsUnreadable_A, good && nested_i && nperm.w -> nperm.r)
  `VMMU_ASSERT(MemoryType_A, good && leaf -> memtype == (nested_i ? word_i[5:3] :
               {(level_i == 3'd1) ? word_i[7] : word_i[12], word_i[4:3]}) && (!nested_i || ipat == word_i[6]))
endmodule
