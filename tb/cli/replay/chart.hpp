// A horizontal bar chart as SVG.
#pragma once

#include <string>
#include <vector>

namespace vmmu::tb {

struct Bar {
  std::string label;
  double value = 0;  // >= 0
  bool bad = false;  // drawn in another colour
};

// `unit` heads the chart. Labels and unit may hold any character.
std::string bar_chart(const std::string& title, const std::string& unit, const std::vector<Bar>& bars);

// Text as XML holds it.
std::string xml_text(const std::string& text);

}  // namespace vmmu::tb
