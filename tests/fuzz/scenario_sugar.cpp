// libFuzzer target: the reader of the sugar layer and its expansion.
#include "scenario_target.hpp"

// The first line need not be found by chance.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(data, data + size);
  if (text.rfind("mmu 1", 0) != 0) text.insert(0, "mmu 1\n");
  check_scenarios(text);
  return 0;
}
