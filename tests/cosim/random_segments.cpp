#include "random_segments.hpp"

#include <algorithm>

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kLarge = std::uint64_t{1} << 30;

std::uint64_t page_of(std::uint64_t address) { return address & ~(kPage - 1); }

}  // namespace

// From one page to more than the largest page, so that large pages lie inside, outside and across.
std::uint64_t RandomSegments::length() {
  switch (random_() % 4) {
    case 0: return kPage + pages(4);
    case 1: return kPage + pages(1024);
    case 2: return kLarge;
    default: return kPage + pages(kLarge >> 11);
  }
}

void RandomSegments::choose_guest(ContextRegs& regs) {
  const std::size_t i = random_() % plan_.gvas.size();
  std::uint64_t base = page_of(plan_.gvas[i]);
  if (chance(50)) base -= std::min(base, pages(512));
  if (chance(30)) base &= ~(kLarge - 1);
  regs.gseg.base = base;
  regs.gseg.limit = base + length();
  // Mostly where the page's own frame is, else somewhere in the memory of the context.
  std::uint64_t to = page_of(plan_.gpas[i % plan_.gpas.size()]) + (base - page_of(plan_.gvas[i]));
  if (chance(40)) to = plan_.memory + (pages(plan_.bytes >> 12) & (chance(50) ? ~std::uint64_t{0} : ~(kLarge - 1)));
  if (chance(2)) to = std::uint64_t{1} << (regs.maxphyaddr - random_() % 2);
  regs.gseg.offset = to - base;
  regs.gseg.attr = chance(70) ? seg::kGuestMask : static_cast<std::uint8_t>(random_() & seg::kGuestMask);
}

// Neighbours, or with gaps between them, in rising order.
void RandomSegments::choose_vmm(ContextRegs& regs) {
  for (Segment& s : regs.vseg) s = {};
  std::uint64_t next = plan_.memory - std::min(plan_.memory, pages(64));
  const bool all = chance(40);  // the whole memory, cut into pieces
  for (unsigned n = 0; n < plan_.vmm_segments; ++n) {
    Segment& s = regs.vseg[n];
    s.base = next;
    if (!all && chance(60)) s.base += chance(50) ? pages(64) : pages(plan_.bytes >> 13);
    const bool last = n + 1 == plan_.vmm_segments;
    s.limit = all && last ? plan_.memory + plan_.bytes : s.base + length() * (all ? 1 : 1 + random_() % 2);
    // What leads to tables leads to where they are, so that flags are written there and nowhere else.
    const bool tables = s.base < plan_.data;
    s.offset = plan_.offset + (!tables && chance(20) ? pages(256) : 0);
    if (!tables && chance(2)) s.offset += std::uint64_t{1} << (regs.maxphyaddr - 1);
    s.attr = chance(75) ? seg::kVmmMask : static_cast<std::uint8_t>(random_() & seg::kVmmMask);
    next = s.limit;
    if (chance(3)) next -= kPage;  // COMMIT says no
  }
  std::shuffle(regs.vseg.begin(), regs.vseg.begin() + plan_.vmm_segments, random_);
}

void RandomSegments::escape_one(ContextRegs& regs) {
  if (chance(50)) {
    regs.gfilter.insert(plan_.gvas[random_() % plan_.gvas.size()]);
  } else {
    regs.vfilter.insert(plan_.gpas[random_() % plan_.gpas.size()]);
  }
}

void RandomSegments::choose(ContextRegs& regs) {
  regs.gseg = {};
  regs.gfilter = {};
  for (Segment& s : regs.vseg) s = {};
  regs.vfilter = {};
  regs.seg_promote = chance(40);
  regs.vseg_miss = regs.virt && chance(regs.ept_en ? 10 : 30);
  if (chance(60)) choose_guest(regs);
  if (plan_.vmm_segments != 0 && regs.virt && (regs.ept_en || regs.vseg_miss) && chance(60)) choose_vmm(regs);
  for (unsigned n = static_cast<unsigned>(random_() % 6); chance(50) && n != 0; --n) escape_one(regs);
}

void RandomSegments::change(ContextRegs& regs) {
  const auto empty = [](const Segment& s) { return s.empty(); };
  if (regs.gseg.empty() && std::all_of(regs.vseg.begin(), regs.vseg.end(), empty)) return choose(regs);
  Segment* some = &regs.gseg;
  if (plan_.vmm_segments != 0 && chance(60)) some = &regs.vseg[random_() % plan_.vmm_segments];
  switch (random_() % 8) {
    case 0: some->limit += pages(512); break;
    case 1: some->limit -= std::min(some->limit, pages(512)); break;
    case 2: some->base += pages(512); break;
    case 3: *some = {}; break;
    case 4: escape_one(regs); break;
    case 5: (chance(50) ? regs.gfilter : regs.vfilter) = {}; break;
    case 6: regs.seg_promote = !regs.seg_promote; break;
    default: choose(regs); break;
  }
}

}  // namespace vmmu::tb
