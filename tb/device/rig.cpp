#include "device/rig.hpp"

#include <fmt/format.h>

#include "registers/register_table.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint32_t kGuestPage = 0x1000;  // of a context, above its host page

Result result_of(const DeviceOutputs::Response& r) {
  if (r.fault_kind == 0) {
    return Translation{HostPhys{r.hpa}, static_cast<PageSize>(r.size), r.pat, r.emt, r.ipat};
  }
  return Fault{static_cast<FaultKind>(r.fault_kind),
               r.fault_code,
               r.fault_target,
               GuestVirt{r.fault_gva},
               r.fault_gva_valid,
               r.fault_addr};
}

// Whether a register of 64 bits lies there. An address without a register is taken for 32: its first word tells.
bool wide(std::uint32_t addr) {
  const RegisterPage page = addr < reg::kHostBase      ? RegisterPage::Global
                            : (addr & kGuestPage) != 0 ? RegisterPage::Guest
                                                       : RegisterPage::Host;
  const std::uint32_t offset = addr & (kGuestPage - 1);
  for (const RegisterInfo& info : kRegisterTable) {
    if (info.page == page && info.width == 64 && offset >= info.offset && offset < info.offset + 8 * info.count) {
      return true;
    }
  }
  return false;
}

}  // namespace

Rig::Rig(const RigOptions& options)
    : device_(make_device(options.preset, options.device)),
      memory_(make_memory(options)),
      axil_(options.device.seed + 2, options.axil_stall_percent),
      random_(options.device.seed + 1),
      response_stall_(options.response_stall_percent),
      hang_limit_(options.hang_limit) {
  memory_->set_timing(options.timing);
  reset();
}

Rig::~Rig() = default;

std::unique_ptr<Memory> Rig::make_memory(const RigOptions& options) {
  if (!options.device.axi) return std::make_unique<Memory>(words_, options.device.seed);
  auto memory = std::make_unique<AxiMemory>(words_, options.device.seed);
  memory->set_behaviour(options.axi);
  axi_memory_ = memory.get();
  return memory;
}

void Rig::clear_inputs() {
  device_->in = DeviceInputs{};
  inv_waiting_.clear();
  response_waited_.fill(false);
  run_alone_ = false;
}

void Rig::reset() {
  clear_inputs();
  staged_segments_.reset();
  memory_->reset();
  axi_checker_.reset();
  axil_.reset();
  axil_checker_.reset();
  for (unsigned i = 0; i < 3; ++i) {
    device_->settle();
    if (i > 0) sample_axi(false);
    device_->tick();
    ++now_;
  }
  device_->in.rst_n = true;
}

void Rig::sample_axi(bool rst_n) {
  if (axi_memory_ == nullptr) return;
  axi_checker_.sample(now_, rst_n, device_->out.axi, device_->in.axi);
  axil_checker_.sample(now_, rst_n, device_->in.axil, device_->out.axil);
}

void Rig::cycle() {
  Device& d = *device_;
  memory_->drive(now_, d.in);
  if (axi_memory_ != nullptr) axil_.drive(d.in.axil);
  for (unsigned port = 0; port < ports(); ++port) {
    d.in.rsp_ready[port] = !hold_responses_[port] && (response_stall_ == 0 || random_() % 100 >= response_stall_);
  }
  d.settle();
  memory_->sample(now_, d.in, d.out);
  sample_axi(true);
  if (on_cycle) on_cycle();
  if (axi_memory_ != nullptr) axil_.sample(d.in.axil, d.out.axil);
  for (unsigned port = 0; port < ports(); ++port) {
    if (d.out.rsp_valid[port] || response_waited_[port]) sample_response(port);
    if (d.in.req[port].valid && d.out.req_ready[port]) {
      d.in.req[port].valid = false;
      taken_[port] = now_;
      if (on_request_taken) on_request_taken(port, now_);
    }
  }
  if (invalidation_pending() || d.out.inv_rsp_valid) sample_invalidation();
  d.tick();
  ++now_;
  std::string why;
  if (d.take_assertion(why)) errors_.push_back(fmt::format("cycle {}: assertion of the RTL: {}", now_ - 1, why));
}

void Rig::cycles(std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i) cycle();
}

template <class Done>
void Rig::until(Done done, const char* what) {
  const std::uint64_t limit = now_ + hang_limit_;
  do {
    cycle();
    if (now_ > limit) throw Hang(fmt::format("no {} within {} cycles", what, hang_limit_));
  } while (!done());
}

void Rig::sample_response(unsigned port) {
  const bool valid = device_->out.rsp_valid[port];
  const bool ready = device_->in.rsp_ready[port];
  const DeviceOutputs::Response& rsp = device_->out.rsp[port];
  if (response_waited_[port] && !(valid && rsp == waited_[port])) {
    errors_.push_back(fmt::format("cycle {}: response port {}: response to id {} changed before ready", now_, port,
                                  waited_[port].id));
  }
  response_waited_[port] = valid && !ready;
  if (response_waited_[port]) waited_[port] = rsp;
  if (!valid || !ready) return;
  const Response response{rsp.ctx, rsp.id, static_cast<Source>(rsp.source), result_of(rsp), now_, port};
  if (run_alone_ && port == alone_port_ && response.id == alone_id_) {
    run_alone_ = false;
    alone_ = response;
  } else if (on_response) {
    on_response(response);
  } else {
    errors_.push_back(
        fmt::format("cycle {}: response port {}: response to id {} that nobody asked for", now_, port, response.id));
  }
}

void Rig::sample_invalidation() {
  const DeviceOutputs& out = device_->out;
  if (out.inv_rsp_valid) {
    if (inv_waiting_.erase(out.inv_id) == 0) {
      errors_.push_back(fmt::format("cycle {}: invalidation port: acknowledgement of id {}, which is not outstanding",
                                    now_, out.inv_id));
    } else {
      inv_error_ = out.inv_error;
      if (on_invalidation_acknowledged) on_invalidation_acknowledged(out.inv_id);
    }
  }
  if (device_->in.inv.valid && out.inv_req_ready) {
    inv_waiting_.insert(device_->in.inv.id);
    device_->in.inv.valid = false;
    if (on_invalidation_accepted) on_invalidation_accepted(device_->in.inv.id);
  }
}

std::optional<std::uint32_t> Rig::read_word(std::uint32_t addr) {
  std::optional<AxilReply> reply;
  axil_.queue_read(addr, [&reply](const AxilReply& r) { reply = r; });
  until([&] { return reply.has_value(); }, "answer to a register read over AXI4-Lite");
  if (reply->resp != AxiResp::Okay) return std::nullopt;
  return reply->data;
}

bool Rig::write_word(std::uint32_t addr, std::uint64_t word) {
  std::optional<AxilReply> reply;
  axil_.queue_write(addr, static_cast<std::uint32_t>(word), [&reply](const AxilReply& r) { reply = r; });
  until([&] { return reply.has_value(); }, "answer to a register write over AXI4-Lite");
  return reply->resp == AxiResp::Okay;
}

std::optional<std::uint64_t> Rig::read_register(std::uint32_t addr) {
  if (axi_memory_ != nullptr) {
    const auto low = read_word(addr);
    if (!low || !wide(addr)) return low;
    const auto high = read_word(addr + 4);
    if (!high) return std::nullopt;
    return *low | std::uint64_t{*high} << 32;
  }
  auto& r = device_->in.reg;
  r = {true, false, addr, 0};
  until([&] { return device_->out.reg_req_ready; }, "acceptance of a register read");
  r.valid = false;
  until([&] { return device_->out.reg_rsp_valid; }, "answer to a register read");
  if (device_->out.reg_error) return std::nullopt;
  return device_->out.reg_rdata;
}

bool Rig::write_register(std::uint32_t addr, std::uint64_t word) {
  if (axi_memory_ != nullptr) return write_word(addr, word) && (!wide(addr) || write_word(addr + 4, word >> 32));
  auto& r = device_->in.reg;
  r = {true, true, addr, word};
  until([&] { return device_->out.reg_req_ready; }, "acceptance of a register write");
  r.valid = false;
  until([&] { return device_->out.reg_rsp_valid; }, "answer to a register write");
  return !device_->out.reg_error;
}

std::uint64_t Rig::get(std::uint32_t addr) {
  const auto word = read_register(addr);
  if (!word) throw std::runtime_error(fmt::format("error reply to a read of register {:#x}", addr));
  return *word;
}

void Rig::stage(unsigned ctx, const ContextRegs& regs) {
  using reg::Host;
  const auto write_at = [&](std::uint32_t addr, std::uint64_t word) {
    if (!write_register(addr, word)) {
      throw std::runtime_error(fmt::format("error reply to a write of register {:#x}", addr));
    }
  };
  const auto write = [&](Host r, std::uint64_t word) { write_at(reg::host(ctx, r), word); };
  write(Host::Ctrl, reg::ctrl_word(regs));
  write(Host::Cr3, regs.cr3);
  write(Host::Eptp, regs.eptp);
  write(Host::Vpid, regs.vpid);
  write(Host::Pkru, regs.pkru);
  write(Host::MaxPhyAddr, regs.maxphyaddr);
  write(Host::FaultTarget, regs.fault_target);
  write(Host::PmlAddr, regs.pml_addr);
  write(Host::PmlWatermark, regs.pml_watermark);
  staged_segments_.stage(ctx, regs, write_at);
}

bool Rig::commit(unsigned ctx, const ContextRegs& regs, Reject* reject) {
  using reg::Host;
  stage(ctx, regs);
  if (!write_register(reg::host(ctx, Host::Commit), 1)) return false;
  const auto reason = static_cast<Reject>(get(reg::host(ctx, Host::Commit)));
  if (reject != nullptr) *reject = reason;
  return true;
}

void Rig::present(const Access& access, std::uint8_t id, unsigned port) {
  auto& r = device_->in.req[port];
  r.valid = true;
  r.ctx = static_cast<std::uint8_t>(access.ctx);
  r.id = id;
  r.gva = access.gva.value;
  r.op = static_cast<std::uint8_t>(access.op);
  r.user = access.user;
  r.ac = access.ac;
  r.implicit = access.implicit;
}

std::uint64_t Rig::send(const Access& access, std::uint8_t id, unsigned port) {
  present(access, id, port);
  until([&] { return !presented(port); }, "acceptance of a request");
  return taken_[port];
}

Response Rig::run(const Access& access, std::uint64_t* accepted, unsigned port) {
  run_alone_ = true;
  alone_id_ = 255;
  alone_port_ = port;
  alone_.reset();
  const std::uint64_t taken = send(access, alone_id_, port);
  if (accepted != nullptr) *accepted = taken;
  if (!alone_) until([&] { return alone_.has_value(); }, "response");
  return *alone_;
}

std::uint8_t Rig::start_invalidation(const Invalidation& inv) {
  auto& r = device_->in.inv;
  r.valid = true;
  r.op = static_cast<std::uint8_t>(inv.op);
  r.ctx = static_cast<std::uint8_t>(inv.ctx);
  r.addr = inv.addr;
  r.pcid = inv.pcid;
  r.vpid = inv.vpid;
  // The ids above are those of the guest pages (vmmu_csr_inv).
  constexpr unsigned kIds = 0xf0;
  do {
    next_inv_id_ = static_cast<std::uint8_t>((next_inv_id_ + 1u) % kIds);
  } while (inv_waiting_.count(next_inv_id_) != 0);
  r.id = next_inv_id_;
  return r.id;
}

bool Rig::invalidate(const Invalidation& inv) {
  const std::uint8_t id = start_invalidation(inv);
  until([&] { return !invalidation_pending(id); }, "acknowledgement of an invalidation");
  return !inv_error_;
}

void Rig::settle() {
  // A record waits in the log queue for at most this many cycles before it shows itself at the port.
  constexpr unsigned kQuiet = 4;
  unsigned quiet = 0;
  until(
      [&] {
        quiet = memory_->outstanding() == 0 && !device_->out.mem_req_valid ? quiet + 1 : 0;
        return quiet >= kQuiet;
      },
      "end of the memory traffic");
}

std::vector<std::string> Rig::take_errors() {
  std::vector<std::string> errors = memory_->take_errors();
  errors.insert(errors.end(), errors_.begin(), errors_.end());
  errors_.clear();
  for (const AxiViolation& violation : axi_checker_.take()) errors.push_back(violation.text);
  for (const AxilViolation& violation : axil_checker_.take()) errors.push_back(violation.text);
  return errors;
}

}  // namespace vmmu::tb
