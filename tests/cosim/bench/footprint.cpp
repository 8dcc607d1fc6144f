// Nested 4 KiB walks over footprints of some MiB to a GiB: references with warm tables, and walks side by side. The
// guest's tables lie side by side, and so do its pages.
#include <algorithm>
#include <random>

#include "rows.hpp"

namespace vmmu::tb::bench {
namespace {

constexpr unsigned kGib = 1u << 18;  // pages

ContextRegs tables_of(SparseMem& words, unsigned number) {
  Layout layout;
  layout.nested = true;
  layout.pages = number;
  return build(words, layout);
}

std::vector<std::uint64_t> random_pages(std::mt19937_64& random, unsigned among, unsigned number) {
  std::vector<std::uint64_t> gvas(number);
  for (std::uint64_t& gva : gvas) gva = page_at(random() % among) + random() % 512 * 8;
  return gvas;
}

struct References {
  double average = 0;
  double worst = 0;
};

// Of the walks among these accesses, one at a time.
References measure(Rig& rig, const std::vector<std::uint64_t>& gvas) {
  std::uint64_t walks = 0;
  std::uint64_t sum = 0;
  std::uint64_t worst = 0;
  for (const std::uint64_t gva : gvas) {
    const std::uint64_t before = rig.memory().accepted();
    if (rig.run(user_read(gva)).source != Source::Walk) continue;
    const std::uint64_t references = rig.memory().accepted() - before;
    ++walks;
    sum += references;
    worst = std::max(worst, references);
  }
  if (walks == 0) throw std::runtime_error("there was no walk to measure");
  return {static_cast<double>(sum) / static_cast<double>(walks), static_cast<double>(worst)};
}

// The pages of even number warm the tables, those of odd number are new to the TLBs.
void warm_row(Rows& rows, Preset preset, unsigned mib) {
  const unsigned number = mib * 256;
  Rig rig(rig_options(preset, 1));
  commit(rig, tables_of(rig.words(), number));
  std::mt19937_64 random(mib);
  std::vector<std::uint64_t> even;
  std::vector<std::uint64_t> odd;
  for (unsigned n = 0; n < number; n += 2) even.push_back(page_at(n));
  for (unsigned n = 1; n < number; n += 2) odd.push_back(page_at(n));
  std::shuffle(even.begin(), even.end(), random);
  std::shuffle(odd.begin(), odd.end(), random);
  constexpr std::size_t kEnough = 4000;
  odd.resize(std::min(odd.size(), kEnough));
  (void)burst(rig, even);
  rows.add(preset_info(preset).name,
           "references of a nested 4 KiB walk, warm tables, footprint " + std::to_string(mib) + " MiB", 2.1,
           measure(rig, odd).average, "references", Better::Low, "15 of 15");
}

// Random updates over a GiB. Memory answers after M = 100 cycles in the second part.
void gups_rows(Rows& rows, Preset preset) {
  const std::string_view name = preset_info(preset).name;
  Rig rig(rig_options(preset, 1));
  commit(rig, tables_of(rig.words(), kGib));
  std::mt19937_64 random(1);
  (void)burst(rig, random_pages(random, kGib, 20000));
  const References references = measure(rig, random_pages(random, kGib, 4000));
  const bool big = preset == Preset::ServerBig;
  rows.add(name, "references of a nested 4 KiB walk, GUPS over 1 GiB, average", big ? 2.1 : 4.8, references.average,
           "references", Better::Low, "15 of 15");
  rows.add(name, "references of a nested 4 KiB walk, GUPS over 1 GiB, worst", 6, references.worst, "references",
           Better::Low, "15 of 15");

  // One walk at a time: one request at a time, which adds the few cycles of lookup and answer to each.
  MemoryTiming slow;
  slow.latency_min = slow.latency_max = 100;
  rig.memory().set_timing(slow);
  const std::vector<std::uint64_t> alone = random_pages(random, kGib, 300);
  const std::uint64_t start = rig.now();
  for (const std::uint64_t gva : alone) (void)rig.run(user_read(gva));
  const double single = static_cast<double>(rig.now() - start) / static_cast<double>(alone.size());
  const Burst together = burst(rig, random_pages(random, kGib, 2400));
  const double overlapped =
      static_cast<double>(together.last_answer() - together.first()) / static_cast<double>(together.answers.size());
  rows.add(name, "GUPS over 1 GiB, M = 100, throughput over that of one request at a time", 6, single / overlapped, "x",
           Better::High, "1");
}

}  // namespace

void footprint_rows(Rows& rows, Preset preset) {
  if (preset != Preset::Server && preset != Preset::ServerBig) return;
  for (const unsigned mib : {4u, 16u, 64u}) warm_row(rows, preset, mib);
  gups_rows(rows, preset);
}

}  // namespace vmmu::tb::bench
