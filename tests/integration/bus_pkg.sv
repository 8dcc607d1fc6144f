// One AXI4 port of the example's memory, as a struct for each direction: 64-bit data, single beats.
package bus_pkg;
  localparam int unsigned IdWidth = 4;
  localparam int unsigned AddrWidth = 52;

  typedef struct packed {
    logic                 arvalid;
    logic [IdWidth-1:0]   arid;
    logic [AddrWidth-1:0] araddr;
    logic                 arlock;
    logic                 rready;
    logic                 awvalid;
    logic [IdWidth-1:0]   awid;
    logic [AddrWidth-1:0] awaddr;
    logic                 awlock;
    logic                 wvalid;
    logic [63:0]          wdata;
    logic                 bready;
  } to_memory_t;

  typedef struct packed {
    logic               arready;
    logic               rvalid;
    logic [IdWidth-1:0] rid;
    logic [63:0]        rdata;
    logic [1:0]         rresp;
    logic               rlast;
    logic               awready;
    logic               wready;
    logic               bvalid;
    logic [IdWidth-1:0] bid;
    logic [1:0]         bresp;
  } from_memory_t;
endpackage
