#include "engine/log_books.hpp"

#include <algorithm>

#include "engine/describe.hpp"
#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint16_t kFirstIndex = 0x1ff;
constexpr std::uint64_t kSlotMask = 0xfff;

std::uint64_t slot_address(std::uint64_t page, std::uint16_t index) { return (page & kFrameMask) + 8u * index; }

}  // namespace

void LogBooks::activate(unsigned ctx, const ContextRegs& regs) {
  books_[ctx].older.push_back(books_[ctx].regs);
  books_[ctx].regs = regs;
}

bool LogBooks::here(const Book& book, const ContextRegs& regs, Log log, HostPhys addr) const {
  const std::uint16_t index = book.live.index(log);
  if (index > kFirstIndex) return false;
  switch (log) {
    case Log::Pml: return regs.pml_en && addr.value == slot_address(regs.pml_addr, index);
    case Log::Prl: {
      const bool second = regs.prl_double && (book.live.prl_status & prl_status::kSecondInUse) != 0;
      return regs.prl_en && addr.value == slot_address(second ? regs.prl_addr2 : regs.prl_addr, index);
    }
    case Log::Epml: return regs.epml_en && (addr.value & kSlotMask) == 8u * index;
  }
  return false;
}

void LogBooks::count_down(Book& book, Log log) {
  const ContextRegs& regs = book.regs;
  LiveRegs& live = book.live;
  std::uint16_t& index = live.index(log);
  if (log == Log::Prl && regs.prl_double && index == 0) {
    const bool second = (live.prl_status & prl_status::kSecondInUse) != 0;
    live.prl_status |= second ? prl_status::kSecondFull : prl_status::kFirstFull;
    live.events |= event_bit(Event::PrlFull);
    if (regs.prl_watermark == 0xffff) live.events |= event_bit(Event::PrlWatermark);
    const bool other_full = (live.prl_status & prl_status::kBothFull) == prl_status::kBothFull;
    if (!other_full) live.prl_status ^= prl_status::kSecondInUse;
    index = other_full ? 0xffff : kFirstIndex;
    return;
  }
  --index;
  if (log == Log::Pml && index == regs.pml_watermark) live.events |= event_bit(Event::PmlWatermark);
  if (log == Log::Prl && index == regs.prl_watermark) live.events |= event_bit(Event::PrlWatermark);
  if (log == Log::Epml && index == regs.epml_watermark) {
    live.guest_events |= event_bit(GuestEvent::EpmlWatermark);
  }
}

std::string LogBooks::take(const Transaction& write, std::optional<unsigned> alone) {
  for (const Log log : {Log::Pml, Log::Prl}) {
    for (unsigned ctx = 0; ctx < books_.size(); ++ctx) {
      Book& book = books_[ctx];
      const auto there = [&](const ContextRegs& regs) { return here(book, regs, log, write.addr); };
      if (!there(book.regs) && (alone || std::none_of(book.older.begin(), book.older.end(), there))) continue;
      if (write.error) {
        book.live.events |= event_bit(Event::LogError);
      } else {
        count_down(book, log);
      }
      return (write.wdata & ~kFrameMask) == 0 ? "" : "log record is no page address: " + describe(write);
    }
  }
  return take_epml(write, alone);
}

std::string LogBooks::take_epml(const Transaction& write, std::optional<unsigned> alone) {
  if ((write.wdata & kSlotMask) != 0) return "log record is no page address: " + describe(write);
  if (alone) {
    Book& book = books_[*alone];
    if (!here(book, book.regs, Log::Epml, write.addr)) {
      return "write that is no record at the index of any log: " + describe(write);
    }
    if (write.error) {
      book.live.events |= event_bit(Event::LogError);
    } else {
      count_down(book, Log::Epml);
    }
    return {};
  }
  const auto may_be = [&write](const Book& book) {
    const std::uint16_t index = book.live.index(Log::Epml);
    const auto logs = [](const ContextRegs& regs) { return regs.epml_en; };
    return (logs(book.regs) || std::any_of(book.older.begin(), book.older.end(), logs)) && index <= kFirstIndex &&
           (write.addr.value & kSlotMask) <= 8u * index;
  };
  if (std::none_of(books_.begin(), books_.end(), may_be)) {
    return "write that is no record at the index of any log: " + describe(write);
  }
  if (!write.error) ++epml_records_;
  return {};
}

std::optional<std::uint8_t> LogBooks::status_by_records(unsigned ctx) const {
  const Book& book = books_[ctx];
  const auto two = [](const ContextRegs& regs) { return regs.prl_double; };
  if (!two(book.regs) || !std::all_of(book.older.begin(), book.older.end(), two)) return std::nullopt;
  return book.live.prl_status;
}

// The watermark is that of the registers active at that moment. With several in this time nobody sees which it was.
unsigned LogBooks::take_guest_log(unsigned ctx, std::uint16_t index, bool watermark_pending) {
  Book& book = books_[ctx];
  const std::uint16_t before = book.live.index(Log::Epml);
  const auto distance = [before](std::uint16_t to) { return static_cast<std::uint16_t>(before - to); };
  const unsigned counted = distance(index);
  const auto passed = [&](const ContextRegs& regs) {
    return distance(regs.epml_watermark) != 0 && distance(regs.epml_watermark) <= counted;
  };
  const bool now = passed(book.regs);
  const bool one_says_no = !now || !std::all_of(book.older.begin(), book.older.end(), passed);
  const bool one_says_yes = now || std::any_of(book.older.begin(), book.older.end(), passed);
  if (!one_says_no || (one_says_yes && watermark_pending)) {
    book.live.guest_events |= event_bit(GuestEvent::EpmlWatermark);
  }
  book.live.index(Log::Epml) = index;
  return counted;
}

}  // namespace vmmu::tb
