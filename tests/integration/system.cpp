#include "system.hpp"

#include <verilated.h>

#include <stdexcept>

#include "Vexample_system.h"
#include "device/rtl_messages.hpp"

namespace example {
namespace {

constexpr unsigned kLimit = 100000;  // cycles that anything may take
constexpr unsigned kOkay = 0;        // BRESP, RRESP

}  // namespace

System::System()
    : context_(std::make_unique<VerilatedContext>()),
      model_(std::make_unique<Vexample_system>(context_.get(), "system")) {
  context_->fatalOnError(false);
  Vexample_system& m = *model_;
  // Valids are low in reset, replies of the registers are always taken.
  m.s_axil_arvalid = m.s_axil_awvalid = m.s_axil_wvalid = 0;
  m.inv_valid_i = m.cpu_write_i = m.start_i = m.resume_i = 0;
  m.s_axil_rready = m.s_axil_bready = 1;
  m.rst_ni = 0;
  for (unsigned i = 0; i < 3; ++i) cycle();
  m.rst_ni = 1;
}

System::~System() { model_->final(); }

void System::settle() {
  Verilated::threadContextp(context_.get());
  model_->clk_i = 0;
  model_->eval();
}

void System::edge() {
  model_->clk_i = 1;
  model_->eval();
  context_->timeInc(1);
  if (!context_->gotError()) return;
  context_->gotError(false);
  context_->gotFinish(false);
  errors_.push_back(vmmu::tb::take_rtl_messages());
}

// Cycles until `done`, which looks at settled outputs, is true, and the edge after that.
template <class Done>
void System::until(Done done, const char* what) {
  for (unsigned i = 0; i < kLimit; ++i) {
    settle();
    const bool finished = done();
    edge();
    if (finished) return;
  }
  throw std::runtime_error(std::string("no ") + what);
}

// ---------------------------------------------------------------- registers
bool System::write32(std::uint32_t addr, std::uint32_t word) {
  Vexample_system& m = *model_;
  m.s_axil_awaddr = addr;
  m.s_axil_wdata = word;
  m.s_axil_awvalid = m.s_axil_wvalid = 1;
  unsigned resp = kOkay;
  bool aw = false;
  bool w = false;
  until(
      [&] {
        // What was taken at the edge before is offered no more.
        if (aw) m.s_axil_awvalid = 0;
        if (w) m.s_axil_wvalid = 0;
        m.eval();
        aw = aw || m.s_axil_awready;
        w = w || m.s_axil_wready;
        resp = m.s_axil_bresp;
        return m.s_axil_bvalid != 0;
      },
      "reply to a register write");
  return resp == kOkay;
}

bool System::read32(std::uint32_t addr, std::uint32_t& word) {
  Vexample_system& m = *model_;
  m.s_axil_araddr = addr;
  m.s_axil_arvalid = 1;
  until([&] { return m.s_axil_arready != 0; }, "acceptance of a register read");
  m.s_axil_arvalid = 0;
  unsigned resp = kOkay;
  until(
      [&] {
        word = m.s_axil_rdata;
        resp = m.s_axil_rresp;
        return m.s_axil_rvalid != 0;
      },
      "answer to a register read");
  return resp == kOkay;
}

unsigned System::commit(unsigned ctx) {
  // SLVERR: requests under the registers before the present ones are still on their way. They end by themselves.
  while (!write32(EXAMPLE_HOST(ctx, commit), 1)) cycle();
  std::uint32_t reason = 0;
  if (!read32(EXAMPLE_HOST(ctx, commit), reason)) throw std::runtime_error("COMMIT is unreadable");
  return reason;
}

bool System::irq() {
  settle();
  return model_->irq_o != 0;
}

// ---------------------------------------------------------------- memory
std::uint64_t System::load(std::uint64_t hpa) {
  model_->cpu_addr_i = hpa;
  settle();
  return model_->cpu_rdata_o;
}

void System::store(std::uint64_t hpa, std::uint64_t word) {
  model_->cpu_addr_i = hpa;
  model_->cpu_wdata_i = word;
  model_->cpu_write_i = 1;
  cycle();
  model_->cpu_write_i = 0;
}

// ---------------------------------------------------------------- invalidations
bool System::invalidate(unsigned op, unsigned ctx, std::uint64_t addr) {
  Vexample_system& m = *model_;
  m.inv_op_i = static_cast<unsigned char>(op);
  m.inv_ctx_i = static_cast<unsigned char>(ctx);
  m.inv_addr_i = addr;
  m.inv_valid_i = 1;
  until([&] { return m.inv_ready_o != 0; }, "acceptance of an invalidation");
  m.inv_valid_i = 0;
  bool refused = false;
  until(
      [&] {
        refused = m.inv_error_o != 0;
        return m.inv_done_o != 0;
      },
      "acknowledgement of an invalidation");
  return !refused;
}

bool System::guest_invalidate(unsigned ctx, unsigned op, std::uint64_t addr) {
  if (!write64(EXAMPLE_GUEST(ctx, inv_addr), addr)) return false;
  if (!write32(EXAMPLE_GUEST(ctx, inv_command), op)) return false;
  std::uint32_t status = 0;
  do {
    if (!read32(EXAMPLE_GUEST(ctx, inv_status), status)) return false;
  } while ((status & VMMU_GUEST__INV_STATUS__BUSY_bm) != 0);
  return (status & VMMU_GUEST__INV_STATUS__ERROR_bm) == 0;
}

// ---------------------------------------------------------------- copy engine
bool System::wait_for_copy() {
  cycle();  // takes start or resume
  model_->start_i = model_->resume_i = 0;
  until([&] { return !model_->busy_o || model_->stopped_o; }, "end of a copy");
  return model_->busy_o == 0;
}

bool System::copy(std::uint64_t source, std::uint64_t destination, unsigned words) {
  model_->source_i = source;
  model_->destination_i = destination;
  model_->words_i = static_cast<unsigned short>(words);
  model_->start_i = 1;
  return wait_for_copy();
}

bool System::resume() {
  model_->resume_i = 1;
  return wait_for_copy();
}

CopyFault System::fault() const {
  const Vexample_system& m = *model_;
  return {m.fault_kind_o, m.fault_code_o, m.fault_target_o, m.fault_gva_o, m.fault_addr_o};
}

}  // namespace example
