// Which pages the guest has written, by what the MMU says: three ways to ask.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "track/machine.hpp"
#include "track/ooh_costs.hpp"

namespace vmmu::tb {

// Registers itself as the machine's fault handler; the machine outlives it.
class DirtySource {
 public:
  explicit DirtySource(Machine& machine);
  virtual ~DirtySource();
  DirtySource(const DirtySource&) = delete;
  DirtySource& operator=(const DirtySource&) = delete;

  // Pages written since the last call, rising, each once; from now on they count as clean, and what the TLBs know of
  // them is gone. Page numbers of gPAs or of gVAs, after the source.
  virtual std::vector<std::uint64_t> collect() = 0;

  std::uint64_t records() const { return records_; }    // read from the log
  std::uint64_t log_full() const { return log_full_; }  // accesses that found the log full
  std::uint64_t faults() const { return faults_; }      // page faults that marked a page

 protected:
  virtual bool handle(const Fault& fault) = 0;
  std::vector<std::uint64_t> take_pages();  // of records: sorted, each once
  void drain(Log log);

  Machine& machine_;
  std::vector<std::uint64_t> seen_;  // page numbers of records
  std::uint64_t records_ = 0;
  std::uint64_t log_full_ = 0;
  std::uint64_t faults_ = 0;
};

// The hypervisor's: PML under EPT, or segment dirty logging. Pages by gPA, page tables among them.
class PmlSource final : public DirtySource {
 public:
  explicit PmlSource(Machine& machine) : DirtySource(machine) {}
  std::vector<std::uint64_t> collect() override;

 private:
  bool handle(const Fault& fault) override;
};

// The same as the guest's tracker gets it with SPML: gPAs mapped back to the gVAs of the process.
class SpmlSource final : public DirtySource {
 public:
  explicit SpmlSource(Machine& machine);
  std::vector<std::uint64_t> collect() override;

 private:
  bool handle(const Fault& fault) override;
  std::unordered_map<std::uint64_t, std::uint64_t> reverse_;  // page numbers, gPA to gVA
};

// The guest's own: EPML. Pages by gVA.
class EpmlSource final : public DirtySource {
 public:
  explicit EpmlSource(Machine& machine) : DirtySource(machine) {}
  std::vector<std::uint64_t> collect() override;

 private:
  bool handle(const Fault& fault) override;
};

// Soft-dirty bits of /proc: all pages are write-protected, and the first write of each faults. Pages by gVA.
class ProcSource final : public DirtySource {
 public:
  explicit ProcSource(Machine& machine);
  std::vector<std::uint64_t> collect() override;

 private:
  bool handle(const Fault& fault) override;
  void protect(std::uint64_t page);
};

std::unique_ptr<DirtySource> make_source(Technique technique, Machine& machine);
// What the machine has to log for it.
Logging logging_of(Technique technique);

}  // namespace vmmu::tb
