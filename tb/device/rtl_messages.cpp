#include "device/rtl_messages.hpp"

#include <cstdarg>
#include <cstdio>

namespace {

std::string& messages() {
  thread_local std::string text;
  return text;
}

// A failing assertion may print every cycle; the first lines tell the story.
constexpr std::size_t kMostText = 64 * 1024;

}  // namespace

int vmmu_rtl_printf(const char* format, ...) {
  char line[2048];
  std::va_list args;
  va_start(args, format);
  const int length = std::vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (messages().size() < kMostText) messages() += line;
  return length;
}

namespace vmmu::tb {

std::string take_rtl_messages() {
  std::string text;
  text.swap(messages());
  return text;
}

}  // namespace vmmu::tb
