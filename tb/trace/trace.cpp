#include "trace.hpp"

#include <memory>
#include <utility>

#include "trace/record_reader.hpp"

namespace vmmu::tb {
namespace {

// Adds one access of a record, as one or two accesses of one page each. Returns false when the limit is reached.
bool add(std::vector<PackedAccess>& accesses, std::uint64_t limit, const TraceRecord& record, Op op) {
  constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
  const std::uint64_t last = record.gva.value + record.size - 1;
  if (accesses.size() >= limit) return false;
  accesses.emplace_back(record.gva, op);
  if (record.gva.value / kPage == last / kPage) return true;
  if (accesses.size() >= limit) return false;
  accesses.emplace_back(GuestVirt{last / kPage * kPage}, op);
  return true;
}

bool add(std::vector<PackedAccess>& accesses, std::uint64_t limit, const TraceRecord& record) {
  switch (record.kind) {
    case TraceRecord::Kind::None: return true;
    case TraceRecord::Kind::Read: return add(accesses, limit, record, Op::Read);
    case TraceRecord::Kind::Write: return add(accesses, limit, record, Op::Write);
    case TraceRecord::Kind::Fetch: return add(accesses, limit, record, Op::Fetch);
    case TraceRecord::Kind::Modify:
      return add(accesses, limit, record, Op::Read) && add(accesses, limit, record, Op::Write);
  }
  return true;
}

}  // namespace

std::variant<Trace, InputError> read_trace(const std::string& path, std::uint64_t limit) {
  auto opened = open_input(path);
  if (const auto* error = std::get_if<InputError>(&opened)) return *error;
  RecordReader reader(std::move(std::get<std::unique_ptr<Input>>(opened)), std::nullopt);
  Trace trace;
  while (trace.accesses.size() < limit) {
    const auto next = reader.next();
    if (const auto* error = std::get_if<InputError>(&next)) return *error;
    const auto& record = std::get<std::optional<TraceRecord>>(next);
    if (!record || !add(trace.accesses, limit, *record)) break;
  }
  if (const auto error = reader.check_rest()) return *error;
  if (trace.accesses.empty()) return reader.nothing_found();
  trace.format = reader.format();
  return trace;
}

}  // namespace vmmu::tb
