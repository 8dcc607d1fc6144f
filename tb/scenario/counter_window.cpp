#include "scenario/counter_window.hpp"

namespace vmmu::tb {
namespace {

Counter counter_of(CounterName name) {
  switch (name) {
    case CounterName::Refs: return Counter::Refs;
    case CounterName::GuestRefs: return Counter::GuestRefs;
    case CounterName::NestedRefs: return Counter::NestedRefs;
    case CounterName::Cas: return Counter::Swaps;
    case CounterName::Bitmap: return Counter::BitmapReads;
    case CounterName::Checks: return Counter::SegmentChecks;
    case CounterName::FilterHits: return Counter::FilterHits;
    case CounterName::L1Hit: return Counter::L1Hits;
    case CounterName::L2Hit: return Counter::L2Hits;
    case CounterName::NtlbHit: return Counter::NtlbHits;
    case CounterName::Walks: return Counter::Walks;
    case CounterName::RecordsPml: return Counter::PmlRecords;
    case CounterName::RecordsPrl: return Counter::PrlRecords;
    case CounterName::RecordsEpml: return Counter::EpmlRecords;
    case CounterName::DropsPrl: return Counter::PrlDrops;
  }
  return Counter::Refs;
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
  if (mixed_) return std::nullopt;
  const auto index = static_cast<std::size_t>(counter_of(name));
  if (!snapshot()[index]) return std::nullopt;
  fold();
  const auto it = counts_.find(ctx);
  return it == counts_.end() ? 0 : it->second[index];
}

}  // namespace vmmu::tb
