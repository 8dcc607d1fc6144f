// How often the escape filter is wrong. With n random pages in it, each bank of 64 bits has a given bit set with
// probability 1 - (63/64)^n, and a page is escaped when its bit is set in all four: (1 - (63/64)^n)^4 (MICRO'14 figure
// 13 shows what it costs). VMMU_SEED=N runs another seed; the one that was used is printed.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "catch.hpp"
#include "vmmu/escape_filter.hpp"

namespace vmmu::test {
namespace {

constexpr unsigned kSets = 1000;     // random sets of escaped pages
constexpr unsigned kProbes = 10000;  // random pages asked for, per set
constexpr std::array<unsigned, 7> kSizes = {1, 2, 4, 8, 12, 16, 32};
constexpr double kSigmas999 = 3.2905;  // two-sided 99.9 % of the normal distribution

using Positions = std::array<std::uint8_t, EscapeFilter::kBanks>;

std::uint64_t seed() {
  const char* text = std::getenv("VMMU_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 1;
}

// A random page of 45-bit page numbers, as an address.
std::uint64_t random_page(std::mt19937_64& random) { return (random() >> 19) << 12; }

bool hits(const EscapeFilter& filter, const Positions& at) {
  std::uint64_t set = 1;
  for (unsigned bank = 0; bank < EscapeFilter::kBanks; ++bank) set &= filter.lanes[bank] >> at[bank];
  return (set & 1) != 0;
}

struct Sample {
  double sum = 0;
  double squares = 0;
  void add(double value) {
    sum += value;
    squares += value * value;
  }
  double mean() const { return sum / kSets; }
  // Standard error of the mean over the sets.
  double error() const { return std::sqrt((squares / kSets - mean() * mean()) / (kSets - 1)); }
};

}  // namespace

TEST_CASE("escape filter: false positives are as many as four banks of 64 bits must give", "[escape]") {
  std::printf("escape filter: VMMU_SEED=%llu\n", static_cast<unsigned long long>(seed()));
  std::mt19937_64 random(seed());
  std::array<Sample, kSizes.size()> samples;
  std::vector<Positions> probes(kProbes);
  for (unsigned set = 0; set < kSets; ++set) {
    // Each page is hashed once and asked of all filters, of which a larger one holds the smaller ones' pages.
    for (Positions& probe : probes) probe = filter_positions(random_page(random));
    EscapeFilter filter;
    unsigned inserted = 0;
    for (std::size_t i = 0; i < kSizes.size(); ++i) {
      for (; inserted < kSizes[i]; ++inserted) filter.insert(random_page(random));
      unsigned wrong = 0;
      for (const Positions& probe : probes) wrong += hits(filter, probe) ? 1 : 0;
      samples[i].add(static_cast<double>(wrong) / kProbes);
    }
  }
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    const double expected = std::pow(1 - std::pow(63.0 / 64.0, kSizes[i]), 4);
    const double interval = kSigmas999 * samples[i].error();
    std::printf("  %2u pages: %.3e of other pages escaped, +- %.1e; expected %.3e\n", kSizes[i], samples[i].mean(),
                interval, expected);
    if (kSizes[i] < 4) continue;  // too few events for an interval
    INFO(kSizes[i] << " pages, VMMU_SEED=" << seed());
    CHECK(samples[i].mean() > 0);
    CHECK(std::abs(samples[i].mean() - expected) <= interval);
  }
}

TEST_CASE("escape filter: no page that was inserted is ever missed", "[escape]") {
  std::mt19937_64 random(seed());
  for (unsigned set = 0; set < kSets; ++set) {
    EscapeFilter filter;
    std::vector<std::uint64_t> pages;
    for (unsigned n = 0; n < 40; ++n) {
      pages.push_back(random_page(random));
      filter.insert(pages.back() + (random() & 0xfff));  // any address of the page
      for (const std::uint64_t page : pages) {
        INFO("set " << set << ", page " << page << ", VMMU_SEED=" << seed());
        REQUIRE(filter.hits(page));
        REQUIRE(hits(filter, filter_positions(page)));
      }
    }
  }
}

TEST_CASE("escape filter: the list of pages hit is complete and holds nothing else", "[escape]") {
  std::mt19937_64 random(seed());
  for (unsigned set = 0; set < 20; ++set) {
    const std::uint64_t base = random_page(random) & 0x0000fffffffff000;
    const std::uint64_t pages = 1000 + random() % 5000;
    EscapeFilter filter;
    for (unsigned n = 0; n < 24; ++n) filter.insert(base + ((random() % pages) << 12));
    const std::vector<std::uint64_t> listed = filter.pages_hit(base, base + (pages << 12));
    std::vector<std::uint64_t> found;
    for (std::uint64_t page = 0; page < pages; ++page) {
      if (filter.hits(base + (page << 12))) found.push_back(base + (page << 12));
    }
    INFO("VMMU_SEED=" << seed());
    CHECK(found.size() >= 20);
    CHECK(listed == found);
  }
}

}  // namespace vmmu::test
