#include "vmmu/escape_filter.hpp"

#include "vmmu/entry_bits.hpp"

namespace vmmu {

namespace {

constexpr unsigned kBanks = EscapeFilter::kBanks;
constexpr unsigned kHashBits = 6;  // 64 bits per bank
constexpr unsigned kKeyBits = 45;
constexpr std::uint64_t kSeed = 0x766d6d75;  // architecture 5

// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): output number n.
constexpr std::uint64_t splitmix64(std::uint64_t seed, unsigned n) {
  std::uint64_t z = seed + (n + 1) * std::uint64_t{0x9e3779b97f4a7c15};
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

constexpr std::uint64_t row(unsigned bank, unsigned k) {
  return splitmix64(kSeed, kHashBits * bank + k) & bit_range(kKeyBits - 1, 0);
}

// H3 is linear: the hash of a key is the XOR of the hashes of its bytes. All banks side by side in one word,
// bank i in bits 6i+5 : 6i.
constexpr unsigned kKeyBytes = (kKeyBits + 7) / 8;
using ByteTable = std::array<std::uint32_t, 256>;
using HashTables = std::array<ByteTable, kKeyBytes>;

constexpr std::uint32_t hash_of_key_bit(unsigned n) {
  std::uint32_t hash = 0;
  for (unsigned i = 0; i < kBanks * kHashBits; ++i) {
    hash |= static_cast<std::uint32_t>((row(i / kHashBits, i % kHashBits) >> n) & 1) << i;
  }
  return hash;
}

constexpr HashTables make_tables() {
  HashTables tables{};
  for (unsigned n = 0; n < kKeyBits; ++n) {
    const std::uint32_t hash = hash_of_key_bit(n);
    ByteTable& table = tables[n / 8];
    for (unsigned value = 0; value < table.size(); ++value) {
      if (((value >> (n % 8)) & 1) != 0) table[value] ^= hash;
    }
  }
  return tables;
}

constexpr HashTables kTables = make_tables();

std::uint32_t hash_of(std::uint64_t key) {
  std::uint32_t hash = 0;
  for (unsigned i = 0; i < kKeyBytes; ++i) hash ^= kTables[i][(key >> (8 * i)) & 0xff];
  return hash;
}

constexpr unsigned position(std::uint32_t hash, unsigned bank) { return (hash >> (kHashBits * bank)) & 0x3f; }

bool all_set(const std::array<std::uint64_t, kBanks>& lanes, std::uint32_t hash) {
  std::uint64_t set = 1;
  for (unsigned bank = 0; bank < kBanks; ++bank) set &= lanes[bank] >> position(hash, bank);
  return set != 0;
}

constexpr std::uint64_t key_of(std::uint64_t address) { return (address >> 12) & bit_range(kKeyBits - 1, 0); }

}  // namespace

void EscapeFilter::insert(std::uint64_t address) {
  const std::uint32_t hash = hash_of(key_of(address));
  for (unsigned bank = 0; bank < kBanks; ++bank) lanes[bank] |= bit(position(hash, bank));
}

bool EscapeFilter::hits(std::uint64_t address) const { return all_set(lanes, hash_of(key_of(address))); }

// 256 pages share all key bytes but the lowest, so that the rest is hashed once for them.
std::vector<std::uint64_t> EscapeFilter::pages_hit(std::uint64_t base, std::uint64_t limit) const {
  std::vector<std::uint64_t> pages;
  if (empty() || base >= limit) return pages;
  constexpr std::uint64_t kRun = 256;
  const std::uint64_t last = (limit - 1) >> 12;
  for (std::uint64_t page = base >> 12; page <= last;) {
    const std::uint64_t run_last = page | (kRun - 1);
    const std::uint32_t upper = hash_of(key_of(page << 12) & ~(kRun - 1));
    for (; page <= run_last && page <= last; ++page) {
      if (all_set(lanes, upper ^ kTables[0][page & (kRun - 1)])) pages.push_back(page << 12);
    }
  }
  return pages;
}

std::array<std::uint8_t, kBanks> filter_positions(std::uint64_t address) {
  std::array<std::uint8_t, kBanks> positions{};
  const std::uint32_t hash = hash_of(key_of(address));
  for (unsigned bank = 0; bank < kBanks; ++bank) positions[bank] = static_cast<std::uint8_t>(position(hash, bank));
  return positions;
}

std::uint64_t filter_row(unsigned bank, unsigned k) { return row(bank, k); }

}  // namespace vmmu
