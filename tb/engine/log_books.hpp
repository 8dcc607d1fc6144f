// Follows the logs by the records that the RTL writes: where the next one of each has to go, and what it raises.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device/memory.hpp"
#include "vmmu/registers.hpp"

namespace vmmu::tb {

class LogBooks {
 public:
  explicit LogBooks(unsigned num_contexts) : books_(num_contexts) {}

  void reset() {
    books_.assign(books_.size(), Book{});
    epml_records_ = 0;
  }
  // These registers are active from now on. While requests under the older ones are in flight, records may still go to
  // the older pages.
  void activate(unsigned ctx, const ContextRegs& regs);

  std::uint16_t index(unsigned ctx, Log log) const { return books_[ctx].live.index(log); }
  void set_index(unsigned ctx, Log log, std::uint16_t index) { books_[ctx].live.index(log) = index; }
  std::uint8_t prl_status(unsigned ctx) const { return books_[ctx].live.prl_status; }
  // Empty when it was not in use with two buffers all the time: then drops change it, which no record shows.
  std::optional<std::uint8_t> status_by_records(unsigned ctx) const;
  void set_prl_status(unsigned ctx, std::uint8_t status) { books_[ctx].live.prl_status = status; }
  // Events that records have raised, as bits of EVENTS and GUEST_EVENTS.
  std::uint32_t events(unsigned ctx) const { return books_[ctx].live.events; }
  std::uint32_t guest_events(unsigned ctx) const { return books_[ctx].live.guest_events; }
  // A request was answered as epmlfull.
  void guest_log_full(unsigned ctx) { books_[ctx].live.guest_events |= event_bit(GuestEvent::EpmlFull); }
  void clear_events(unsigned ctx, std::uint32_t bits) { books_[ctx].live.events &= ~bits; }
  void clear_guest_events(unsigned ctx, std::uint32_t bits) { books_[ctx].live.guest_events &= ~bits; }

  // Takes a record that the RTL wrote, or that memory refused; returns what is wrong with it, if anything. `alone`: the
  // context whose request was alone. Without it the pages of older registers count too, and the index of an
  // EPML does not follow: the page of its record is a translation, so that nobody sees whose record it is. Then
  // epml_records() counts it.
  std::string take(const Transaction& write, std::optional<unsigned> alone);
  void forget_older() {
    for (Book& book : books_) book.older.clear();
  }
  // What software reads of an EPML when nothing is in flight any more: its index, and whether the watermark event is
  // pending. Returns how many records it has counted.
  unsigned take_guest_log(unsigned ctx, std::uint16_t index, bool watermark_pending);
  unsigned epml_records() const { return epml_records_; }  // since the last forget_epml_records()
  void forget_epml_records() { epml_records_ = 0; }

 private:
  struct Book {
    ContextRegs regs;
    std::vector<ContextRegs> older;  // since the last forget_older()
    LiveRegs live;
  };
  bool here(const Book& book, const ContextRegs& regs, Log log, HostPhys addr) const;
  void count_down(Book& book, Log log);

  std::string take_epml(const Transaction& write, std::optional<unsigned> alone);

  std::vector<Book> books_;
  unsigned epml_records_ = 0;
};

}  // namespace vmmu::tb
