#include "chart.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vmmu::tb {

namespace {

constexpr int kRow = 24;
constexpr int kTop = 60;
constexpr int kLabelWidth = 150;
constexpr int kBarWidth = 480;
constexpr int kWidth = kLabelWidth + kBarWidth + 90;

}  // namespace

std::string xml_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default:
        // XML has no other control characters; a file's name may hold any.
        out += static_cast<unsigned char>(c) < ' ' ? '?' : c;
    }
  }
  return out;
}

std::string bar_chart(const std::string& title, const std::string& unit, const std::vector<Bar>& bars) {
  const int height = kTop + kRow * static_cast<int>(bars.size()) + 16;
  double largest = 0;
  for (const Bar& bar : bars) largest = std::max(largest, bar.value);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n"
      "  <rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
      "  <text x=\"12\" y=\"24\" font-size=\"16\">{2}</text>\n"
      "  <text x=\"12\" y=\"44\" fill=\"#555\">{3}</text>\n",
      kWidth, height, xml_text(title), xml_text(unit));
  int y = kTop;
  for (const Bar& bar : bars) {
    const double length = largest > 0 ? bar.value / largest * kBarWidth : 0;
    svg += fmt::format(
        "  <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n"
        "  <rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\"/>\n"
        "  <text x=\"{:.1f}\" y=\"{}\">{:.3f}</text>\n",
        kLabelWidth - 8, y + 16, xml_text(bar.label), kLabelWidth, y + 3, length, kRow - 6,
        bar.bad ? "#c0392b" : "#2c6fbb", kLabelWidth + length + 6, y + 16, bar.value);
    y += kRow;
  }
  return svg + "</svg>\n";
}

}  // namespace vmmu::tb
