#include "catch.hpp"
#include "vmmu/phys_mem.hpp"

namespace vmmu::test {
namespace {

// Words on more pages than the first hash table has room for, some of them neighbours, some far apart.
HostPhys nth(std::uint64_t n) { return {n % 2 == 0 ? n * 4096 + 8 : n << 35}; }
constexpr std::uint64_t kMany = 1000;

}  // namespace

TEST_CASE("memory: unlisted words are 0", "[memory]") {
  SparseMem memory;
  CHECK(memory.peek({0x1000}) == 0);
  CHECK(memory.read({0x1000}) == std::optional<std::uint64_t>(0));
  memory.poke({0x1000}, 5);
  CHECK(memory.peek({0x1008}) == 0);
  CHECK(memory.peek({0x2000}) == 0);
  CHECK(memory.read({0x2000}) == std::optional<std::uint64_t>(0));
}

TEST_CASE("memory: many pages keep their words", "[memory]") {
  SparseMem memory;
  for (std::uint64_t n = 1; n < kMany; ++n) memory.poke(nth(n), n);
  for (std::uint64_t n = 1; n < kMany; ++n) CHECK(memory.read(nth(n)) == std::optional<std::uint64_t>(n));
}

TEST_CASE("memory: compare-and-swap writes only over the expected word and returns the one found", "[memory]") {
  SparseMem memory;
  CHECK(memory.write({0x18}, 7));
  CHECK(memory.compare_swap({0x18}, 8, 9) == std::optional<std::uint64_t>(7));
  CHECK(memory.peek({0x18}) == 7);
  CHECK(memory.compare_swap({0x18}, 7, 9) == std::optional<std::uint64_t>(7));
  CHECK(memory.peek({0x18}) == 9);
}

TEST_CASE("memory: a copy is independent, a cleared memory is all 0", "[memory]") {
  SparseMem memory;
  for (std::uint64_t n = 1; n < kMany; ++n) memory.poke(nth(n), n);
  SparseMem copy(memory);
  SparseMem assigned;
  assigned.poke({0x123000}, 1);
  assigned = memory;
  memory.clear();
  CHECK(memory.peek(nth(3)) == 0);
  CHECK(copy.peek(nth(3)) == 3);
  CHECK(assigned.peek(nth(3)) == 3);
  CHECK(assigned.peek({0x123000}) == 0);
  const SparseMem moved(std::move(copy));
  CHECK(moved.peek(nth(4)) == 4);
}

}  // namespace vmmu::test
