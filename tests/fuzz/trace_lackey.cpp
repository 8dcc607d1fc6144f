// libFuzzer target: logs of valgrind's lackey.
#include "trace_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_trace(data, size, vmmu::tb::TraceFormat::Lackey);
  return 0;
}
