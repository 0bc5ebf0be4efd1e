// Many lines alike, as many of them as are read: what a screen cannot hold pushes out the rest.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace lvs::lvsctl {

constexpr size_t kLinesAlike = 20;

// The first ones, and how many more there are; `all`: where those are.
inline std::vector<std::string> few_lines(std::vector<std::string> lines, const std::string& all) {
  if (lines.size() > kLinesAlike) {
    const size_t more = lines.size() - kLinesAlike;
    lines.resize(kLinesAlike);
    lines.push_back("and " + std::to_string(more) + " more: " + all);
  }
  return lines;
}

// Of a text that is several lines, those that are not in the list are added to it.
inline void add_lines(const std::string& text, std::vector<std::string>& lines) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) {
      lines.push_back(line);
    }
    at = end + 1;
  }
}

}  // namespace lvs::lvsctl
