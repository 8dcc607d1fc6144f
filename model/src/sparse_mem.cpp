#include <array>
#include <bit>

#include "vmmu/phys_mem.hpp"

namespace vmmu {

namespace {

constexpr std::size_t kWordsPerPage = 512;
constexpr std::size_t kFirstSlots = 64;

constexpr std::uint64_t page_number(HostPhys addr) { return addr.value >> 12; }
constexpr std::size_t word_index(HostPhys addr) { return (addr.value >> 3) % kWordsPerPage; }

}  // namespace

struct SparseMem::Page {
  std::uint64_t number = 0;
  std::array<std::uint64_t, kWordsPerPage> words{};
};

SparseMem::SparseMem() = default;
SparseMem::~SparseMem() = default;
SparseMem::SparseMem(SparseMem&&) noexcept = default;
SparseMem& SparseMem::operator=(SparseMem&&) noexcept = default;

SparseMem::SparseMem(const SparseMem& other) : PhysMem(other) {
  for (const auto& page : other.pages_) find_or_make(page->number).words = page->words;
}

SparseMem& SparseMem::operator=(const SparseMem& other) {
  if (this != &other) *this = SparseMem(other);
  return *this;
}

// The slot that holds page `number`, or the free one where it belongs. Fibonacci hashing spreads the
// neighbouring numbers that table pages usually have; collisions go to the next slot.
std::size_t SparseMem::slot_of(std::uint64_t number) const {
  const std::size_t mask = slots_.size() - 1;
  const int shift = 64 - std::countr_zero(slots_.size());
  std::size_t at = static_cast<std::size_t>((number * 0x9e3779b97f4a7c15u) >> shift);
  while (slots_[at].page != nullptr && slots_[at].number != number) at = (at + 1) & mask;
  return at;
}

const SparseMem::Page* SparseMem::find(std::uint64_t number) const {
  return slots_.empty() ? nullptr : slots_[slot_of(number)].page;
}

SparseMem::Page& SparseMem::find_or_make(std::uint64_t number) {
  if (slots_.size() <= 2 * pages_.size()) grow();
  Slot& slot = slots_[slot_of(number)];
  if (slot.page == nullptr) {
    pages_.push_back(std::make_unique<Page>());
    pages_.back()->number = number;
    slot = {number, pages_.back().get()};
  }
  return *slot.page;
}

void SparseMem::grow() {
  slots_.assign(slots_.empty() ? kFirstSlots : 2 * slots_.size(), Slot{});
  for (const auto& page : pages_) slots_[slot_of(page->number)] = {page->number, page.get()};
}

std::optional<std::uint64_t> SparseMem::read(HostPhys addr) {
  if (slots_.empty()) return 0;
  const Page* page = slots_[slot_of(page_number(addr))].page;
  if (page == nullptr) return 0;
  return page->words[word_index(addr)];
}

std::optional<std::uint64_t> SparseMem::compare_swap(HostPhys addr, std::uint64_t expected, std::uint64_t desired) {
  const std::uint64_t found = SparseMem::peek(addr);
  if (found == expected) SparseMem::poke(addr, desired);
  return found;
}

bool SparseMem::write(HostPhys addr, std::uint64_t word) {
  poke(addr, word);
  return true;
}

std::uint64_t SparseMem::peek(HostPhys addr) const {
  const Page* page = find(page_number(addr));
  return page == nullptr ? 0 : page->words[word_index(addr)];
}

void SparseMem::poke(HostPhys addr, std::uint64_t word) {
  find_or_make(page_number(addr)).words[word_index(addr)] = word;
}

void SparseMem::clear() {
  slots_.clear();
  pages_.clear();
}

}  // namespace vmmu
