#include "axil_bench.hpp"

#include <fmt/format.h>
#include <verilated.h>

#include <cstdlib>
#include <stdexcept>

#include "Vvmmu_axil.h"
#include "catch.hpp"
#include "device/register_map.hpp"
#include "device/rtl_messages.hpp"

namespace vmmu::tb {

AxilBench::AxilBench(std::uint64_t seed, unsigned stall_percent)
    : context_(std::make_unique<VerilatedContext>()),
      memory_(words_, seed),
      random_(seed),
      stall_percent_(stall_percent) {
  Verilated::threadContextp(context_.get());
  context_->fatalOnError(false);
  context_->assertOn(true);
  context_->randReset(2);
  context_->randSeed(static_cast<int>(seed % 0x7fffffff) + 1);
  const char* mutant = std::getenv("VMMU_MUTANT");
  const std::string plusarg = std::string("+vmmu_mutant=") + (mutant == nullptr ? "0" : mutant);
  const char* arguments[] = {"vmmu", plusarg.c_str()};
  context_->commandArgs(2, arguments);
  model_ = std::make_unique<Vvmmu_axil>(context_.get(), "tb");
  reset();
}

AxilBench::~AxilBench() {
  Verilated::threadContextp(context_.get());
  model_->final();
  for (const std::string& text : memory_.take_errors()) errors_.push_back(text);
  for (const std::string& text : errors_) FAIL_CHECK(text);
}

void AxilBench::reset() {
  Vvmmu_axil& m = *model_;
  memory_.reset();
  reads_.clear();
  writes_.clear();
  ar_taken_ = aw_taken_ = w_taken_ = 0;
  r_waited_ = b_waited_ = false;
  inv_waiting_.clear();
  sent_ = answered_ = 0;
  m.s_axil_arvalid = m.s_axil_awvalid = m.s_axil_wvalid = 0;
  m.s_axil_awprot = m.s_axil_arprot = 0;
  m.s_axil_rready = m.s_axil_bready = 0;
  m.req_valid_i = m.inv_req_valid_i = m.mem_rsp_valid_i = m.mem_req_ready_i = 0;
  m.rst_ni = 0;
  for (unsigned i = 0; i < 3; ++i) {
    m.clk_i = 0;
    m.eval();
    m.clk_i = 1;
    m.eval();
  }
  m.rst_ni = 1;
}

// ---------------------------------------------------------------- one clock cycle
void AxilBench::drive() {
  Vvmmu_axil& m = *model_;
  memory_.drive(now_, in_);
  m.mem_req_ready_i = in_.mem_req_ready;
  m.mem_rsp_valid_i = in_.mem_rsp.valid;
  m.mem_rsp_id_i = in_.mem_rsp.id;
  m.mem_rsp_data_i = in_.mem_rsp.data;
  m.mem_rsp_error_i = in_.mem_rsp.error;
  m.rsp_ready_i = 1;
  // What is valid stays so until it is taken.
  if (!m.s_axil_arvalid && ar_taken_ < reads_.size() && !stalls()) {
    m.s_axil_arvalid = 1;
    m.s_axil_araddr = reads_[ar_taken_].addr;
  }
  if (!m.s_axil_awvalid && aw_taken_ < writes_.size() && !stalls()) {
    m.s_axil_awvalid = 1;
    m.s_axil_awaddr = writes_[aw_taken_].addr;
  }
  if (!m.s_axil_wvalid && w_taken_ < writes_.size() && !stalls()) {
    m.s_axil_wvalid = 1;
    m.s_axil_wdata = writes_[w_taken_].word;
    m.s_axil_wstrb = static_cast<unsigned char>(writes_[w_taken_].strobes);
  }
  m.s_axil_rready = !stalls();
  m.s_axil_bready = !stalls();
}

void AxilBench::cycle() {
  Verilated::threadContextp(context_.get());
  Vvmmu_axil& m = *model_;
  drive();
  m.clk_i = 0;
  m.eval();
  // What was handed over is withdrawn only after the edge.
  const bool ar = m.s_axil_arvalid && m.s_axil_arready;
  const bool aw = m.s_axil_awvalid && m.s_axil_awready;
  const bool w = m.s_axil_wvalid && m.s_axil_wready;
  const bool req = m.req_valid_i && m.req_ready_o;
  const bool inv = m.inv_req_valid_i && m.inv_req_ready_o;
  sample();
  m.clk_i = 1;
  m.eval();
  if (ar) m.s_axil_arvalid = 0;
  if (aw) m.s_axil_awvalid = 0;
  if (w) m.s_axil_wvalid = 0;
  if (req) m.req_valid_i = 0;
  if (inv) {
    m.inv_req_valid_i = 0;
    inv_waiting_.insert(m.inv_req_id_i);
  }
  ar_taken_ += ar;
  aw_taken_ += aw;
  w_taken_ += w;
  ++now_;
  context_->timeInc(1);
  if (context_->gotError()) {
    context_->gotError(false);
    context_->gotFinish(false);
    error(fmt::format("cycle {}: assertion of the RTL: {}", now_ - 1, take_rtl_messages()));
  }
}

void AxilBench::sample() {
  const Vvmmu_axil& m = *model_;
  out_.mem_req_valid = m.mem_req_valid_o;
  if (out_.mem_req_valid) {
    out_.mem_req = {m.mem_req_op_o, m.mem_req_id_o, m.mem_req_addr_o, m.mem_req_wdata_o, m.mem_req_expected_o};
  }
  memory_.sample(now_, in_, out_);
  sample_axi();
  if (m.rsp_valid_o) sample_response();
  if (m.inv_rsp_valid_o) sample_invalidation();
  irq_host_ = m.irq_host_o;
  irq_guest_ = m.irq_guest_o;
}

void AxilBench::sample_axi() {
  const Vvmmu_axil& m = *model_;
  const AxiReply shown{static_cast<AxiResp>(m.s_axil_rresp), m.s_axil_rdata};
  if (r_waited_ && !(m.s_axil_rvalid && shown == r_shown_)) error("R channel changed before RREADY");
  const auto b_shown = static_cast<AxiResp>(m.s_axil_bresp);
  if (b_waited_ && !(m.s_axil_bvalid && b_shown == b_shown_)) error("B channel changed before BREADY");
  r_waited_ = m.s_axil_rvalid && !m.s_axil_rready;
  b_waited_ = m.s_axil_bvalid && !m.s_axil_bready;
  r_shown_ = shown;
  b_shown_ = b_shown;
  if (m.s_axil_rvalid && m.s_axil_rready) {
    if (ar_taken_ == 0) return error("R without a read address");
    const Done done = std::move(reads_.front().done);
    reads_.pop_front();
    --ar_taken_;
    done(shown);
  }
  if (m.s_axil_bvalid && m.s_axil_bready) {
    if (aw_taken_ == 0 || w_taken_ == 0) return error("B before address and data of the write");
    const Done done = std::move(writes_.front().done);
    writes_.pop_front();
    --aw_taken_;
    --w_taken_;
    done({b_shown, 0});
  }
}

void AxilBench::sample_response() {
  const Vvmmu_axil& m = *model_;
  if (answered_ == sent_) return error("response that nobody asked for");
  ++answered_;
  last_.fault = m.rsp_fault_kind_o != 0;
  last_.hpa = m.rsp_hpa_o;
  last_.target = m.rsp_fault_target_o;
  last_.walked = m.rsp_source_o == 1;
}

void AxilBench::sample_invalidation() {
  if (inv_waiting_.erase(model_->inv_rsp_id_o) == 0)
    return error("acknowledgement of an invalidation that nobody asked for");
  inv_error_ = model_->inv_rsp_error_o;
}

void AxilBench::cycles(unsigned n) {
  for (unsigned i = 0; i < n; ++i) cycle();
}

template <class Condition>
void AxilBench::until(Condition condition, const char* what) {
  constexpr unsigned kLimit = 100'000;
  for (unsigned i = 0; !condition(); ++i) {
    if (i == kLimit) throw std::runtime_error(fmt::format("no {} within {} cycles", what, kLimit));
    cycle();
  }
}

// ---------------------------------------------------------------- AXI4-Lite
void AxilBench::queue_read(std::uint32_t addr, Done done) { reads_.push_back({addr, 0, 0xf, std::move(done)}); }

void AxilBench::queue_write(std::uint32_t addr, std::uint32_t word, Done done, unsigned strobes) {
  writes_.push_back({addr, word, strobes, std::move(done)});
}

void AxilBench::wait_axi() {
  until([&] { return axi_idle(); }, "reply on AXI4-Lite");
}

AxiReply AxilBench::read(std::uint32_t addr) {
  AxiReply reply;
  queue_read(addr, [&](const AxiReply& r) { reply = r; });
  wait_axi();
  return reply;
}

AxiResp AxilBench::write(std::uint32_t addr, std::uint32_t word, unsigned strobes) {
  AxiReply reply;
  queue_write(
      addr, word, [&](const AxiReply& r) { reply = r; }, strobes);
  wait_axi();
  return reply.resp;
}

std::uint32_t AxilBench::get(std::uint32_t addr) {
  const AxiReply reply = read(addr);
  if (reply.resp != AxiResp::Okay) throw std::runtime_error(fmt::format("SLVERR to a read of {:#x}", addr));
  return reply.data;
}

void AxilBench::put(std::uint32_t addr, std::uint32_t word) {
  if (write(addr, word) != AxiResp::Okay) throw std::runtime_error(fmt::format("SLVERR to a write of {:#x}", addr));
}

std::uint64_t AxilBench::get(const RegisterInfo& info, unsigned ctx, unsigned index) {
  const std::uint32_t addr = register_address(info, ctx, index);
  const std::uint64_t low = get(addr);
  return info.width == 64 ? low | std::uint64_t{get(addr + 4)} << 32 : low;
}

void AxilBench::put(const RegisterInfo& info, unsigned ctx, std::uint64_t value, unsigned index) {
  const std::uint32_t addr = register_address(info, ctx, index);
  put(addr, static_cast<std::uint32_t>(value));
  if (info.width == 64) put(addr + 4, static_cast<std::uint32_t>(value >> 32));
}

// ---------------------------------------------------------------- contexts
void AxilBench::stage(unsigned ctx, const ContextRegs& regs) {
  put(register_named("CTRL"), ctx, reg::ctrl_word(regs));
  put(register_named("CR3"), ctx, regs.cr3);
  put(register_named("EPTP"), ctx, regs.eptp);
  put(register_named("VPID"), ctx, regs.vpid);
  put(register_named("PKRU"), ctx, regs.pkru);
  put(register_named("MAXPHYADDR"), ctx, regs.maxphyaddr);
  put(register_named("FAULT_TARGET"), ctx, regs.fault_target);
  put(register_named("PML_ADDR"), ctx, regs.pml_addr);
  put(register_named("PML_WATERMARK"), ctx, regs.pml_watermark);
}

AxiResp AxilBench::commit(unsigned ctx) { return write(address_of("COMMIT", ctx), 1); }

Reject AxilBench::reason(unsigned ctx) { return static_cast<Reject>(get(address_of("COMMIT", ctx))); }

void AxilBench::activate(unsigned ctx, const ContextRegs& regs) {
  stage(ctx, regs);
  if (commit(ctx) != AxiResp::Okay) throw std::runtime_error("COMMIT was refused as busy");
  const Reject why = reason(ctx);
  if (why != Reject::None) throw std::runtime_error(fmt::format("COMMIT was rejected: {}", static_cast<unsigned>(why)));
}

// ---------------------------------------------------------------- the other ports
void AxilBench::send(GuestVirt gva, unsigned ctx, Op op) {
  Vvmmu_axil& m = *model_;
  m.req_valid_i = 1;
  m.req_ctx_i = static_cast<unsigned char>(ctx);
  m.req_id_i = static_cast<unsigned char>(sent_);
  m.req_gva_i = gva.value;
  m.req_op_i = static_cast<unsigned char>(op);
  m.req_user_i = 1;
  ++sent_;
  until([&] { return !model_->req_valid_i; }, "acceptance of a request");
}

void AxilBench::wait_answers() {
  until([&] { return outstanding() == 0; }, "response");
}

Answer AxilBench::translate(GuestVirt gva, unsigned ctx, Op op) {
  wait_answers();
  send(gva, ctx, op);
  wait_answers();
  return last_;
}

unsigned AxilBench::start_invalidation(const Invalidation& inv) {
  Vvmmu_axil& m = *model_;
  m.inv_req_valid_i = 1;
  m.inv_req_op_i = static_cast<unsigned char>(inv.op);
  m.inv_req_ctx_i = static_cast<unsigned char>(inv.ctx);
  m.inv_req_addr_i = inv.addr;
  m.inv_req_pcid_i = inv.pcid;
  m.inv_req_vpid_i = inv.vpid;
  // The ids above are those of the guest pages.
  constexpr unsigned kIds = 0xf0;
  do {
    next_inv_id_ = (next_inv_id_ + 1) % kIds;
  } while (inv_waiting_.count(next_inv_id_) != 0);
  m.inv_req_id_i = static_cast<unsigned char>(next_inv_id_);
  return next_inv_id_;
}

bool AxilBench::invalidation_presented() const { return model_->inv_req_valid_i; }

bool AxilBench::invalidation_pending(unsigned id) const {
  return (invalidation_presented() && model_->inv_req_id_i == id) || inv_waiting_.count(id) != 0;
}

bool AxilBench::invalidate(const Invalidation& inv) {
  const unsigned id = start_invalidation(inv);
  until([&] { return !invalidation_pending(id); }, "acknowledgement of an invalidation");
  return !inv_error_;
}

// ---------------------------------------------------------------- names
const RegisterInfo& register_named(std::string_view name) {
  for (const RegisterInfo& info : kRegisterTable) {
    if (info.name == name) return info;
  }
  throw std::runtime_error(fmt::format("no register {}", name));
}

std::uint32_t address_of(std::string_view name, unsigned ctx) { return register_address(register_named(name), ctx); }

}  // namespace vmmu::tb
