// A file that is written whole or not at all, plain, gzip, xz or zstd by the end of its name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "trace/input.hpp"

namespace vmmu::tb {

class Output {
 public:
  virtual ~Output() = default;  // without finish(): nothing is left of what was written

  // Only regular files, new or to be replaced. The bytes go to a neighbour of the file first.
  static std::variant<std::unique_ptr<Output>, InputError> create(const std::string& path);

  virtual void write(std::string_view bytes) = 0;
  // Gives the file its name. Returns what went wrong, in any write before as well.
  virtual std::optional<InputError> finish() = 0;
};

}  // namespace vmmu::tb
