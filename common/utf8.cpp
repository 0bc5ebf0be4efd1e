#include "common/utf8.h"

#include <algorithm>
#include <cstdio>

namespace lvs {

size_t utf8_length(std::string_view text) {
  struct Form {
    unsigned char lead_low;
    unsigned char lead_high;
    unsigned char second_low;
    unsigned char second_high;
    size_t length;
  };
  static constexpr Form kForms[] = {
      {0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
      {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  const auto byte = [text](size_t place) { return static_cast<unsigned char>(text[place]); };
  for (const Form& form : kForms) {
    if (text.size() < form.length || byte(0) < form.lead_low || byte(0) > form.lead_high) {
      continue;
    }
    const bool is_second =
        form.length == 1 || (byte(1) >= form.second_low && byte(1) <= form.second_high);
    const auto rest = text.substr(0, form.length).substr(std::min<size_t>(2, form.length));
    const bool is_rest = std::all_of(rest.begin(), rest.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    });
    return is_second && is_rest ? form.length : 0;
  }
  return 0;
}

std::string escape_what_is_not_utf8(std::string json) {
  std::string out;
  size_t copied = 0;
  for (size_t at = 0; at < json.size();) {
    if (const size_t length = utf8_length(std::string_view(json).substr(at)); length > 0) {
      at += length;
      continue;
    }
    char escape[7];
    std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned char>(json[at]));
    out.append(json, copied, at - copied).append(escape);
    copied = ++at;
  }
  return copied == 0 ? std::move(json) : out.append(json, copied);
}

}  // namespace lvs
