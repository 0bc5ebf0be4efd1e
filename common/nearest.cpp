#include "common/nearest.h"

#include <algorithm>

namespace lvs {
namespace {

constexpr size_t kFarthestGuess = 2;

// Two edits of a short word make another one.
size_t shortest_for(size_t distance) {
  return distance < 2 ? 2 : 5;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(const std::vector<std::string>& known, std::string_view word) {
  std::string best;
  size_t least = kFarthestGuess + 1;
  for (const auto& each : known) {
    const size_t distance = edit_distance(word, each);
    if (distance < least && std::min(word.size(), each.size()) >= shortest_for(distance)) {
      least = distance;
      best = each;
    }
  }
  return best;
}

std::string did_you_mean(const std::vector<std::string>& known, std::string_view word) {
  const std::string best = nearest(known, word);
  return best.empty() ? "" : "; did you mean " + best + "?";
}

}  // namespace lvs
