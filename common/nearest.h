// A guess at what was meant by a mistyped word: the known one that is one edit away, or two where
// both are longer than four letters. Of values also the known one that other programs, or people,
// call so ("masq", "yes", "tcp_connect").
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lvs {

// Empty: nothing is near.
std::string nearest(const std::vector<std::string>& known, std::string_view word);

// Empty: nothing is near, and nobody calls it so.
std::string natural(const std::vector<std::string>& known, std::string_view word);

// "; did you mean wlc?", or nothing.
std::string did_you_mean(const std::vector<std::string>& known, std::string_view word);

}  // namespace lvs
