// libFuzzer target: traces as `vmmu replay` reads them, compression and format told by content, and as
// `vmmu run` reads its files.
#include <string>

#include "trace_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_trace(data, size, std::nullopt);
  const MemoryFile file(data, size);
  constexpr std::uint64_t kLimit = 1000;
  const auto trace = vmmu::tb::read_trace(file.path(), kLimit);
  const auto* read = std::get_if<vmmu::tb::Trace>(&trace);
  if (read != nullptr && (read->accesses.empty() || read->accesses.size() > kLimit)) std::abort();
  return 0;
}
