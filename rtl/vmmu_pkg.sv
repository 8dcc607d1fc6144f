// Types, build parameters and register numbers that every module and every requester shares.
// Payload structs have the widths of the largest build; a smaller build ties the unused high bits to 0.
package vmmu_pkg;

  // ---------------------------------------------------------------- widths of the interfaces
  localparam int unsigned CtxWidth = 4;     // context number, 0 .. NumContexts-1
  localparam int unsigned IdWidth = 8;      // request id, chosen by the requester
  localparam int unsigned MemIdWidth = 8;   // memory request id, chosen by the MMU
  localparam int unsigned PaWidth = 52;     // physical addresses, SDM 4.1.4: at most 52 bits
  localparam int unsigned RegAddrWidth = 20;
  localparam int unsigned MaxVmmSegments = 4;

  // ---------------------------------------------------------------- build parameters
  // One preset is one value of this struct. A legal range stands beside each field; a value outside it
  // is an elaboration error in vmmu_top, and so is a structure that this version does not have yet.
  typedef struct packed {
    int unsigned NumPorts;        // request ports: 1 .. 4; 1 with SegmentAtL1
    int unsigned NumContexts;     // 2 .. 16, power of two
    int unsigned PaBits;          // physical address width of the build: 36 .. 52
    int unsigned L1Sets4K;        // power of two, 1 = fully associative
    int unsigned L1Ways4K;        // power of two, 2 .. 64
    int unsigned L1Sets2M;
    int unsigned L1Ways2M;
    int unsigned L1Ways1G;        // always fully associative
    int unsigned L2Sets;          // L2 TLB, 0 = none; else a power of two, 2 .. 4096; 4 KiB entries
    int unsigned L2Ways;          // power of two, 2 .. 16; 0 without an L2
    int unsigned NtlbEntries;     // nested TLB, entries of 4 KiB pages, 0 = no nested TLB
    int unsigned PscEntries;      // structure caches of pointers to level-1 tables, 0 = none at any level
    int unsigned NumVmmSegments;  // VMM direct segments: 0 .. MaxVmmSegments
    int unsigned NumWalks;        // walk slots: 1 .. 16
    int unsigned MissQueue;       // misses waiting for a slot: 2 .. 16
    int unsigned NumSpaces;       // address-space numbers: 8 .. 16, power of two, at least 4*NumContexts
    int unsigned LogQueue;        // log records waiting for memory: 2 .. 16, power of two
    int unsigned WatchdogCycles;  // cycles that one memory request may take, 0 disables: 0 .. 2**24-1
    int unsigned CheckStages;     // register stages after the address former; this version: 0
    int unsigned SegmentAtL1;     // 1: the segment check stands beside the L1 lookup (ISCA 2013), 0: behind a miss
    int unsigned ShadowRoots;     // rows of the shadow-root buffer: 0 = no shadow mode, or 8
    // Caches of the walker. Entries (2 .. 4096) and ways (2 .. 64) are powers of two; ways = entries is fully associative.
    // The guest's tables and the nested ones have structure caches of these sizes each. What is absent is 0.
    int unsigned NtlbWays;
    int unsigned NtlbLarge;       // nested TLB, entries of 2 MiB and 1 GiB pages, fully associative: 2 .. 64
    int unsigned NtlbInL2;        // 1: nested translations share the L2's storage (MICRO'14); this version: 0
    int unsigned PscWays;
    int unsigned Psc3Entries;     // pointers to level-2 tables
    int unsigned Psc3Ways;
    int unsigned Psc4Entries;     // pointers to level-3 tables, fully associative: 2 .. 64
    int unsigned L2Sets2M;        // L2 TLB, 2 MiB entries beside the others: 0 = none, else as L2Sets, and L2Sets != 0
    int unsigned L2Ways2M;        // as L2Ways
    int unsigned Prl;             // 1: page-reference log
    int unsigned Epml;            // 1: the guest's own page-modification log
    int unsigned SegLog;          // 1: dirty bitmaps of VMM segments
  } cfg_t;

  // Presets, by the number that the parameter `Preset` of vmmu_top takes. With PresetAtL1 added to its number a preset
  // is built with SegmentAtL1.
  localparam int unsigned PresetPaper = 0;
  localparam int unsigned PresetServer = 1;
  localparam int unsigned PresetServerBig = 2;
  localparam int unsigned PresetTiny = 3;
  localparam int unsigned PresetAtL1 = 16;

  function automatic cfg_t preset_cfg(int unsigned number);
    cfg_t c;
    int unsigned preset;
    preset = number % PresetAtL1;
    c = '{
        NumPorts: 2, NumContexts: 4, PaBits: 52,
        L1Sets4K: 16, L1Ways4K: 4, L1Sets2M: 8, L1Ways2M: 4, L1Ways1G: 8,
        L2Sets: 256, L2Ways: 8, NtlbEntries: 64, PscEntries: 64, NumVmmSegments: 4,
        NumWalks: 8, MissQueue: 8, NumSpaces: 16, LogQueue: 8, WatchdogCycles: 16384, CheckStages: 0,
        SegmentAtL1: 0, ShadowRoots: 8,
        NtlbWays: 4, NtlbLarge: 8, NtlbInL2: 0, PscWays: 4, Psc3Entries: 16, Psc3Ways: 4, Psc4Entries: 4,
        L2Sets2M: 128, L2Ways2M: 4, Prl: 1, Epml: 1, SegLog: 1
    };
    if (preset == PresetPaper) begin
      c.NumPorts = 1;
      c.NumContexts = 2;
      c.NumVmmSegments = 1;
      c.L2Sets = 128;
      c.L2Ways = 4;
      c.L2Sets2M = 0;
      c.L2Ways2M = 0;
      c.L1Ways1G = 4;
      c.NumWalks = 1;
      c.MissQueue = 2;
      c.NtlbEntries = 0;
      c.NtlbWays = 0;
      c.NtlbLarge = 0;
      c.PscEntries = 0;
      c.PscWays = 0;
      c.Psc3Entries = 0;
      c.Psc3Ways = 0;
      c.Psc4Entries = 0;
    end else if (preset == PresetServerBig) begin
      c.PscEntries = 1024;
      c.Psc3Entries = 32;
    end else if (preset == PresetTiny) begin
      c.NumPorts = 1;
      c.NumContexts = 2;
      c.PaBits = 40;
      c.NumVmmSegments = 2;
      c.ShadowRoots = 0;
      c.L1Sets4K = 1;
      c.L1Ways4K = 8;
      c.L1Sets2M = 1;
      c.L1Ways2M = 4;
      c.L1Ways1G = 2;
      c.L2Sets = 16;
      c.L2Ways = 4;
      c.L2Sets2M = 0;
      c.L2Ways2M = 0;
      c.NumWalks = 2;
      c.MissQueue = 2;
      c.NumSpaces = 8;
      c.LogQueue = 4;
      c.NtlbEntries = 8;
      c.NtlbWays = 8;
      c.NtlbLarge = 2;
      c.PscEntries = 4;
      c.PscWays = 4;
      c.Psc3Entries = 2;
      c.Psc3Ways = 2;
      c.Psc4Entries = 2;
      c.Prl = 0;
      c.Epml = 0;
      c.SegLog = 0;
    end
    c.SegmentAtL1 = number / PresetAtL1;
    if (c.SegmentAtL1 != 0) c.NumPorts = 1;
    return c;
  endfunction

  // ---------------------------------------------------------------- requests and responses
  typedef enum logic [1:0] {
    OpRead  = 2'd0,
    OpWrite = 2'd1,
    OpFetch = 2'd2
  } op_e;

  typedef struct packed {
    logic [CtxWidth-1:0] ctx;
    logic [IdWidth-1:0]  id;        // not reused while outstanding
    logic [63:0]         gva;
    op_e                 op;
    logic                user;      // CPL 3
    logic                ac;        // EFLAGS.AC
    logic                implicit;  // implicit supervisor access: AC does not apply (SDM 4.6.1)
  } req_t;

  typedef enum logic [1:0] {
    Size4K = 2'd0,
    Size2M = 2'd1,
    Size1G = 2'd2
  } size_e;

  // Which structure answered. Traffic monitors use it; requesters may ignore it.
  typedef enum logic [2:0] {
    SrcL1      = 3'd0,
    SrcWalk    = 3'd1,
    SrcSegment = 3'd2,  // both segments (native: the one), no walk
    SrcL2      = 3'd3
  } source_e;

  typedef enum logic [3:0] {
    FaultNone         = 4'd0,
    FaultPage         = 4'd1,   // code: #PF error code (SDM 4.7)
    FaultNonCanonical = 4'd2,
    FaultEptViolation = 4'd3,   // code: exit qualification bits 11:0 (SDM table 28-7); addr: gPA
    FaultEptMisconfig = 4'd4,   // addr: gPA
    FaultVsegExit     = 4'd5,   // outside the VMM segments; code: bits 8:0 of a qualification, 6:3 clear; addr: gPA
    FaultSegment      = 4'd6,   // result at or above MAXPHYADDR; code 0: guest, addr gVA; code 1: VMM, addr gPA
    FaultPmlFull      = 4'd7,
    FaultEpmlFull     = 4'd8,   // the guest's own log
    FaultShadowMiss   = 4'd9,   // code: the page-fault code it would have been
    FaultBus          = 4'd10   // addr: hPA of the memory access that failed
  } fault_e;

  typedef struct packed {
    fault_e      kind;
    logic [15:0] code;
    logic [31:0] target;     // FAULT_TARGET of the context
    logic [63:0] gva;
    logic        gva_valid;  // the fault belongs to the translation of gva
    logic [63:0] addr;
  } fault_t;

  typedef struct packed {
    logic [CtxWidth-1:0] ctx;
    logic [IdWidth-1:0]  id;
    source_e             source;
    logic [PaWidth-1:0]  hpa;    // meaningful when fault.kind is FaultNone, like the five that follow
    size_e               size;   // the smaller of the guest's and the nested page
    logic [2:0]          pat;    // PAT index {PAT, PCD, PWT} of the guest leaf
    logic [2:0]          emt;    // EPT memory type, 6 (write-back) when EPT is off
    logic                ipat;   // EPT ignore-PAT, 0 when EPT is off
    fault_t              fault;
  } rsp_t;

  // ---------------------------------------------------------------- memory port
  // Every request gets exactly one reply with its id. Replies may come in any order, and the MMU takes
  // each in the cycle in which it is shown. addr is 8-byte aligned.
  typedef enum logic [1:0] {
    MemRead  = 2'd0,
    MemCas   = 2'd1,   // write wdata if the word equals expected; the reply carries the word found
    MemWrite = 2'd2
  } mem_op_e;

  typedef struct packed {
    mem_op_e               op;
    logic [MemIdWidth-1:0] id;        // not reused while outstanding
    logic [PaWidth-1:0]    addr;
    logic [63:0]           wdata;
    logic [63:0]           expected;
  } mem_req_t;

  typedef struct packed {
    logic [MemIdWidth-1:0] id;
    logic [63:0]           data;
    logic                  error;
  } mem_rsp_t;

  // ---------------------------------------------------------------- invalidation port
  typedef enum logic [3:0] {
    InvInvlpg   = 4'd0,   // addr: gVA
    InvPcid0    = 4'd1,   // one address (addr) of a PCID
    InvPcid1    = 4'd2,   // one PCID, globals stay
    InvPcid2    = 4'd3,   // all of the context, globals too
    InvPcid3    = 4'd4,   // all of the context, globals stay
    InvLoadCr3  = 4'd5,   // addr: the new CR3, bit 63 keeps the entries (SDM 4.10.4.1)
    InvVpid0    = 4'd6,   // one address (addr) of a VPID, in every context
    InvVpid1    = 4'd7,
    InvVpid2    = 4'd8,
    InvVpid3    = 4'd9,
    InvEpt1     = 4'd10,  // addr: the EPTP
    InvEpt2     = 4'd11,
    InvCtx      = 4'd12,
    InvAll      = 4'd13
  } inv_op_e;

  typedef struct packed {
    inv_op_e             op;
    logic [CtxWidth-1:0] ctx;
    logic [IdWidth-1:0]  id;     // not reused while outstanding; the acknowledgement carries it
    logic [63:0]         addr;
    logic [11:0]         pcid;
    logic [15:0]         vpid;
  } inv_req_t;

  // vmmu_csr_axil keeps the ids from here up, + context, for the commands of the guest pages.
  localparam logic [IdWidth-1:0] GuestInvId = 8'hf0;

  // ---------------------------------------------------------------- register port
  typedef struct packed {
    logic                    write;
    logic [1:0]              half;   // 32-bit words concerned: bit 0 low, bit 1 high; not 0
    logic [RegAddrWidth-1:0] addr;   // byte address, 8-byte aligned
    logic [63:0]             wdata;
  } reg_req_t;

  typedef struct packed {
    logic [63:0] rdata;
    logic        error;   // undefined address, write of what is read-only, (G)COMMIT while an earlier one is pending
  } reg_rsp_t;

  // Address map: the global page at 0, the host page of context c at 0x10000 + c * 0x2000, its guest
  // page 0x1000 above it. Of the guest page the register port of vmmu_top has what lies at RegGuestEvents and above;
  // the guest's own invalidations, below it, are in vmmu_csr_axil.
  // rtl/vmmu.rdl describes the registers; scripts/check-registers compares it with the numbers here.
  localparam logic [RegAddrWidth-1:0] RegGlobalId = 20'h00000;      // RO "VMMU" and version
  localparam logic [RegAddrWidth-1:0] RegGlobalCtrl = 20'h00010;    // bits below
  localparam logic [RegAddrWidth-1:0] RegGlobalCaps = 20'h00100;    // RO, field n of cfg_t at + 8 * n
  localparam logic [RegAddrWidth-1:0] RegHostBase = 20'h10000;
  localparam logic [RegAddrWidth-1:0] RegHostStride = 20'h02000;

  // Offsets inside a host page. Staged: written now, active after COMMIT. Live: active at once.
  localparam logic [11:0] RegCtrl = 12'h000;          // staged, bits below
  localparam logic [11:0] RegCr3 = 12'h008;           // staged
  localparam logic [11:0] RegEptp = 12'h010;          // staged
  localparam logic [11:0] RegVpid = 12'h018;          // staged, 16 bits
  localparam logic [11:0] RegPkru = 12'h020;          // staged, 32 bits
  localparam logic [11:0] RegMaxPhyAddr = 12'h028;    // staged, 32 .. PaBits
  localparam logic [11:0] RegFaultTarget = 12'h030;   // staged, 32 bits
  localparam logic [11:0] RegCommit = 12'h038;        // write: COMMIT; read: reason of the last rejection, 0 = accepted
  localparam logic [11:0] RegPmlAddr = 12'h040;       // staged, 4 KiB aligned
  localparam logic [11:0] RegPmlIndex = 12'h048;      // live, 16 bits
  localparam logic [11:0] RegPmlWatermark = 12'h050;  // staged, 16 bits
  localparam logic [11:0] RegEvents = 12'h058;        // live, write one to clear, bits below
  localparam logic [11:0] RegLogErrorRec = 12'h060;   // live RO: the record that memory refused
  localparam logic [11:0] RegPrlAddr = 12'h080;       // staged, 4 KiB aligned, like the second one
  localparam logic [11:0] RegPrlAddr2 = 12'h088;
  localparam logic [11:0] RegPrlIndex = 12'h090;      // live, 16 bits
  localparam logic [11:0] RegPrlWatermark = 12'h098;  // staged, 16 bits
  localparam logic [11:0] RegPrlTarget = 12'h0a0;     // staged, 32 bits
  localparam logic [11:0] RegPrlDrops = 12'h0a8;      // live, 32 bits; a write clears
  localparam logic [11:0] RegPrlStatus = 12'h0b0;     // live: bit 0 buffer in use, bits 2:1 full, write one to clear
  localparam logic [11:0] RegCounters = 12'h100;      // live RO, counter n at + 8 * n
  localparam logic [11:0] RegVseg = 12'h400;          // staged, VMM segment n at + VsegStride * n, offsets Seg... below
  localparam logic [11:0] VsegStride = 12'h040;
  localparam logic [11:0] RegVfilter = 12'h600;       // staged, lane n of the VMM filter at + 8 * n
  localparam logic [11:0] RegShadowRoots = 12'h700;   // live, row n at + ShadowRootStride * n, offsets Row... below
  localparam logic [11:0] ShadowRootStride = 12'h020;
  localparam logic [11:0] RegRootDone = 12'h800;      // write: searches the shadow-root buffer again
  localparam logic [11:0] RegSyncOp = 12'h808;        // live RO: the oldest synchronization, bit 8 = there is one
  localparam logic [11:0] RegSyncAddr = 12'h810;      // live RO: its gVA
  localparam logic [11:0] RegSyncPcid = 12'h818;      // live RO: its PCID
  localparam logic [11:0] RegSyncDone = 12'h820;      // write: the oldest synchronization is done

  // Offsets inside a guest page.
  localparam logic [11:0] RegInvAddr = 12'h000;       // 64 bits: gVA, or the CR3 to load
  localparam logic [11:0] RegInvPcid = 12'h008;       // 12 bits
  localparam logic [11:0] RegInvCommand = 12'h010;    // write: starts inv_op_e 0 .. 5 for this context; read: latest
  localparam logic [11:0] RegInvStatus = 12'h018;     // RO bit 0 busy, bit 1 refused as invalid
  localparam logic [11:0] RegGuestEvents = 12'h020;   // live, write one to clear, bits below
  localparam logic [11:0] RegGcommit = 12'h028;       // write: GCOMMIT; read: reason of the last rejection
  localparam logic [11:0] RegGseg = 12'h040;          // staged, guest segment, offsets Seg... below
  localparam logic [11:0] RegGfilter = 12'h060;       // staged, lane n of the guest filter at + 8 * n

  localparam logic [11:0] RegEpmlCtrl = 12'h080;      // staged: bit 0 enable, bit 1 trigger
  localparam logic [11:0] RegEpmlAddr = 12'h088;      // staged, 4 KiB aligned
  localparam logic [11:0] RegEpmlIndex = 12'h090;     // live, 16 bits
  localparam logic [11:0] RegEpmlWatermark = 12'h098; // staged, 16 bits

  // Offsets inside a segment, and inside a row of the shadow-root buffer.
  localparam logic [11:0] SegBase = 12'h000;
  localparam logic [11:0] SegLimit = 12'h008;
  localparam logic [11:0] SegOffset = 12'h010;
  localparam logic [11:0] SegAttr = 12'h018;
  localparam logic [11:0] SegBitmap = 12'h020;        // VMM segments only
  localparam logic [11:0] RowGuestRoot = 12'h000;
  localparam logic [11:0] RowShadowRoot = 12'h008;
  localparam logic [11:0] RowTag = 12'h010;
  localparam logic [11:0] RowValid = 12'h018;

  // Bits of CTRL. Reserved ones are rejected by COMMIT in this version.
  localparam int unsigned CtrlVirt = 0;
  localparam int unsigned CtrlEptEn = 1;
  localparam int unsigned CtrlWp = 2;
  localparam int unsigned CtrlNxe = 3;
  localparam int unsigned CtrlPge = 4;
  localparam int unsigned CtrlPcide = 5;
  localparam int unsigned CtrlSmep = 6;
  localparam int unsigned CtrlSmap = 7;
  localparam int unsigned CtrlPke = 8;
  localparam int unsigned CtrlLa57 = 9;
  localparam int unsigned CtrlMbe = 10;
  localparam int unsigned CtrlAdvInfo = 11;
  localparam int unsigned CtrlShadow = 12;      // reserved in a build without shadow roots
  localparam int unsigned CtrlPmlEn = 13;
  localparam int unsigned CtrlPrlEn = 14;       // reserved in a build without Prl, like the next one
  localparam int unsigned CtrlPrlDouble = 15;
  localparam int unsigned CtrlSegLogEn = 16;    // reserved in a build without SegLog
  localparam int unsigned CtrlSegPromote = 17;
  localparam int unsigned CtrlVsegMiss = 18;    // 1: an access outside the VMM segments is a violation exit
  localparam int unsigned CtrlPage1G = 19;      // guest 1 GiB pages (CPUID 80000001H EDX bit 26)
  localparam int unsigned CtrlWidth = 20;

  // Reasons of a rejected COMMIT, as RegCommit reads.
  localparam logic [7:0] RejectNone = 8'd0;
  localparam logic [7:0] RejectUnsupported = 8'd1;  // a reserved CTRL bit
  localparam logic [7:0] RejectVirt = 8'd2;         // EPT_EN, SHADOW or a non-empty VMM segment without VIRT
  localparam logic [7:0] RejectEptp = 8'd3;         // walk length other than 4, type other than 0 or 6, reserved bits
  localparam logic [7:0] RejectMaxPhyAddr = 8'd4;   // outside 32 .. PaBits
  localparam logic [7:0] RejectCr3 = 8'd5;          // bits at or above MAXPHYADDR
  localparam logic [7:0] RejectPmlAddr = 8'd6;      // bits at or above MAXPHYADDR, with PML_EN
  localparam logic [7:0] RejectShadow = 8'd7;       // SHADOW with EPT_EN or a non-empty segment
  localparam logic [7:0] RejectVsegMiss = 8'd8;     // a non-empty VMM segment, VSEG_MISS = 0 and no EPT behind it
  localparam logic [7:0] RejectSegmentOverlap = 8'd9;  // two VMM segments share a page
  localparam logic [7:0] RejectSegmentWrap = 8'd10;    // an image of a segment goes over the end of the address space
  localparam logic [7:0] RejectPrlAddr = 8'd11;        // bits at or above MAXPHYADDR, with PRL_EN
  localparam logic [7:0] RejectBitmap = 8'd12;         // a word of a bitmap at or above MAXPHYADDR, with SEG_LOG_EN

  // Bits of GLOBAL_CTRL.
  localparam int unsigned GlobalCacheBypass = 0;
  localparam int unsigned GlobalFreeze = 1;     // no counter counts
  localparam int unsigned GlobalSkipGuest = 2;  // events of contexts with VIRT do not count
  localparam int unsigned GlobalSkipHost = 3;   // events of contexts without do not
  localparam int unsigned GlobalCtrlWidth = 4;

  // Bits of EVENTS.
  localparam int unsigned EvCommitRejected = 0;
  localparam int unsigned EvPmlWatermark = 1;
  localparam int unsigned EvPrlFull = 2;
  localparam int unsigned EvPrlWatermark = 3;
  localparam int unsigned EvLogError = 4;
  localparam int unsigned EvShadowRoot = 5;
  localparam int unsigned EvSyncPending = 6;
  localparam int unsigned EvWatchdog = 7;
  localparam int unsigned NumEvents = 8;

  // Bits of GUEST_EVENTS.
  localparam int unsigned EvEpmlFull = 0;
  localparam int unsigned EvEpmlWatermark = 1;
  localparam int unsigned EvGuestCommitRejected = 2;
  localparam int unsigned NumGuestEvents = 3;

  // Counters of a context.
  localparam int unsigned CntRequests = 0;
  localparam int unsigned CntL1Hits = 1;
  localparam int unsigned CntL1Misses = 2;
  localparam int unsigned CntWalks = 3;
  localparam int unsigned CntGuestRefs = 4;    // guest table entries read (native walks count here)
  localparam int unsigned CntNestedRefs = 5;   // EPT entries read
  localparam int unsigned CntSwaps = 6;        // compare-and-swaps issued
  localparam int unsigned CntWalkCycles = 7;   // sum over slots of cycles in use
  localparam int unsigned CntPmlRecords = 8;   // PML records written
  localparam int unsigned CntFaults = 9;       // all faults reported
  localparam int unsigned CntRestarts = 10;    // walks started again from the root
  localparam int unsigned CntCycles = 11;      // clock cycles since reset
  localparam int unsigned CntSegChecks = 12;   // addresses held against the segments of one level
  localparam int unsigned CntFilterHits = 13;  // addresses inside a segment that its filter lets escape
  localparam int unsigned CntSegHits = 14;     // requests answered by segments without a walk
  localparam int unsigned CntL2Hits = 15;      // requests answered by the L2
  localparam int unsigned CntFaultKind = 16;   // + fault_e: faults of that kind
  localparam int unsigned CntL2Misses = 32;    // requests that the L2 let go on to the walker
  localparam int unsigned CntNtlbHits = 33;    // guest-physical pages that the nested TLB translated
  localparam int unsigned CntNtlbMisses = 34;
  localparam int unsigned CntGuestPscHits = 35;  // walks that a guest structure cache let begin below the root
  localparam int unsigned CntGuestPscMisses = 36;
  localparam int unsigned CntNestedPscHits = 37;  // the same of nested translations
  localparam int unsigned CntNestedPscMisses = 38;
  localparam int unsigned CntMerged = 39;      // requests that joined a walk on its way to the same page
  localparam int unsigned CntBitmapReads = 40; // words of segment bitmaps read
  localparam int unsigned CntPrlRecords = 41;
  localparam int unsigned CntEpmlRecords = 42;
  localparam int unsigned CntPrlDrops = 43;    // PRL records that found no room
  localparam int unsigned CntWalkMode = 44;    // + walk_mode_e: walks started in that mode
  localparam int unsigned NumWalkModes = 8;
  localparam int unsigned CntWalkSlots = 52;   // + n: cycles with n + 1 slots in use; the last one: or more
  localparam int unsigned NumWalkSlotCounters = 8;
  localparam int unsigned NumCounters = 60;

  // What the registers that a walk started under make it (docs/contract.md, cost of a walk).
  typedef enum logic [2:0] {
    WalkNative      = 3'd0,  // guest tables alone
    WalkDirect      = 3'd1,  // guest segment, nothing below; outside of it
    WalkNested      = 3'd2,  // EPT, no segment
    WalkVmmDirect   = 3'd3,  // VMM segments, EPT behind them
    WalkGuestDirect = 3'd4,  // guest segment, EPT
    WalkDualDirect  = 3'd5,  // guest and VMM segments
    WalkTiled       = 3'd6,  // VMM segments or nothing (VSEG_MISS)
    WalkShadow      = 3'd7
  } walk_mode_e;

endpackage
