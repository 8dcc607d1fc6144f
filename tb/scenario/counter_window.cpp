#include "scenario/counter_window.hpp"

namespace vmmu::tb {
namespace {

// Where a counter of the language comes from.
struct Source {
  bool absent_part;  // counts work of a part that this version does not have: always 0
  std::optional<Counter> counter;
};

Source source_of(CounterName name) {
  switch (name) {
    case CounterName::Refs: return {false, Counter::Refs};
    case CounterName::GuestRefs: return {false, Counter::GuestRefs};
    case CounterName::NestedRefs: return {false, Counter::NestedRefs};
    case CounterName::Cas: return {false, Counter::Swaps};
    case CounterName::L1Hit: return {false, Counter::L1Hits};
    case CounterName::Walks: return {false, Counter::Walks};
    case CounterName::RecordsPml: return {false, Counter::PmlRecords};
    case CounterName::Checks: return {false, Counter::SegmentChecks};
    case CounterName::FilterHits: return {false, Counter::FilterHits};
    case CounterName::L2Hit: return {false, Counter::L2Hits};
    // There is no nested TLB: neither engine can tell anything of it.
    case CounterName::NtlbHit: return {false, std::nullopt};
    case CounterName::Bitmap:
    case CounterName::RecordsPrl:
    case CounterName::RecordsEpml:
    case CounterName::DropsPrl: return {true, std::nullopt};
  }
  return {false, std::nullopt};
}

}  // namespace

CounterWindow::Values CounterWindow::snapshot() {
  Values values;
  for (std::size_t i = 0; i < kNumEngineCounters; ++i) values[i] = engine_.counter(static_cast<Counter>(i));
  return values;
}

void CounterWindow::fold() {
  if (!ctx_) return;
  const Values now = snapshot();
  auto& counts = counts_[*ctx_];
  for (std::size_t i = 0; i < kNumEngineCounters; ++i) counts[i] += now[i].value_or(0) - mark_[i].value_or(0);
  mark_ = now;
}

void CounterWindow::on_access(unsigned ctx, bool in_flight) {
  if (closed_) {
    closed_ = false;
    mixed_ = false;
    counts_.clear();
    ctx_ = ctx;
    mark_ = snapshot();
    return;
  }
  if (ctx_ == ctx) return;
  mixed_ = mixed_ || in_flight;
  fold();
  ctx_ = ctx;
}

std::optional<std::uint64_t> CounterWindow::value(CounterName name, unsigned ctx) {
  const Source source = source_of(name);
  if (source.absent_part) return 0;
  if (!source.counter || mixed_) return std::nullopt;
  const auto index = static_cast<std::size_t>(*source.counter);
  if (!snapshot()[index]) return std::nullopt;
  fold();
  const auto it = counts_.find(ctx);
  return it == counts_.end() ? 0 : it->second[index];
}

}  // namespace vmmu::tb
