#include "tools/lvsctl/import/import.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/config/parse.h"
#include "tools/lvsctl/import/ipvsadm.h"
#include "tools/lvsctl/import/keepalived.h"
#include "tools/lvsctl/import/ldirectord.h"
#include "tools/lvsctl/import/settle.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

constexpr std::array<std::string_view, 12> kOfKeepalived = {
    "global_defs",   "virtual_server",      "virtual_server_group", "vrrp_instance",
    "vrrp_script",   "vrrp_sync_group",     "vrrp_track_process",   "static_ipaddress",
    "static_routes", "virtual_server_port", "real_server",          "bfd_instance"};
constexpr std::array<std::string_view, 6> kOfIpvsadm = {"-A",           "-a",      "--add-service",
                                                        "--add-server", "ipvsadm", "lvsadm"};

template <typename Words>
bool holds(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Draft read(Source source, const std::string& text, const Hints& hints) {
  switch (source) {
    case Source::ipvsadm:
      return read_ipvsadm(text, hints);
    case Source::keepalived:
      return read_keepalived(text, hints);
    case Source::ldirectord:
      return read_ldirectord(text, hints);
  }
  return {};
}

// Lines that no reader should have to bear are taken out, so that the others keep their numbers.
std::string bearable(const std::string& text, std::vector<Remark>& remarks) {
  std::string kept;
  int number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    ++number;
    line.remove_suffix(line.ends_with('\r') ? 1 : 0);
    if (line.size() > kLineMax) {
      remarks.push_back({number, Carried::no, "longer than a line may be"});
    } else if (!is_text(line)) {
      remarks.push_back({number, Carried::no, "there are control characters in it"});
    } else {
      kept += line;
    }
    kept += '\n';
    at = end + 1;
    if (remarks.size() == kRemarksMax) {
      break;
    }
  }
  return kept;
}

}  // namespace

std::optional<Source> source_named(std::string_view name) {
  return name == "ipvsadm"      ? std::optional(Source::ipvsadm)
         : name == "keepalived" ? std::optional(Source::keepalived)
         : name == "ldirectord" ? std::optional(Source::ldirectord)
                                : std::nullopt;
}

std::optional<Source> recognise(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view word = line.substr(0, line.find_first_of(" \t={"));
    if (holds(kOfKeepalived, word)) {
      return Source::keepalived;
    }
    if (holds(kOfIpvsadm, word)) {
      return Source::ipvsadm;
    }
    const std::string_view rest = trimmed(line.substr(word.size()));
    if ((word == "virtual" || word == "virtual6") && rest.starts_with('=')) {
      return Source::ldirectord;
    }
  }
  return std::nullopt;
}

Import import_text(const std::string& text, std::optional<Source> source, const Hints& hints) {
  std::vector<Remark> remarks;
  const std::string lines = bearable(text, remarks);
  source = source ? source : recognise(lines);
  if (!source && lines.find("IP Virtual Server version") != std::string::npos) {
    return {Error{EBADMSG,
                  "this is what ipvsadm -L shows, which is for people: write the table by "
                  "ipvsadm -S -n"},
            std::move(remarks)};
  }
  if (!source) {
    return {Error{EBADMSG,
                  "this is neither a saved table of ipvsadm nor a keepalived.conf nor an "
                  "ldirectord.cf (or say which by --from)"},
            std::move(remarks)};
  }
  Draft draft = read(*source, lines, hints);
  draft.remarks.insert(draft.remarks.begin(), remarks.begin(), remarks.end());
  auto settled = settle(draft, hints);
  if (settled && settled->size() > config::kMaxFileBytes) {
    settled = Error{EFBIG, "the lvs.cf would be larger than " +
                               std::to_string(config::kMaxFileBytes) + " bytes"};
  }
  return {std::move(settled), std::move(draft.remarks)};
}

bool is_whole(const std::vector<Remark>& remarks) {
  return std::all_of(remarks.begin(), remarks.end(),
                     [](const Remark& remark) { return remark.carried == Carried::yes; });
}

std::string to_text(const std::vector<Remark>& remarks, const std::string& file) {
  std::string text;
  for (const auto& [line, carried, what] : remarks) {
    text += file + ":" + (line == 0 ? "" : std::to_string(line) + ":") +
            (carried == Carried::no         ? " not carried over: "
             : carried == Carried::doubtful ? " doubtful: "
                                            : " note: ") +
            what + "\n";
  }
  return text;
}

}  // namespace lvs::lvsctl::foreign
