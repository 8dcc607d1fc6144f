`include "vmmu_macros.svh"

// What the walker remembers of tables: the structure caches of the guest's tables and of the nested ones, and the
// nested TLB. Entries of the guest's carry the number of the PCID, as TLB entries do. Nested ones carry the context's
// global number: invalidations of a PCID leave it in force, and everything that retires translations of an EPT root or
// of a context retires it.
module vmmu_walk_caches
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer)
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // lookup, select stage
    input  logic        guest_read_i,
    input  logic [56:12] guest_page_i,     // gVA
    input  logic        nested_read_i,
    input  logic [47:12] nested_page_i,    // gPA; four EPT levels translate no more
    // step stage
    input  miss_t       miss_i,            // whose walk it is
    input  logic [47:12] step_page_i,      // nested_page_i of the cycle before
    output walk_cached_t found_o,
    input  walk_used_t  used_i,
    input  walk_cached_t fill_i,           // what the step found out, for the gVA of miss_i and for
    input  logic [47:12] fill_page_i,      // this gPA
    // the second-level TLB, with NtlbInL2: a nested TLB that lies outside
    input  logic        outer_found_i,
    input  nested_t     outer_i,
    output logic        outer_touch_o,
    output nested_fill_t outer_fill_o,
    // maintenance
    input  logic        cancel_i,          // fills under way are lost
    input  logic        guest_clear_i,     // everything of the guest's tables goes
    input  logic        clear_i            // everything goes
);
  localparam int unsigned FrameBits = Cfg.PaBits - 12;
  // Guest-physical addresses have at most as many bits as physical ones.
  localparam int unsigned GpaBits = (Cfg.PaBits < 48) ? Cfg.PaBits : 48;
  typedef struct packed {
    logic [FrameBits-1:0] frame;
    guest_perm_t          perm;
    logic                 w;
  } guest_t;
  typedef struct packed {
    logic [FrameBits-1:0] frame;
    ept_perm_t            perm;
  } nested_ptr_t;

  guest_t guest, guest_fill;
  assign guest_fill = '{frame: FrameBits'(fill_i.guest_frame), perm: fill_i.guest_perm, w: fill_i.guest_w};
  vmmu_psc #(.Cfg(Cfg), .PageWidth(45), .DataWidth($bits(guest_t))) u_guest_psc (
      .clk_i, .rst_ni,
      .read_i(guest_read_i), .read_page_i(guest_page_i), .page_i(miss_i.req.gva[56:12]),
      .number_i(`VMMU_MUT(202, miss_i.space, miss_i.gspace)),
      .hit_o(found_o.guest_valid), .level_o(found_o.guest_level), .data_o(guest), .touch_i(used_i.guest),
      .fill_i(fill_i.guest_valid), .fill_level_i(fill_i.guest_level), .fill_page_i(miss_i.req.gva[56:12]),
      .fill_number_i(`VMMU_MUT(202, miss_i.space, miss_i.gspace)), .fill_data_i(guest_fill),
      .cancel_i, .clear_i(`VMMU_MUT(203, guest_clear_i, 1'b0) || clear_i)
  );
  assign found_o.guest_frame = FrameWidth'(guest.frame);
  assign found_o.guest_perm  = guest.perm;
  assign found_o.guest_w     = guest.w;

  nested_ptr_t nested, nested_fill;
  assign nested_fill = '{frame: FrameBits'(fill_i.nested_frame), perm: fill_i.nested_perm};
  vmmu_psc #(.Cfg(Cfg), .PageWidth(GpaBits - 12), .DataWidth($bits(nested_ptr_t))) u_nested_psc (
      .clk_i, .rst_ni,
      .read_i(nested_read_i), .read_page_i(nested_page_i[GpaBits-1:12]), .page_i(step_page_i[GpaBits-1:12]),
      .number_i(miss_i.gspace),
      .hit_o(found_o.nested_valid), .level_o(found_o.nested_level), .data_o(nested), .touch_i(used_i.nested),
      .fill_i(fill_i.nested_valid), .fill_level_i(fill_i.nested_level), .fill_page_i(fill_page_i[GpaBits-1:12]),
      .fill_number_i(miss_i.gspace), .fill_data_i(nested_fill), .cancel_i, .clear_i
  );
  assign found_o.nested_frame = FrameWidth'(nested.frame);
  assign found_o.nested_perm  = nested.perm;

  logic    page_found;
  nested_t page;
  vmmu_nested_tlb #(.Cfg(Cfg), .PageWidth(GpaBits - 12)) u_nested_tlb (
      .clk_i, .rst_ni,
      .read_i(nested_read_i), .read_page_i(nested_page_i[GpaBits-1:12]), .page_i(step_page_i[GpaBits-1:12]),
      .number_i(miss_i.gspace),
      .hit_o(page_found), .data_o(page), .touch_i(used_i.page),
      .fill_i(fill_i.page_valid), .fill_page_i(fill_page_i[GpaBits-1:12]), .fill_number_i(miss_i.gspace),
      .fill_data_i(fill_i.page), .cancel_i, .clear_i
  );

  assign found_o.page_valid = (Cfg.NtlbInL2 != 0) ? outer_found_i : page_found;
  assign found_o.page       = (Cfg.NtlbInL2 != 0) ? outer_i : page;
  assign outer_touch_o      = (Cfg.NtlbInL2 != 0) && used_i.page;
  assign outer_fill_o       = '{valid: (Cfg.NtlbInL2 != 0) && fill_i.page_valid, page: fill_page_i,
                                number: miss_i.gspace, data: fill_i.page};

  logic unused_bits;
  assign unused_bits = ^{miss_i, nested_page_i, step_page_i, fill_page_i, fill_i};
endmodule
