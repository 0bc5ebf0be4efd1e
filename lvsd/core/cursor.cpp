#include "lvsd/core/cursor.h"

#include <algorithm>
#include <numeric>

namespace lvs::core {

namespace {

bool is_server(const lvs_slot& slot) {
  return slot.dest != LVS_NO_DEST;
}

}  // namespace

Cursor cursor_of(uint64_t current) {
  return {LVS_CURRENT_PLACE(current), LVS_CURRENT_LEVEL(current)};
}

Steps steps_of(uint32_t scheduler, List list) {
  if (scheduler != LVS_WRR) {
    return {1, 1};
  }
  int32_t step = 0;
  int32_t largest = 0;
  for (const auto& slot : list) {
    step = std::gcd(step, slot.weight);
    largest = std::max(largest, slot.weight);
  }
  step = std::max(step, 1);
  return {largest - (step - 1), step};
}

Cursor first_cursor(Steps steps) {
  return {LVS_PLACE_HEAD, steps.top};
}

Cursor cursor_with(uint32_t scheduler, Steps steps, Cursor cursor) {
  if (scheduler != LVS_WRR) {
    return cursor;
  }
  cursor.place = LVS_PLACE_HEAD;
  if (cursor.level > steps.top || cursor.level == 0) {
    cursor.level = steps.top;
  } else if (steps.step > 1) {
    cursor.level = cursor.level / steps.step * steps.step + 1;
  }
  return cursor;
}

Cursor cursor_without(List list, uint32_t place, Cursor cursor) {
  if (cursor.place != place) {
    return cursor;
  }
  // Back to the one before it in the order of the walk.
  const auto before = std::find_if(list.begin() + place + 1, list.end(), is_server);
  cursor.place = before == list.end() ? LVS_PLACE_HEAD
                                      : static_cast<uint32_t>(std::distance(list.begin(), before));
  return cursor;
}

Cursor renumbered(List list, Cursor cursor) {
  if (cursor.place >= list.size()) {
    return {LVS_PLACE_HEAD, cursor.level};
  }
  cursor.place =
      static_cast<uint32_t>(std::count_if(list.begin(), list.begin() + cursor.place, is_server));
  return cursor;
}

}  // namespace lvs::core
