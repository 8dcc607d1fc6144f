#include "device/axil_checker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vmmu::tb {
namespace {

std::string text(const AxilAddress& a) { return fmt::format("address {:#x} prot {:#x}", a.addr, a.prot); }
std::string text(const AxilWriteData& w) { return fmt::format("data {:#x} strb {:#x}", w.data, w.strb); }
std::string text(const AxilReadData& r) {
  return fmt::format("data {:#x} resp {}", r.data, static_cast<unsigned>(r.resp));
}
std::string text(const AxilWriteReply& b) { return fmt::format("resp {}", static_cast<unsigned>(b.resp)); }

}  // namespace

std::string_view rule_name(AxilRule rule) {
  static constexpr std::string_view kNames[kAxilRules] = {"valid is low in reset",         "valid stays until ready",
                                                          "payload is stable until ready", "read data were asked for",
                                                          "write reply was asked for",     "no reply is EXOKAY",
                                                          "every request has a reply"};
  return kNames[static_cast<std::size_t>(rule)];
}

void AxilChecker::reset() {
  first_ = true;
  reads_ = write_addresses_ = write_data_ = 0;
}

std::vector<AxilViolation> AxilChecker::take() {
  std::vector<AxilViolation> taken;
  taken.swap(violations_);
  return taken;
}

void AxilChecker::report(AxilRule rule, std::string what) {
  violations_.push_back(
      {cycle_, rule, fmt::format("cycle {}: AXI4-Lite: {}: violated: {}", cycle_, rule_name(rule), what)});
}

void AxilChecker::check_reset(const AxilFromManager& m, const AxilFromSubordinate& s) {
  const std::pair<const char*, bool> valids[] = {{"ARVALID", m.ar.valid},
                                                 {"AWVALID", m.aw.valid},
                                                 {"WVALID", m.w.valid},
                                                 {"RVALID", s.r.valid},
                                                 {"BVALID", s.b.valid}};
  for (const auto& [name, valid] : valids) {
    if (valid) report(AxilRule::ValidInReset, fmt::format("{} is high in reset", name));
  }
}

// True when `now` is offered for the first time in this cycle.
template <class Payload>
bool AxilChecker::check_held(const char* name, const Payload& before, bool ready_before, const Payload& now) {
  const bool waits = !first_ && before.valid && !ready_before;
  if (waits && !now.valid) {
    report(AxilRule::ValidWithdrawn, fmt::format("{}VALID fell before {}READY: {}", name, name, text(before)));
  } else if (waits && !(now == before)) {
    report(AxilRule::PayloadChanged,
           fmt::format("{} changed before {}READY: {} to {}", name, name, text(before), text(now)));
  }
  return now.valid && !waits;
}

// A reply may not come in the cycle in which its request is taken.
void AxilChecker::check_replies(const AxilFromManager& m, const AxilFromSubordinate& s) {
  if (check_held("R", subordinate_.r, manager_.r_ready, s.r)) {
    if (reads_ == 0) report(AxilRule::ReadWithoutRequest, text(s.r));
    if (s.r.resp == AxiResp::ExOkay) report(AxilRule::ExOkay, "R: " + text(s.r));
  }
  if (check_held("B", subordinate_.b, manager_.b_ready, s.b)) {
    if (std::min(write_addresses_, write_data_) == 0) report(AxilRule::WriteReplyWithoutRequest, text(s.b));
    if (s.b.resp == AxiResp::ExOkay) report(AxilRule::ExOkay, "B: " + text(s.b));
  }
  if (s.r.valid && m.r_ready && reads_ > 0) --reads_;
  if (s.b.valid && m.b_ready && write_addresses_ > 0 && write_data_ > 0) {
    --write_addresses_;
    --write_data_;
  }
}

void AxilChecker::count(const AxilFromManager& m, const AxilFromSubordinate& s) {
  reads_ += m.ar.valid && s.ar_ready;
  write_addresses_ += m.aw.valid && s.aw_ready;
  write_data_ += m.w.valid && s.w_ready;
  transfers_ += (m.ar.valid && s.ar_ready) + (m.aw.valid && s.aw_ready) + (m.w.valid && s.w_ready) +
                (s.r.valid && m.r_ready) + (s.b.valid && m.b_ready);
}

void AxilChecker::sample(std::uint64_t cycle, bool rst_n, const AxilFromManager& m, const AxilFromSubordinate& s) {
  cycle_ = cycle;
  if (!rst_n) {
    reset();
    check_reset(m, s);
    return;
  }
  check_replies(m, s);
  check_held("AR", manager_.ar, subordinate_.ar_ready, m.ar);
  check_held("AW", manager_.aw, subordinate_.aw_ready, m.aw);
  check_held("W", manager_.w, subordinate_.w_ready, m.w);
  count(m, s);
  manager_ = m;
  subordinate_ = s;
  first_ = false;
}

void AxilChecker::finish(std::uint64_t cycle) {
  cycle_ = cycle;
  const std::uint64_t complete = std::min(write_addresses_, write_data_);
  if (reads_ > 0) report(AxilRule::Unanswered, fmt::format("{} reads without data", reads_));
  if (complete > 0) report(AxilRule::Unanswered, fmt::format("{} writes without reply", complete));
  if (write_addresses_ > complete) report(AxilRule::Unanswered, "a write address without data");
  if (write_data_ > complete) report(AxilRule::Unanswered, "write data without an address");
}

}  // namespace vmmu::tb
