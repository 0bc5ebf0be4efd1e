#include "lvsd/options.h"

#include <charconv>
#include <sstream>
#include <utility>

namespace lvs::lvsd {
namespace {

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) {
    if (!word.empty()) {
      words.push_back(word);
    }
  }
  return words;
}

// The limits of the key `connections` (lvs.cf(5)).
Result<uint32_t> table_size(const std::string& text) {
  constexpr uint32_t kLeast = 1024;
  constexpr uint32_t kMost = 16'777'216;
  uint32_t size = 0;
  const char* end = text.data() + text.size();
  const auto [read_to, failed] = std::from_chars(text.data(), end, size);
  if (failed != std::errc{} || read_to != end || size < kLeast || size > kMost) {
    return Error{EINVAL, "--connections: expected 1024 to 16777216, not " + text};
  }
  return size;
}

// One argument after another; "--option=value" and "--option value" are the same.
class Reader {
 public:
  explicit Reader(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  bool next() {
    if (position_ == arguments_.size()) {
      return false;
    }
    name_ = arguments_[position_++];
    inline_value_.reset();
    const auto equals = name_.find('=');
    if (name_.starts_with("--") && equals != std::string::npos) {
      inline_value_ = name_.substr(equals + 1);
      name_.resize(equals);
    }
    return true;
  }
  const std::string& name() const { return name_; }
  bool has_inline_value() const { return inline_value_.has_value(); }
  std::optional<std::string> value() {
    if (inline_value_) {
      return std::exchange(inline_value_, {});
    }
    return position_ < arguments_.size() ? std::optional(arguments_[position_++]) : std::nullopt;
  }

 private:
  const std::vector<std::string>& arguments_;
  size_t position_ = 0;
  std::string name_;
  std::optional<std::string> inline_value_;
};

Result<Ok> take_valued(Reader& reader, Options& options) {
  const std::string name = reader.name();
  auto value = reader.value();
  if (!value || value->empty()) {
    return Error{EINVAL, name + " needs a value"};
  }
  if (name == "--interfaces") {
    options.interfaces = split_at_commas(*value);
  } else if (name == "--connections") {
    const auto size = table_size(*value);
    if (!size) {
      return size.error();
    }
    options.connections = *size;
  } else if (name == "--predecessor") {
    options.predecessor = *value;
  } else {
    options.config_file = *value;
  }
  return Ok{};
}

// The options without a value; false for an unknown one.
bool take_switch(const std::string& name, Options& options) {
  if (name == "-n" || name == "--nodaemon") {
    options.foreground = options.log_to_stderr = true;
  } else if (name == "--nofork") {
    options.foreground = true;
  } else if (name == "-v" || name == "--verbose") {
    options.verbose = true;
  } else if (name == "--standby") {
    options.standby = true;
  } else if (name == "--restarted") {
    options.restarted = true;
  } else if (name == "--check") {
    options.mode = Mode::check;
  } else if (name == "--plan" || name == "-t" || name == "--test-start" || name == "--norun") {
    options.mode = Mode::plan;
  } else if (name == "--core") {
    options.mode = options.mode == Mode::core_remove ? Mode::core_remove : Mode::core;
  } else if (name == "--remove") {
    options.mode = Mode::core_remove;
  } else if (name == "--version" || name == "-V") {
    options.mode = Mode::version;
  } else if (name == "--help" || name == "-h") {
    options.mode = Mode::help;
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  bool names_core = false;
  Reader reader(arguments);
  while (reader.next()) {
    const std::string& name = reader.name();
    names_core |= name == "--core";
    if (name == "-c" || name == "--configfile" || name == "--interfaces" ||
        name == "--connections" || name == "--predecessor") {
      if (auto taken = take_valued(reader, options); !taken) {
        return taken.error();
      }
    } else if (reader.has_inline_value() || !take_switch(name, options)) {
      return Error{EINVAL, "unknown option " + name};
    }
  }
  if (options.mode == Mode::core_remove && !names_core) {
    return Error{EINVAL, "--remove goes with --core"};
  }
  if (!options.interfaces.empty() && !names_core) {
    return Error{EINVAL, "--interfaces goes with --core; a configuration says it by `interfaces`"};
  }
  if (options.connections != 0 && !names_core) {
    return Error{EINVAL,
                 "--connections goes with --core; a configuration says it by `connections`"};
  }
  return options;
}

std::string usage() {
  return "usage: lvsd [-c FILE] [-n | --nofork] [-v] [--standby]\n"
         "       lvsd --check [-c FILE]\n"
         "       lvsd --plan | -t [-c FILE]\n"
         "       lvsd --core [--interfaces DEV,...] [--connections NUMBER] [-n]\n"
         "       lvsd --core --remove\n"
         "\n"
         "  -c, --configfile FILE  configuration (default /etc/sysconfig/ha/lvs.cf)\n"
         "  -n, --nodaemon         stay in the foreground, log to standard error\n"
         "      --nofork           stay in this process, log to syslog\n"
         "      --standby          keep the core as it is until pulse says which role\n"
         "  -v, --verbose          log more\n"
         "      --check            read the configuration, say what is wrong with it, do nothing\n"
         "      --plan, -t, --test-start\n"
         "                         print what would be changed in the table, change nothing\n"
         "      --core             the core alone, armed, without a configuration\n"
         "      --core --remove    take everything of the core out of this network namespace\n"
         "      --help, --version\n";
}

}  // namespace lvs::lvsd
