`include "vmmu_macros.svh"

// Paging-structure caches of one kind of table: pointers to its level-3, level-2 and level-1 tables, found by the part
// of the page number that leads there. The deepest one counts. Level-4 tables have no cache: the root is one, and what
// lies above the others is hardly ever missed.
module vmmu_psc
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    parameter int unsigned PageWidth = 45,  // bits of a page number: > 27
    parameter int unsigned DataWidth = 44
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    // lookup, as in vmmu_walk_cache
    input  logic                  read_i,
    input  logic [PageWidth-1:0]  read_page_i,
    input  logic [PageWidth-1:0]  page_i,
    input  logic [SpaceWidth-1:0] number_i,
    output logic                  hit_o,
    output logic [1:0]            level_o,   // of the table that the entry points to
    output logic [DataWidth-1:0]  data_o,
    input  logic                  touch_i,
    // maintenance
    input  logic                  fill_i,
    input  logic [1:0]            fill_level_i,
    input  logic [PageWidth-1:0]  fill_page_i,
    input  logic [SpaceWidth-1:0] fill_number_i,
    input  logic [DataWidth-1:0]  fill_data_i,
    input  logic                  cancel_i,
    input  logic                  clear_i
);
  if (Cfg.PscEntries == 0) begin : g_none
    assign hit_o   = 1'b0;
    assign level_o = 2'd0;
    assign data_o  = '0;
    logic unused_inputs;
    assign unused_inputs = ^{clk_i, rst_ni, read_i, read_page_i, page_i, number_i, touch_i, fill_i, fill_level_i,
                             fill_page_i, fill_number_i, fill_data_i, cancel_i, clear_i};
  end else begin : g_caches
    logic [3:1] hit, touch, unused_wide;
    logic [3:1][DataWidth-1:0] data;
    for (genvar l = 1; l <= 3; l++) begin : g_level
      localparam int unsigned Entries = (l == 1) ? Cfg.PscEntries : (l == 2) ? Cfg.Psc3Entries : Cfg.Psc4Entries;
      localparam int unsigned Ways = (l == 1) ? Cfg.PscWays : (l == 2) ? Cfg.Psc3Ways : Cfg.Psc4Entries;
      localparam int unsigned Shift = 9 * l;
      vmmu_walk_cache #(
          .Sets(Entries / Ways), .Ways(Ways), .KeyWidth(PageWidth - Shift), .DataWidth(DataWidth)
      ) u_cache (
          .clk_i, .rst_ni,
          .read_i, .read_key_i(read_page_i[PageWidth-1:Shift]), .key_i(page_i[PageWidth-1:Shift]), .number_i,
          .hit_o(hit[l]), .wide_o(unused_wide[l]), .data_o(data[l]), .touch_i(touch[l]),
          .fill_i(fill_i && (fill_level_i == 2'(l))), .fill_key_i(fill_page_i[PageWidth-1:Shift]), .fill_number_i,
          .fill_wide_i(1'b0), .fill_data_i, .cancel_i, .clear_i
      );
      assign touch[l] = touch_i && (level_o == 2'(l));
    end
    assign hit_o   = |hit;
    assign level_o = hit[1] ? 2'd1 : hit[2] ? `VMMU_MUT(131, 2'd2, 2'd3) : 2'd3;
    assign data_o  = hit[1] ? data[1] : hit[2] ? data[2] : data[3];

    logic unused_low;
    assign unused_low = ^{read_page_i[8:0], page_i[8:0], fill_page_i[8:0], unused_wide};
  end
endmodule
