// Where $display, $error and failing assertions of the Verilated RTL print to.
#pragma once

// Every translation unit that Verilator generates sees this as VL_PRINTF.
int vmmu_rtl_printf(const char* format, ...) __attribute__((format(printf, 1, 2)));

#include <string>

namespace vmmu::tb {

// What was printed on this thread since the last call.
std::string take_rtl_messages();

}  // namespace vmmu::tb
