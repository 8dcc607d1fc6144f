`include "vmmu_macros.svh"

// The step engine: from a walk's state and what just happened to it, the next state and what to do now.
// Combinational, one for all slots. Order of judging and of effects: docs/contract.md, "Order".
module vmmu_walk_step
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter bit KeepsFinal = 1'b0  // the nested TLB takes final pages of 4 KiB, too
) (
    input  step_e       step_i,
    input  logic        error_i,      // the memory reply is an error
    input  logic [63:0] data_i,       // of the memory reply
    input  miss_t       miss_i,
    input  regs_t       regs_i,       // those that the request was accepted under
    input  walk_t       walk_i,
    input  pending_t    gpending_i,   // entry of the highest level in walk_i.gmask
    input  pending_t    npending_i,   // entry of the highest level in walk_i.nmask
    input  walk_t       saved_i,      // the walk itself, while the page of the guest's log is translated
    input  log_room_t   pml_i,        // of the context
    input  log_room_t   epml_i,
    input  logic [8:0]  epml_slot_i,  // of the next record of the guest's log
    // What the VMM segments say of the guest-physical address that this step forms.
    input  seg_match_t  vmm_i,
    input  logic        vmm_use_i,      // one of them translates it
    input  logic        guest_beyond_i, // with StepStart: the guest segment's result is at or above MAXPHYADDR
    // What the caches say: of the gVA's tables when the walk begins, of the guest-physical address that this step forms.
    input  logic        look_i,         // they may be used
    input  walk_cached_t cached_i,

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
    output logic        restart_o,      // and begins again, without caches
    output logic        save_o,         // keep saved_o
    output walk_t       saved_o,
    output log_op_e     pml_op_o,
    output log_op_e     epml_op_o,
    output logic [FrameWidth-1:0] log_page_o,  // guest-physical page that a record is of
    output logic        done_o,         // rsp_o is the answer, the slot is free
    output rsp_t        rsp_o,
    output fill_t       fill_o,
    output walk_used_t  used_o,
    output walk_used_t  missed_o,       // asked in vain
    output walk_cached_t insert_o,      // for the gVA, and for walk_i.gpa
    output logic        check_o,        // VMM segments were consulted, for the first time on this request
    output logic        filter_hit_o    // and the address was in one, but escaped
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

  logic ept_on, ept_ad, pml_on, mbe, shadow, vseg_miss, seg_log, seg_pml, epml_guest, epml_nested;
  assign ept_on    = regs_i.ctrl[CtrlEptEn];
  assign ept_ad    = ept_on && regs_i.eptp[6];
  assign pml_on    = regs_i.ctrl[CtrlPmlEn] && ept_ad;
  assign seg_log   = regs_i.ctrl[CtrlSegLogEn];
  assign seg_pml   = `VMMU_MUT(284, regs_i.ctrl[CtrlPmlEn], 1'b1);  // of bitmaps, whatever EPT is
  // The guest's log is written for the dirty flag of the guest's entry, or for what stands below it.
  assign epml_guest  = `VMMU_MUT(283, regs_i.log.epml_en, 1'b1) && !regs_i.log.epml_ept;
  assign epml_nested = regs_i.log.epml_en && regs_i.log.epml_ept;
  assign mbe       = regs_i.ctrl[CtrlMbe];
  assign shadow    = regs_i.ctrl[CtrlShadow];
  assign vseg_miss = `VMMU_MUT(81, regs_i.ctrl[CtrlVirt] && !shadow && regs_i.ctrl[CtrlVsegMiss], 1'b0);

  logic begins, reply, guest_read, nested_read, guest_flag, nested_flag, log_retry;
  logic resumes, guest_retry, bitmap_read, bitmap_flag, bitmap_retry, buffer_start;
  assign begins      = (step_i == StepStart) || ((step_i == StepResume) && (walk_i.phase == PhRestart));
  assign reply       = (step_i == StepReply) && !failed;
  assign guest_read  = reply && (walk_i.phase == PhGuestRead);
  assign nested_read = reply && (walk_i.phase == PhNestedRead);
  assign guest_flag  = reply && (walk_i.phase == PhGuestFlag);
  assign nested_flag = reply && (walk_i.phase == PhNestedFlag);
  assign resumes     = step_i == StepResume;
  assign log_retry   = resumes && (walk_i.phase == PhLogWait);
  assign guest_retry = resumes && (walk_i.phase == PhGuestWait);
  assign bitmap_read  = reply && (walk_i.phase == PhBitmapRead);
  assign bitmap_flag  = reply && (walk_i.phase == PhBitmapSwap);
  assign bitmap_retry = resumes && (walk_i.phase == PhBitmapWait);
  assign buffer_start = resumes && (walk_i.phase == PhBuffer);

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

  // A guest-physical access to a guest table, not the final one, nor the write of the guest's log. With EPT A/D flags it counts as a write
  // (SDM 28.3.3.2); a fetch asks for execute of the final address only.
  logic is_table, want_r, want_w, want_x;
  assign is_table = (walk_i.glevel != 3'd0) && !walk_i.buffer;
  assign want_r   = is_table || ((op == OpRead) && !walk_i.buffer);
  assign want_w   = is_table ? `VMMU_MUT(6, `VMMU_MUT(123, ept_ad, ept_ad || (op == OpWrite)), 1'b0)
                             : ((op == OpWrite) || walk_i.buffer);
  assign want_x   = `VMMU_MUT(7, !is_table, 1'b1) && (op == OpFetch) && !walk_i.buffer;

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
        acc.ndirties   = ept_ad && want_w && !dirty;
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
        acc.gdirties  = !dirty && (op == OpWrite);
        acc.gpa       = leaf_address(data_i, size, gva[29:0]);
      end
    end
  end

  // This access is judged on the raw entry, as if it were the guest's leaf; what the entry is decides later. A walk
  // that begins is judged on the ATTR of the guest segment (key 0), which matters only if that one translates.
  logic [PermWidth-1:0] allowed, unused_allowed;
  logic denied, key_violation, user, ac, unused_denied, unused_key;
  guest_perm_t leaf_perm;
  always_comb begin
    leaf_perm = walk_i.gperm;
    if (!begins) begin
      leaf_perm.rw &= gperm.rw;
      leaf_perm.us &= gperm.us;
      leaf_perm.nx |= gperm.nx;
    end
  end
  assign user = user_effective(miss_i.req);
  assign ac   = ac_effective(miss_i.req);
  vmmu_access_check u_denied (
      .perm_i         (leaf_perm),
      .pkey_i         (begins ? 4'd0 : pkey),
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
  // While a guest flag is swapped, the write is the access's own; while an EPT flag is, that of the gPA access.
  logic swap_done, swap_again, swap_lost, dirtied, settled;
  logic [63:0] swap_wanted;
  vmmu_walk_swap #(
      .GuestFlagA(GuestA), .GuestFlagD(GuestD), .NestedFlagA(NestedA), .NestedFlagD(NestedD)
  ) u_swap (
      .walk_i,
      .data_i,
      .write_i      ((walk_i.phase == PhNestedFlag) ? want_w : (op == OpWrite)),
      .reply_i      (nested_flag || guest_flag),
      .no_reply_i   (step_i == StepFail),
      .error_i      (failed),
      .done_o       (swap_done),
      .again_o      (swap_again),
      .lost_o       (swap_lost),
      .wanted_o     (swap_wanted),
      .dirtied_o    (dirtied),
      .settled_o    (settled)
  );

  // An entry that was dirty when it was read, and that another writer has made clean since: what the dirty flag needs is
  // done before the retry. The nested walk goes back to its judgement, with the word found; the guest's starts again.
  logic nested_redo, guest_redo;
  assign nested_redo = nested_flag && swap_again && want_w && !walk_i.ndirties &&
                       (walk_i.nlevel == 3'(walk_i.nsize) + 3'd1) && ((data_i & NestedD) == '0);
  assign guest_redo  = guest_flag && swap_again && (op == OpWrite) && epml_guest && !walk_i.gdirties &&
                       (walk_i.glevel == 3'(walk_i.gsize) + 3'd1) && ((data_i & GuestD) == '0);

  // ---------------------------------------------------------------- where the walk stands now
  // From here on every choice is made as if nothing were wrong, because what is wrong is known last: `faulted`
  // alone keeps a step that faults from having effects.
  logic nested_judged, nested_complete, guest_judged, guest_complete;
  logic ask_log, log_denies, log_waits;
  logic go_nested, go_guest, go_nested_flag, go_guest_flag;  // the next flag; its swap now
  assign nested_judged   = (nested_read && leaf) || log_retry;
  assign ask_log         = nested_judged && `VMMU_MUT(23, acc.nmask != '0, 1'b1) && pml_on;
  assign log_denies      = ask_log && `VMMU_MUT(24, pml_i.full, 1'b0);
  assign log_waits       = ask_log && !pml_i.full && acc.ndirties && !pml_i.room;
  assign go_nested       = (nested_judged && (acc.nmask != '0) && !log_waits) ||
                           (nested_flag && swap_done && (walk_i.nmask != '0));
  assign nested_complete = (nested_judged && (acc.nmask == '0)) ||
                           (nested_flag && swap_done && (walk_i.nmask == '0));
  assign guest_judged    = guest_read && leaf;
  assign go_guest        = (guest_judged && (acc.gmask != '0)) || guest_retry ||
                           (guest_flag && swap_done && (walk_i.gmask != '0));
  assign guest_complete  = (guest_judged && (acc.gmask == '0)) ||
                           (guest_flag && swap_done && (walk_i.gmask == '0));

  // The entry to swap: the highest level that needs it, which is this one only if no earlier one did.
  pending_t current, nested_target, guest_target;
  logic [2:0] nested_target_level, guest_target_level;
  always_comb begin
    current = '{addr: walk_i.addr, word: data_i, gpa: walk_i.gpa[PaWidth-1:3], nperm: walk_i.nperm,
                bitmap: walk_i.bitmap};
    nested_target       = (walk_i.nmask != '0) ? npending_i : current;
    guest_target        = (walk_i.gmask != '0) ? gpending_i : current;
    nested_target_level = top_level({1'b0, acc.nmask});
    guest_target_level  = top_level(acc.gmask);
  end
  logic table_not_writable;  // a guest flag is a write to the table's page (contract: order, rule 2)
  assign table_not_writable = go_guest && !ept_ad && !guest_target.nperm.w;

  // ---------------------------------------------------------------- bitmaps
  // A write by a VMM segment looks at the page's bit: the final one, that of a guest flag in a table, and that of a
  // record of the guest's log. A bit that is clear is set by a swap, and logged.
  bitmap_t bitmap;
  logic [63:0] bitmap_word, bitmap_mask;
  logic guest_bitmap, bitmap_clear, bitmap_denies, bitmap_waits, go_bitmap;
  logic bitmap_swapped, bitmap_again, bitmap_done;
  assign bitmap        = is_table ? guest_target.bitmap : walk_i.bitmap;
  assign bitmap_word   = bitmap_read ? data_i : walk_i.expected;
  assign bitmap_mask   = 64'd1 << bitmap.bit_no;
  assign bitmap_clear  = (bitmap_read || bitmap_retry) && ((bitmap_word & bitmap_mask) == '0);
  assign bitmap_denies = bitmap_clear && seg_pml && `VMMU_MUT(275, pml_i.full, 1'b0);
  assign bitmap_waits  = bitmap_clear && seg_pml && !pml_i.full && !pml_i.room;
  assign bitmap_swapped = bitmap_flag && (data_i == walk_i.expected);
  assign bitmap_again  = bitmap_flag && !bitmap_swapped && `VMMU_MUT(276, (data_i & bitmap_mask) == '0, 1'b0);
  assign bitmap_done   = (bitmap_read && !bitmap_clear) || (bitmap_flag && !bitmap_again);

  // ---------------------------------------------------------------- the guest's log
  // Before the swap that makes the final page dirty, and after the bitmap of the table has been seen to (the host's logs
  // come first), the walk is put aside, room is reserved, and the page that the
  // record goes to is translated as a write by the same engine. The record follows the swap.
  logic is_final, guest_goes, nested_diverts, guest_diverts, bitmap_diverts, diverts, epml_ready;
  assign is_final       = !is_table && !walk_i.buffer;
  assign epml_ready     = walk_i.epml_held;
  assign nested_diverts = go_nested && epml_nested && `VMMU_MUT(282, is_final, !walk_i.buffer) && acc.ndirties && !epml_ready &&
                          (nested_target_level == 3'(acc.nsize) + 3'd1);
  assign guest_bitmap   = go_guest && !guest_retry && seg_log && `VMMU_MUT(277, guest_target.bitmap.valid, 1'b0);
  assign guest_goes     = (go_guest && !guest_bitmap) || (bitmap_done && is_table);
  assign guest_diverts  = guest_goes && epml_guest && acc.gdirties && !epml_ready &&
                          (guest_target_level == 3'(acc.gsize) + 3'd1);
  assign bitmap_diverts = bitmap_clear && !bitmap_waits && epml_nested && is_final && !epml_ready;
  assign diverts        = nested_diverts || guest_diverts || bitmap_diverts;

  assign go_nested_flag = go_nested && !nested_diverts;
  assign go_guest_flag  = guest_goes && !guest_diverts;
  assign go_bitmap      = bitmap_clear && !bitmap_waits && !bitmap_diverts;

  logic buffer_denies, buffer_waits, buffer_forms, in_buffer;
  logic buffer_high, vmm_use;  // its address has bits that no gPA has: no segment holds it
  assign buffer_denies = buffer_start && `VMMU_MUT(278, epml_i.full, 1'b0);
  assign buffer_waits  = buffer_start && !epml_i.full && !epml_i.room;
  assign buffer_forms  = buffer_start && !epml_i.full && epml_i.room;
  assign in_buffer     = walk_i.buffer || buffer_start;
  assign buffer_high   = buffer_start && (|regs_i.log.epml_addr[63:PaWidth]);
  assign vmm_use       = vmm_use_i && !buffer_high;

  // ---------------------------------------------------------------- the guest-physical address that this step forms
  logic canonical;
  assign canonical = is_canonical(gva[63:47], regs_i.ctrl[CtrlLa57]);
  logic [2:0] next_glevel;
  logic [51:12] root, table_page;
  logic [PaWidth-1:0] table_entry;  // of the next guest level: gPA, or hPA when nothing is below
  logic guest_descends, starts_final, forms, forms_final;
  logic [PaWidth-1:0] formed_gpa;
  assign guest_descends = guest_read && !leaf;
  logic look, use_guest, use_nested, use_page;
  assign used_o = '{guest: use_guest, nested: use_nested, page: use_page};
  assign look = look_i && !buffer_forms && !`VMMU_MUT(204, walk_i.uncached && (step_i != StepStart), 1'b0);
  // The guest segment has done the guest's part, before the walk began.
  assign starts_final   = begins && `VMMU_MUT(82, walk_i.gseg, walk_i.gseg && (step_i == StepStart));
  // The walk skips what leads to the table that a structure cache holds. The cache does not know bitmaps.
  assign use_guest   = begins && !starts_final && canonical && look && cached_i.guest_valid && !seg_log;
  assign forms          = (begins && !use_guest) || guest_descends || guest_complete || buffer_forms;
  assign forms_final    = starts_final || guest_complete;
  always_comb begin
    next_glevel = begins ? (regs_i.ctrl[CtrlLa57] ? 3'd5 : 3'd4) : walk_i.glevel - 3'd1;
    if (use_guest) next_glevel = 3'(cached_i.guest_level);
    root        = shadow ? regs_i.shadow_root : regs_i.cr3[51:12];
    table_page  = begins ? root : data_i[51:12];
    table_entry = {table_page, table_index(gva, next_glevel), 3'b000};
    formed_gpa  = table_entry;
    if (guest_complete) formed_gpa = acc.gpa;
    if (starts_final) formed_gpa = walk_i.gpa;
    if (buffer_start) formed_gpa = {regs_i.log.epml_addr[PaWidth-1:12], epml_slot_i, 3'b000};
  end

  // A VMM segment that holds it translates it, else EPT does; with VSEG_MISS there is nothing else. With none of
  // these it is the host-physical address.
  logic in_segment, exits, wants_nested, start_nested, placed;
  ept_perm_t segment_perm;
  logic segment_denied;
  assign in_segment   = forms && vmm_use;
  assign exits        = forms && !vmm_use && vseg_miss;
  assign wants_nested = forms && !vmm_use && !vseg_miss && ept_on;
  assign start_nested = wants_nested && !use_page;
  assign placed       = (forms && (vmm_use || (!vseg_miss && !ept_on))) || use_page;
  assign segment_perm = '{r: vmm_i.attr.r, w: vmm_i.attr.w, x: vmm_i.attr.x, xu: vmm_i.attr.x};
  // The same demands as those of EPT.
  always_comb begin
    if (buffer_forms) segment_denied = !vmm_i.attr.w;
    else segment_denied = (!vmm_i.attr.r && (!forms_final || (op == OpRead))) ||
                     (!vmm_i.attr.w && (forms_final ? (op == OpWrite) : ept_ad)) ||
                     (!vmm_i.attr.x && forms_final && (op == OpFetch));
  end

  // An entry of the nested TLB serves if it permits the access and leaves nothing to set or log: it never denies one.
  logic page_permits, page_x;
  always_comb begin
    page_x       = (mbe && acc.gperm.us) ? cached_i.page.perm.xu : cached_i.page.perm.x;
    page_permits = (cached_i.page.perm.r || (forms_final && (op != OpRead))) &&
                   ((cached_i.page.perm.w && `VMMU_MUT(205, cached_i.page.dirty, 1'b1)) ||
                    !(forms_final ? (op == OpWrite) : ept_ad)) &&
                   (page_x || !(forms_final && (op == OpFetch)));
  end
  assign use_page   = wants_nested && look && cached_i.page_valid && `VMMU_MUT(206, page_permits, 1'b1) &&
                         !(|formed_gpa[51:48]);
  assign use_nested = start_nested && look && cached_i.nested_valid;
  assign missed_o = '{guest: begins && !starts_final && canonical && look && !use_guest,
                      nested: start_nested && look && !use_nested, page: start_nested && look};

  logic bitmap_first;  // the segment's bitmap comes before the end
  assign bitmap_first = in_segment && seg_log && `VMMU_MUT(279, (forms_final && (op == OpWrite)) || buffer_forms, 1'b0);

  walk_t now;
  always_comb begin
    now = acc;
    if (use_guest) begin
      now.hpa   = {cached_i.guest_frame, formed_gpa[11:0]};
      now.nperm = '{r: 1'b1, w: cached_i.guest_w, x: 1'b1, xu: 1'b1};
      now.nmask = '0;
    end
    if (forms) begin
      now.gpa    = formed_gpa;
      now.hpa    = vmm_use ? {vmm_i.frame, formed_gpa[11:0]} : formed_gpa;
      now.nperm  = (vmm_use && `VMMU_MUT(83, 1'b1, 1'b0)) ? segment_perm : '1;
      now.nlevel = 3'd4;
      now.nmask  = '0;
      now.nsize  = Size1G;
      now.ncap   = vmm_use ? vmm_i.size_used : vmm_i.size_unused;
      now.ndirty = !(vmm_use && seg_log) || `VMMU_MUT(280, op == OpWrite, 1'b1);
      now.bitmap = '{valid: vmm_use, addr: vmm_i.bitmap_addr, bit_no: vmm_i.bitmap_bit};
      now.emt    = 3'd6;
      now.ipat   = 1'b0;
    end
    if (use_nested) now.nperm = `VMMU_MUT(207, cached_i.nested_perm, '1);
    if (use_page) begin
      now.hpa    = {cached_i.page.frame, formed_gpa[11:0]};
      now.nperm  = cached_i.page.perm;
      now.nsize  = `VMMU_MUT(208, cached_i.page.size, Size1G);
      now.ndirty = `VMMU_MUT(209, cached_i.page.dirty, 1'b1);
      now.emt    = cached_i.page.emt;
      now.ipat   = cached_i.page.ipat;
    end
  end

  // ---------------------------------------------------------------- faults
  wrong_t wrong;
  logic faulted;
  always_comb begin
    wrong = '0;
    wrong.bus           = (step_i == StepFail) || failed;
    wrong.noncanonical  = begins && !canonical;
    wrong.guest_segment = starts_final && (step_i == StepStart) && `VMMU_MUT(76, guest_beyond_i, 1'b0);
    wrong.page          = (guest_read && (not_present || bad || (leaf && denied))) ||
                          (starts_final && (denied || ((op == OpRead) && !walk_i.gread)));
    wrong.misconfig     = nested_read && !not_present && bad;
    wrong.violation     = nested_read && (not_present || (leaf && nested_denied));
    wrong.log_full      = log_denies || bitmap_denies;
    wrong.epml_full     = buffer_denies;
    wrong.buffer_beyond = buffer_forms && placed && !vmm_use &&
                          ((|(formed_gpa[51:32] & regs_i.reserved_pa)) || buffer_high);
    wrong.table_write   = table_not_writable;
    wrong.vmm_segment   = in_segment && `VMMU_MUT(77, vmm_i.beyond, 1'b0);
    wrong.vmm_denied    = in_segment && `VMMU_MUT(78, segment_denied, 1'b0);
    wrong.vseg_exit     = exits;
    wrong.beyond_ept    = start_nested && ((|formed_gpa[51:48]) || buffer_high);
  end
  assign faulted = |wrong;

  // No fault is reported that a cached entry may have a part in: the walk begins again without caches, and says what is
  // wrong now. Only a request that memory does not answer in time ends it at once, because its id is out of use.
  logic again_uncached;
  assign again_uncached = faulted && `VMMU_MUT(210, walk_i.cached && !begins && (step_i != StepFail), 1'b0);

  fault_t fault;
  vmmu_walk_fault u_fault (
      .wrong_i        (wrong),
      .req_i          (miss_i.req),
      .ctrl_i         (regs_i.ctrl),
      .target_i       (regs_i.fault_target),
      .ept_ad_i       (ept_ad),
      .not_present_i  (guest_read && not_present),
      .reserved_i     (guest_read && bad),
      .key_violation_i(key_violation),
      .gperm_i        (acc.gperm),
      .is_table_i     (is_table),
      .nperm_i        (acc.nperm),
      .buffer_i       (in_buffer && !buffer_denies),
      .forms_final_i  (forms_final),
      .attr_i         (vmm_i.attr),
      .target_nperm_i (guest_target.nperm),
      .word_addr_i    (walk_i.addr),
      .walk_gpa_i     (walk_i.gpa),
      .formed_gpa_i   ({buffer_start ? regs_i.log.epml_addr[63:PaWidth] : 12'd0, formed_gpa}),
      .target_gpa_i   (guest_target.gpa),
      .fault_o        (fault)
  );

  // The check that was made together with that of the guest segment is counted there.
  assign check_o = forms && vmm_i.any && !(wrong.noncanonical || wrong.guest_segment || wrong.page) &&
                   !(starts_final && (step_i == StepStart));
  assign filter_hit_o = check_o && vmm_i.in_range && !vmm_use;

  // ---------------------------------------------------------------- what to do now
  logic read_guest, read_nested, finished;
  logic read_bitmap, buffer_done, waits, swap_restarts;
  assign read_guest  = (nested_complete && is_table) || (placed && !forms_final && !buffer_forms) || use_guest;
  assign read_nested = start_nested || (nested_read && !leaf);
  assign read_bitmap = bitmap_first || guest_bitmap;
  assign finished    = (nested_complete && is_final) || (placed && forms_final && !bitmap_first) ||
                       (bitmap_done && is_final);
  // The record's page is known: the walk itself goes on where it was put aside.
  assign buffer_done = (nested_complete && walk_i.buffer) || (placed && buffer_forms && !bitmap_first) ||
                       (bitmap_done && walk_i.buffer);
  assign waits       = log_waits || bitmap_waits || buffer_waits || nested_redo;
  assign swap_restarts = ((guest_flag || nested_flag) && swap_lost) || guest_redo;
  assign restart_o   = swap_restarts || again_uncached;
  assign park_o      = restart_o || ((waits || diverts || buffer_done) && !faulted);
  assign done_o      = (finished || `VMMU_MUT(129, faulted, faulted && !(nested_read && is_table))) && !again_uncached;
  assign mem_valid_o = `VMMU_MUT(124, !faulted, 1'b1) &&
                       (read_guest || read_nested || read_bitmap || go_nested_flag || go_guest_flag || go_bitmap ||
                        bitmap_again || ((guest_flag || nested_flag) && swap_again && !nested_redo && !guest_redo));

  always_comb begin
    mem_op_o       = MemRead;
    mem_addr_o     = walk_i.addr;
    mem_wdata_o    = '0;
    mem_expected_o = '0;
    if (read_guest) begin
      mem_addr_o  = now.hpa[PaWidth-1:3];
    end else if (read_nested) begin
      if (use_nested) mem_addr_o = {cached_i.nested_frame, table_index(64'(formed_gpa), 3'(cached_i.nested_level))};
      else if (start_nested) mem_addr_o = {regs_i.eptp[51:12], formed_gpa[47:39]};
      else mem_addr_o = {data_i[51:12], table_index(64'(walk_i.gpa), walk_i.nlevel - 3'd1)};
    end else if (read_bitmap) begin
      mem_addr_o = guest_bitmap ? guest_target.bitmap.addr : now.bitmap.addr;
    end else begin
      mem_op_o = MemCas;
      if (go_bitmap || bitmap_again) begin
        mem_addr_o     = bitmap.addr;
        mem_expected_o = bitmap_again ? data_i : bitmap_word;
        mem_wdata_o    = mem_expected_o | `VMMU_MUT(281, bitmap_mask, 64'd1);
      end else if (go_nested_flag) begin
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
    walk_o = now;
    walk_o.addr     = mem_addr_o;
    walk_o.expected = (bitmap_waits || bitmap_diverts) ? bitmap_word : mem_expected_o;
    if (begins) begin
      walk_o.glevel    = next_glevel;
      walk_o.gmask     = '0;
      walk_o.log_held  = 1'b0;
      walk_o.epml_held = 1'b0;
      walk_o.buffer    = 1'b0;
      walk_o.cached    = 1'b0;
      if (step_i == StepStart) begin
        walk_o.restarted = 1'b0;
        walk_o.uncached  = 1'b0;
      end
      if (!walk_i.gseg) walk_o.gperm = use_guest ? cached_i.guest_perm : '{rw: 1'b1, us: 1'b1, nx: 1'b0};
    end
    if (use_guest || use_nested || use_page) walk_o.cached = 1'b1;
    if (use_nested) walk_o.nlevel = 3'(cached_i.nested_level);
    if (guest_descends) walk_o.glevel = next_glevel;
    if (forms_final) walk_o.glevel = 3'd0;
    if (nested_read && !leaf) walk_o.nlevel = walk_i.nlevel - 3'd1;
    if (go_nested_flag) begin
      walk_o.nlevel = nested_target_level;
      walk_o.nmask[nested_target_level] = 1'b0;
    end
    if (go_guest_flag) begin
      walk_o.glevel = guest_target_level;
      walk_o.gmask[guest_target_level] = 1'b0;
    end
    if (nested_redo) begin
      walk_o.ndirties = 1'b1;
      walk_o.nmask[walk_i.nlevel] = 1'b1;
    end
    if (buffer_forms) walk_o.buffer = 1'b1;
    if (pml_op_o == LogReserve) walk_o.log_held = 1'b1;
    if ((pml_op_o == LogPush) || (pml_op_o == LogRelease)) walk_o.log_held = 1'b0;
    if (epml_op_o == LogReserve) walk_o.epml_held = 1'b1;
    if ((epml_op_o == LogPush) || (epml_op_o == LogRelease)) walk_o.epml_held = 1'b0;

    if (read_guest) walk_o.phase = PhGuestRead;
    if (read_nested) walk_o.phase = PhNestedRead;
    if (read_bitmap) walk_o.phase = PhBitmapRead;
    if (go_bitmap) walk_o.phase = PhBitmapSwap;
    if (go_nested_flag) walk_o.phase = PhNestedFlag;
    if (go_guest_flag) walk_o.phase = PhGuestFlag;
    if (log_waits || nested_diverts || nested_redo) walk_o.phase = PhLogWait;
    if (guest_diverts) walk_o.phase = PhGuestWait;
    if (bitmap_waits || bitmap_diverts) walk_o.phase = PhBitmapWait;

    saved_o = walk_o;
    if (diverts) walk_o.phase = PhBuffer;
    if (in_buffer && (buffer_done || restart_o)) begin
      walk_o           = saved_i;
      walk_o.epml_held = buffer_done && !restart_o;
      walk_o.epml_page = now.hpa[PaWidth-1:12];
    end
    // Another writer may change a bitmap again and again: the watchdog goes on counting, as after a lost swap.
    if (swap_restarts || bitmap_again) walk_o.restarted = 1'b1;
    if (restart_o) begin
      walk_o.uncached = 1'b1;
      walk_o.phase    = PhRestart;
    end
  end
  assign save_o = diverts && !faulted;

  // ---------------------------------------------------------------- records
  // No reply to a swap in time counts as done, as in vmmu_walk_swap.
  logic bitmap_dirtied, bitmap_settled, pml_dirtied, pml_settled, epml_dirtied, epml_settled;
  assign bitmap_dirtied = (walk_i.phase == PhBitmapSwap) && (bitmap_swapped || (step_i == StepFail));
  assign bitmap_settled = (walk_i.phase == PhBitmapSwap) && !bitmap_dirtied && !bitmap_again;
  always_comb begin
    pml_dirtied = bitmap_dirtied || ((walk_i.phase == PhNestedFlag) && dirtied);
    pml_settled = bitmap_settled || ((walk_i.phase == PhNestedFlag) && settled);
    if (epml_nested) begin
      epml_dirtied = `VMMU_MUT(282, is_final, !walk_i.buffer) && pml_dirtied;
      epml_settled = `VMMU_MUT(282, is_final, !walk_i.buffer) && pml_settled;
    end else begin
      epml_dirtied = (walk_i.phase == PhGuestFlag) && dirtied;
      epml_settled = (walk_i.phase == PhGuestFlag) && settled;
    end
  end
  logic epml_comes;  // room for the guest's log must be had before room for PML is held: see vmmu_log
  assign epml_comes = epml_nested && is_final && !epml_ready;
  always_comb begin
    pml_op_o = LogNone;
    if (walk_i.log_held && pml_dirtied) pml_op_o = LogPush;
    else if (walk_i.log_held && pml_settled) pml_op_o = LogRelease;
    else if (!faulted && ((nested_judged && go_nested_flag && pml_on && acc.ndirties && !epml_comes) ||
                          (go_bitmap && seg_pml))) pml_op_o = LogReserve;
    epml_op_o = LogNone;
    if (walk_i.epml_held && !walk_i.buffer && epml_dirtied) epml_op_o = LogPush;
    else if (walk_i.epml_held && ((!walk_i.buffer && epml_settled) || faulted || restart_o)) epml_op_o = LogRelease;
    else if (buffer_forms && !faulted) epml_op_o = LogReserve;
  end
  assign log_page_o = ((walk_i.phase == PhBitmapSwap) && is_table) ? guest_target.gpa[PaWidth-1:12] : now.gpa[PaWidth-1:12];

  assign pending_o     = current;
  assign gpending_we_o = guest_read && acc.gmask[walk_i.glevel];
  assign npending_we_o = (nested_read && acc.nmask[walk_i.nlevel]) || nested_redo;

  // ---------------------------------------------------------------- what the caches learn
  // A pointer to a table is kept when the entries that lead there need no accessed flag, and when the table's page has
  // been found. Final pages of 4 KiB are for the TLBs, unless these hold nested translations too (MICRO'14).
  logic [2:0] read_glevel;
  logic [1:0] child_nlevel;
  assign read_glevel  = nested_complete ? walk_i.glevel : next_glevel;
  assign child_nlevel = 2'(walk_i.nlevel - 3'd1);
  always_comb begin
    insert_o.guest_valid  = read_guest && !faulted && !use_guest && !begins && (read_glevel <= 3'd3) &&
                            `VMMU_MUT(211, acc.gmask == '0, 1'b1);
    insert_o.guest_level  = 2'(read_glevel);
    insert_o.guest_frame  = now.hpa[PaWidth-1:12];
    insert_o.guest_perm   = `VMMU_MUT(212, acc.gperm, '{rw: 1'b1, us: 1'b1, nx: 1'b0});
    insert_o.guest_w      = `VMMU_MUT(213, now.nperm.w, 1'b1);
    insert_o.nested_valid = nested_read && !leaf && !faulted && `VMMU_MUT(214, acc.nmask == '0, 1'b1);
    insert_o.nested_level = child_nlevel;
    insert_o.nested_frame = data_i[51:12];
    insert_o.nested_perm  = acc.nperm;
    insert_o.page_valid   = nested_complete && !faulted && (is_table || (acc.nsize != Size4K) || KeepsFinal);
    insert_o.page         = '{frame: acc.hpa[PaWidth-1:12], size: acc.nsize, perm: acc.nperm,
                              emt: acc.emt, ipat: acc.ipat, dirty: acc.ndirty};
  end

  vmmu_walk_answer u_answer (
      .miss_i,
      .walk_i   (now),
      .mbe_i    (mbe),
      .allowed_i(allowed),
      .fault_i  (fault),
      .rsp_o,
      .fill_o
  );

  logic unused_bits;
  assign unused_bits = ^{miss_i, regs_i, bitmap.valid, npending_i, gpending_i, nested_target, vmm_i};
endmodule
