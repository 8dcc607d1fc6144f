// libFuzzer target: traces of `r|w|x GVA SIZE` lines.
#include "trace_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_trace(data, size, vmmu::tb::TraceFormat::Text);
  return 0;
}
