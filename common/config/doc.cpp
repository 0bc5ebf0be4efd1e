#include "common/config/doc.h"

#include "common/config/check_syntax.h"
#include "common/config/schema.h"
#include "common/ipvs/capabilities.h"

namespace lvs::config {

namespace {

constexpr size_t kExampleColumns = 78;
constexpr std::string_view kBegin = ".\\\" begin ";
constexpr std::string_view kEnd = ".\\\" end ";

// Text for mdoc: one sentence a line, nothing that roff would take for itself.
std::string roff(std::string_view text) {
  std::string safe;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool sentence_ends = i > 0 && text[i] == ' ' && text[i - 1] == '.';
    if (sentence_ends) {
      safe += '\n';
    } else if (text[i] == '\\') {
      safe += "\\e";
    } else {
      safe += text[i];
    }
  }
  return safe;
}

template <typename B>
std::string key_items(const std::vector<Key<B>>& keys) {
  std::string text = ".Bl -tag -width Ds\n";
  for (const auto& key : keys) {
    text += ".It Ic " + key.name + "\n" + roff(key.help) + "\n.br\nValue: " + roff(key.type);
    text += key.range.empty() ? "" : ", " + roff(key.range);
    text += key.fallback.empty() ? ".\n" : "; default " + roff(key.fallback) + ".\n";
    text += key.since == Since::caribe ? "Not known to Piranha.\n" : "";
  }
  return text + ".El\n";
}

std::string check_items() {
  std::string text = ".Bl -tag -width Ds\n";
  for (const auto& kind : check_kinds()) {
    text += ".It Cm " + kind.name + "\n" + roff(kind.help) + "\n";
    if (kind.options.empty()) {
      continue;
    }
    text += ".Bl -tag -width status -compact\n";
    for (const auto& option : kind.options) {
      text += ".It Cm " + option.name + "\n" +
              (option.help.empty() ? "As for http." : roff(option.help)) + "\n";
    }
    text += ".El\n";
  }
  return text + ".El\n";
}

template <typename B>
std::string later_items(const std::vector<Key<B>>& keys) {
  std::string text;
  for (const auto& key : keys) {
    text += key.later ? ".It\n.Ic " + key.name + "\n" : "";
  }
  return text;
}

std::string embedded_items() {
  return ".Bl -tag -width Ds -compact\n.It families\nIPv4, IPv6\n"
         ".It protocols\ntcp, udp, sctp\n.It forwarding methods\nnat, direct, tunnel\n"
         ".It schedulers\n" +
         ipvs::names_in(ipvs::kSchedulers) + "\n.It services\nat most " +
         std::to_string(ipvs::kEmbeddedServices) + "\n.It servers\nat most " +
         std::to_string(ipvs::kEmbeddedServersOfService) + " of one service, " +
         std::to_string(ipvs::kEmbeddedServers) + " of all\n.El\n";
}

std::string generated(std::string_view name) {
  if (name == "globals") {
    return key_items(global_keys());
  }
  if (name == "services") {
    return key_items(service_keys());
  }
  if (name == "servers") {
    return key_items(server_keys());
  }
  if (name == "checks") {
    return check_items();
  }
  if (name == "embedded") {
    return embedded_items();
  }
  if (name == "later") {
    return ".Bl -item -compact\n" + later_items(global_keys()) + later_items(service_keys()) +
           later_items(server_keys()) + ".El\n";
  }
  return "";
}

std::string commented(const std::string& text, const std::string& indent) {
  std::string lines;
  std::string line;
  std::string rest = text + " ";
  for (size_t space = rest.find(' '); space != std::string::npos; space = rest.find(' ')) {
    const std::string word = rest.substr(0, space);
    rest.erase(0, space + 1);
    if (!line.empty() && indent.size() + 3 + line.size() + word.size() > kExampleColumns) {
      lines += indent + "# " + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + indent + "# " + line + "\n";
}

template <typename B>
std::string example_keys(const std::vector<Key<B>>& keys, const std::string& indent) {
  std::string text;
  for (const auto& key : keys) {
    std::string range = key.range.empty() ? "" : ", " + key.range;
    text += commented(key.help + " Value: " + key.type + range + ".", indent);
    if (!key.example.empty()) {
      text += indent + key.name + " = " + key.example + "\n\n";
      continue;
    }
    text +=
        indent + "#" + key.name + " =" + (key.fallback.empty() ? "" : " " + key.fallback) + "\n\n";
  }
  return text;
}

}  // namespace

std::string refresh_page(std::string_view page) {
  std::string fresh;
  bool inside = false;
  while (!page.empty()) {
    const size_t end = page.find('\n');
    const std::string_view line = page.substr(0, end);
    page.remove_prefix(end == std::string_view::npos ? page.size() : end + 1);
    inside = inside && !line.starts_with(kEnd);
    fresh += inside ? "" : std::string(line) + "\n";
    if (line.starts_with(kBegin)) {
      fresh += generated(line.substr(kBegin.size()));
      inside = true;
    }
  }
  return fresh;
}

std::string example_file() {
  return "# /etc/sysconfig/ha/lvs.cf: a pair of directors, one service. Every key is shown; those\n"
         "# that are commented out stand with their default. See lvs.cf(5).\n\n" +
         example_keys(global_keys(), "") + "virtual web {\n" +
         example_keys(service_keys(), "     ") + "     server web1 {\n" +
         example_keys(server_keys(), "         ") +
         "     }\n     server web2 {\n         address = 10.0.0.12\n         active = 1\n"
         "         weight = 1\n     }\n}\n";
}

}  // namespace lvs::config
