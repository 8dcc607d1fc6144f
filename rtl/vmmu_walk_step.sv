`include "vmmu_macros.svh"

// The step engine: from a walk's state and what just happened to it, the next state and what to do now.
// Combinational, one for all slots. Order of judging and of effects: docs/contract.md, "Order".
module vmmu_walk_step
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
(
    input  step_e       step_i,
    input  logic        error_i,      // the memory reply is an error
    input  logic [63:0] data_i,       // of the memory reply
    input  miss_t       miss_i,
    input  regs_t       regs_i,       // those that the request was accepted under
    input  walk_t       walk_i,
    input  pending_t    gpending_i,   // entry of the highest level in walk_i.gmask
    input  pending_t    npending_i,   // entry of the highest level in walk_i.nmask
    input  logic        log_full_i,   // of the context's PML
    input  logic        log_room_i,

    output walk_t       walk_o,
    output logic        mem_valid_o,
    output mem_op_e     mem_op_o,
    output logic [PaWidth-1:3] mem_addr_o,
    output logic [63:0] mem_wdata_o,
    output logic [63:0] mem_expected_o,
    output logic        gpending_we_o,  // remember this guest entry at walk_i.glevel
    output logic        npending_we_o,  // remember this EPT entry at walk_i.nlevel
    output pending_t    pending_o,
    output logic        park_o,         // no memory request: the walk comes back by itself
    output logic        restart_o,
    output log_op_e     log_op_o,
    output logic        done_o,         // rsp_o is the answer, the slot is free
    output rsp_t        rsp_o,
    output fill_t       fill_o
);
  localparam logic [63:0] GuestA = 64'h20;
  localparam logic [63:0] GuestD = 64'h40;
  localparam logic [63:0] NestedA = 64'h100;
  localparam logic [63:0] NestedD = 64'h200;

  function automatic logic [8:0] table_index(logic [63:0] addr, logic [2:0] level);
    unique case (level)
      3'd5:    return addr[56:48];
      3'd4:    return addr[47:39];
      3'd3:    return addr[38:30];
      3'd2:    return addr[29:21];
      default: return addr[20:12];
    endcase
  endfunction

  // The address that a leaf of the given size maps, middle bits from the entry or from the input after size.
  function automatic logic [PaWidth-1:0] leaf_address(logic [63:0] word, size_e size, logic [29:0] low);
    unique case (size)
      Size1G:  return {word[51:30], low};
      Size2M:  return {word[51:21], low[20:0]};
      default: return {word[51:12], low[11:0]};
    endcase
  endfunction

  function automatic logic [2:0] top_level(logic [5:1] mask);
    for (int unsigned i = 5; i >= 1; i--) if (mask[i]) return 3'(i);
    return 3'd0;
  endfunction

  // ---------------------------------------------------------------- what this step is
  logic failed;  // the memory reply is an error
  assign failed = (step_i == StepReply) && `VMMU_MUT(21, error_i, 1'b0);

  logic nested_on, ept_ad, pml_on, mbe;
  assign nested_on = regs_i.ctrl[CtrlEptEn];
  assign ept_ad    = regs_i.eptp[6];
  assign pml_on    = regs_i.ctrl[CtrlPmlEn] && nested_on && ept_ad;
  assign mbe       = regs_i.ctrl[CtrlMbe];

  logic begins, reply, guest_read, nested_read, guest_flag, nested_flag, log_retry;
  assign begins      = (step_i == StepStart) || ((step_i == StepResume) && (walk_i.phase == PhRestart));
  assign reply       = (step_i == StepReply) && !failed;
  assign guest_read  = reply && (walk_i.phase == PhGuestRead);
  assign nested_read = reply && (walk_i.phase == PhNestedRead);
  assign guest_flag  = reply && (walk_i.phase == PhGuestFlag);
  assign nested_flag = reply && (walk_i.phase == PhNestedFlag);
  assign log_retry   = (step_i == StepResume) && (walk_i.phase == PhLogWait);

  logic [63:0] gva;
  op_e op;
  assign gva = miss_i.req.gva;
  assign op  = miss_i.req.op;

  // ---------------------------------------------------------------- judge the entry that was read
  logic not_present, bad, leaf, accessed, dirty, ipat, global_pg;
  size_e size;
  guest_perm_t gperm;
  ept_perm_t nperm;
  logic [2:0] memtype;
  logic [3:0] pkey;

  vmmu_entry_check u_entry_check (
      .nested_i     (walk_i.phase == PhNestedRead),
      .level_i      ((walk_i.phase == PhNestedRead) ? walk_i.nlevel : walk_i.glevel),
      .word_i       (data_i),
      .ctrl_i       (regs_i.ctrl),
      .reserved_pa_i(regs_i.reserved_pa),
      .not_present_o(not_present),
      .bad_o        (bad),
      .leaf_o       (leaf),
      .size_o       (size),
      .accessed_o   (accessed),
      .dirty_o      (dirty),
      .gperm_o      (gperm),
      .nperm_o      (nperm),
      .memtype_o    (memtype),
      .ipat_o       (ipat),
      .pkey_o       (pkey),
      .global_o     (global_pg)
  );

  // A guest-physical access to a guest table, not the final one. With EPT A/D flags it counts as a write
  // (SDM 28.3.3.2); a fetch asks for execute of the final address only.
  logic is_table, want_r, want_w, want_x;
  assign is_table = walk_i.glevel != 3'd0;
  assign want_r   = is_table || (op == OpRead);
  assign want_w   = is_table ? `VMMU_MUT(6, ept_ad, 1'b0) : (op == OpWrite);
  assign want_x   = `VMMU_MUT(7, !is_table, 1'b1) && (op == OpFetch);

  // ---------------------------------------------------------------- accumulate
  walk_t acc;
  always_comb begin
    acc = walk_i;
    if (nested_read) begin
      // An entry that is not present contributes no permission.
      acc.nperm.r  = walk_i.nperm.r && nperm.r;
      acc.nperm.w  = walk_i.nperm.w && nperm.w;
      acc.nperm.x  = walk_i.nperm.x && nperm.x;
      acc.nperm.xu = walk_i.nperm.xu && nperm.xu;
      acc.nmask[walk_i.nlevel] = ept_ad && (!accessed || (leaf && want_w && !dirty));
      if (leaf) begin
        acc.emt        = memtype;
        acc.ipat       = ipat;
        acc.nsize      = size;
        acc.ndirty     = !ept_ad || dirty || want_w;
        acc.log_wanted = pml_on && want_w && !dirty;
        acc.hpa        = leaf_address(data_i, `VMMU_MUT(18, size, Size4K), walk_i.gpa[29:0]);
      end
    end
    if (guest_read) begin
      acc.gperm.rw = walk_i.gperm.rw && gperm.rw;
      acc.gperm.us = walk_i.gperm.us && gperm.us;
      acc.gperm.nx = walk_i.gperm.nx || gperm.nx;
      acc.gmask[walk_i.glevel] = !accessed || (leaf && (op == OpWrite) && !dirty);
      if (leaf) begin
        acc.pkey      = pkey;
        acc.global_pg = global_pg;
        acc.pat       = memtype;
        acc.gsize     = size;
        acc.gdirty    = dirty || (op == OpWrite);
        acc.gpa       = leaf_address(data_i, size, gva[29:0]);
      end
    end
  end

  // This access is judged on the raw entry, as if it were the guest's leaf; what the entry is decides later.
  logic [PermWidth-1:0] allowed, unused_allowed;
  logic denied, key_violation, user, ac, unused_denied, unused_key;
  guest_perm_t leaf_perm;
  assign leaf_perm = '{
      rw: walk_i.gperm.rw && gperm.rw, us: walk_i.gperm.us && gperm.us, nx: walk_i.gperm.nx || gperm.nx
  };
  assign user = user_effective(miss_i.req);
  assign ac   = ac_effective(miss_i.req);
  vmmu_access_check u_denied (
      .perm_i         (leaf_perm),
      .pkey_i         (pkey),
      .ctrl_i         (regs_i.ctrl),
      .pkru_i         (regs_i.pkru),
      .op_i           (op),
      .user_i         (user),
      .ac_i           (ac),
      .allowed_o      (unused_allowed),
      .denied_o       (denied),
      .key_violation_o(key_violation)
  );
  vmmu_access_check u_access_check (
      .perm_i         (acc.gperm),
      .pkey_i         (acc.pkey),
      .ctrl_i         (regs_i.ctrl),
      .pkru_i         (regs_i.pkru),
      .op_i           (op),
      .user_i         (user),
      .ac_i           (ac),
      .allowed_o      (allowed),
      .denied_o       (unused_denied),
      .key_violation_o(unused_key)
  );

  // With mode-based execute, U/S of the linear address chooses the bit, not the CPL (SDM 28.3.3.2).
  logic nested_x, nested_denied;
  assign nested_x = (mbe && acc.gperm.us) ? acc.nperm.xu : acc.nperm.x;
  assign nested_denied = (want_r && !acc.nperm.r) || (want_w && !acc.nperm.w) || (want_x && !nested_x);

  // ---------------------------------------------------------------- swaps
  logic swap_nested, swap_done, swap_again, swap_lost, swap_leaf;
  logic [63:0] swap_wanted;
  always_comb begin
    swap_nested = walk_i.phase == PhNestedFlag;
    swap_leaf   = swap_nested ? (walk_i.nlevel == 3'(walk_i.nsize) + 3'd1)
                              : (walk_i.glevel == 3'(walk_i.gsize) + 3'd1);
    // While a guest flag is swapped, the write is the access's own; while an EPT flag is, that of the gPA access.
    if (swap_nested) swap_wanted = NestedA | ((swap_leaf && want_w) ? NestedD : 64'd0);
    else             swap_wanted = GuestA | ((swap_leaf && (op == OpWrite)) ? GuestD : 64'd0);
    swap_done = `VMMU_MUT(25, 1'b0, 1'b1) || (data_i == walk_i.expected) ||
        (((data_i ^ walk_i.expected) & ~(swap_nested ? (NestedA | NestedD) : (GuestA | GuestD))) == 64'd0 &&
         (data_i & swap_wanted) == swap_wanted);
    swap_again = !swap_done &&
        ((data_i ^ walk_i.expected) & ~(swap_nested ? (NestedA | NestedD) : (GuestA | GuestD))) == 64'd0;
    swap_lost = `VMMU_MUT(25, !swap_done && !swap_again, 1'b0);
  end

  // The dirty flag went from 0 to 1 by this swap. No reply in time counts as done: a duplicate record is
  // legal, a lost one is not.
  logic log_now, log_drop, swap_holds;
  assign swap_holds = (walk_i.phase == PhNestedFlag) && walk_i.log_held;
  assign log_now = swap_holds && swap_leaf && !walk_i.expected[9] &&
      ((nested_flag && (data_i == walk_i.expected)) || (step_i == StepFail));
  assign log_drop = swap_holds && !log_now &&
      ((nested_flag && (swap_lost || (swap_done && swap_leaf))) || (step_i == StepFail) ||
       failed);

  // ---------------------------------------------------------------- where the walk stands now
  // From here on every choice is made as if nothing were wrong, because what is wrong is known last: `faulted`
  // alone keeps a step that faults from having effects.
  logic nested_judged, nested_complete, guest_judged, guest_complete;
  logic ask_log, log_denies, log_waits;
  logic go_nested_flag, go_guest_flag;
  assign nested_judged   = (nested_read && leaf) || log_retry;
  assign ask_log         = nested_judged && `VMMU_MUT(23, acc.nmask != '0, 1'b1) && pml_on;
  assign log_denies      = ask_log && `VMMU_MUT(24, log_full_i, 1'b0);
  assign log_waits       = ask_log && !log_full_i && acc.log_wanted && !log_room_i;
  assign go_nested_flag  = (nested_judged && (acc.nmask != '0) && !log_waits) ||
                           (nested_flag && swap_done && (walk_i.nmask != '0));
  assign nested_complete = (nested_judged && (acc.nmask == '0)) ||
                           (nested_flag && swap_done && (walk_i.nmask == '0));
  assign guest_judged    = guest_read && leaf;
  assign go_guest_flag   = (guest_judged && (acc.gmask != '0)) ||
                           (guest_flag && swap_done && (walk_i.gmask != '0));
  assign guest_complete  = (guest_judged && (acc.gmask == '0)) ||
                           (guest_flag && swap_done && (walk_i.gmask == '0));

  // The entry to swap: the highest level that needs it, which is this one only if no earlier one did.
  pending_t current, nested_target, guest_target;
  logic [2:0] nested_target_level, guest_target_level;
  always_comb begin
    current = '{addr: walk_i.addr, word: data_i, gpa: walk_i.gpa[PaWidth-1:3], nperm: walk_i.nperm};
    nested_target       = (walk_i.nmask != '0) ? npending_i : current;
    guest_target        = (walk_i.gmask != '0) ? gpending_i : current;
    nested_target_level = top_level({1'b0, acc.nmask});
    guest_target_level  = top_level(acc.gmask);
  end
  logic table_not_writable;  // a guest flag is a write to the table's page (contract: order, rule 2)
  assign table_not_writable = go_guest_flag && nested_on && !ept_ad && !guest_target.nperm.w;

  // ---------------------------------------------------------------- addresses to go on with
  logic canonical;
  assign canonical = is_canonical(gva[63:47], regs_i.ctrl[CtrlLa57]);
  logic [2:0] next_glevel;
  logic [PaWidth-1:0] table_entry;  // of the next guest level: gPA, or hPA when native
  logic guest_descends;
  assign guest_descends = guest_read && !leaf;
  always_comb begin
    next_glevel = begins ? (regs_i.ctrl[CtrlLa57] ? 3'd5 : 3'd4) : walk_i.glevel - 3'd1;
    table_entry = {begins ? regs_i.cr3[51:12] : data_i[51:12], table_index(gva, next_glevel), 3'b000};
  end
  logic start_nested;
  logic [PaWidth-1:0] nested_input;
  assign start_nested = nested_on && (begins || guest_descends || guest_complete);
  assign nested_input = guest_complete ? acc.gpa : table_entry;
  logic beyond_ept;  // four EPT levels translate 48 bits
  assign beyond_ept = start_nested && |nested_input[51:48];

  // ---------------------------------------------------------------- faults, in the order of judging
  fault_t fault;
  logic [15:0] pf_code, ept_code;
  logic final_access;
  ept_perm_t ept_code_perm;
  always_comb begin
    // SDM 4.7. I/D is reported when fetches are told apart at all.
    pf_code = '0;
    pf_code[0] = !not_present;
    pf_code[1] = op == OpWrite;
    pf_code[2] = user;
    pf_code[3] = !not_present && bad;
    pf_code[4] = (op == OpFetch) && (regs_i.ctrl[CtrlNxe] || regs_i.ctrl[CtrlSmep]);
    pf_code[5] = !not_present && !bad && key_violation;
  end
  always_comb begin
    final_access  = beyond_ept ? guest_complete : !(is_table || table_not_writable);
    ept_code_perm = acc.nperm;
    if (beyond_ept) ept_code_perm = '0;
    if (table_not_writable) ept_code_perm = guest_target.nperm;
    ept_code = '0;
    ept_code[0] = !final_access || (op == OpRead);
    ept_code[1] = final_access ? (op == OpWrite) : (ept_ad || table_not_writable);
    ept_code[2] = final_access && (op == OpFetch);
    ept_code[6:3] = {mbe && ept_code_perm.xu, ept_code_perm.x, ept_code_perm.w, ept_code_perm.r};
    ept_code[7] = 1'b1;
    ept_code[8] = final_access;
    if (regs_i.ctrl[CtrlAdvInfo] && final_access) begin
      ept_code[11:9] = {acc.gperm.nx, acc.gperm.rw, acc.gperm.us};
    end
  end
  always_comb begin
    fault = '0;
    fault.target = regs_i.fault_target;
    fault.gva = gva;
    fault.gva_valid = 1'b1;
    if ((step_i == StepFail) || failed) begin
      fault.kind = FaultBus;
      fault.addr = 64'({walk_i.addr, 3'b000});
    end else if (begins && !canonical) begin
      fault.kind = FaultNonCanonical;
    end else if (guest_read && (not_present || bad || (leaf && denied))) begin
      fault.kind = FaultPage;
      fault.code = pf_code;
    end else if (nested_read && !not_present && bad) begin
      fault.kind = FaultEptMisconfig;
      fault.addr = 64'(walk_i.gpa);
    end else if (nested_read && (not_present || (leaf && nested_denied))) begin
      fault.kind = FaultEptViolation;
      fault.code = ept_code;
      fault.addr = `VMMU_MUT(20, 64'(walk_i.gpa), 64'({walk_i.gpa[PaWidth-1:12], gva[11:0]}));
    end else if (log_denies) begin
      fault.kind = FaultPmlFull;
    end else if (table_not_writable) begin
      fault.kind = FaultEptViolation;
      fault.code = ept_code;
      fault.addr = 64'({guest_target.gpa, 3'b000});
    end else if (beyond_ept) begin
      fault.kind = FaultEptViolation;
      fault.code = ept_code;
      fault.addr = 64'(nested_input);
    end
  end
  // The same conditions without their priority.
  logic faulted;
  assign faulted = (step_i == StepFail) || failed || (begins && !canonical) ||
                   (guest_read && (not_present || bad || (leaf && denied))) ||
                   (nested_read && (not_present || bad || (leaf && nested_denied))) ||
                   log_denies || table_not_writable || beyond_ept;

  // ---------------------------------------------------------------- what to do now
  logic read_guest, read_nested, finished;
  assign read_guest  = (nested_complete && is_table) || (!nested_on && (begins || guest_descends));
  assign read_nested = start_nested || (nested_read && !leaf);
  assign finished    = (nested_complete && !is_table) || (!nested_on && guest_complete);
  assign restart_o   = (guest_flag || nested_flag) && swap_lost;
  assign park_o      = restart_o || (log_waits && !faulted);
  assign done_o      = finished || faulted;
  assign mem_valid_o = !faulted && (read_guest || read_nested || go_nested_flag || go_guest_flag ||
                                    ((guest_flag || nested_flag) && swap_again));

  always_comb begin
    mem_op_o       = MemRead;
    mem_addr_o     = walk_i.addr;
    mem_wdata_o    = '0;
    mem_expected_o = '0;
    if (read_guest) begin
      mem_addr_o  = nested_on ? acc.hpa[PaWidth-1:3] : table_entry[PaWidth-1:3];
    end else if (read_nested) begin
      mem_addr_o  = start_nested ? {regs_i.eptp[51:12], nested_input[47:39]}
                                 : {data_i[51:12], table_index(64'(walk_i.gpa), walk_i.nlevel - 3'd1)};
    end else begin
      mem_op_o = MemCas;
      if (go_nested_flag) begin
        mem_addr_o     = nested_target.addr;
        mem_expected_o = nested_target.word;
        mem_wdata_o    = nested_target.word | NestedA |
            ((nested_target_level == 3'(acc.nsize) + 3'd1 && want_w) ? NestedD : 64'd0);
      end else if (go_guest_flag) begin
        mem_addr_o     = guest_target.addr;
        mem_expected_o = guest_target.word;
        mem_wdata_o    = guest_target.word | GuestA |
            ((guest_target_level == 3'(acc.gsize) + 3'd1 && op == OpWrite) ? GuestD : 64'd0);
      end else begin
        mem_expected_o = data_i;
        mem_wdata_o    = data_i | swap_wanted;
      end
    end
  end

  always_comb begin
    walk_o = acc;
    walk_o.addr     = mem_addr_o;
    walk_o.expected = mem_expected_o;
    if (begins) begin
      walk_o.glevel  = next_glevel;
      walk_o.gperm   = '{rw: 1'b1, us: 1'b1, nx: 1'b0};
      walk_o.gmask   = '0;
      walk_o.gpa     = table_entry;
      walk_o.log_held  = 1'b0;
      walk_o.restarted = step_i == StepResume;
    end
    if (guest_descends) begin
      walk_o.glevel = next_glevel;
      walk_o.gpa    = table_entry;
    end
    if (guest_complete) walk_o.glevel = 3'd0;
    if (start_nested) begin
      walk_o.nlevel = 3'd4;
      walk_o.nperm  = '1;
      walk_o.nmask  = '0;
    end else if (nested_read && !leaf) begin
      walk_o.nlevel = walk_i.nlevel - 3'd1;
    end
    if (go_nested_flag) begin
      walk_o.nlevel = nested_target_level;
      walk_o.nmask[nested_target_level] = 1'b0;
    end
    if (go_guest_flag) begin
      walk_o.glevel = guest_target_level;
      walk_o.gmask[guest_target_level] = 1'b0;
    end
    if (log_op_o == LogReserve) walk_o.log_held = 1'b1;
    if ((log_op_o == LogPush) || (log_op_o == LogRelease)) walk_o.log_held = 1'b0;

    if (read_guest) walk_o.phase = PhGuestRead;
    if (read_nested) walk_o.phase = PhNestedRead;
    if (go_nested_flag) walk_o.phase = PhNestedFlag;
    if (go_guest_flag) walk_o.phase = PhGuestFlag;
    if (log_waits) walk_o.phase = PhLogWait;
    if (restart_o) walk_o.phase = PhRestart;
  end

  always_comb begin
    log_op_o = LogNone;
    if (log_now) log_op_o = LogPush;
    else if (log_drop) log_op_o = LogRelease;
    else if (nested_judged && go_nested_flag && acc.log_wanted && !faulted) log_op_o = LogReserve;
  end

  assign pending_o     = current;
  assign gpending_we_o = guest_read && acc.gmask[walk_i.glevel];
  assign npending_we_o = nested_read && acc.nmask[walk_i.nlevel];

  // ---------------------------------------------------------------- the answer
  size_e inserted;
  logic [PermWidth-1:0] perm;
  always_comb begin
    inserted = (nested_on && `VMMU_MUT(19, acc.nsize < acc.gsize, 1'b0)) ? acc.nsize : acc.gsize;
    perm = allowed;
    if (!acc.gdirty || (nested_on && !(acc.nperm.w && acc.ndirty))) begin
      perm[PermUserWrite]  = 1'b0;
      perm[PermSupWrite]   = 1'b0;
      perm[PermSupWriteAc] = 1'b0;
    end
    if (nested_on && !acc.nperm.r) begin
      perm[PermUserRead]  = 1'b0;
      perm[PermSupRead]   = 1'b0;
      perm[PermSupReadAc] = 1'b0;
    end
    if (nested_on && !nested_x) begin
      perm[PermUserFetch] = 1'b0;
      perm[PermSupFetch]  = 1'b0;
    end
  end

  logic [PaWidth-1:0] answer;
  assign answer = nested_on ? `VMMU_MUT(22, acc.hpa, acc.hpa & {{4{1'b0}}, {48{1'b1}}}) : acc.gpa;
  always_comb begin
    rsp_o = '{
        ctx: miss_i.req.ctx, id: miss_i.req.id, source: SrcWalk, hpa: answer, size: inserted, pat: acc.pat,
        emt: nested_on ? acc.emt : 3'd6, ipat: nested_on && acc.ipat, fault: fault
    };
    fill_o.vpage     = gva[63:12];
    fill_o.size      = inserted;
    fill_o.fractured = inserted != acc.gsize;
    fill_o.space     = acc.global_pg ? miss_i.gspace : miss_i.space;
    fill_o.other     = acc.global_pg ? miss_i.space : miss_i.gspace;
    fill_o.data      = '{frame: answer[PaWidth-1:12], perm: perm, pat: acc.pat, emt: rsp_o.emt, ipat: rsp_o.ipat};
    if (inserted != Size4K) fill_o.data.frame[8:0] = '0;
    if (inserted == Size1G) fill_o.data.frame[17:9] = '0;
  end

  logic unused_bits;
  assign unused_bits = ^{miss_i, regs_i, npending_i, gpending_i, nested_target};
endmodule
