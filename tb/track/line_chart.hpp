// Curves over one axis as SVG.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vmmu::tb {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x rising; y >= 0
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;  // at most as many as there are colours, 6
};

std::string svg_of(const LineChart& chart);

}  // namespace vmmu::tb
