#include "tools/lvsctl/arguments.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <iterator>

#include "common/nearest.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl {
namespace {

constexpr int kDeadlineMaxS = 3600;

struct Command {
  std::string name;
  std::vector<std::string> options;
  bool takes_file = false;
};

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      {"check", {"--strict", "--json"}, true},
      {"status", {"--json"}},
      {"plan", {"--json"}},
      {"reload", {}},
      {"key", {"--next", "--force"}, true},
      {"import", {"--from", "--output", "--force", "--primary", "--backup", "--device"}, true},
      {"switchover", {"--deadline"}},
      {"events", {"--follow", "--json"}},
      {"metrics", {"--listen"}},
      {"hold", {}},
      {"release", {}},
  };
  return kCommands;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    names.push_back(command.name);
  }
  return names;
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) {
    text += (text.empty() ? "" : word == words.back() ? " or " : ", ") + word;
  }
  return text;
}

Error wrong(const std::string& what) {
  return {EINVAL, what + " (see --help)"};
}

bool is_option(const std::string& word) {
  return word.starts_with('-') && word.size() > 1;
}

bool takes_value(const std::string& option) {
  constexpr std::array<std::string_view, 7> kWithValue = {
      "--deadline", "--listen", "--from", "--output", "--primary", "--backup", "--device"};
  return std::find(kWithValue.begin(), kWithValue.end(), option) != kWithValue.end();
}

// Whole seconds; nothing where it is none.
std::optional<Duration> seconds_in(const std::string& text) {
  int number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc{} && rest == text.data() + text.size();
  return is_whole && number > 0 && number <= kDeadlineMaxS
             ? std::optional<Duration>(std::chrono::seconds{number})
             : std::nullopt;
}

Result<const Command*> find_command(const std::string& name) {
  const auto& all = commands();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Command& each) { return each.name == name; });
  if (found == all.end()) {
    return wrong("expected a command: " + listed(command_names()) +
                 did_you_mean(command_names(), name));
  }
  return &*found;
}

std::optional<uint16_t> port_in(std::string_view text) {
  uint16_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc{} && rest == text.data() + text.size();
  return is_whole ? std::optional(number) : std::nullopt;
}

// "127.0.0.1", "127.0.0.1:9539", "::1", "[::1]:9539"; without an address the loopback's.
std::optional<Endpoint> endpoint_in(const std::string& text) {
  if (const auto alone = Address::parse(text)) {
    return Endpoint{*alone, kMetricsPort};
  }
  const size_t colon = text.rfind(':');
  const auto port =
      colon == std::string::npos ? std::nullopt : port_in(std::string_view(text).substr(colon + 1));
  std::string host = text.substr(0, std::min(colon, text.size()));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  const auto address = Address::parse(host.empty() ? "127.0.0.1" : host);
  return address && port ? std::optional(Endpoint{*address, *port}) : std::nullopt;
}

// What import must be told, since the files do not say it.
Result<Arguments> with_hints(Arguments arguments) {
  const auto given = [&](const std::string& option) -> const std::string* {
    const auto found = arguments.options.find(option);
    return found == arguments.options.end() ? nullptr : &found->second;
  };
  for (const auto& [option, address] :
       {std::pair{"--primary", &arguments.primary}, {"--backup", &arguments.backup}}) {
    const std::string* text = given(option);
    *address = text == nullptr ? std::nullopt : Address::parse(*text);
    if (text != nullptr && (!*address || (*address)->is_unspecified())) {
      return wrong(std::string(option) + ": expected an address, not " + *text);
    }
  }
  if (const std::string* from = given("--from")) {
    arguments.source = foreign::source_named(*from);
    if (!arguments.source) {
      return wrong("--from: expected ipvsadm, keepalived or ldirectord, not " + *from);
    }
  }
  if (const std::string* device = given("--device")) {
    if (!foreign::is_device(*device) || device->find(':') != std::string::npos) {
      return wrong("--device: expected a network device, not " + *device);
    }
    arguments.device = *device;
  }
  if (const std::string* output = given("--output"); output != nullptr && output->empty()) {
    return wrong("--output: expected a file");
  }
  return arguments;
}

Result<Arguments> checked(Arguments arguments) {
  if (arguments.has("--deadline")) {
    const auto deadline = seconds_in(arguments.options.at("--deadline"));
    if (!deadline) {
      return Error{EINVAL, "--deadline: expected seconds, 1 to " + std::to_string(kDeadlineMaxS)};
    }
    arguments.deadline = *deadline;
  }
  if (arguments.has("--listen")) {
    arguments.listen = endpoint_in(arguments.options.at("--listen"));
    if (!arguments.listen) {
      return Error{EINVAL, "--listen: expected an address and a port (127.0.0.1:" +
                               std::to_string(kMetricsPort) + "), not " +
                               arguments.options.at("--listen")};
    }
  }
  return with_hints(std::move(arguments));
}

}  // namespace

Result<Arguments> parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  for (const std::string early : {"--help", "-h", "--version"}) {
    if (std::find(words.begin(), words.end(), early) != words.end()) {
      arguments.command = early == "-h" ? "--help" : early;
      return arguments;
    }
  }
  const auto first = std::find_if_not(words.begin(), words.end(), is_option);
  const auto command = find_command(first == words.end() ? "" : *first);
  if (!command) {
    return command.error();
  }
  arguments.command = (*command)->name;
  const auto& known = (*command)->options;
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (word == first) {
      continue;
    }
    if (!is_option(*word)) {
      if (!(*command)->takes_file || arguments.file) {
        return wrong(arguments.command + ": unexpected " + *word);
      }
      arguments.file = *word;
    } else if (std::find(known.begin(), known.end(), *word) == known.end()) {
      return wrong(arguments.command + ": unknown option " + *word + did_you_mean(known, *word));
    } else if (takes_value(*word)) {
      const auto value = std::next(word);
      arguments.options[*word] = value == words.end() ? "" : *value;
      word = value == words.end() ? word : value;
    } else {
      arguments.options[*word] = "";
    }
  }
  return checked(std::move(arguments));
}

}  // namespace lvs::lvsctl
