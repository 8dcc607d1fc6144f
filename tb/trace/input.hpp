// Files as the tools read them: plain, gzip, xz or zstd, told by content; `-` is standard input.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <variant>

namespace vmmu::tb {

struct InputError {
  std::string message;  // starts with the file's name, as it is shown to the user
};

// A stream of uncompressed bytes. Truncated or corrupted compressed data is an error in all three formats, and so is
// compressed data that holds nothing: an empty recording is more likely a broken one.
class Input {
 public:
  virtual ~Input() = default;
  // Fills up to `capacity` bytes (at least 1). Fewer may come before the end; 0 is the end.
  virtual std::variant<std::size_t, InputError> read(char* buffer, std::size_t capacity) = 0;
  virtual bool compressed() const = 0;
  // The file's name for messages; standard input is "<stdin>".
  virtual const std::string& name() const = 0;
};

std::variant<std::unique_ptr<Input>, InputError> open_input(const std::string& path);

// The whole content at once, for files that are read as a text.
std::variant<std::string, InputError> read_all(const std::string& path);

}  // namespace vmmu::tb
