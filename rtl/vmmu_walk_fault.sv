`include "vmmu_macros.svh"

// The fault that a walk step reports: codes and addresses as docs/contract.md ("Faults") has them. Combinational.
module vmmu_walk_fault
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
(
    input  wrong_t      wrong_i,
    input  req_t        req_i,
    input  logic [CtrlWidth-1:0] ctrl_i,
    input  logic [31:0] target_i,       // FAULT_TARGET
    input  logic        ept_ad_i,       // table accesses count as writes
    // page faults
    input  logic        not_present_i,
    input  logic        reserved_i,
    input  logic        key_violation_i,
    // nested violations
    input  guest_perm_t gperm_i,        // over the guest levels
    input  logic        is_table_i,     // of the nested walk under way
    input  ept_perm_t   nperm_i,        // what its entries grant
    input  logic        buffer_i,       // the address is that of the guest's log, written by the MMU for itself
    input  logic        forms_final_i,  // the address that the step forms is the final one
    input  seg_attr_t   attr_i,         // of the VMM segment that holds it
    input  ept_perm_t   target_nperm_i, // of the page of the guest entry whose flag must be written
    // addresses
    input  logic [PaWidth-1:3] word_addr_i,    // of the memory access under way, hPA
    input  logic [PaWidth-1:0] walk_gpa_i,     // under nested translation
    input  logic [63:0] formed_gpa_i,
    input  logic [PaWidth-1:3] target_gpa_i,
    output fault_t      fault_o
);
  // ---------------------------------------------------------------- page-fault code, SDM 4.7
  logic [15:0] page_code;
  always_comb begin
    page_code = '0;
    page_code[0] = !not_present_i;
    page_code[1] = req_i.op == OpWrite;
    page_code[2] = user_effective(req_i);
    page_code[3] = `VMMU_MUT(125, !not_present_i, 1'b1) && reserved_i;
    // I/D is reported when fetches are told apart at all.
    page_code[4] = (req_i.op == OpFetch) && (ctrl_i[CtrlNxe] || ctrl_i[CtrlSmep]);
    page_code[5] = !not_present_i && !reserved_i && key_violation_i;
  end

  // ---------------------------------------------------------------- exit qualification, SDM table 28-7
  // Violations by a segment, or of an address beyond EPT, are of the address just formed.
  logic of_formed, final_access;
  ept_perm_t perm;
  logic [2:0] access;
  assign of_formed    = wrong_i.vmm_denied || wrong_i.vseg_exit || wrong_i.beyond_ept;
  assign final_access = of_formed ? forms_final_i : !(is_table_i || wrong_i.table_write);
  always_comb begin
    access[0] = !final_access || (req_i.op == OpRead);
    access[1] = final_access ? (req_i.op == OpWrite) : (ept_ad_i || wrong_i.table_write);
    access[2] = final_access && (req_i.op == OpFetch);
    if (buffer_i) access = 3'b010;
  end

  logic [15:0] violation_code;
  always_comb begin
    perm = nperm_i;
    if (wrong_i.beyond_ept) perm = '0;
    if (wrong_i.vmm_denied) perm = '{r: attr_i.r, w: attr_i.w, x: attr_i.x, xu: attr_i.x};
    if (wrong_i.table_write) perm = target_nperm_i;
    violation_code = '0;
    violation_code[2:0] = access;
    violation_code[6:3] = {ctrl_i[CtrlMbe] && perm.xu, perm.x, perm.w, perm.r};
    violation_code[7]   = !buffer_i;
    violation_code[8]   = final_access && !buffer_i;
    if (ctrl_i[CtrlAdvInfo] && final_access && !buffer_i) violation_code[11:9] = {gperm_i.nx, gperm_i.rw, gperm_i.us};
  end

  // ---------------------------------------------------------------- the first of what is wrong
  always_comb begin
    fault_o = '0;
    fault_o.target = target_i;
    // A fault of the guest's log is none of the translation of gva; a log of the host that is full concerns the request.
    fault_o.gva = buffer_i ? '0 : req_i.gva;
    fault_o.gva_valid = !buffer_i;
    if (wrong_i.bus || wrong_i.buffer_beyond) begin
      fault_o.kind = FaultBus;
      fault_o.addr = wrong_i.buffer_beyond ? formed_gpa_i : 64'({word_addr_i, 3'b000});
    end else if (wrong_i.noncanonical) begin
      fault_o.kind = FaultNonCanonical;
    end else if (wrong_i.guest_segment) begin
      fault_o.kind = FaultSegment;
      fault_o.addr = req_i.gva;
    end else if (wrong_i.page) begin
      // Of a shadow table only the hypervisor knows whether the guest is to see a page fault.
      fault_o.kind = ctrl_i[CtrlShadow] ? FaultShadowMiss : FaultPage;
      fault_o.code = page_code;
    end else if (`VMMU_MUT(126, wrong_i.misconfig, wrong_i.misconfig && !wrong_i.violation)) begin
      fault_o.kind = FaultEptMisconfig;
      fault_o.addr = 64'(walk_gpa_i);
    end else if (wrong_i.violation) begin
      fault_o.kind = FaultEptViolation;
      fault_o.code = violation_code;
      fault_o.addr = `VMMU_MUT(20, 64'(walk_gpa_i), 64'({walk_gpa_i[PaWidth-1:12], req_i.gva[11:0]}));
    end else if (wrong_i.log_full) begin
      fault_o.kind = FaultPmlFull;
      fault_o.gva  = req_i.gva;
      fault_o.gva_valid = 1'b1;
    end else if (wrong_i.epml_full) begin
      fault_o.kind = FaultEpmlFull;
    end else if (wrong_i.table_write) begin
      fault_o.kind = FaultEptViolation;
      fault_o.code = violation_code;
      fault_o.addr = 64'({target_gpa_i, 3'b000});
    end else if (wrong_i.vmm_segment) begin
      fault_o.kind = FaultSegment;
      fault_o.code = 16'd1;
      fault_o.addr = formed_gpa_i;
    end else if (wrong_i.vseg_exit) begin
      fault_o.kind = FaultVsegExit;
      fault_o.code = buffer_i ? 16'd2 : {7'd0, final_access, 1'b1, 4'd0, access};
      fault_o.addr = formed_gpa_i;
    end else if (wrong_i.vmm_denied || wrong_i.beyond_ept) begin
      fault_o.kind = FaultEptViolation;
      fault_o.code = violation_code;
      fault_o.addr = formed_gpa_i;
    end
  end

  logic unused_bits;
  assign unused_bits = ^{req_i, ctrl_i, attr_i};
endmodule
