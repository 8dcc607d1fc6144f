// The staged registers of the page-reference log, the guest's own log and the dirty bitmaps of VMM segments. A build
// has those of the logs that it has.
module vmmu_log_regs
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
    output logic        bitmap_o,       // it is a bitmap's address
    output logic [63:0] rdata_o,        // 0 when it does not exist
    output log_regs_t   log_o           // what is staged for ctx_i
);
  localparam int unsigned Rows = Cfg.NumContexts;
  // Columns: the registers of the page-reference log, those of the guest's log, the bitmaps.
  localparam int unsigned PrlAt = 0;
  localparam int unsigned EpmlAt = 4;
  localparam int unsigned BitmapAt = 7;
  localparam int unsigned Columns = BitmapAt + MaxVmmSegments;

  typedef struct packed {
    logic        exists;
    logic        guest;   // of the guest page
    logic [11:0] offset;
    logic [5:0]  high;    // bits high to low of the word exist, the others read 0
    logic [5:0]  low;
    logic        ones;    // all of them are 1 after reset
  } column_t;

  function automatic column_t column(int unsigned i);
    logic prl, epml, bitmap;
    prl    = Cfg.Prl != 0;
    epml   = Cfg.Epml != 0;
    bitmap = (Cfg.SegLog != 0) && (i < BitmapAt + Cfg.NumVmmSegments);
    unique case (i)
      PrlAt:      return '{exists: prl, guest: 1'b0, offset: RegPrlAddr, high: 6'd63, low: 6'd12, ones: 1'b0};
      PrlAt + 1:  return '{exists: prl, guest: 1'b0, offset: RegPrlAddr2, high: 6'd63, low: 6'd12, ones: 1'b0};
      PrlAt + 2:  return '{exists: prl, guest: 1'b0, offset: RegPrlWatermark, high: 6'd15, low: 6'd0, ones: 1'b1};
      PrlAt + 3:  return '{exists: prl, guest: 1'b0, offset: RegPrlTarget, high: 6'd31, low: 6'd0, ones: 1'b0};
      EpmlAt:     return '{exists: epml, guest: 1'b1, offset: RegEpmlCtrl, high: 6'd1, low: 6'd0, ones: 1'b0};
      EpmlAt + 1: return '{exists: epml, guest: 1'b1, offset: RegEpmlAddr, high: 6'd63, low: 6'd12, ones: 1'b0};
      EpmlAt + 2: return '{exists: epml, guest: 1'b1, offset: RegEpmlWatermark, high: 6'd15, low: 6'd0, ones: 1'b1};
      default:    return '{exists: bitmap, guest: 1'b0, offset: RegVseg + SegBitmap + 12'(i - BitmapAt) * VsegStride,
                           high: 6'd63, low: 6'd12, ones: 1'b0};
    endcase
  endfunction

  logic [Columns-1:0] selected, wide;
  logic [Columns-1:0][63:0] words;
  for (genvar i = 0; i < Columns; i++) begin : g_column
    localparam column_t Column = column(i);
    localparam int unsigned Low = 32'(Column.low);
    localparam int unsigned Width = 32'(Column.high) - Low + 1;
    assign selected[i] = Column.exists && (guest_i == Column.guest) && (offset_i == Column.offset);
    assign wide[i]     = Column.high > 6'd31;
    if (Column.exists) begin : g_storage
      logic [Width-1:0] bits;
      vmmu_staged_column #(.Width(Width), .Rows(Rows)) u_column (
          .clk_i, .we_i(init_i || (we_i && selected[i])), .row_i,
          .wdata_i(init_i ? {Width{Column.ones}} : wdata_i[Low+Width-1:Low]), .read_row_i(ctx_i), .rdata_o(bits)
      );
      assign words[i] = 64'(bits) << Low;
    end else begin : g_none
      assign words[i] = '0;
    end
  end

  assign known_o  = |selected;
  assign wide_o   = |(selected & wide);
  assign bitmap_o = |selected[Columns-1:BitmapAt];
  always_comb begin
    rdata_o = '0;
    for (int unsigned i = 0; i < Columns; i++) rdata_o = rdata_o | (selected[i] ? words[i] : '0);
    log_o = '{
        prl_addr: words[PrlAt][63:12], prl_addr2: words[PrlAt+1][63:12], prl_watermark: words[PrlAt+2][15:0],
        epml_en: words[EpmlAt][0], epml_ept: words[EpmlAt][1], epml_addr: words[EpmlAt+1][63:12],
        epml_watermark: words[EpmlAt+2][15:0], bitmap: '0
    };
    for (int unsigned n = 0; n < MaxVmmSegments; n++) log_o.bitmap[n] = words[BitmapAt+n][63:12];
  end

  logic unused_bits;  // a build may have none of them
  assign unused_bits = ^{clk_i, init_i, row_i, ctx_i, we_i, wdata_i};
endmodule
