// Words of the scenario language, each table used by reader and printer alike.
#pragma once

#include <optional>
#include <string_view>

#include "scenario/ast.hpp"

namespace vmmu::tb {

std::string_view word(Op op);
std::string_view word(Privilege privilege);
std::string_view word(Comparison comparison);
std::string_view word(CounterName counter);
std::string_view word(EventName event);
std::string_view word(OutcomeKind kind);
std::string_view word(RegVerb verb);
std::string_view word(CommitStatus status);
std::string_view word(PageSize size);

// The value that `text` names, if any.
template <class Enum>
std::optional<Enum> parse_word(std::string_view text);

}  // namespace vmmu::tb
