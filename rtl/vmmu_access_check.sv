`include "vmmu_macros.svh"

// Access rights of a whole walk (SDM 4.6): what each class of access may do, and the page-fault code of
// one that may not. Combinational; judged once, on the AND over all levels.
module vmmu_access_check
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
(
    input  guest_perm_t          perm_i,   // over all guest levels
    input  logic [3:0]           pkey_i,   // of the leaf
    input  logic [CtrlWidth-1:0] ctrl_i,
    input  logic [31:0]          pkru_i,
    input  op_e                  op_i,
    input  logic                 user_i,
    input  logic                 ac_i,     // effective: 0 for implicit accesses
    output logic [PermWidth-1:0] allowed_o,      // per class, dirty flags not considered
    output logic                 denied_o,       // this access
    output logic                 key_violation_o // bit PK of the page-fault code of this access
);
  // SDM 4.6.2: keys concern data accesses to user-mode addresses. WD binds supervisor writes only under WP.
  logic access_disable, write_disable, write_disable_sup;
  assign access_disable    = ctrl_i[CtrlPke] && perm_i.us && pkru_i[{pkey_i, 1'b0}];
  assign write_disable     = ctrl_i[CtrlPke] && perm_i.us && pkru_i[{pkey_i, 1'b1}];
  assign write_disable_sup = write_disable && ctrl_i[CtrlWp];

  logic sup_data, sup_data_ac, sup_write;
  always_comb begin
    // SDM 4.6.1: SMAP keeps supervisor data accesses out of user-mode addresses unless AC is set.
    sup_data_ac = !access_disable;
    sup_data    = sup_data_ac && !(perm_i.us && `VMMU_MUT(4, ctrl_i[CtrlSmap], 1'b0));
    sup_write   = (perm_i.rw || !`VMMU_MUT(5, ctrl_i[CtrlWp], 1'b0)) && !write_disable_sup;

    allowed_o[PermUserRead]   = perm_i.us && !access_disable;
    allowed_o[PermUserWrite]  = perm_i.us && perm_i.rw && !access_disable && !write_disable;
    allowed_o[PermUserFetch]  = perm_i.us && !perm_i.nx;
    allowed_o[PermSupRead]    = sup_data;
    allowed_o[PermSupWrite]   = sup_data && sup_write;
    allowed_o[PermSupFetch]   = !perm_i.nx && !(perm_i.us && ctrl_i[CtrlSmep]);
    allowed_o[PermSupReadAc]  = sup_data_ac;
    allowed_o[PermSupWriteAc] = sup_data_ac && sup_write;
  end

  assign denied_o = !allowed_o[perm_index(op_i, user_i, ac_i)];

  // SDM 4.7: PK is set when the key alone would deny this data access.
  assign key_violation_o = (op_i != OpFetch) &&
      (access_disable || ((op_i == OpWrite) && (user_i ? write_disable : write_disable_sup)));

  logic unused_ctrl;
  assign unused_ctrl = ^ctrl_i;
endmodule
