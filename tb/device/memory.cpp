#include "device/memory.hpp"

#include <fmt/format.h>

namespace vmmu::tb {

void Memory::reset() {
  queue_.clear();
  withheld_.clear();
  withhold_ = false;
  for (bool& used : used_) used = false;
  outstanding_ = 0;
  errors_left_.clear();
  races_.clear();
  fail_at_.clear();
  was_waiting_ = false;
  log_.clear();
}

void Memory::inject_error(HostPhys addr, unsigned n) { errors_left_[addr] += n; }

void Memory::inject_race(HostPhys addr, std::uint64_t word) { races_[addr] = word; }

void Memory::fail_request(std::uint64_t nth) { fail_at_[accepted_ + nth] = true; }

void Memory::release() {
  withhold_ = false;
  for (const Pending& pending : withheld_) queue_.push_back(pending);
  withheld_.clear();
}

std::vector<std::string> Memory::take_errors() {
  std::vector<std::string> errors;
  errors.swap(protocol_errors_);
  return errors;
}

void Memory::drive(std::uint64_t now, DeviceInputs& in) {
  in.mem_req_ready = !stalls();
  in.mem_rsp.valid = false;
  Pending pending;
  if (queue_.empty() || !pick(now, pending)) return;
  const Transaction done = perform(pending);
  end(done);
  in.mem_rsp.valid = true;
  in.mem_rsp.id = done.id;
  in.mem_rsp.data = done.data;
  in.mem_rsp.error = done.error;
}

void Memory::sample(std::uint64_t now, const DeviceInputs& in, const DeviceOutputs& out) {
  if (was_waiting_ || out.mem_req_valid) judge(in.mem_req_ready, out);
  if (!out.mem_req_valid || !in.mem_req_ready) return;
  const std::uint64_t due = now + latency();
  (withhold_ ? withheld_ : queue_).push_back({out.mem_req, due, begin(out.mem_req)});
}

void Memory::judge(bool ready, const DeviceOutputs& out) {
  if (was_waiting_ && !out.mem_req_valid) {
    protocol_errors_.push_back(fmt::format("memory port: request to {:#x} withdrawn before ready", waiting_.addr));
  } else if (was_waiting_ && !(out.mem_req == waiting_)) {
    protocol_errors_.push_back(
        fmt::format("memory port: request to {:#x} changed to {:#x} before ready", waiting_.addr, out.mem_req.addr));
  }
  was_waiting_ = out.mem_req_valid && !ready;
  if (was_waiting_) waiting_ = out.mem_req;
}

bool Memory::begin(const DeviceOutputs::MemRequest& request) {
  if (request.addr % 8 != 0) {
    protocol_errors_.push_back(fmt::format("memory port: address {:#x} is not 8-byte aligned", request.addr));
  }
  if (request.op > static_cast<std::uint8_t>(MemOp::Write)) {
    protocol_errors_.push_back(fmt::format("memory port: operation {} does not exist", request.op));
  }
  if (used_[request.id]) {
    protocol_errors_.push_back(fmt::format("memory port: id {} reused while outstanding", request.id));
  }
  used_[request.id] = true;
  ++outstanding_;
  const bool fail = !fail_at_.empty() && fail_at_.erase(accepted_) != 0;
  ++accepted_;
  return fail;
}

void Memory::end(const Transaction& done) {
  log_.push_back(done);
  used_[done.id] = false;
  --outstanding_;
}

std::uint64_t Memory::latency() {
  if (timing_.latency_max <= timing_.latency_min) return timing_.latency_min;
  return timing_.latency_min + random_() % (timing_.latency_max - timing_.latency_min + 1);
}

bool Memory::pick(std::uint64_t now, Pending& picked) {
  std::size_t index = 0;
  if (!timing_.reorder) {
    if (queue_.front().due > now) return false;
  } else {
    std::vector<std::size_t> due;
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      if (queue_[i].due <= now) due.push_back(i);
    }
    if (due.empty()) return false;
    index = due[random_() % due.size()];
  }
  picked = queue_[index];
  queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(index));
  return true;
}

Transaction Memory::perform(const Pending& pending) {
  const auto& request = pending.request;
  Transaction t;
  t.op = static_cast<MemOp>(request.op);
  t.id = request.id;
  t.addr = HostPhys{request.addr};
  t.wdata = request.wdata;
  t.expected = request.expected;
  if (t.op == MemOp::Cas) take_race(t.addr);
  t.error = take_error(t.addr) || pending.fail;
  if (t.error) return t;
  t.data = words_.peek(t.addr);
  if (t.op == MemOp::Write || t.swapped()) change(t.addr, t.wdata);
  if (t.swapped() && on_swap) on_swap(t.addr, t.data);
  return t;
}

void Memory::change(HostPhys addr, std::uint64_t word) {
  const std::uint64_t before = words_.peek(addr);
  words_.poke(addr, word);
  if (on_change && before != word) on_change(addr, before, word);
}

bool Memory::take_error(HostPhys addr) {
  if (errors_left_.empty()) return false;
  const auto it = errors_left_.find(addr);
  if (it == errors_left_.end()) return false;
  if (--it->second == 0) errors_left_.erase(it);
  return true;
}

void Memory::take_race(HostPhys addr) {
  if (races_.empty()) return;
  const auto it = races_.find(addr);
  if (it == races_.end()) return;
  const std::uint64_t word = it->second;
  races_.erase(it);
  if (on_race) on_race(addr, word);
  change(addr, word);
}

}  // namespace vmmu::tb
