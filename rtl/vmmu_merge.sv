`include "vmmu_macros.svh"

// One walk for several requests to one page. A request that comes to the walker while a walk for its page goes on, or has
// just filled the TLBs, starts no walk: it waits here, and when the walk has ended it is looked up again in the L1 of
// its port. If that is no hit that permits it (the walk faulted, its entry does not permit the access, or an
// invalidation came), it goes the way of every miss, but does not wait here a second time. With no row free it starts
// a walk of its own, so nothing waits for this buffer.
//
// A walk can be joined by requests under the same registers and the same address-space numbers, and to the same page of
// 4 KiB; what it inserts may be larger. When an invalidation arrives, all that waits leaves, and no walk that has begun
// can be joined any more: requests accepted after it never see what a covered walk found.
module vmmu_merge
  import vmmu_pkg::*;
  import vmmu_int_pkg::*;
#(
    parameter cfg_t Cfg = preset_cfg(PresetServer),
    localparam int unsigned Ports = Cfg.NumPorts,
    localparam int unsigned Slots = Cfg.NumWalks,
    localparam int unsigned SlotWidth = (Slots > 1) ? $clog2(Slots) : 1
) (
    input  logic  clk_i,
    input  logic  rst_ni,
    // the request that comes to the walker
    input  logic  miss_valid_i,
    input  miss_t miss_i,
    output logic  joins_o,             // it waits here; to the walker it counts as answered
    // walks
    input  logic  begun_i,             // one begins for miss_i
    input  logic [SlotWidth-1:0] begun_slot_i,
    input  logic  done_i,              // one ends
    input  logic  done_fills_i,        // and inserts what it found
    input  logic [SlotWidth-1:0] done_slot_i,
    output logic [Ports-1:0] done_ports_o,  // in the L1 of these ports
    // an invalidation arrives, or the address-space numbers are flushed
    input  logic  cover_i,
    // second lookups
    output logic  [Ports-1:0] again_valid_o,
    input  logic  [Ports-1:0] again_ready_i,
    output miss_t [Ports-1:0] again_o
);
  localparam int unsigned Rows = Cfg.MissQueue;
  localparam int unsigned RowWidth = $clog2(Rows);
  // A request that missed L1 and L2 before the fill was visible comes here at most this many cycles after the walk.
  localparam int unsigned LateCycles = 6;
  localparam int unsigned LateWidth = $clog2(LateCycles + 1);

  typedef struct packed {
    logic [63:12]          page;
    logic                  bank;
    logic [SpaceWidth-1:0] space;
    logic [SpaceWidth-1:0] gspace;
  } key_t;
  key_t key;
  assign key = '{page: miss_i.req.gva[63:12], bank: miss_i.bank, space: miss_i.space, gspace: miss_i.gspace};

  // ---------------------------------------------------------------- walks that can be joined
  logic [Slots-1:0] open_q, walking_q;
  logic [Slots-1:0][LateWidth-1:0] late_q;
  key_t key_q [Slots];
  logic [Slots-1:0][Ports-1:0] ports_q;

  logic [Slots-1:0] same;
  logic [SlotWidth-1:0] slot;
  logic [Ports-1:0] port;
  always_comb begin
    slot = '0;
    for (int unsigned i = 0; i < Slots; i++) begin
      same[i] = open_q[i] && `VMMU_MUT(232, key_q[i] == key,
                                       (key_q[i].page == key.page) && (key_q[i].bank == key.bank));
    end
    for (int i = Slots - 1; i >= 0; i--) if (same[i]) slot = SlotWidth'(i);
    port = '0;
    for (int unsigned p = 0; p < Ports; p++) port[p] = miss_i.port == PortWidth'(p);
  end

  logic row_free;
  assign joins_o = miss_valid_i && (|same) && miss_i.cacheable && !miss_i.alone && row_free &&
                   !cover_i;
  assign done_ports_o = ports_q[done_slot_i];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      open_q    <= '0;
      walking_q <= '0;
      late_q    <= '0;
      ports_q   <= '0;
    end else begin
      for (int unsigned i = 0; i < Slots; i++) begin
        if (!walking_q[i]) begin
          if (late_q[i] == '0) open_q[i] <= 1'b0;
          else late_q[i] <= late_q[i] - LateWidth'(1);
        end
        if (joins_o && (slot == SlotWidth'(i))) ports_q[i] <= ports_q[i] | `VMMU_MUT(234, port, '0);
        if (done_i && (done_slot_i == SlotWidth'(i))) begin
          walking_q[i] <= 1'b0;
          late_q[i]    <= `VMMU_MUT(233, LateWidth'(LateCycles), '0);
          if (!done_fills_i) open_q[i] <= 1'b0;
        end
        if (begun_i && (begun_slot_i == SlotWidth'(i))) begin
          walking_q[i] <= 1'b1;
          open_q[i]    <= miss_i.cacheable;
          ports_q[i]   <= port;
        end
        if (cover_i) open_q[i] <= 1'b0;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (begun_i) key_q[begun_slot_i] <= key;
  end

  // ---------------------------------------------------------------- requests that wait
  miss_t row_q [Rows];
  logic [Rows-1:0] used_q, ended_q, keep_q;  // occupied; its walk has ended; no invalidation came
  logic [Rows-1:0][SlotWidth-1:0] slot_q;
  logic [Rows-1:0][PortWidth-1:0] port_q;
  logic [RowWidth-1:0] free_row;
  always_comb begin
    row_free = 1'b0;
    free_row = '0;
    for (int i = Rows - 1; i >= 0; i--) begin
      if (!used_q[i]) begin
        row_free = 1'b1;
        free_row = RowWidth'(i);
      end
    end
  end

  // Rows take turns, so that none waits for good. Each port has a register, for a port may be busy for long.
  logic [Ports-1:0] again_valid_q;
  miss_t [Ports-1:0] again_q;
  logic [Ports-1:0] room;
  logic leaves;
  logic [RowWidth-1:0] turn_q, leaving;
  logic [Rows-1:0] wants;
  assign room = ~again_valid_q | again_ready_i;
  always_comb begin
    leaves  = 1'b0;
    leaving = '0;
    for (int unsigned i = 0; i < Rows; i++) begin
      wants[i] = 1'b0;
      for (int unsigned p = 0; p < Ports; p++) begin
        if (used_q[i] && ended_q[i] && room[p] && (port_q[i] == PortWidth'(p))) wants[i] = 1'b1;
      end
    end
    for (int i = Rows - 1; i >= 0; i--) if (wants[i]) leaving = RowWidth'(i);
    for (int i = Rows - 1; i >= 0; i--) if (wants[i] && (RowWidth'(i) > turn_q)) leaving = RowWidth'(i);
    leaves = |wants;
  end

  miss_t again;
  always_comb begin
    again = row_q[leaving];
    again.cacheable = again.cacheable && keep_q[leaving] && !cover_i;
    again.alone     = 1'b1;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      used_q        <= '0;
      again_valid_q <= '0;
      turn_q        <= '0;
    end else begin
      if (joins_o) used_q[free_row] <= 1'b1;
      if (leaves) used_q[leaving] <= 1'b0;
      if (leaves) turn_q <= leaving;
      for (int unsigned p = 0; p < Ports; p++) begin
        if (again_ready_i[p]) again_valid_q[p] <= 1'b0;
        if (leaves && (port_q[leaving] == PortWidth'(p))) again_valid_q[p] <= `VMMU_MUT(235, 1'b1, !again_valid_q[p]);
      end
    end
  end
  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < Rows; i++) begin
      if (done_i && (slot_q[i] == done_slot_i)) ended_q[i] <= 1'b1;
      if (cover_i) ended_q[i] <= 1'b1;
      if (cover_i) keep_q[i] <= 1'b0;
    end
    if (joins_o) begin
      row_q[free_row]   <= miss_i;
      slot_q[free_row]  <= slot;
      port_q[free_row]  <= miss_i.port;
      ended_q[free_row] <= !walking_q[slot] || `VMMU_MUT(236, done_i && (done_slot_i == slot), 1'b0);
      keep_q[free_row]  <= 1'b1;
    end
    for (int unsigned p = 0; p < Ports; p++) begin
      if (leaves && (port_q[leaving] == PortWidth'(p))) again_q[p] <= again;
      else if (cover_i) again_q[p].cacheable <= 1'b0;
    end
  end
  assign again_valid_o = again_valid_q;
  always_comb begin
    again_o = again_q;
    for (int unsigned p = 0; p < Ports; p++) if (cover_i) again_o[p].cacheable = 1'b0;
  end

  `VMMU_ASSERT(JoinsAnOpenWalk_A, joins_o |-> open_q[slot])
  `VMMU_ASSERT(ASlotEndsWhatItBegan_A, done_i |-> walking_q[done_slot_i])
endmodule
