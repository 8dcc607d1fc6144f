#include "axil_bench.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "catch.hpp"

namespace vmmu::tb {
namespace {

constexpr unsigned kHangLimit = 100'000;  // cycles that anything may take

RigOptions rig_options(std::uint64_t seed, unsigned stall_percent) {
  RigOptions o;
  o.preset = AxilBench::kPreset;
  o.device.axi = true;
  o.device.seed = seed;
  o.axil_stall_percent = stall_percent;
  o.hang_limit = kHangLimit;
  if (const char* wave = std::getenv("VMMU_WAVE")) o.device.wave_file = wave;
  return o;
}

}  // namespace

AxilBench::AxilBench(std::uint64_t seed, unsigned stall_percent) : rig_(rig_options(seed, stall_percent)) {
  rig_.on_response = [this](const Response& response) {
    ++answered_;
    last_ = Answer{};
    last_.walked = response.source == Source::Walk;
    if (const auto* translation = std::get_if<Translation>(&response.result)) {
      last_.hpa = translation->hpa.value;
    } else {
      last_.fault = true;
      last_.target = std::get<Fault>(response.result).target;
    }
  };
}

AxilBench::~AxilBench() {
  for (const std::string& text : rig_.take_errors()) FAIL_CHECK(text);
  CHECK(rig_.axil_checker().transfers() > 0);
}

void AxilBench::reset() {
  sent_ = answered_ = 0;
  rig_.reset();
}

template <class Condition>
void AxilBench::until(Condition condition, const char* what) {
  for (unsigned i = 0; !condition(); ++i) {
    if (i == kHangLimit) throw std::runtime_error(fmt::format("no {} within {} cycles", what, kHangLimit));
    cycle();
  }
}

// ---------------------------------------------------------------- AXI4-Lite
void AxilBench::queue_read(std::uint32_t addr, Done done) { rig_.axil().queue_read(addr, std::move(done)); }

void AxilBench::queue_write(std::uint32_t addr, std::uint32_t word, Done done, unsigned strobes) {
  rig_.axil().queue_write(addr, word, std::move(done), strobes);
}

void AxilBench::wait_axi() {
  until([&] { return axi_idle(); }, "reply on AXI4-Lite");
}

AxilReply AxilBench::read(std::uint32_t addr) {
  AxilReply reply;
  queue_read(addr, [&](const AxilReply& r) { reply = r; });
  wait_axi();
  return reply;
}

AxiResp AxilBench::write(std::uint32_t addr, std::uint32_t word, unsigned strobes) {
  AxilReply reply;
  queue_write(
      addr, word, [&](const AxilReply& r) { reply = r; }, strobes);
  wait_axi();
  return reply.resp;
}

std::uint32_t AxilBench::get(std::uint32_t addr) {
  const AxilReply reply = read(addr);
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
  put(register_named("PRL_ADDR"), ctx, regs.prl_addr);
  put(register_named("PRL_ADDR2"), ctx, regs.prl_addr2);
  put(register_named("PRL_WATERMARK"), ctx, regs.prl_watermark);
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
  const auto id = static_cast<std::uint8_t>(sent_++);
  rig_.send({gva, op, true, false, false, ctx}, id);
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

// ---------------------------------------------------------------- names
const RegisterInfo& register_named(std::string_view name) {
  for (const RegisterInfo& info : kRegisterTable) {
    if (info.name == name) return info;
  }
  throw std::runtime_error(fmt::format("no register {}", name));
}

std::uint32_t address_of(std::string_view name, unsigned ctx) { return register_address(register_named(name), ctx); }

}  // namespace vmmu::tb
