// libFuzzer target: the reader and the printer of flat scenarios.
#include "scenario_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_scenarios(std::string(data, data + size));
  return 0;
}
