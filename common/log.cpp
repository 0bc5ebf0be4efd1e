#include "common/log.h"

#include <algorithm>
#include <cstdio>

namespace lvs {
namespace {

// Neither what could move a terminal's cursor nor bytes whose meaning depends on a locale.
bool is_printable(char c) {
  return c >= ' ' && c < 0x7f;
}

std::string escaped(char c) {
  char hex[5];
  std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
  return hex;
}

bool is_plain(char c) {
  return is_printable(c) && c != ' ' && c != '"' && c != '\\' && c != '=';
}

std::string quoted(const std::string& value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain)) {
    return value;
  }
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else {
      out += is_printable(c) ? std::string(1, c) : escaped(c);
    }
  }
  return out + "\"";
}

}  // namespace

std::string to_line(const LogEvent& event) {
  std::string line;
  for (const char c : event.marker) {
    line += is_printable(c) ? std::string(1, c) : escaped(c);
  }
  line += line.empty() ? "" : " ";
  line += "event=" + event.event;
  for (const auto& [key, value] : event.fields) {
    line += " " + key + "=" + quoted(value);
  }
  return line;
}

}  // namespace lvs
