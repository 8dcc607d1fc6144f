`include "vmmu_macros.svh"

// vmmu_access_check against SDM vol. 3, 4.6.1 (determination of access rights), written down case by case for one
// access of each class instead of as the module's resolved bits.
module vmmu_access_check_proof
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
(
    input logic clk_i,
    input logic rst_ni,
    input guest_perm_t          perm_i,
    input logic [3:0]           pkey_i,
    input logic [CtrlWidth-1:0] ctrl_i,
    input logic [31:0]          pkru_i,
    input logic [1:0]           op_i,
    input logic                 user_i,
    input logic                 ac_i
);
  op_e op;
  assign op = op_e'(op_i);
  logic [PermWidth-1:0] allowed;
  logic denied, key_violation;
  vmmu_access_check u_dut (
      .perm_i, .pkey_i, .ctrl_i, .pkru_i, .op_i(op), .user_i, .ac_i,
      .allowed_o(allowed), .denied_o(denied), .key_violation_o(key_violation)
  );
  always_comb begin
    assume (op_i != 2'd3);
    assume (!(user_i && ac_i));  // AC is an affair of supervisor accesses
  end

  // 4.6.2: what the protection key forbids a data access to a user-mode address.
  logic key_counts, no_read, no_write, by_key;
  assign key_counts = ctrl_i[CtrlPke] && perm_i.us;
  assign no_read    = key_counts && ((pkru_i >> {pkey_i, 1'b0}) & 32'd1) == 32'd1;
  assign no_write   = key_counts && ((pkru_i >> {pkey_i, 1'b1}) & 32'd1) == 32'd1 && (user_i || ctrl_i[CtrlWp]);
  assign by_key     = (op_i == 2'd0) ? no_read : (op_i == 2'd1) ? (no_read || no_write) : 1'b0;

  logic expected;  // denied
  always_comb begin
    unique case ({user_i, op_i})
      // Supervisor-mode data reads: from supervisor addresses always, from user addresses unless SMAP forbids.
      {1'b0, 2'd0}: expected = perm_i.us && ((ctrl_i[CtrlSmap] && !ac_i) || by_key);
      // Supervisor-mode writes: WP = 0 lets them into read-only pages.
      {1'b0, 2'd1}: expected = (perm_i.us && ((ctrl_i[CtrlSmap] && !ac_i) || by_key)) || (ctrl_i[CtrlWp] && !perm_i.rw);
      // Supervisor-mode fetches: no XD, and no user address under SMEP.
      {1'b0, 2'd2}: expected = perm_i.nx || (perm_i.us && ctrl_i[CtrlSmep]);
      // User-mode accesses: never to supervisor addresses.
      {1'b1, 2'd0}: expected = !perm_i.us || by_key;
      {1'b1, 2'd1}: expected = !perm_i.us || !perm_i.rw || by_key;
      default:      expected = !perm_i.us || perm_i.nx;
    endcase
  end
  `VMMU_ASSERT(DeniedAsInTheManual_A, denied == expected)
  `VMMU_ASSERT(KeyBitAsInTheManual_A, key_violation == by_key)
  // The resolved bits that the TLB keeps say the same as the judgement of the walk.
  `VMMU_ASSERT(ResolvedBitIsTheJudgement_A, allowed[perm_index(op, user_i, ac_i)] == !denied)
  // What a user may read, a supervisor with AC may read.
  `VMMU_ASSERT(SupervisorReadsWhatUsersRead_A, allowed[PermUserRead] -> allowed[PermSupReadAc])
  `VMMU_ASSERT(WriteImpliesRead_A, (allowed[PermUserWrite] -> allowed[PermUserRead]) &&
               (allowed[PermSupWrite] -> allowed[PermSupRead]) && (allowed[PermSupWriteAc] -> allowed[PermSupReadAc]))
endmodule
