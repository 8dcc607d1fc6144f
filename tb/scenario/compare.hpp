// What an access did, in the words of the scenario language, and whether it is what was expected.
#pragma once

#include <vector>

#include "scenario/ast.hpp"

namespace vmmu::tb {

// The index of a log after the access, if it changed.
const std::optional<std::uint16_t>& changed_index(const AccessRecord& record, Log log);

// Everything that the record tells, changes in rising order, log indices last.
Outcome outcome_of(const AccessRecord& record);

struct CompareOptions {
  bool relaxed = false;  // a fault is compared by kind, code and addresses only
  bool changes = true;   // false: what else changed is not known (accesses in flight together)
};
bool matches(const Outcome& expected, const Outcome& actual, const CompareOptions& options);

// The first alternative that matches, or null.
const Outcome* find_match(const std::vector<Outcome>& expected, const Outcome& actual, const CompareOptions& options);

// `actual` with only those optional parts of `ok` that some alternative of the file names, so that a file keeps its
// level of detail when it is printed back.
Outcome as_detailed_as(const std::vector<Outcome>& expected, Outcome actual);

}  // namespace vmmu::tb
