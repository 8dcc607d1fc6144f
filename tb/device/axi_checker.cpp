#include "device/axi_checker.hpp"

#include <fmt/format.h>

#include <utility>

namespace vmmu::tb {
namespace {

constexpr unsigned kBusBytes = 8;
constexpr std::uint64_t kPage = 4096;

std::string text(const AxiAddress& a) {
  return fmt::format("id {} address {:#x} len {} size {} burst {} lock {} cache {:#x} prot {:#x}", a.id, a.addr, a.len,
                     a.size, a.burst, a.lock ? 1 : 0, a.cache, a.prot);
}
std::string text(const AxiWriteData& w) {
  return fmt::format("data {:#x} strb {:#x} last {}", w.data, w.strb, w.last ? 1 : 0);
}
std::string text(const AxiReadData& r) {
  return fmt::format("id {} data {:#x} resp {} last {}", r.id, r.data, static_cast<unsigned>(r.resp), r.last ? 1 : 0);
}
std::string text(const AxiWriteReply& b) { return fmt::format("id {} resp {}", b.id, static_cast<unsigned>(b.resp)); }

unsigned beats(const AxiAddress& a) { return a.len + 1u; }
std::uint64_t bytes(const AxiAddress& a) { return std::uint64_t{beats(a)} << a.size; }
bool power_of_two(std::uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }
bool is(const AxiAddress& a, AxiBurst burst) { return a.burst == static_cast<std::uint8_t>(burst); }

// Byte lanes that a beat may use (A3.4.3).
std::uint8_t lanes(const AxiAddress& a, unsigned beat) {
  const std::uint64_t beat_bytes = std::uint64_t{1} << a.size;
  const std::uint64_t aligned = a.addr & ~(beat_bytes - 1);
  std::uint64_t from = a.addr;  // the first beat of an unaligned burst is short
  std::uint64_t base = aligned;
  if (beat != 0 && !is(a, AxiBurst::Fixed)) {
    base = from = aligned + beat * beat_bytes;
    if (is(a, AxiBurst::Wrap)) {
      const std::uint64_t start = a.addr / bytes(a) * bytes(a);
      base = from = start + (base - start) % bytes(a);
    }
  }
  std::uint8_t mask = 0;
  for (std::uint64_t byte = from; byte < base + beat_bytes; ++byte) {
    mask = static_cast<std::uint8_t>(mask | (1u << (byte % kBusBytes)));
  }
  return mask;
}

}  // namespace

std::string_view rule_name(AxiRule rule) {
  static constexpr std::string_view kNames[kAxiRules] = {
      "valid is low in reset",
      "valid stays until ready",
      "payload is stable until ready",
      "burst type exists",
      "burst length fits its type",
      "wrapping burst is aligned",
      "beat fits the bus",
      "burst stays in its 4 KiB page",
      "cache bits exist",
      "strobes stay in their lanes",
      "WLAST marks the last beat",
      "RLAST marks the last beat",
      "read data were asked for",
      "write reply was asked for",
      "EXOKAY answers an exclusive access",
      "exclusive access is a power of two of up to 128 bytes",
      "exclusive access is aligned",
      "exclusive access reaches its monitor",
      "exclusive write has an exclusive read",
      "exclusive write waits for its read",
      "exclusive pair is of one kind",
      "access is one aligned beat of 8 bytes",
      "every request has a reply",
  };
  return kNames[static_cast<std::size_t>(rule)];
}

void AxiChecker::reset() {
  first_ = true;
  for (auto& queue : reads_) queue.clear();
  for (auto& queue : writes_) queue.clear();
  write_addresses_.clear();
  write_data_.clear();
  beats_written_ = 0;
  exclusive_.fill(Exclusive{});
}

std::vector<AxiViolation> AxiChecker::take() {
  std::vector<AxiViolation> taken;
  taken.swap(violations_);
  return taken;
}

void AxiChecker::report(AxiRule rule, std::string what) {
  violations_.push_back({cycle_, rule, fmt::format("cycle {}: AXI: {}: violated: {}", cycle_, rule_name(rule), what)});
}

void AxiChecker::check_reset(const AxiFromManager& m, const AxiFromSubordinate& s) {
  const std::pair<const char*, bool> valids[] = {{"ARVALID", m.ar.valid},
                                                 {"AWVALID", m.aw.valid},
                                                 {"WVALID", m.w.valid},
                                                 {"RVALID", s.r.valid},
                                                 {"BVALID", s.b.valid}};
  for (const auto& [name, valid] : valids) {
    if (valid) report(AxiRule::ValidInReset, fmt::format("{} is high in reset", name));
  }
}

// True when `now` is offered for the first time in this cycle.
template <class Payload>
bool AxiChecker::check_held(const char* name, const Payload& before, bool ready_before, const Payload& now) {
  const bool waits = !first_ && before.valid && !ready_before;
  if (waits && !now.valid) {
    report(AxiRule::ValidWithdrawn, fmt::format("{}VALID fell before {}READY: {}", name, name, text(before)));
  } else if (waits && !(now == before)) {
    report(AxiRule::PayloadChanged,
           fmt::format("{} changed before {}READY: {} to {}", name, name, text(before), text(now)));
  }
  return now.valid && !waits;
}

void AxiChecker::check_burst(const char* name, const AxiAddress& a) {
  if (a.burst > static_cast<std::uint8_t>(AxiBurst::Wrap)) {
    report(AxiRule::BurstReserved, fmt::format("{}: burst type 3 is reserved: {}", name, text(a)));
  }
  if (is(a, AxiBurst::Fixed) && beats(a) > 16) {
    report(AxiRule::BurstLength, fmt::format("{}: a FIXED burst of {} beats: {}", name, beats(a), text(a)));
  }
  if (is(a, AxiBurst::Wrap) && !(power_of_two(beats(a)) && beats(a) >= 2 && beats(a) <= 16)) {
    report(AxiRule::BurstLength, fmt::format("{}: a WRAP burst of {} beats: {}", name, beats(a), text(a)));
  }
  if (is(a, AxiBurst::Wrap) && a.addr % (std::uint64_t{1} << a.size) != 0) {
    report(AxiRule::WrapUnaligned, fmt::format("{}: {}", name, text(a)));
  }
  if (is(a, AxiBurst::Incr)) {
    const std::uint64_t aligned = a.addr & ~((std::uint64_t{1} << a.size) - 1);
    if (aligned / kPage != (aligned + bytes(a) - 1) / kPage) {
      report(AxiRule::CrossesPage, fmt::format("{}: {}", name, text(a)));
    }
  }
}

void AxiChecker::check_exclusive(const char* name, const AxiAddress& a) {
  if (!power_of_two(bytes(a)) || bytes(a) > 128 || beats(a) > 16) {
    report(AxiRule::ExclusiveLength, fmt::format("{}: {} bytes in {} beats: {}", name, bytes(a), beats(a), text(a)));
  } else if (a.addr % bytes(a) != 0) {
    report(AxiRule::ExclusiveUnaligned, fmt::format("{}: {}", name, text(a)));
  }
  if ((a.cache & 0xc) != 0) report(AxiRule::ExclusiveCacheable, fmt::format("{}: {}", name, text(a)));
}

void AxiChecker::check_address(const char* name, const AxiAddress& a) {
  if ((1u << a.size) > kBusBytes) {
    report(AxiRule::SizeTooLarge, fmt::format("{}: beats of {} bytes: {}", name, 1u << a.size, text(a)));
  }
  check_burst(name, a);
  if ((a.cache & 0xc) != 0 && (a.cache & 0x2) == 0) {
    report(AxiRule::CacheReserved, fmt::format("{}: {}", name, text(a)));
  }
  if (a.lock) check_exclusive(name, a);
  if (options_.one_beat && (a.len != 0 || a.size != 3 || !is(a, AxiBurst::Incr) || a.addr % kBusBytes != 0)) {
    report(AxiRule::NotOneBeat, fmt::format("{}: {}", name, text(a)));
  }
}

// A7.2.4: same id, address, size, length, and the rest of the control signals.
void AxiChecker::check_pair(const AxiAddress& aw) {
  const Exclusive& pair = exclusive_[aw.id];
  AxiAddress wanted = pair.address;
  wanted.valid = aw.valid;
  switch (pair.state) {
    case Pair::None: report(AxiRule::ExclusiveWriteAlone, text(aw)); break;
    case Pair::Reading: report(AxiRule::ExclusiveWriteEarly, text(aw)); break;
    case Pair::Ready:
      if (!(wanted == aw)) {
        report(AxiRule::ExclusivePairDiffers, fmt::format("read {}, write {}", text(pair.address), text(aw)));
      }
      break;
  }
}

void AxiChecker::check_read_data(const AxiReadData& r) {
  const auto& queue = reads_[r.id];
  if (queue.empty()) {
    report(AxiRule::ReadWithoutRequest, text(r));
    return;
  }
  const Read& oldest = queue.front();  // A5.3: those of one id come in order
  if (r.last != (oldest.beats_left == 1)) {
    report(AxiRule::ReadLastWrong, fmt::format("{} beats to come: {}", oldest.beats_left, text(r)));
  }
  if (r.resp == AxiResp::ExOkay && !oldest.address.lock) {
    report(AxiRule::ExOkayWithoutExclusive, fmt::format("{} for {}", text(r), text(oldest.address)));
  }
}

void AxiChecker::take_read_data(const AxiReadData& r) {
  auto& queue = reads_[r.id];
  if (queue.empty()) return;
  Read& oldest = queue.front();
  if (--oldest.beats_left != 0) return;
  Exclusive& pair = exclusive_[r.id];
  if (oldest.address.lock && pair.state == Pair::Reading) pair.state = Pair::Ready;
  queue.pop_front();
}

void AxiChecker::check_write_reply(const AxiWriteReply& b) {
  const auto& queue = writes_[b.id];
  if (queue.empty()) {
    report(AxiRule::WriteReplyWithoutRequest, text(b));
  } else if (b.resp == AxiResp::ExOkay && !queue.front().lock) {
    report(AxiRule::ExOkayWithoutExclusive, fmt::format("{} for {}", text(b), text(queue.front())));
  }
}

void AxiChecker::check_write_beat(const AxiAddress& a, const AxiWriteData& w, unsigned beat) {
  if (w.last != (beat + 1 == beats(a))) {
    report(AxiRule::WriteLastWrong, fmt::format("beat {} of {}: {}; {}", beat + 1, beats(a), text(w), text(a)));
  }
  if ((w.strb & ~lanes(a, beat)) != 0) {
    report(AxiRule::StrobeOutsideLanes, fmt::format("beat {}: {}; {}", beat + 1, text(w), text(a)));
  }
}

// Data come in the order of the addresses, and may come before them.
void AxiChecker::match_writes() {
  while (!write_addresses_.empty() && !write_data_.empty()) {
    const AxiAddress& a = write_addresses_.front();
    check_write_beat(a, write_data_.front(), beats_written_);
    write_data_.pop_front();
    if (++beats_written_ < beats(a)) continue;
    beats_written_ = 0;
    writes_[a.id].push_back(a);
    write_addresses_.pop_front();
  }
}

void AxiChecker::sample(std::uint64_t cycle, bool rst_n, const AxiFromManager& m, const AxiFromSubordinate& s) {
  cycle_ = cycle;
  if (!rst_n) {
    reset();
    check_reset(m, s);
    return;
  }
  const AxiFromManager& m0 = manager_;
  const AxiFromSubordinate& s0 = subordinate_;
  // Replies first: a reply may not come in the cycle in which its request is taken (A3.3.1).
  if (check_held("R", s0.r, m0.r_ready, s.r)) check_read_data(s.r);
  if (check_held("B", s0.b, m0.b_ready, s.b)) check_write_reply(s.b);
  if (s.r.valid && m.r_ready) take_read_data(s.r);
  if (s.b.valid && m.b_ready && !writes_[s.b.id].empty()) writes_[s.b.id].pop_front();

  if (check_held("AR", m0.ar, s0.ar_ready, m.ar)) check_address("AR", m.ar);
  if (check_held("AW", m0.aw, s0.aw_ready, m.aw)) {
    check_address("AW", m.aw);
    if (m.aw.lock) check_pair(m.aw);
  }
  check_held("W", m0.w, s0.w_ready, m.w);

  if (m.ar.valid && s.ar_ready) {
    reads_[m.ar.id].push_back({m.ar, beats(m.ar)});
    if (m.ar.lock) exclusive_[m.ar.id] = {Pair::Reading, m.ar};
  }
  if (m.aw.valid && s.aw_ready) {
    write_addresses_.push_back(m.aw);
    if (m.aw.lock) exclusive_[m.aw.id].state = Pair::None;
  }
  if (m.w.valid && s.w_ready) write_data_.push_back(m.w);
  match_writes();

  transfers_ += (m.ar.valid && s.ar_ready) + (m.aw.valid && s.aw_ready) + (m.w.valid && s.w_ready) +
                (s.r.valid && m.r_ready) + (s.b.valid && m.b_ready);
  manager_ = m;
  subordinate_ = s;
  first_ = false;
}

void AxiChecker::finish(std::uint64_t cycle) {
  cycle_ = cycle;
  for (const auto& queue : reads_) {
    for (const Read& r : queue) report(AxiRule::Unanswered, "read without data: " + text(r.address));
  }
  for (const auto& queue : writes_) {
    for (const AxiAddress& a : queue) report(AxiRule::Unanswered, "write without reply: " + text(a));
  }
  for (const AxiAddress& a : write_addresses_) report(AxiRule::Unanswered, "write without data: " + text(a));
  for (const AxiWriteData& w : write_data_) report(AxiRule::Unanswered, "data without address: " + text(w));
}

}  // namespace vmmu::tb
