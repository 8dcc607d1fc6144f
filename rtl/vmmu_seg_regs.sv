// The staged registers of segments and escape filters: of the guest page eight in a row, of the host page those of
// the VMM segments that the build has, and the VMM filter. All are 0 after reset: every segment is empty.
module vmmu_seg_regs
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,
    input  logic        init_i,         // writes the reset values of row_i
    input  logic [$clog2(Cfg.NumContexts)-1:0] row_i,
    // one register, of the guest page or of the host page
    input  logic [$clog2(Cfg.NumContexts)-1:0] ctx_i,
    input  logic        guest_i,
    input  logic [11:0] offset_i,
    input  logic        we_i,
    input  logic [63:0] wdata_i,
    output logic        known_o,        // such a register exists
    output logic        wide_o,         // it has more than 32 bits
    output logic [63:0] rdata_o,        // 0 when it does not exist
    // what is staged for ctx_i
    output guest_seg_t  gseg_o,
    output filter_t     gfilter_o,
    output vmm_seg_t [MaxVmmSegments-1:0] vseg_o,
    output filter_t     vfilter_o
);
  localparam int unsigned Rows = Cfg.NumContexts;
  localparam int unsigned Lanes = 4;
  localparam int unsigned AttrWidth = 4;
  // Columns: guest segment, guest filter, VMM filter, and four for each VMM segment.
  localparam int unsigned GsegAt = 0;
  localparam int unsigned GfilterAt = 4;
  localparam int unsigned VfilterAt = GfilterAt + Lanes;
  localparam int unsigned VsegAt = VfilterAt + Lanes;
  localparam int unsigned Columns = VsegAt + 4 * MaxVmmSegments;

  logic [Columns-1:0] selected, narrow;
  logic [Columns-1:0][63:0] words;

  // ---------------------------------------------------------------- address
  // Only whole registers: offsets are multiples of 8.
  function automatic logic at(logic page, logic [11:0] first, int unsigned number);
    return (guest_i == page) && (offset_i == first + 12'(8 * number));
  endfunction
  always_comb begin
    selected = '0;
    narrow   = '0;
    narrow[GsegAt+3] = 1'b1;
    for (int unsigned i = 0; i < 4; i++) begin
      selected[GsegAt+i]    = at(1'b1, RegGseg, i);
      selected[GfilterAt+i] = at(1'b1, RegGfilter, i);
      selected[VfilterAt+i] = at(1'b0, RegVfilter, i) && (Cfg.NumVmmSegments != 0);
      for (int unsigned n = 0; n < MaxVmmSegments; n++) begin
        selected[VsegAt+4*n+i] = at(1'b0, RegVseg + 12'(n) * VsegStride, i) && (n < Cfg.NumVmmSegments);
        narrow[VsegAt+4*n+3]   = 1'b1;
      end
    end
  end
  assign known_o = |selected;
  assign wide_o  = |(selected & ~narrow);
  always_comb begin
    rdata_o = '0;
    for (int unsigned i = 0; i < Columns; i++) rdata_o = rdata_o | (selected[i] ? words[i] : '0);
  end

  // ---------------------------------------------------------------- storage
  // Bits [High:Low] of a word exist; the others read 0.
  for (genvar i = 0; i < Columns; i++) begin : g_column
    localparam bit IsFilter = (i >= GfilterAt) && (i < VsegAt);
    localparam bit IsVmm = i >= VsegAt;
    localparam bit IsAttr = !IsFilter && (i % 4 == 3);
    localparam bit IsBound = IsVmm && (i % 4 < 2);  // BASE or LIMIT of a VMM segment: at most 2**52
    localparam int unsigned Low = (IsFilter || IsAttr) ? 0 : 12;
    localparam int unsigned High = IsAttr ? (IsVmm ? 2 : 3) : (IsBound ? 52 : 63);
    localparam bit Exists = (i < VfilterAt) ||
                            (IsVmm ? (i < VsegAt + 4 * Cfg.NumVmmSegments) : (Cfg.NumVmmSegments != 0));
    if (Exists) begin : g_storage
      logic [High-Low:0] bits;
      vmmu_staged_column #(.Width(High - Low + 1), .Rows(Rows)) u_column (
          .clk_i, .we_i(init_i || (we_i && selected[i])), .row_i,
          .wdata_i(init_i ? '0 : wdata_i[High:Low]), .read_row_i(ctx_i), .rdata_o(bits)
      );
      assign words[i] = 64'(bits) << Low;
    end else begin : g_none
      assign words[i] = '0;
    end
  end

  // ---------------------------------------------------------------- as structs
  always_comb begin
    gseg_o = '{
        base: words[GsegAt][63:12], limit: words[GsegAt+1][63:12], offset: words[GsegAt+2][63:12],
        attr: words[GsegAt+3][AttrWidth-1:0]
    };
    for (int unsigned i = 0; i < Lanes; i++) begin
      gfilter_o[i] = words[GfilterAt+i];
      vfilter_o[i] = words[VfilterAt+i];
    end
    for (int unsigned n = 0; n < MaxVmmSegments; n++) begin
      vseg_o[n] = '{
          base: words[VsegAt+4*n][52:12], limit: words[VsegAt+4*n+1][52:12], offset: words[VsegAt+4*n+2][63:12],
          attr: words[VsegAt+4*n+3][AttrWidth-1:0]
      };
    end
  end
endmodule
