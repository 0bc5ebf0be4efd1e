#include "nanny/options.h"

#include <getopt.h>

#include <algorithm>
#include <array>
#include <limits>

#include "common/config/model.h"
#include "common/config/text.h"

namespace lvs::nanny {

const char* const kHelp =
    R"(usage: nanny --lvsd [-n] [-v]
       nanny -h ADDRESS -V ADDRESS [-p PORT] [-r PORT] [options]

With --lvsd, watches what lvsd orders over descriptor 3. Otherwise watches one real server and keeps
its entry in the IPVS table: added when it answers, deleted (or weight 0, with -q) when it does not.

  -h, --server ADDRESS        real server to watch (required)
  -V, --virtaddress ADDRESS   address of the virtual service (required unless -f, --fos or --norun)
  -p, --port PORT             its port (80)
  -r, --rport PORT            real server's port (that of -p)
  -f, --fwmark MARK           the virtual service is the one of this firewall mark
  -u, --udp                   the service is UDP
  -M, --method m|g|i          forwarding: NAT, direct, tunnel (m)
  -w, --weight N              weight while the server answers (1)
  -q, --quiesce_server        weight 0 instead of deleting the entry
  -t, --interval SECONDS      pause between checks and time limit of each step (10)
  -a, --reentrytime SECONDS   how long a failed server must answer before it is used again (180)
  -s, --send_string TEXT      what to send
  -x, --expect_string TEXT    what the answer must start with; * is anything
      --regex                 the expected text is an extended regular expression
  -T, --suppress              no translation of \r \n \t \\ \' \"
  -e, --send_program COMMAND  check by a program; %h and %p are the server's address and port
      --script-legacy         a program that fails or times out counts as working, as in Piranha
      --cafile FILE           who may sign certificates (the system's authorities)
      --lvs, --fos            kind of service (--lvs); --fos ends when the service is lost
  -n, --nodaemon              stay in the foreground, log to standard error
  -c, --nofork                let go of the terminal but do not fork
      --test-start, --norun   do not touch the IPVS table
  -v, --verbose               log more
  -I, --ipvsadm PATH; -U, --loadcmd COMMAND; -S, --scale N
                              read and not used: the table is set directly, the weight stays
      --help, --version

USR1 holds the server down, USR2 holds it up, HUP lets checks decide again, TERM removes the entry
and ends.
Exit status: 0 stopped, 1 wrong options or the entry could not be removed.
)";

namespace {

enum LongOnly {
  kLvsd = 256,
  kRegex,
  kNoRun,
  kLvs,
  kFos,
  kScriptLegacy,
  kCaFile,
  kHelpOption,
  kVersion
};

constexpr std::array kLong = {
    option{"interval", required_argument, nullptr, 't'},
    option{"ipvsadm", required_argument, nullptr, 'I'},
    option{"method", required_argument, nullptr, 'M'},
    option{"loadcmd", required_argument, nullptr, 'U'},
    option{"nodaemon", no_argument, nullptr, 'n'},
    option{"nofork", no_argument, nullptr, 'c'},
    option{"port", required_argument, nullptr, 'p'},
    option{"rport", required_argument, nullptr, 'r'},
    option{"reentrytime", required_argument, nullptr, 'a'},
    option{"scale", required_argument, nullptr, 'S'},
    option{"server", required_argument, nullptr, 'h'},
    option{"virtaddress", required_argument, nullptr, 'V'},
    option{"fwmark", required_argument, nullptr, 'f'},
    option{"weight", required_argument, nullptr, 'w'},
    option{"send_program", required_argument, nullptr, 'e'},
    option{"send_string", required_argument, nullptr, 's'},
    option{"expect_string", required_argument, nullptr, 'x'},
    option{"suppress", no_argument, nullptr, 'T'},
    option{"quiesce_server", no_argument, nullptr, 'q'},
    option{"udp", no_argument, nullptr, 'u'},
    option{"verbose", no_argument, nullptr, 'v'},
    option{"regex", no_argument, nullptr, kRegex},
    option{"test-start", no_argument, nullptr, kNoRun},
    option{"norun", no_argument, nullptr, kNoRun},
    option{"lvs", no_argument, nullptr, kLvs},
    option{"fos", no_argument, nullptr, kFos},
    option{"lvsd", no_argument, nullptr, kLvsd},
    option{"script-legacy", no_argument, nullptr, kScriptLegacy},
    option{"cafile", required_argument, nullptr, kCaFile},
    option{"help", no_argument, nullptr, kHelpOption},
    option{"version", no_argument, nullptr, kVersion},
    option{nullptr, 0, nullptr, 0},
};
constexpr const char* kShort = ":t:I:M:U:ncp:r:a:S:h:V:f:w:e:s:x:Tquv";

constexpr long long kSecondsMax = 86'400;

// The words as they were given; finish() makes a monitor of them once all are known.
class Reader {
 public:
  Result<Options> read(std::vector<std::string> words);

 private:
  void take(int option, const std::string& word);
  void take_plain(int option);
  void take_text(int option, const std::string& word);
  Result<Options> finish();
  config::Check check() const;

  template <typename T>
  void number(const char* name, const std::string& word, long long min, long long max, T& out) {
    const std::optional<long long> n = config::parse_integer(word);
    if (!n || *n < min || *n > max) {
      refuse(std::string(name) + ": expected a number, " + std::to_string(min) + " to " +
             std::to_string(max) + ", not \"" + word + "\"");
      return;
    }
    out = static_cast<T>(*n);
  }
  void address(const char* name, const std::string& word, std::optional<Address>& out) {
    out = Address::parse(word);
    if (!out) {
      const bool is_name =
          word.find_first_of("ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ") != std::string::npos;
      refuse(std::string(name) + ": expected an IP address, not \"" + word + "\"" +
             (is_name ? "; names are not looked up here" : ""));
    }
  }
  void method(const std::string& word);
  void refuse(std::string what) {
    if (error_.empty()) {
      error_ = std::move(what);
    }
  }

  Options options_;
  config::VirtualService service_;
  std::optional<Address> server_, virtual_address_;
  std::optional<uint16_t> real_port_;
  long long interval_s_ = 10;
  std::optional<long long> reentry_s_;
  bool suppress_ = false;
  std::string error_;
};

void Reader::method(const std::string& word) {
  const std::string letter = word.starts_with('-') ? word.substr(1) : word;
  if (letter == "m") {
    options_.dest.forward = ipvs::Forward::masq;
  } else if (letter == "g") {
    options_.dest.forward = ipvs::Forward::direct;
  } else if (letter == "i" || letter == "t") {
    options_.dest.forward = ipvs::Forward::tunnel;
  } else {
    refuse("--method: expected m, g or i, not \"" + word + "\"");
  }
}

void Reader::take_plain(int option) {
  switch (option) {
    case 'n':
      options_.life = Options::Life::foreground;
      return;
    case 'c':
      options_.life = Options::Life::nofork;
      return;
    case 'T':
      suppress_ = true;
      return;
    case 'q':
      options_.quiesce = true;
      return;
    case 'u':
      service_.protocol = ipvs::Protocol::udp;
      return;
    case 'v':
      options_.verbose = true;
      return;
    case kRegex:
      service_.use_regex = true;
      return;
    case kNoRun:
      options_.touch_table = false;
      return;
    case kFos:
      options_.failover = true;
      return;
    case kScriptLegacy:
      service_.script_legacy = true;
      return;
    case kLvsd:
      options_.mode = Options::Mode::lvsd;
      return;
    case kHelpOption:
      options_.mode = Options::Mode::help;
      return;
    case kVersion:
      options_.mode = Options::Mode::version;
      return;
    default:
      return;  // --lvs is the default.
  }
}

void Reader::take_text(int option, const std::string& word) {
  switch (option) {
    case 'e':
      service_.send_program = word;
      return;
    case 's':
      service_.send = word;
      return;
    case 'x':
      service_.expect = word;
      return;
    case kCaFile:
      options_.ca_file = word;
      return;
    default:
      return;  // -I, -U and -S are read for compatibility.
  }
}

void Reader::take(int option, const std::string& word) {
  long long n = 0;
  switch (option) {
    case 't':
      number("--interval", word, 1, kSecondsMax, interval_s_);
      return;
    case 'a':
      number("--reentrytime", word, 0, kSecondsMax, n);
      reentry_s_ = n;
      return;
    case 'p':
      number("--port", word, 0, 65535, service_.port);
      return;
    case 'r':
      number("--rport", word, 0, 65535, n);
      real_port_ = static_cast<uint16_t>(n);
      return;
    case 'f':
      number("--fwmark", word, 0, std::numeric_limits<uint32_t>::max(), service_.fwmark);
      return;
    case 'w':
      number("--weight", word, 0, 65535, options_.dest.weight);
      return;
    case 'h':
      address("--server", word, server_);
      return;
    case 'V':
      address("--virtaddress", word, virtual_address_);
      return;
    case 'M':
      method(word);
      return;
    default:
      word.empty() ? take_plain(option) : take_text(option, word);
  }
}

config::Check Reader::check() const {
  if (!suppress_) {
    return config::effective_check(service_);
  }
  if (!service_.send_program.empty()) {
    return config::ScriptCheck{service_.send_program, service_.expect, service_.script_legacy};
  }
  return config::SendExpect{service_.send, service_.expect, service_.use_regex};
}

Result<Options> Reader::finish() {
  if (options_.mode != Options::Mode::by_hand) {
    return options_;
  }
  if (!server_) {
    return Error{EINVAL, "--server ADDRESS is missing: which server is to be watched?"};
  }
  if (!virtual_address_ && service_.fwmark == 0 && options_.touch_table && !options_.failover) {
    return Error{EINVAL,
                 "--virtaddress ADDRESS or --fwmark MARK is missing: whose entry is to be kept?"};
  }
  if (virtual_address_ && virtual_address_->family() != server_->family() && service_.fwmark == 0) {
    return Error{EINVAL, "--virtaddress and --server are of different families"};
  }
  const auto interval = std::chrono::seconds{interval_s_};
  const long long reentry_s = reentry_s_.value_or(0) > 0 ? *reentry_s_
                              : options_.failover        ? interval_s_
                                                         : 180;
  Monitor& monitor = options_.monitor;
  monitor.target = {*server_, real_port_.value_or(service_.port)};
  monitor.protocol = service_.protocol;
  monitor.check = check();
  monitor.interval = interval;
  monitor.timeout = interval;
  monitor.rise = static_cast<int>(std::max<long long>(1, reentry_s / interval_s_));
  options_.virtual_place = {virtual_address_.value_or(Address{}), service_.port};
  if (service_.fwmark != 0) {
    options_.service = ipvs::MarkKey{service_.fwmark, server_->family()};
  } else if (virtual_address_) {
    options_.service = ipvs::AddressKey{service_.protocol, *virtual_address_, service_.port};
  }
  options_.touch_table = options_.touch_table && !options_.failover;
  return options_;
}

Result<Options> Reader::read(std::vector<std::string> words) {
  service_.script_user.clear();  // Programs run as whoever runs nanny.
  words.insert(words.begin(), "nanny");
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  optind = 0;  // getopt is read from the start again.
  opterr = 0;
  const int count = static_cast<int>(words.size());
  int found;
  while ((found = ::getopt_long(count, argv.data(), kShort, kLong.data(), nullptr)) != -1) {
    if (found == '?' || found == ':') {
      const std::string last = argv[static_cast<size_t>(optind - 1)];
      const std::string given =
          last.starts_with("--") ? last : std::string("-") + static_cast<char>(optopt);
      refuse(given + (found == '?' ? ": unknown option" : ": needs a value"));
    } else {
      take(found, optarg == nullptr ? "" : optarg);
    }
  }
  if (optind < count) {
    refuse(std::string(argv[static_cast<size_t>(optind)]) + ": unexpected argument");
  }
  if (!error_.empty()) {
    return Error{EINVAL, error_};
  }
  return finish();
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& words) {
  return Reader().read(words);
}

}  // namespace lvs::nanny
