// Pre-copy live migration by dirty-page logs.
#include <fmt/format.h>

#include <string_view>

#include "track/dirty_source.hpp"
#include "track/machine.hpp"
#include "track/trackers.hpp"
#include "vmmu/phys_mem.hpp"

namespace vmmu::tb {

namespace {

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
constexpr double kBytesOfMb = 1e6;

std::string_view name_of(DirtyLog log) {
  switch (log) {
    case DirtyLog::Nested: return "nested, PML";
    case DirtyLog::VmmDirect: return "vmm-direct, bitmap";
    case DirtyLog::DualDirect: return "dual-direct, bitmap";
  }
  return "?";
}

ReplayMode mode_of(DirtyLog log) {
  switch (log) {
    case DirtyLog::Nested: return ReplayMode::Nested;
    case DirtyLog::VmmDirect: return ReplayMode::VmmDirect;
    case DirtyLog::DualDirect: return ReplayMode::DualDirect;
  }
  return ReplayMode::Nested;
}

Logging logging_of(DirtyLog log) {
  Logging logging;
  logging.pml = true;
  logging.seg_log = log != DirtyLog::Nested;
  return logging;
}

class Migration {
 public:
  Migration(const TrackRun& run, const MigrateConfig& config, Machine& machine, DirtyLog log)
      : run_(run),
        config_(config),
        machine_(machine),
        source_(machine),
        log_(log),
        page_seconds_(static_cast<double>(kPage) / (config.bandwidth * kBytesOfMb)) {}

  void go(TrackReport& report) {
    Series curve{std::string(name_of(log_)), {}};
    std::vector<std::uint64_t> to_send;
    for (const GuestPhys page : machine_.memory()) to_send.push_back(page.value / kPage);
    source_.collect();
    std::uint64_t sent = 0;
    bool converged = false;
    unsigned rounds = 0;
    while (rounds < config_.max_rounds && !converged) {
      ++rounds;
      const std::uint64_t first_access = accesses_;
      const std::uint64_t first_full = source_.log_full();
      // The guest goes on while its pages are on the wire, one after the other.
      for (const std::uint64_t page : to_send) {
        copy(page);
        run_guest();
      }
      const std::uint64_t count = to_send.size();
      sent += count;
      // Clean first, copy later: a page that is written in between is dirty again.
      to_send = source_.collect();
      const double rest_ms = static_cast<double>(to_send.size()) * page_seconds_ * 1e3;
      converged = rest_ms <= config_.downtime_limit_ms;
      curve.points.emplace_back(rounds, static_cast<double>(to_send.size()));
      Row row;
      row["log"] = name_of(log_);
      row["round"] = rounds;
      row["pages_sent"] = count;
      row["seconds"] = static_cast<double>(count) * page_seconds_;
      row["accesses"] = accesses_ - first_access;
      row["dirty_pages"] = to_send.size();
      row["log_full"] = source_.log_full() - first_full;
      row["rest_ms"] = rest_ms;
      report.rows.push_back(std::move(row));
    }
    // Stop and copy: the guest stands still.
    for (const std::uint64_t page : to_send) copy(page);
    summarize(report, rounds, sent, to_send.size(), converged);
    report.chart.series.push_back(std::move(curve));
  }

 private:
  // As many accesses as fit into the time that one page takes.
  void run_guest() {
    credit_ += page_seconds_ * run_.rate;
    for (; credit_ >= 1; credit_ -= 1) {
      machine_.run(run_.workload.at(accesses_ % run_.workload.size));
      ++accesses_;
    }
  }

  void copy(std::uint64_t page) {
    const GuestPhys gpa{page * kPage};
    const HostPhys from = machine_.host_of(gpa);
    for (std::uint64_t at = 0; at < kPage; at += 8) {
      const std::uint64_t word = machine_.peek({from.value + at});
      const HostPhys to{gpa.value + at};
      // Pages that never held anything stay unmade in the copy.
      if (copy_.peek(to) != word) copy_.poke(to, word);
    }
  }

  std::uint64_t pages_that_differ() const {
    std::uint64_t differ = 0;
    for (const GuestPhys gpa : machine_.memory()) {
      const HostPhys from = machine_.host_of(gpa);
      for (std::uint64_t at = 0; at < kPage; at += 8) {
        if (copy_.peek({gpa.value + at}) == machine_.peek({from.value + at})) continue;
        ++differ;
        break;
      }
    }
    return differ;
  }

  void summarize(TrackReport& report, unsigned rounds, std::uint64_t sent, std::uint64_t last, bool converged) {
    const std::uint64_t lost = pages_that_differ();
    Row row;
    row["log"] = name_of(log_);
    row["rounds"] = rounds;
    row["memory_pages"] = machine_.memory().size();
    row["pages_sent"] = sent + last;
    row["converged"] = converged;
    row["total_seconds"] = static_cast<double>(sent + last) * page_seconds_;
    row["downtime_pages"] = last;
    row["downtime_ms"] = static_cast<double>(last) * page_seconds_ * 1e3;
    row["accesses"] = accesses_;
    row["records"] = source_.records();
    row["log_full"] = source_.log_full();
    row["pages_lost"] = lost;
    report.summary.push_back(std::move(row));
    if (lost != 0) {
      report.failures.push_back(fmt::format("{}: {} pages of the copy differ from the source", name_of(log_), lost));
    }
  }

  const TrackRun& run_;
  const MigrateConfig& config_;
  Machine& machine_;
  PmlSource source_;
  DirtyLog log_;
  double page_seconds_;
  double credit_ = 0;  // accesses that the guest may make
  std::uint64_t accesses_ = 0;
  SparseMem copy_;  // of the guest's memory, by gPA
};

}  // namespace

TrackResult track_migration(const TrackRun& run, const MigrateConfig& config) {
  TrackReport report;
  report.title = fmt::format("live migration of {}: {:g} MB/s, {:.0f} accesses a second, downtime limit {:g} ms",
                             run.workload.name, config.bandwidth, run.rate, config.downtime_limit_ms);
  report.chart = {report.title, "round", "dirty pages", {}};
  const auto machine = [&run](Engine& engine, DirtyLog log) -> std::variant<std::unique_ptr<Machine>, std::string> {
    auto built = Machine::build(engine, run.preset, mode_of(log), logging_of(log), run.workload.pages);
    if (auto* error = std::get_if<std::string>(&built)) return fmt::format("{}: {}", name_of(log), *error);
    return built;
  };
  // All that could stand in the way is looked for before the long work begins.
  for (const DirtyLog log : config.logs) {
    const std::unique_ptr<Engine> engine = run.make_engine();
    auto built = machine(*engine, log);
    if (auto* error = std::get_if<std::string>(&built)) return std::move(*error);
  }
  if (std::string error = run.begin(); !error.empty()) return error;
  for (const DirtyLog log : config.logs) {
    const std::unique_ptr<Engine> engine = run.make_engine();
    auto built = machine(*engine, log);
    Migration(run, config, *std::get<std::unique_ptr<Machine>>(built), log).go(report);
  }
  return report;
}

}  // namespace vmmu::tb
