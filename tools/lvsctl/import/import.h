// `lvsctl import`: the configuration of another program becomes an lvs.cf, and what of it does not
// is told line by line. The program is recognised by the words in the file.
//
//   reader of one format  ->  Draft  ->  settle()  ->  text that `lvsctl check` calls good
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

constexpr size_t kInputMax = 4 << 20;
constexpr size_t kLineMax = 16 << 10;

enum class Source { ipvsadm, keepalived, ldirectord };

std::optional<Source> source_named(std::string_view name);
std::optional<Source> recognise(std::string_view text);

// Nothing can be written: EBADMSG, it is not recognised; ENOMSG, no service is left; EFBIG. The
// remarks say why, as far as they know.
struct Import {
  Result<std::string> text;
  std::vector<Remark> remarks;  // In the order of the lines.
};
Import import_text(const std::string& text, std::optional<Source> source, const Hints& hints);

bool is_whole(const std::vector<Remark>& remarks);  // Nothing was left out.
// One line each: "keepalived.conf:12: not carried over: ...".
std::string to_text(const std::vector<Remark>& remarks, const std::string& file);

}  // namespace lvs::lvsctl::foreign
