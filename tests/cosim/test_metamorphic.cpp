// An access repeated gives the same address, or the same fault with the same code and addresses: walked without caches,
// cold, warm, after unrelated traffic, and after what was cached of it has been pushed out. No model takes part: the
// first answer is the RTL's own. VMMU_CASES=N compares N accesses instead of 60,000, VMMU_SEED=S draws others. A
// failure prints the shortest sequence found that still fails.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "fixture.hpp"
#include "meta_world.hpp"

using namespace vmmu;
using namespace vmmu::tb;

namespace {

constexpr unsigned kBatch = 128;  // accesses under the same registers

std::uint64_t cases() {
  const char* text = std::getenv("VMMU_CASES");
  return text == nullptr ? 60'000 : std::strtoull(text, nullptr, 0);
}

// One access, and what it has to answer; traffic has no such thing.
struct Line {
  Access access;
  std::optional<Result> expected;
};

class Metamorphic : public RigFixture {
 public:
  Metamorphic(Preset preset, std::uint64_t seed) : RigFixture(preset, 1, seed), preset_(preset), seed_(seed) {
    rig.on_response = [this](const Response& r) {
      answers_.at(position_.at(r.id)) = r;
      position_.erase(r.id);
      saw_translation();
    };
    world_ = std::make_unique<MetaWorld>(rig, preset, seed);
  }

  // False after the first difference.
  bool batch(Mode mode, unsigned pair) {
    if (!world_->enter(mode, pair)) return true;
    mode_ = mode;
    pair_ = pair;
    std::vector<Line> lines;
    for (unsigned n = 0; n < kBatch; ++n) lines.push_back({world_->access(), {}});
    bypass(true);
    run_all(lines);
    bypass(false);
    for (unsigned n = 0; n < kBatch; ++n) {
      lines[n].expected = answers_[n].result;
      const bool translated = std::holds_alternative<Translation>(answers_[n].result);
      translations_[{mode, pair}] += translated;
      faults_[mode] += !translated;
    }
    drop_all();
    history_.clear();
    return compare("cold", lines) && compare("warm", shuffled(lines)) &&
           compare("among unrelated traffic", among_traffic(shuffled(lines))) &&
           compare("after evictions", after_evictions(shuffled(lines))) && alone_and_cold(lines);
  }

  void finish(bool every_pair) {
    CHECK(sources_[Source::L1] > 0);
    CHECK(sources_[Source::Walk] > 0);
    CHECK(sources_[Source::Segment] > 0);
    if (preset_info(preset_).has_l2()) CHECK(sources_[Source::L2] > 0);
    for (const auto& [mode, number] : faults_) {
      INFO("faults in mode " << to_string(mode));
      CHECK(number > 0);
    }
    if (!every_pair) return;
    for (const auto& [cell, number] : translations_) {
      INFO("translations in mode " << to_string(cell.first) << ", pair " << cell.second);
      CHECK(number > 0);
    }
  }
  std::uint64_t compared() const { return compared_; }
  std::uint64_t number_of_faults() const {
    std::uint64_t sum = 0;
    for (const auto& [mode, number] : faults_) sum += number;
    return sum;
  }

 private:
  void bypass(bool on) { REQUIRE(rig.write_register(reg::kGlobalCtrl, on ? reg::kCacheBypass : 0)); }
  void drop_all() { REQUIRE(rig.invalidate({InvOp::All, 0, 0, 0, 0})); }

  // All of them, as fast as the MMU takes them, at all ports.
  void run_all(const std::vector<Line>& lines) {
    answers_.assign(lines.size(), {});
    std::size_t next = 0;
    while (next < lines.size() || !position_.empty()) {
      for (unsigned port = 0; port < rig.ports(); ++port) {
        const std::uint8_t id = static_cast<std::uint8_t>(next % 256);
        if (next == lines.size() || rig.presented(port) || position_.count(id) != 0) continue;
        rig.present(lines[next].access, id, port);
        position_[id] = next++;
      }
      rig.cycle();
    }
  }

  std::vector<Line> shuffled(std::vector<Line> lines) {
    for (std::size_t i = lines.size(); i > 1; --i) std::swap(lines[i - 1], lines[world_->random() % i]);
    return lines;
  }
  std::vector<Line> among_traffic(const std::vector<Line>& lines) {
    std::vector<Line> mixed;
    for (const Line& line : lines) {
      mixed.push_back({world_->traffic(), {}});
      mixed.push_back(line);
    }
    return mixed;
  }
  std::vector<Line> after_evictions(const std::vector<Line>& lines) {
    std::vector<Line> all;
    for (const Access& a : world_->evictions()) all.push_back({a, {}});
    all.insert(all.end(), lines.begin(), lines.end());
    return all;
  }

  // The first line whose answer is another one than expected.
  std::optional<std::size_t> first_difference(const std::vector<Line>& lines) const {
    for (std::size_t n = 0; n < lines.size(); ++n) {
      if (lines[n].expected && !(answers_[n].result == *lines[n].expected)) return n;
    }
    return std::nullopt;
  }

  bool compare(const char* situation, const std::vector<Line>& lines) {
    run_all(lines);
    history_.insert(history_.end(), lines.begin(), lines.end());
    for (std::size_t n = 0; n < lines.size(); ++n) {
      if (!lines[n].expected) continue;
      ++compared_;
      ++sources_[answers_[n].source];
    }
    const auto wrong = first_difference(lines);
    if (!wrong) return true;
    report(situation, lines[*wrong], answers_[*wrong]);
    return false;
  }

  // Each with nothing cached at all, for a few of them.
  bool alone_and_cold(const std::vector<Line>& lines) {
    for (unsigned n = 0; n < 2; ++n) {
      const Line& line = lines[world_->random() % lines.size()];
      drop_all();
      history_.clear();
      if (!compare("alone and cold", {line})) return false;
    }
    return true;
  }

  bool still_fails(const std::vector<Line>& lines) {
    drop_all();
    run_all(lines);
    return first_difference(lines).has_value();
  }

  // Leaves out ever smaller pieces, as long as something goes wrong without them.
  std::vector<Line> reduced(std::vector<Line> lines) {
    for (std::size_t piece = lines.size() / 2; piece != 0; piece /= 2) {
      for (std::size_t from = 0; from + piece <= lines.size() && lines.size() > 1;) {
        std::vector<Line> fewer = lines;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(from),
                    fewer.begin() + static_cast<std::ptrdiff_t>(from + piece));
        if (still_fails(fewer)) {
          lines = fewer;
        } else {
          from += piece;
        }
      }
    }
    return lines;
  }

  void report(const char* situation, const Line& line, const Response& got) {
    std::string text = fmt::format("{}, mode {}, pair {}, {}: {}\n  first {}\n  now   {} (source {})\n",
                                   preset_name(preset_), to_string(mode_), pair_, situation, describe(line.access),
                                   describe(*line.expected), describe(got.result), static_cast<unsigned>(got.source));
    if (!still_fails(history_)) {
      text += "not repeated by the same accesses after an invalidation of everything\n";
    } else {
      const std::vector<Line> shortest = reduced(history_);
      (void)still_fails(shortest);
      text += "the shortest sequence that fails, after an invalidation of everything:\n";
      for (std::size_t n = 0; n < shortest.size(); ++n) {
        text += fmt::format("  {} -> {}{}\n", describe(shortest[n].access), describe(answers_[n].result),
                            shortest[n].expected && !(answers_[n].result == *shortest[n].expected) ? "  (wrong)" : "");
      }
    }
    FAIL_CHECK(text << "reproduce: VMMU_SEED=" << seed_ << " VMMU_CASES=" << cases()
                    << " build/test_cosim_metamorphic");
  }

  Preset preset_;
  std::uint64_t seed_;
  std::unique_ptr<MetaWorld> world_;
  Mode mode_ = Mode::Native;
  unsigned pair_ = 0;
  std::map<std::uint8_t, std::size_t> position_;  // of what is in flight, by id
  std::vector<Response> answers_;
  std::vector<Line> history_;  // since the last invalidation of everything
  std::map<std::pair<Mode, unsigned>, std::uint64_t> translations_;
  std::map<Mode, std::uint64_t> faults_;
  std::map<Source, std::uint64_t> sources_;
  std::uint64_t compared_ = 0;
};

}  // namespace

TEST_CASE("metamorphic: an access repeated in any situation gives the same answer", "[metamorphic]") {
  const std::vector<Preset> presets = device_presets();
  const std::uint64_t seed = seed_or(1);
  const std::uint64_t batches = (cases() / presets.size() + kBatch - 1) / kBatch;
  std::uint64_t number = 0;
  for (const Preset preset : presets) {
    Metamorphic test(preset, seed);
    std::uint64_t n = 0;
    while (n < batches && test.batch(static_cast<Mode>(n % kModes), static_cast<unsigned>(n / kModes % kSizePairs)))
      ++n;
    if (n < batches) return;
    test.finish(batches >= 4 * kModes * kSizePairs);
    number += batches * kBatch;
    fmt::print("{}: {} cases, {} answers compared, {} of the cases fault, {} cycles, seed {}\n", preset_name(preset),
               batches * kBatch, test.compared(), test.number_of_faults(), test.rig.now(), seed);
  }
  CHECK(number >= cases());
}
