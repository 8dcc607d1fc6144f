// The nested TLB: guest-physical pages that EPT translates, 4 KiB ones in a set-associative array, larger ones in a
// fully associative one of both sizes.
module vmmu_nested_tlb
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    parameter int unsigned PageWidth = 36  // bits of a guest-physical page number: > 18
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    // lookup, as in vmmu_walk_cache
    input  logic                  read_i,
    input  logic [PageWidth-1:0]  read_page_i,
    input  logic [PageWidth-1:0]  page_i,
    input  logic [SpaceWidth-1:0] number_i,
    output logic                  hit_o,
    output nested_t               data_o,    // frame: of the 4 KiB page asked for
    input  logic                  touch_i,
    // maintenance
    input  logic                  fill_i,
    input  logic [PageWidth-1:0]  fill_page_i,
    input  logic [SpaceWidth-1:0] fill_number_i,
    input  nested_t               fill_data_i,
    input  logic                  cancel_i,
    input  logic                  clear_i
);
  if (Cfg.NtlbEntries == 0) begin : g_none
    assign hit_o  = 1'b0;
    assign data_o = '0;
    logic unused_inputs;
    assign unused_inputs = ^{clk_i, rst_ni, read_i, read_page_i, page_i, number_i, touch_i, fill_i, fill_page_i,
                             fill_number_i, fill_data_i, cancel_i, clear_i};
  end else begin : g_ntlb
    localparam int unsigned FrameBits = Cfg.PaBits - 12;
    // What is kept; the size stands in the array and in its mark of a wide entry.
    typedef struct packed {
      logic [FrameBits-1:0] frame;
      ept_perm_t            perm;
      logic [2:0]           emt;
      logic                 ipat;
      logic                 dirty;
    } kept_t;
    kept_t fill_data, small_data, large_data, chosen;
    logic  small_hit, large_hit, unused_wide, giant;
    assign fill_data = '{frame: FrameBits'(fill_data_i.frame), perm: fill_data_i.perm, emt: fill_data_i.emt,
                         ipat: fill_data_i.ipat, dirty: fill_data_i.dirty};

    vmmu_walk_cache #(
        .Sets(Cfg.NtlbEntries / Cfg.NtlbWays), .Ways(Cfg.NtlbWays), .KeyWidth(PageWidth), .DataWidth($bits(kept_t))
    ) u_small (
        .clk_i, .rst_ni, .read_i, .read_key_i(read_page_i), .key_i(page_i), .number_i,
        .hit_o(small_hit), .wide_o(unused_wide), .data_o(small_data), .touch_i(touch_i && small_hit),
        .fill_i(fill_i && (fill_data_i.size == Size4K)), .fill_key_i(fill_page_i), .fill_number_i,
        .fill_wide_i(1'b0), .fill_data_i(fill_data), .cancel_i, .clear_i
    );
    vmmu_walk_cache #(
        .Sets(1), .Ways(Cfg.NtlbLarge), .KeyWidth(PageWidth - 9), .DataWidth($bits(kept_t)), .WideBits(9)
    ) u_large (
        .clk_i, .rst_ni, .read_i, .read_key_i(read_page_i[PageWidth-1:9]), .key_i(page_i[PageWidth-1:9]), .number_i,
        .hit_o(large_hit), .wide_o(giant), .data_o(large_data), .touch_i(touch_i && large_hit && !small_hit),
        .fill_i(fill_i && (fill_data_i.size != Size4K)), .fill_key_i(fill_page_i[PageWidth-1:9]), .fill_number_i,
        .fill_wide_i(fill_data_i.size == Size1G), .fill_data_i(fill_data), .cancel_i, .clear_i
    );

    // Both answer only when software changed the page's size without an invalidation; either is legal then.
    assign hit_o  = small_hit || large_hit;
    assign chosen = small_hit ? small_data : large_data;
    always_comb begin
      data_o = '{frame: FrameWidth'(chosen.frame), size: Size4K, perm: chosen.perm, emt: chosen.emt,
                 ipat: chosen.ipat, dirty: chosen.dirty};
      if (!small_hit) begin
        data_o.size       = giant ? Size1G : Size2M;
        data_o.frame[8:0] = page_i[8:0];
        if (giant) data_o.frame[17:9] = page_i[17:9];
      end
    end
  end
endmodule
