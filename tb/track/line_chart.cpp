#include "track/line_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "replay/chart.hpp"

namespace vmmu::tb {

namespace {

constexpr double kLeft = 70;
constexpr double kTop = 70;
constexpr double kPlotWidth = 600;
constexpr double kPlotHeight = 260;
constexpr int kWidth = 700;
constexpr int kHeight = 390;
constexpr double kSteps = 5;
constexpr std::array<const char*, 6> kColours = {"#2c6fbb", "#c0392b", "#27803b", "#8e5ea2", "#c78a00", "#555555"};

// The smallest of 1, 2, 5 times a power of ten that kSteps of reach the largest value.
double step_for(double largest) {
  if (largest <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(largest / kSteps)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power * kSteps >= largest) return factor * power;
  }
  return 10 * power;
}

struct Scale {
  double step;
  double end;
  explicit Scale(double largest) : step(step_for(largest)), end(std::max(1.0, std::ceil(largest / step)) * step) {}
};

std::string grid(const Scale& x, const Scale& y) {
  std::string svg;
  for (int i = 0; i * y.step <= y.end * 1.0001; ++i) {
    const double at = kTop + kPlotHeight * (1 - i * y.step / y.end);
    svg += fmt::format(
        "  <line x1=\"{0}\" y1=\"{2:.1f}\" x2=\"{1}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n"
        "  <text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:g}</text>\n",
        kLeft, kLeft + kPlotWidth, at, kLeft - 6, at + 4, i * y.step);
  }
  for (int i = 0; i * x.step <= x.end * 1.0001; ++i) {
    const double at = kLeft + kPlotWidth * (i * x.step / x.end);
    svg += fmt::format("  <text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:g}</text>\n", at,
                       kTop + kPlotHeight + 18, i * x.step);
  }
  return svg;
}

}  // namespace

std::string svg_of(const LineChart& chart) {
  double largest_x = 0;
  double largest_y = 0;
  for (const Series& series : chart.series) {
    for (const auto& [x, y] : series.points) {
      largest_x = std::max(largest_x, x);
      largest_y = std::max(largest_y, y);
    }
  }
  const Scale x(largest_x);
  const Scale y(largest_y);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n"
      "  <rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
      "  <text x=\"12\" y=\"24\" font-size=\"16\">{2}</text>\n"
      "  <text x=\"12\" y=\"58\" fill=\"#555\">{3}</text>\n"
      "  <text x=\"{4}\" y=\"{5}\" fill=\"#555\" text-anchor=\"end\">{6}</text>\n",
      kWidth, kHeight, xml_text(chart.title), xml_text(chart.y_label), kLeft + kPlotWidth, kHeight - 12,
      xml_text(chart.x_label));
  svg += grid(x, y);
  double legend = 130;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    const char* colour = kColours[i % kColours.size()];
    std::string points;
    for (const auto& [px, py] : series.points) {
      points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", kLeft + kPlotWidth * px / x.end,
                            kTop + kPlotHeight * (1 - py / y.end));
    }
    svg += fmt::format(
        "  <polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n"
        "  <rect x=\"{}\" y=\"46\" width=\"12\" height=\"12\" fill=\"{}\"/>\n"
        "  <text x=\"{}\" y=\"57\">{}</text>\n",
        points, colour, legend, colour, legend + 17, xml_text(series.name));
    legend += 30 + 7.5 * static_cast<double>(series.name.size());
  }
  return svg + "</svg>\n";
}

}  // namespace vmmu::tb
