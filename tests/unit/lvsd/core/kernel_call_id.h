// How the kernel finds the Call-ID of a SIP message, followed step by step over the whole text
// (ct_sip_get_header(), callid_len(), get_callid()): what the reader that gets it byte by byte is
// compared with.
#pragma once

#include <cctype>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "lvsd/bpf/call_id.h"

namespace lvs::test {

class KernelCallId {
 public:
  explicit KernelCallId(std::string_view message) : text_(message) {}

  std::optional<std::string> find() {
    size_t from = 0;
    for (;;) {
      const Found found = find_header(from);
      if (found == Found::no_header) {
        return std::nullopt;
      }
      if (found == Found::header) {
        break;
      }
      from += at_;
    }
    const size_t end = at_ + length_;
    if (length_ > 255 || end == text_.size() || (text_[end] != '\r' && text_[end] != '\n')) {
      return std::nullopt;
    }
    return std::string(text_.substr(at_, length_));
  }

 private:
  enum class Found { no_header, header, empty_header };

  bool begins_with(size_t at, std::string_view name) const {
    return text_.size() - at >= name.size() &&
           ::strncasecmp(&text_[at], name.data(), name.size()) == 0;
  }
  static bool is_letter(char c) {
    const auto byte = static_cast<uint8_t>(c);
    return std::isalpha(byte) != 0 || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7);
  }
  static bool is_of_word(char c) {
    return is_letter(c) || (c != '\0' && std::strchr("0123456789!\"%()*+:<>?[\\]_`{}~-./'", c));
  }
  bool is_blank(size_t at) const { return text_[at] == ' ' || text_[at] == '\t'; }

  // The place behind blanks and one fold; nothing: the message ends, or the line does.
  std::optional<size_t> skip(size_t at) const {
    while (at < text_.size() && is_blank(at)) {
      ++at;
    }
    if (at == text_.size() || (text_[at] != '\r' && text_[at] != '\n')) {
      return at;
    }
    if (++at == text_.size()) {
      return std::nullopt;
    }
    if (text_[at - 1] == '\r' && text_[at] == '\n' && ++at == text_.size()) {
      return std::nullopt;
    }
    if (!is_blank(at)) {
      return std::nullopt;
    }
    while (at < text_.size() && is_blank(at)) {
      ++at;
    }
    return at;
  }

  Found find_header(size_t from) {
    for (size_t at = from; at < text_.size(); ++at) {
      if (text_[at] != '\r' && text_[at] != '\n') {
        continue;
      }
      if (++at == text_.size()) {
        break;
      }
      if (text_[at - 1] == '\r' && text_[at] == '\n' && ++at == text_.size()) {
        break;
      }
      if (is_blank(at)) {
        continue;
      }
      if (begins_with(at, "Call-ID")) {
        return read_value(at + 7);
      }
      if (begins_with(at, "i") && at + 1 < text_.size() && !is_letter(text_[at + 1])) {
        return read_value(at + 1);
      }
    }
    return Found::no_header;
  }

  Found read_value(size_t at) {
    const auto colon = skip(at);
    if (!colon || *colon >= text_.size() || text_[*colon] != ':' || *colon + 1 == text_.size()) {
      return Found::no_header;
    }
    const auto value = skip(*colon + 1);
    if (!value) {
      return Found::no_header;
    }
    at_ = *value;
    length_ = word(at_);
    if (length_ != 0 && at_ + length_ < text_.size() && text_[at_ + length_] == '@') {
      const size_t domain = word(at_ + length_ + 1);
      length_ = domain == 0 ? 0 : length_ + 1 + domain;
    }
    return length_ == 0 ? Found::empty_header : Found::header;
  }
  size_t word(size_t at) const {
    size_t length = 0;
    while (at + length < text_.size() && is_of_word(text_[at + length])) {
      ++length;
    }
    return length;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t length_ = 0;
};

// As the programs read it, and list it: up to the first zero.
inline std::optional<std::string> read_call_id(std::string_view message) {
  lvs_call call{};
  for (const char c : message) {
    const uint32_t verdict = lvs_call_read(&call, static_cast<uint8_t>(c));
    if (verdict != LVS_CALL_GOES_ON) {
      return verdict == LVS_CALL_FOUND ? std::optional(std::string(call.text)) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace lvs::test
