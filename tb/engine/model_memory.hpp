// The model's memory in lock step: refuses requests and lets software interfere as the RTL's memory does,
// and remembers which words the model wrote.
#pragma once

#include <map>
#include <set>

#include "vmmu/phys_mem.hpp"

namespace vmmu::tb {

class ModelMemory final : public PhysMem {
 public:
  std::optional<std::uint64_t> read(HostPhys addr) override {
    if (refuses(addr)) return std::nullopt;
    return words_.peek(addr);
  }
  std::optional<std::uint64_t> compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) override {
    const auto race = races_.find(addr);
    if (race != races_.end()) {
      words_.poke(addr, race->second);
      written_.insert(addr);
      races_.erase(race);
    }
    if (refuses(addr)) return std::nullopt;
    const std::uint64_t found = words_.peek(addr);
    if (found == expected) store(addr, desired);
    return found;
  }
  bool write(HostPhys addr, std::uint64_t word) override {
    if (refuses(addr)) return false;
    store(addr, word);
    return true;
  }
  std::uint64_t peek(HostPhys addr) const override { return words_.peek(addr); }

  void poke(HostPhys addr, std::uint64_t word) { words_.poke(addr, word); }
  void inject_error(HostPhys addr, unsigned n) {
    if (n != 0) errors_left_[addr] += n;
  }
  void inject_race(HostPhys addr, std::uint64_t word) { races_[addr] = word; }
  void drop_race(HostPhys addr) { races_.erase(addr); }
  void set_errors(const std::map<HostPhys, unsigned>& errors) { errors_left_ = errors; }
  // What was injected and has not happened yet.
  bool injected() const { return !errors_left_.empty() || !races_.empty(); }
  void set_injected(const std::map<HostPhys, unsigned>& errors, const std::map<HostPhys, std::uint64_t>& races) {
    errors_left_ = errors;
    races_ = races;
  }

  const std::set<HostPhys>& written() const { return written_; }
  void forget_written() { written_.clear(); }

  void clear() {
    words_.clear();
    written_.clear();
    errors_left_.clear();
    races_.clear();
  }

 private:
  bool refuses(HostPhys addr) {
    if (errors_left_.empty()) return false;
    const auto it = errors_left_.find(addr);
    if (it == errors_left_.end()) return false;
    if (--it->second == 0) errors_left_.erase(it);
    return true;
  }
  void store(HostPhys addr, std::uint64_t word) {
    words_.poke(addr, word);
    written_.insert(addr);
  }

  SparseMem words_;
  std::set<HostPhys> written_;
  std::map<HostPhys, unsigned> errors_left_;
  std::map<HostPhys, std::uint64_t> races_;
};

}  // namespace vmmu::tb
