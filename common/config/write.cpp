#include "common/config/write.h"

#include <algorithm>

#include "common/config/schema.h"

namespace lvs::config {

namespace {

constexpr int kServiceIndent = 5;
constexpr int kServerIndent = 9;

bool is_plain_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c >= 0x80 ||
           std::string_view("_-.:[]").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::string name_text(const std::string& name) {
  if (is_plain_name(name)) {
    return name;
  }
  for (const std::string quote : {"\"", "'"}) {
    const std::string quoted = quote + name + quote;
    const Words back = split_words("virtual " + quoted);
    if (back.error.empty() && back.words.size() == 2 && back.words[1].text == name) {
      return quoted;
    }
  }
  return name;
}

template <typename B>
std::string lines_of(const std::vector<Key<B>>& keys, const B& block, int indent) {
  std::string text;
  for (const auto& key : keys) {
    const std::string line = written_line(key, block);
    text += line.empty() ? "" : std::string(indent, ' ') + line + "\n";
  }
  return text;
}

std::string service_text(const std::string& word, const VirtualService& service) {
  std::string text = word + " " + name_text(service.name) + " {\n";
  text += lines_of(service_keys(), service, kServiceIndent);
  for (const auto& server : service.servers) {
    const std::string edge(kServiceIndent, ' ');
    text += edge + "server " + name_text(server.name) + " {\n";
    text += lines_of(server_keys(), server, kServerIndent) + edge + "}\n";
  }
  return text + "}\n";
}

}  // namespace

std::string write(const Config& config) {
  std::string text = lines_of<Globals>(global_keys(), config, 0);
  for (const auto& service : config.failovers) {
    text += service_text("failover", service);
  }
  for (const auto& service : config.virtuals) {
    text += service_text("virtual", service);
  }
  return text;
}

}  // namespace lvs::config
