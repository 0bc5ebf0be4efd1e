#include "pulse/options.h"

#include <functional>

namespace lvs::pulse {
namespace {

struct Option {
  std::vector<std::string> names;
  bool takes_value = false;
  std::function<bool(Options&, const std::string& value)> apply;
};

template <auto Member>
bool set_true(Options& options, const std::string&) {
  options.*Member = true;
  return true;
}

template <Mode M>
bool set_mode(Options& options, const std::string&) {
  options.mode = M;
  return true;
}

template <auto Member>
bool set_text(Options& options, const std::string& value) {
  options.*Member = value;
  return !value.empty();
}

const std::vector<Option>& all_options() {
  static const std::vector<Option> options = {
      {{"-c", "--configfile"}, true, set_text<&Options::config_file>},
      {{"-n", "--nodaemon"}, false, set_true<&Options::foreground>},
      {{"-v", "--verbose"}, false, set_true<&Options::verbose>},
      {{"-t", "--test-start", "--norun", "--check"}, false, set_mode<Mode::check>},
      {{"--forceactive"}, false, set_true<&Options::force_active>},
      {{"--lvsd", "--lvs"}, true, set_text<&Options::lvsd>},
      // Failover services have no daemon of their own here; old command lines still work.
      {{"--fos"}, true, [](Options&, const std::string&) { return true; }},
      {{"--arbiter"}, false, set_mode<Mode::arbiter>},
      {{"--restarted"}, false, set_true<&Options::restarted>},
      {{"--predecessor"}, true, set_text<&Options::predecessor>},
      {{"--version"}, false, set_mode<Mode::version>},
      {{"-?", "--help", "--usage"}, false, set_mode<Mode::help>},
  };
  return options;
}

const Option* find_option(const std::string& name) {
  for (const Option& option : all_options()) {
    for (const std::string& each : option.names) {
      if (each == name) {
        return &option;
      }
    }
  }
  return nullptr;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    const Option* option = find_option(name);
    if (option == nullptr) {
      return Error{EINVAL,
                   name + (word.starts_with("-") ? ": unknown option" : ": unexpected argument")};
    }
    std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (equals != std::string::npos && !option->takes_value) {
      return Error{EINVAL, name + ": takes no value"};
    }
    if (option->takes_value && equals == std::string::npos) {
      if (++i == arguments.size()) {
        return Error{EINVAL, name + ": needs a value"};
      }
      value = arguments[i];
    }
    if (!option->apply(options, value)) {
      return Error{EINVAL, name + ": bad value '" + value + "'"};
    }
  }
  return options;
}

std::string usage() {
  return "usage: pulse [OPTIONS]\n"
         "  -c, --configfile FILE   configuration, default /etc/sysconfig/ha/lvs.cf\n"
         "  -n, --nodaemon          stay in the foreground, log to standard error\n"
         "  -v, --verbose           log more\n"
         "  -t, --test-start, --norun, --check\n"
         "                          read the configuration, say what is wrong, start nothing\n"
         "      --forceactive       become active at once, without listening for the other "
         "director\n"
         "      --lvsd PATH         the lvsd to run, default the one beside pulse\n"
         "      --fos PATH          accepted, without effect\n"
         "      --version           print the version\n"
         "      --help              print this\n"
         "Exit status: 0 stopped as told, or nothing wrong; 1 wrong usage or configuration, or it "
         "could\n"
         "not start. See pulse(8).\n";
}

}  // namespace lvs::pulse
