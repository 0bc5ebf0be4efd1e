#include "common/log.h"

#include <algorithm>
#include <cstdio>

namespace lvs {
namespace {

bool is_plain(char c) {
  return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

std::string quoted(const std::string& value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain)) {
    return value;
  }
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string to_line(const LogEvent& event) {
  std::string line = event.marker.empty() ? "" : event.marker + " ";
  line += "event=" + event.event;
  for (const auto& [key, value] : event.fields) {
    line += " " + key + "=" + quoted(value);
  }
  return line;
}

}  // namespace lvs
