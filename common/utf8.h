// What a file or a program wrote in another encoding may stand in JSON all the same.
#pragma once

#include <string>
#include <string_view>

namespace lvs {

// How many bytes of `text` are one character of UTF-8 (RFC 3629) at its beginning; 0: they are
// none.
size_t utf8_length(std::string_view text);
// Of JSON text: each byte that is not UTF-8 becomes the escape of the Latin-1 character of its
// number, as such bytes can only be in strings.
std::string escape_what_is_not_utf8(std::string json);

}  // namespace lvs
