#include "device/axi_memory.hpp"

#include <fmt/format.h>

namespace vmmu::tb {

void AxiMemory::reset() {
  Memory::reset();
  for (Queue* queue : {&reads_, &withheld_reads_, &writes_, &withheld_writes_}) queue->clear();
  write_addresses_.clear();
  write_data_.clear();
  r_waits_ = b_waits_ = false;
  inner_.fill(Inner{});
  monitor_.clear();
  injected_.clear();
  replies_.clear();
}

void AxiMemory::release() {
  Memory::release();
  for (const Pending& p : withheld_reads_) reads_.push_back(p);
  for (const Pending& p : withheld_writes_) writes_.push_back(p);
  withheld_reads_.clear();
  withheld_writes_.clear();
}

void AxiMemory::clear_log() {
  Memory::clear_log();
  replies_.clear();
}

void AxiMemory::inject_reply(AxiStep step, AxiResp resp, unsigned n) {
  injected_[step].insert(injected_[step].end(), n, resp);
}

std::optional<AxiResp> AxiMemory::injected(AxiStep step) {
  if (injected_.empty()) return std::nullopt;
  const auto it = injected_.find(step);
  if (it == injected_.end() || it->second.empty()) return std::nullopt;
  const AxiResp resp = it->second.front();
  it->second.pop_front();
  return resp;
}

// ---------------------------------------------------------------- channels

void AxiMemory::drive_readies(DeviceInputs& in) {
  in.axi.ar_ready = !stalls();
  in.axi.aw_ready = !stalls();
  in.axi.w_ready = !stalls();
  switch (behaviour_.write_order) {
    case AxiWriteOrder::Free: break;
    case AxiWriteOrder::AddressFirst: in.axi.w_ready = in.axi.w_ready && !write_addresses_.empty(); break;
    case AxiWriteOrder::DataFirst: in.axi.aw_ready = in.axi.aw_ready && !write_data_.empty(); break;
  }
}

void AxiMemory::drive(std::uint64_t now, DeviceInputs& in) {
  drive_readies(in);
  if (!r_waits_) {
    in.axi.r.valid = false;
    if (const auto p = pick(now, reads_)) {
      in.axi.r = p->address.lock ? exclusive_read(p->address) : read(p->address);
      replies_.push_back({p->address.lock ? AxiStep::ExclusiveRead : AxiStep::Read, in.axi.r.id,
                          HostPhys{p->address.addr}, in.axi.r.data, in.axi.r.resp});
    }
  }
  if (!b_waits_) {
    in.axi.b.valid = false;
    if (const auto p = pick(now, writes_)) {
      in.axi.b = {true, p->address.id, p->address.lock ? exclusive_write(*p) : write(*p)};
      replies_.push_back({p->address.lock ? AxiStep::ExclusiveWrite : AxiStep::Write, in.axi.b.id,
                          HostPhys{p->address.addr}, p->data, in.axi.b.resp});
    }
  }
}

void AxiMemory::sample(std::uint64_t now, const DeviceInputs& in, const DeviceOutputs& out) {
  r_waits_ = in.axi.r.valid && !out.axi.r_ready;
  b_waits_ = in.axi.b.valid && !out.axi.b_ready;
  sample_inner(out);
  sample_requests(now, in, out);
}

void AxiMemory::sample_inner(const DeviceOutputs& out) {
  if (out.mem_rsp.valid) {
    const Inner& inner = inner_[out.mem_rsp.id];
    Transaction done;
    done.op = static_cast<MemOp>(inner.request.op);
    done.id = out.mem_rsp.id;
    done.addr = HostPhys{inner.request.addr};
    done.wdata = inner.request.wdata;
    done.expected = inner.request.expected;
    done.error = out.mem_rsp.error;
    if (!done.error) done.data = done.op == MemOp::Write ? inner.before : out.mem_rsp.data;
    end(done);
  }
  judge(out.mem_req_ready, out);
  if (!out.mem_req_valid || !out.mem_req_ready) return;
  Inner inner;
  inner.request = out.mem_req;
  inner.fail = begin(out.mem_req);
  inner_[out.mem_req.id] = inner;
}

void AxiMemory::sample_requests(std::uint64_t now, const DeviceInputs& in, const DeviceOutputs& out) {
  if (out.axi.ar.valid && in.axi.ar_ready) enqueue(reads_, withheld_reads_, {out.axi.ar, 0, now + latency()});
  if (out.axi.aw.valid && in.axi.aw_ready) write_addresses_.push_back(out.axi.aw);
  if (out.axi.w.valid && in.axi.w_ready) write_data_.push_back(out.axi.w);
  // Data come in the order of the addresses (AXI4 has no WID).
  while (!write_addresses_.empty() && !write_data_.empty()) {
    enqueue(writes_, withheld_writes_, {write_addresses_.front(), write_data_.front().data, now + latency()});
    write_addresses_.pop_front();
    write_data_.pop_front();
  }
}

void AxiMemory::enqueue(Queue& queue, Queue& withheld, const Pending& pending) {
  const AxiAddress& a = pending.address;
  if (a.len != 0 || a.size != 3 || a.addr % 8 != 0) {
    complain(fmt::format("AXI memory: takes aligned single beats of 8 bytes only, not address {:#x} len {} size {}",
                         a.addr, a.len, a.size));
  }
  (withhold_ ? withheld : queue).push_back(pending);
}

// Replies of one id come in the order of its requests.
std::optional<AxiMemory::Pending> AxiMemory::pick(std::uint64_t now, Queue& queue) {
  std::vector<std::size_t> candidates;
  bool seen[256] = {};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::uint8_t id = queue[i].address.id;
    if (!seen[id] && queue[i].due <= now) candidates.push_back(i);
    seen[id] = true;
    if (!timing().reorder) break;
  }
  if (candidates.empty()) return std::nullopt;
  const std::size_t index = candidates.size() == 1 ? candidates[0] : candidates[random_() % candidates.size()];
  const Pending picked = queue[index];
  queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(index));
  return picked;
}

// ---------------------------------------------------------------- what memory does

// A plain write by anyone takes the word away from all that monitor it.
void AxiMemory::change(HostPhys addr, std::uint64_t word) {
  for (auto it = monitor_.begin(); it != monitor_.end();) it = it->second == addr ? monitor_.erase(it) : std::next(it);
  Memory::change(addr, word);
}

bool AxiMemory::refused(const AxiAddress& a) {
  Inner& inner = inner_[a.id];
  const bool fails = take_error(HostPhys{a.addr}) || inner.fail;
  inner.fail = false;
  return fails;
}

AxiReadData AxiMemory::read(const AxiAddress& a) {
  AxiReadData r{true, a.id, 0, AxiResp::Okay, true};
  const auto forced = injected(AxiStep::Read);
  if (forced) {
    r.resp = *forced;
  } else if (refused(a)) {
    r.resp = any_error();
  }
  // With an error the data mean nothing; let them look like something.
  r.data = r.resp == AxiResp::Okay ? words_.peek(HostPhys{a.addr}) : random_();
  return r;
}

// Only if the word is the expected one will there be an exclusive write; then the race may come before that.
bool AxiMemory::race_waits_for_write(const AxiAddress& a) {
  const Inner& inner = inner_[a.id];
  const HostPhys addr{a.addr};
  if (!behaviour_.vary_pairs || races_left().count(addr) == 0) return false;
  if (inner.fail || errors_left().count(addr) != 0) return false;
  return words_.peek(addr) == inner.request.expected && percent() < 50;
}

AxiReadData AxiMemory::exclusive_read(const AxiAddress& a) {
  const HostPhys addr{a.addr};
  AxiReadData r{true, a.id, 0, AxiResp::Okay, true};
  if (const auto forced = injected(AxiStep::ExclusiveRead)) {
    r.resp = *forced;
    r.data = words_.peek(addr);
    return r;
  }
  if (!race_waits_for_write(a)) take_race(addr);
  Inner& inner = inner_[a.id];
  const bool write_follows = behaviour_.exclusives && words_.peek(addr) == inner.request.expected;
  if (refused(a)) {
    inner.fail_at_write = behaviour_.vary_pairs && write_follows && percent() < 50;
    if (!inner.fail_at_write) {
      r.resp = any_error();
      r.data = random_();
      return r;
    }
  }
  r.data = words_.peek(addr);
  if (!behaviour_.exclusives) return r;
  monitor_[a.id] = addr;
  r.resp = AxiResp::ExOkay;
  return r;
}

AxiResp AxiMemory::write(const Pending& p) {
  const HostPhys addr{p.address.addr};
  if (const auto forced = injected(AxiStep::Write)) return *forced;
  if (refused(p.address)) return any_error();
  inner_[p.address.id].before = words_.peek(addr);
  change(addr, p.data);
  return AxiResp::Okay;
}

AxiResp AxiMemory::exclusive_write(const Pending& p) {
  const HostPhys addr{p.address.addr};
  Inner& inner = inner_[p.address.id];
  const auto forced = injected(AxiStep::ExclusiveWrite);
  const bool fails = inner.fail_at_write;
  inner.fail_at_write = false;
  if (!forced && !fails) take_race(addr);
  const auto it = monitor_.find(p.address.id);
  const bool monitored = it != monitor_.end() && it->second == addr;
  if (it != monitor_.end()) monitor_.erase(it);
  if (forced) return *forced;
  if (fails) return any_error();
  if (!behaviour_.exclusives) {
    change(addr, p.data);
    return AxiResp::Okay;
  }
  const bool unlucky = behaviour_.exclusive_fail_percent != 0 && percent() < behaviour_.exclusive_fail_percent;
  if (!monitored || unlucky) return AxiResp::Okay;
  change(addr, p.data);
  return AxiResp::ExOkay;
}

}  // namespace vmmu::tb
