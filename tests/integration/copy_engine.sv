// The smallest requester: copies 8-byte words from one virtual address to another. For each word it asks the MMU for both
// addresses, reads, and writes. A fault stops it; `resume_i` makes it ask again.
module copy_engine
  import vmmu_pkg::*;
  import bus_pkg::to_memory_t, bus_pkg::from_memory_t;
#(
    parameter logic [CtxWidth-1:0] Context = '0  // whose addresses it uses
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    // control
    input  logic        start_i,
    input  logic [63:0] source_i,
    input  logic [63:0] destination_i,
    input  logic [15:0] words_i,
    input  logic        resume_i,
    output logic        busy_o,
    output logic        stopped_o,  // by fault_o
    output fault_t      fault_o,
    // MMU
    output logic req_valid_o,
    input  logic req_ready_i,
    output req_t req_o,
    input  logic rsp_valid_i,
    output logic rsp_ready_o,
    input  rsp_t rsp_i,
    // memory
    output to_memory_t   mem_o,
    input  from_memory_t mem_i
);
  typedef enum logic [2:0] {
    Idle,            // for start_i
    AskSource,       // for the MMU to take the request for the source address
    AskDestination,  // for the MMU to take the request for the destination address
    Answers,         // for both answers
    Read,            // for AR to be taken
    ReadWait,        // for the word
    Write,           // for AW, W and the reply to the write
    Stopped          // for resume_i
  } state_e;

  // The two requests of a word. Answers may come in any order; the id tells which is which.
  localparam logic [IdWidth-1:0] SourceId = 8'd0;
  localparam logic [IdWidth-1:0] DestinationId = 8'd1;

  state_e state_q, state_d;
  logic [63:0] source_q, destination_q, word_q;
  logic [15:0] words_q;
  logic [PaWidth-1:0] source_hpa_q, destination_hpa_q;
  logic source_known_q, destination_known_q;
  logic aw_taken_q, w_taken_q;
  logic failed_q;  // by fault_q, which came with one of the answers, or by an error reply of memory
  fault_t fault_q;

  // ---------------------------------------------------------------- requests and answers
  logic asks_source;
  assign asks_source = (state_q == AskSource);
  assign req_valid_o = asks_source || (state_q == AskDestination);
  always_comb begin
    req_o      = '0;  // a user's access
    req_o.ctx  = Context;
    req_o.id   = asks_source ? SourceId : DestinationId;
    req_o.gva  = asks_source ? source_q : destination_q;
    req_o.op   = asks_source ? OpRead : OpWrite;
    req_o.user = 1'b1;
  end
  // Always: an invalidation is acknowledged only when the answers before it have been taken.
  assign rsp_ready_o = 1'b1;

  logic answer_source, answer_destination, answer_fault, done_word;
  assign answer_source      = rsp_valid_i && (rsp_i.id == SourceId);
  assign answer_destination = rsp_valid_i && (rsp_i.id == DestinationId);
  assign answer_fault       = rsp_valid_i && (rsp_i.fault.kind != FaultNone);
  assign done_word          = (state_q == Write) && mem_i.bvalid && !mem_i.bresp[1];

  logic source_known, destination_known, failed;
  assign source_known      = source_known_q || answer_source;
  assign destination_known = destination_known_q || answer_destination;
  assign failed            = failed_q || answer_fault;

  // ---------------------------------------------------------------- memory
  always_comb begin
    mem_o         = '0;
    mem_o.arvalid = (state_q == Read);
    mem_o.araddr  = source_hpa_q;
    mem_o.rready  = 1'b1;
    mem_o.awvalid = (state_q == Write) && !aw_taken_q;
    mem_o.awaddr  = destination_hpa_q;
    mem_o.wvalid  = (state_q == Write) && !w_taken_q;
    mem_o.wdata   = word_q;
    mem_o.bready  = 1'b1;
  end

  // ---------------------------------------------------------------- state
  always_comb begin
    state_d = state_q;
    unique case (state_q)
      Idle:           if (start_i && (words_i != '0)) state_d = AskSource;
      AskSource:      if (req_ready_i) state_d = AskDestination;
      AskDestination: if (req_ready_i) state_d = Answers;
      Answers:        if (source_known && destination_known) state_d = failed ? Stopped : Read;
      Read:           if (mem_i.arready) state_d = ReadWait;
      ReadWait:       if (mem_i.rvalid) state_d = mem_i.rresp[1] ? Stopped : Write;
      Write:          if (mem_i.bvalid) state_d = mem_i.bresp[1] ? Stopped : (words_q == 16'd1) ? Idle : AskSource;
      Stopped:        if (resume_i) state_d = AskSource;
      default:        state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) state_q <= Idle;
    else state_q <= state_d;
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Idle) begin
      source_q      <= source_i;
      destination_q <= destination_i;
      words_q       <= words_i;
    end else if (done_word) begin
      source_q      <= source_q + 64'd8;
      destination_q <= destination_q + 64'd8;
      words_q       <= words_q - 16'd1;
    end
    // Nothing is kept from word to word: an address that was translated before an invalidation is not used after it.
    if (asks_source) begin
      source_known_q      <= 1'b0;
      destination_known_q <= 1'b0;
      failed_q            <= 1'b0;
    end else begin
      source_known_q      <= source_known;
      destination_known_q <= destination_known;
      failed_q            <= failed;
    end
    if (answer_source) source_hpa_q <= rsp_i.hpa;
    if (answer_destination) destination_hpa_q <= rsp_i.hpa;
    if (answer_fault) fault_q <= rsp_i.fault;
    if (mem_i.rvalid) word_q <= mem_i.rdata;
    aw_taken_q <= (state_q == Write) && (aw_taken_q || mem_i.awready);
    w_taken_q  <= (state_q == Write) && (w_taken_q || mem_i.wready);
  end

  assign busy_o    = (state_q != Idle);
  assign stopped_o = (state_q == Stopped);
  assign fault_o   = failed_q ? fault_q : '0;  // kind FaultNone: memory refused the word itself

  logic unused_bits;
  assign unused_bits = ^{rsp_i.ctx, rsp_i.source, rsp_i.size, rsp_i.pat, rsp_i.emt, rsp_i.ipat, mem_i.rid, mem_i.rlast,
                         mem_i.bid, mem_i.rresp[0], mem_i.bresp[0]};
endmodule
