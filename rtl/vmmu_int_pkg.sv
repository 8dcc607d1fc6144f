// Types that travel between the blocks and not outside vmmu_top.
package vmmu_int_pkg;
  import vmmu_pkg::*;

  localparam int unsigned FrameWidth = PaWidth - 12;
  localparam int unsigned SpaceWidth = 4;  // address-space numbers, at most 16
  localparam int unsigned PermWidth = 8;

  // ---------------------------------------------------------------- segments and escape filters
  // Page numbers throughout: the low 12 bits of every segment register are 0. A segment is empty when
  // base >= limit. A filter is four lanes of 64 bits.
  typedef logic [3:0][63:0] filter_t;

  typedef struct packed {
    logic u;  // user page; guest segment only
    logic x;
    logic w;
    logic r;
  } seg_attr_t;

  typedef struct packed {
    logic [63:12] base;
    logic [63:12] limit;   // the first page behind the segment
    logic [63:12] offset;  // two's complement
    seg_attr_t    attr;
  } guest_seg_t;

  typedef struct packed {
    logic [52:12] base;
    logic [52:12] limit;   // up to 2**52
    logic [63:12] offset;
    seg_attr_t    attr;    // u is 0
  } vmm_seg_t;

  // Where the bit of a page stands in the dirty bitmap of the VMM segment that translates it.
  typedef struct packed {
    logic               valid;  // there is one: a segment translates it, and SEG_LOG_EN
    logic [PaWidth-1:3] addr;   // of the word
    logic [5:0]         bit_no;
  } bitmap_t;

  // What the segments of one level say of one page. Whether the page is escaped is not in it.
  typedef struct packed {
    logic                  any;          // the level has a segment that is not empty: this was a check
    logic                  in_range;     // what follows up to size_used is of the segment that holds the page
    logic                  beyond;       // the result has a bit at or above MAXPHYADDR
    logic [FrameWidth-1:0] frame;        // page number of the result
    seg_attr_t             attr;
    size_e                 size_used;    // largest page to keep when the segment translates
    size_e                 size_unused;  // largest page that meets no segment of the level
    logic [PaWidth-1:3]    bitmap_addr;  // VMM level: word of the segment's bitmap, and bit in it, of the page
    logic [5:0]            bitmap_bit;
  } seg_match_t;

  // The same after the filter, of the guest segment.
  typedef struct packed {
    logic                  any;          // there is a guest segment
    logic                  used;         // the segment translates the page
    logic                  beyond;
    logic [FrameWidth-1:0] frame;
    seg_attr_t             attr;
    size_e                 size;         // largest page to keep as far as this level's segments go
  } seg_result_t;

  // ---------------------------------------------------------------- registers of a context
  // Of the logs beside PML; what the build lacks is 0.
  typedef struct packed {
    logic [63:12]          prl_addr;
    logic [63:12]          prl_addr2;
    logic [15:0]           prl_watermark;
    logic                  epml_en;
    logic                  epml_ept;       // TRIGGER: the EPT entry's dirty flag, or the bitmap's bit
    logic [63:12]          epml_addr;
    logic [15:0]           epml_watermark;
    logic [MaxVmmSegments-1:0][63:12] bitmap;  // of the VMM segments
  } log_regs_t;

  typedef struct packed {
    logic [CtrlWidth-1:0] ctrl;
    logic [63:0]          cr3;
    logic [63:0]          eptp;
    logic [15:0]          vpid;
    logic [31:0]          pkru;
    logic [5:0]           maxphyaddr;
    logic [51:32]         reserved_pa;   // address bits at or above it, derived when the registers become active
    logic [31:0]          fault_target;
    logic [63:0]          pml_addr;
    logic [15:0]          pml_watermark;
    guest_seg_t           gseg;
    filter_t              gfilter;
    vmm_seg_t [MaxVmmSegments-1:0] vseg;  // those that the build lacks are 0, and so empty
    filter_t              vfilter;
    log_regs_t            log;
    logic [FrameWidth-1:0] shadow_root;   // with SHADOW: where the walk starts, found in the shadow-root buffer
  } regs_t;

  // What the logging unit needs of each context, of the current registers.
  typedef struct packed {
    logic [FrameWidth-1:0] pml_base;
    logic [15:0]           pml_watermark;
    logic [FrameWidth-1:0] prl_base;
    logic [FrameWidth-1:0] prl_base2;
    logic [15:0]           prl_watermark;
    logic                  prl_double;
    logic [15:0]           epml_watermark;
  } log_set_t;

  // What the lookup path needs of each context, in flip-flops.
  typedef struct packed {
    logic                  bank;         // which of the two active banks is current
    logic                  la57;
    logic                  space_valid;  // the two numbers below may be used
    logic [SpaceWidth-1:0] space;        // entries of the current PCID
    logic [SpaceWidth-1:0] gspace;       // global entries
  } ctx_live_t;

  // ---------------------------------------------------------------- a request that missed the L1
  typedef struct packed {
    req_t                  req;
    logic                  bank;       // registers that it was accepted under
    logic                  cacheable;  // may be inserted
    logic                  held;       // a TLB holds the page, but its entry does not permit the access
    logic [SpaceWidth-1:0] space;
    logic [SpaceWidth-1:0] gspace;
  } miss_t;

  // ---------------------------------------------------------------- TLB entries
  // Permission bits are resolved at fill time; a write is allowed only if nothing is left to set or log.
  localparam int unsigned PermUserRead = 0;
  localparam int unsigned PermUserWrite = 1;
  localparam int unsigned PermUserFetch = 2;
  localparam int unsigned PermSupRead = 3;    // supervisor, AC clear or implicit
  localparam int unsigned PermSupWrite = 4;
  localparam int unsigned PermSupFetch = 5;
  localparam int unsigned PermSupReadAc = 6;  // explicit supervisor access with AC set
  localparam int unsigned PermSupWriteAc = 7;

  function automatic logic [2:0] perm_index(op_e op, logic user, logic ac);
    if (user) return 3'(PermUserRead) + 3'(op);
    if (op == OpFetch) return 3'(PermSupFetch);
    return (ac ? 3'(PermSupReadAc) : 3'(PermSupRead)) + 3'(op);
  endfunction

  // SDM 3.3.7.1: bits 63:47 are equal, with five-level paging bits 63:56.
  function automatic logic is_canonical(logic [63:47] upper, logic la57);
    return la57 ? ((&upper[63:56]) || !(|upper[63:56])) : ((&upper) || !(|upper));
  endfunction

  // An implicit supervisor access is a supervisor access whatever the CPL (SDM 4.6).
  function automatic logic user_effective(req_t r);
    return r.user && !r.implicit;
  endfunction

  // EFLAGS.AC counts for explicit supervisor accesses only (SDM 4.6.1).
  function automatic logic ac_effective(req_t r);
    return r.ac && !r.implicit && !r.user;
  endfunction

  // What is left of the permissions of every class when some operations are not possible at all.
  function automatic logic [PermWidth-1:0] perm_limit(logic [PermWidth-1:0] perm, logic r, logic w, logic x);
    perm_limit = perm;
    if (!r) begin
      perm_limit[PermUserRead]  = 1'b0;
      perm_limit[PermSupRead]   = 1'b0;
      perm_limit[PermSupReadAc] = 1'b0;
    end
    if (!w) begin
      perm_limit[PermUserWrite]  = 1'b0;
      perm_limit[PermSupWrite]   = 1'b0;
      perm_limit[PermSupWriteAc] = 1'b0;
    end
    if (!x) begin
      perm_limit[PermUserFetch] = 1'b0;
      perm_limit[PermSupFetch]  = 1'b0;
    end
  endfunction

  function automatic size_e smaller(size_e a, size_e b);
    return (a < b) ? a : b;
  endfunction

  // The page of the given size that a frame lies in.
  function automatic logic [FrameWidth-1:0] page_frame(logic [FrameWidth-1:0] frame, size_e size);
    page_frame = frame;
    if (size != Size4K) page_frame[8:0] = '0;
    if (size == Size1G) page_frame[17:9] = '0;
  endfunction

  typedef struct packed {
    logic [FrameWidth-1:0] frame;  // of the inserted page, low bits of a large page are 0
    logic [PermWidth-1:0]  perm;
    logic [2:0]            pat;
    logic [2:0]            emt;
    logic                  ipat;
  } tlb_data_t;

  typedef struct packed {
    logic [63:12]          vpage;
    size_e                 size;       // inserted size
    logic                  fractured;  // the guest page is larger than the inserted one
    logic [SpaceWidth-1:0] space;      // number that the entry carries
    logic [SpaceWidth-1:0] other;      // the walk's other number: an older entry under it is replaced too
    tlb_data_t             data;
  } fill_t;

  // ---------------------------------------------------------------- address-space numbers
  typedef struct packed {
    logic                virt;
    logic                ept_en;
    logic [15:0]         vpid;
    logic [11:0]         pcid;
    logic [FrameWidth-1:0] ept_root;
  } tagset_t;

  typedef enum logic [2:0] {
    RetireNone    = 3'd0,
    RetireCtx     = 3'd1,  // every number of the context
    RetirePcid    = 3'd2,  // the context's numbers of one PCID, not the global ones
    RetireNonGlob = 3'd3,  // the context's numbers except the global ones
    RetireVpid    = 3'd4,  // of one VPID, in every context
    RetireVpidNg  = 3'd5,  // the same, except the global ones
    RetireVirt    = 3'd6,  // of every VPID, in every context
    RetireEpt     = 3'd7   // of one EPTP or of all, in every context
  } retire_e;

  typedef struct packed {
    retire_e               kind;
    logic [CtxWidth-1:0]   ctx;
    logic [11:0]           pcid;
    logic [15:0]           vpid;
    logic                  ept_all;
    logic [FrameWidth-1:0] ept_root;
    logic                  assign_ctx;  // give ctx numbers for `tags`
    tagset_t               tags;
  } space_op_t;

  // ---------------------------------------------------------------- walks
  typedef enum logic [3:0] {
    PhGuestRead  = 4'd0,  // waits for a guest table entry
    PhNestedRead = 4'd1,  // waits for an EPT entry
    PhNestedFlag = 4'd2,  // waits for the reply of a swap in an EPT entry
    PhGuestFlag  = 4'd3,  // waits for the reply of a swap in a guest table entry
    PhLogWait    = 4'd4,  // parked before flags of EPT entries: waits for room in a log, or has it now
    PhRestart    = 4'd5,  // parked: starts again from the root
    PhGuestWait  = 4'd6,  // parked before the dirty flag of the guest's entry: the guest's log has room now
    PhBitmapRead = 4'd7,  // waits for a word of a segment's bitmap
    PhBitmapSwap = 4'd8,  // waits for the reply of a swap in one
    PhBitmapWait = 4'd9,  // parked before that swap: waits for room in a log, or has it now
    PhBuffer     = 4'd10  // parked: room in the guest's log, then translation of the page of its record
  } phase_e;

  typedef struct packed {
    logic r;
    logic w;
    logic x;   // execute; with mode-based execute: of supervisor-mode addresses
    logic xu;  // execute of user-mode addresses
  } ept_perm_t;

  typedef struct packed {
    logic rw;
    logic us;
    logic nx;
  } guest_perm_t;

  // The state of a walk that changes from step to step.
  typedef struct packed {
    phase_e             phase;
    logic [2:0]         glevel;     // guest level being read, 0 for the final address
    logic [2:0]         nlevel;     // EPT level being read or swapped
    logic [PaWidth-1:0] gpa;        // address under nested translation; the final one is a hPA when native
    logic [PaWidth-1:0] hpa;        // result of the last nested translation
    logic [PaWidth-1:3] addr;       // word of the outstanding memory request
    logic [63:0]        expected;   // of the outstanding swap
    logic               gseg;       // the guest segment translates gVA: no guest walk, gpa is the final address
    logic               gread;      // reads are possible; 0 only by ATTR of the guest segment
    guest_perm_t        gperm;      // AND over the levels so far (NX: OR)
    logic [3:0]         pkey;
    logic               global_pg;
    logic [2:0]         pat;
    size_e              gsize;
    size_e              gcap;       // largest page to keep beside the guest segment
    logic               gdirty;     // nothing left to set in the guest leaf on a write
    logic               gdirties;   // the guest leaf's D will be set
    ept_perm_t          nperm;      // AND over the levels of the last nested translation
    logic [2:0]         emt;
    logic               ipat;
    size_e              nsize;
    size_e              ncap;       // largest page to keep of, or beside, the VMM segments
    logic               ndirty;     // nothing left to set or log in the EPT leaf on a write
    logic               ndirties;   // the EPT leaf's D will be set
    logic               log_held;   // room for that record is reserved
    logic [5:1]         gmask;      // guest levels whose flags must be set
    logic [4:1]         nmask;      // EPT levels whose flags must be set
    logic               restarted;  // because a swap was lost
    logic               uncached;   // it has started again, and looks nothing up any more
    logic               cached;     // since it started it has used what a cache of the walker says
    bitmap_t            bitmap;     // of the guest-physical address formed last
    // The guest's log. While the page of its record is translated, the walk itself is kept elsewhere (saved).
    logic               buffer;     // that translation is under way
    logic               epml_held;  // room for a record is reserved
    logic [FrameWidth-1:0] epml_page;  // host page that it goes to; known when held and not `buffer`
  } walk_t;

  // ---------------------------------------------------------------- caches of the walker
  // A translation of a guest-physical page.
  typedef struct packed {
    logic [FrameWidth-1:0] frame;
    size_e                 size;
    ept_perm_t             perm;
    logic [2:0]            emt;
    logic                  ipat;
    logic                  dirty;  // nothing left to set or log on a write
  } nested_t;

  // What caches found, and what a step has to insert: of the guest's tables, of the nested ones, of the nested TLB.
  typedef struct packed {
    logic                  guest_valid;
    logic [1:0]            guest_level;   // of the table
    logic [FrameWidth-1:0] guest_frame;   // the table's host-physical page
    guest_perm_t           guest_perm;    // AND over the levels above (NX: OR)
    logic                  guest_w;       // the table's page is writable below
    logic                  nested_valid;
    logic [1:0]            nested_level;
    logic [FrameWidth-1:0] nested_frame;
    ept_perm_t             nested_perm;   // AND over the levels above
    logic                  page_valid;
    nested_t               page;
  } walk_cached_t;

  typedef struct packed {
    logic guest;
    logic nested;
    logic page;
  } walk_used_t;

  // Why a step ends its walk. In the order of judging: the first that is set is reported.
  typedef struct packed {
    logic bus;
    logic noncanonical;
    logic guest_segment;  // result at or above MAXPHYADDR
    logic page;
    logic misconfig;
    logic violation;      // by EPT entries
    logic log_full;
    logic epml_full;
    logic buffer_beyond;  // the guest's log is at or above MAXPHYADDR, and nothing translates it
    logic table_write;    // a guest flag must be written, and the table's page is not writable
    // of the guest-physical address that the step forms:
    logic vmm_segment;    // result at or above MAXPHYADDR
    logic vmm_denied;     // by ATTR
    logic vseg_exit;      // outside the segments with VSEG_MISS
    logic beyond_ept;     // four EPT levels translate 48 bits
  } wrong_t;

  // Entries whose flags must be set later in the walk.
  typedef struct packed {
    logic [PaWidth-1:3] addr;
    logic [63:0]        word;
    logic [PaWidth-1:3] gpa;    // guest entries: the entry's own gPA
    ept_perm_t          nperm;  // guest entries: nested permissions of the table's page
    bitmap_t            bitmap; // guest entries: of the table's page
  } pending_t;

  typedef enum logic [1:0] {
    StepReply  = 2'd0,  // a memory reply
    StepStart  = 2'd1,  // first step of a walk
    StepResume = 2'd2,  // a parked walk tries again
    StepFail   = 2'd3   // memory did not answer in time, or no id is free
  } step_e;

  typedef enum logic [1:0] {
    LogNone    = 2'd0,
    LogReserve = 2'd1,  // keep room for one record
    LogRelease = 2'd2,  // the record will not come
    LogPush    = 2'd3   // the record
  } log_op_e;

  // What a step wants of the logs.
  typedef struct packed {
    log_op_e pml;
    log_op_e epml;
    logic    prl;  // a record, if there is room
  } log_ops_t;

  // What its records hold.
  typedef struct packed {
    logic [FrameWidth-1:0] gpa_page;  // PML and PRL; not both with different pages
    logic [63:12]          gva_page;  // EPML
    logic [FrameWidth-1:0] buffer;    // EPML: host page that it goes to
  } log_record_t;

  // How a log stands. Neither: wait.
  typedef struct packed {
    logic full;  // for certain
    logic room;  // one more record can be reserved now
  } log_room_t;

  // Events of a context in one cycle.
  typedef struct packed {
    logic       error;           // memory refused a record
    logic       pml_record;      // written
    logic       pml_watermark;
    logic       epml_record;
    logic       epml_watermark;
    logic       prl_record;
    logic       prl_watermark;
    logic       prl_full;
    logic       prl_drop;        // a record was dropped; in one context at a time
  } log_events_t;

endpackage
