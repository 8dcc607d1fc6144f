// libFuzzer target: ChampSim's instruction records.
#include "trace_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_trace(data, size, vmmu::tb::TraceFormat::ChampSim);
  return 0;
}
