#include "scenario/vocabulary.hpp"

#include <array>

namespace vmmu::tb {
namespace {

// Words in the order of the enumerators.
template <class Enum>
struct Words;

#define VMMU_WORDS(Enum, count, ...)                                          \
  template <>                                                                 \
  struct Words<Enum> {                                                        \
    static constexpr std::array<std::string_view, count> kTable{__VA_ARGS__}; \
  }

VMMU_WORDS(Op, 3, "r", "w", "x");
VMMU_WORDS(Privilege, 3, "u", "s", "i");
VMMU_WORDS(Comparison, 3, "==", "<=", ">=");
VMMU_WORDS(CounterName, kNumCounterNames, "refs", "grefs", "nrefs", "cas", "bitmap", "checks", "filterhits", "l1hit",
           "l2hit", "nthit", "walks", "records.pml", "records.prl", "records.epml", "drops.prl");
VMMU_WORDS(EventName, kNumEventNames, "commit_rejected", "pml_watermark", "prl_full", "prl_watermark", "log_error",
           "shadow_root", "sync_pending", "watchdog", "epml_full", "epml_watermark");
VMMU_WORDS(OutcomeKind, 12, "ok", "pf", "gp", "ept", "misconfig", "pmlfull", "epmlfull", "seg", "vsegexit",
           "shadowmiss", "buserror", "unsup");
VMMU_WORDS(RegVerb, 3, "set", "now", "stage");
VMMU_WORDS(CommitStatus, 3, "ok", "rejected", "busy");
VMMU_WORDS(PageSize, 3, "4K", "2M", "1G");

#undef VMMU_WORDS

template <class Enum>
std::string_view word_of(Enum value) {
  return Words<Enum>::kTable[static_cast<std::size_t>(value)];
}

}  // namespace

std::string_view word(Op op) { return word_of(op); }
std::string_view word(Privilege privilege) { return word_of(privilege); }
std::string_view word(Comparison comparison) { return word_of(comparison); }
std::string_view word(CounterName counter) { return word_of(counter); }
std::string_view word(EventName event) { return word_of(event); }
std::string_view word(OutcomeKind kind) { return word_of(kind); }
std::string_view word(RegVerb verb) { return word_of(verb); }
std::string_view word(CommitStatus status) { return word_of(status); }
std::string_view word(PageSize size) { return word_of(size); }

template <class Enum>
std::optional<Enum> parse_word(std::string_view text) {
  const auto& table = Words<Enum>::kTable;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

template std::optional<Op> parse_word<Op>(std::string_view);
template std::optional<Privilege> parse_word<Privilege>(std::string_view);
template std::optional<Comparison> parse_word<Comparison>(std::string_view);
template std::optional<CounterName> parse_word<CounterName>(std::string_view);
template std::optional<EventName> parse_word<EventName>(std::string_view);
template std::optional<OutcomeKind> parse_word<OutcomeKind>(std::string_view);
template std::optional<RegVerb> parse_word<RegVerb>(std::string_view);
template std::optional<CommitStatus> parse_word<CommitStatus>(std::string_view);
template std::optional<PageSize> parse_word<PageSize>(std::string_view);

}  // namespace vmmu::tb
