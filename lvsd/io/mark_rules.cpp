#include "lvsd/io/mark_rules.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "common/io/read_file.h"
#include "lvsd/io/command.h"

namespace lvs::lvsd::io {

namespace {

using namespace std::chrono_literals;
using Done = std::function<void(Result<MarkWarnings>)>;

constexpr Duration kCommandLimit = 10s;
constexpr const char* kLockWait = "5";  // Seconds for the lock that iptables programs share.
constexpr mode_t kModeOfNewFile = 0600;

struct FamilyTools {
  Family family;
  const char* save;
  const char* restore;
};
constexpr FamilyTools kTools[] = {{Family::v4, "iptables-save", "iptables-restore"},
                                  {Family::v6, "ip6tables-save", "ip6tables-restore"}};

Error explained(const Error& error) {
  const std::string advice = iptables_advice(error.what);
  return Error{error.code, advice.empty() ? error.what : error.what + ": " + advice}.in(
      "firewall marks");
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

struct MarkRules::Shared : std::enable_shared_from_this<MarkRules::Shared> {
  Shared(boost::asio::io_context& context, MarkFiles saved,
         std::function<void(const LogEvent&)> sink)
      : io(context), files(std::move(saved)), log(std::move(sink)) {}

  void begin() {
    running = std::exchange(waiting, {});
    rules = {};
    apply_family(0);
  }

  void apply_family(size_t index) {
    if (index == std::size(kTools)) {
      return finish(mark_warnings(config, rules[0], rules[1]));
    }
    const FamilyTools& tools = kTools[index];
    const MarkLines wanted = mark_lines(config, tools.family);
    run_command(
        io, {tools.save, "-t", "mangle"}, "", kCommandLimit,
        [self = shared_from_this(), index, wanted](const Result<std::string>& running_rules) {
          self->compare(index, wanted, running_rules);
        });
  }

  void compare(size_t index, const MarkLines& wanted, const Result<std::string>& running_rules) {
    if (!running_rules) {
      // Without iptables there is nothing of ours to take away.
      const bool nothing_to_do = wanted.empty();
      return nothing_to_do ? apply_family(index + 1) : finish(explained(running_rules.error()));
    }
    const auto repaired = splice(*running_rules, wanted);
    rules[index] = repaired ? *repaired : *running_rules;
    std::string script = restore_script(*running_rules, wanted);
    if (script.empty()) {
      return save(index, wanted);
    }
    run_command(
        io, {kTools[index].restore, "--noflush", "-w", kLockWait}, std::move(script), kCommandLimit,
        [self = shared_from_this(), index, wanted](const Result<std::string>& restored) {
          if (!restored) {
            return self->finish(explained(restored.error()));
          }
          self->say(wanted.empty() ? "marks-removed" : "marks-applied",
                    {{"tool", kTools[index].restore}, {"rules", std::to_string(wanted.size())}});
          self->save(index, wanted);
        });
  }

  void save(size_t index, const MarkLines& wanted) {
    const std::string& path = kTools[index].family == Family::v4 ? files.ipv4 : files.ipv6;
    const auto saved = path.empty() ? Result<Ok>(Ok{}) : exchange_file(path, wanted);
    if (!saved) {
      return finish(saved.error().in("saving firewall marks"));
    }
    apply_family(index + 1);
  }

  Result<Ok> exchange_file(const std::string& path, const MarkLines& wanted) {
    const auto old = lvs::io::read_file(path);
    const bool absent = !old && old.error().code == ENOENT;
    if (!old && !absent) {
      return old.error();
    }
    const std::string before = absent ? "" : *old;
    const auto after = splice(before, wanted);
    if (!after) {
      return after.error().in(path);
    }
    if (*after == before) {
      return Ok{};
    }
    if (absent) {
      ::mkdir(folder_of(path).c_str(), 0755);
      return write(path, *after, kModeOfNewFile);
    }
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) {
      return os_error(errno, path);
    }
    const mode_t mode = about.st_mode & 07777;
    const auto kept = lvs::io::write_file_atomically(path + ".lvs-old", before, mode);
    return kept ? write(path, *after, mode) : kept;
  }

  Result<Ok> write(const std::string& path, const std::string& text, mode_t mode) {
    auto written = lvs::io::write_file_atomically(path, text, mode);
    if (written) {
      say("marks-saved", {{"file", path}});
    }
    return written;
  }

  void say(const char* event, std::vector<std::pair<std::string, std::string>> fields) {
    log({Level::notice, event, "", std::move(fields)});
  }

  void finish(const Result<MarkWarnings>& result) {
    for (const auto& done : std::exchange(running, {})) {
      done(result);
    }
    if (!waiting.empty()) {
      config = std::move(next_config);
      begin();
    }
  }

  boost::asio::io_context& io;
  MarkFiles files;
  std::function<void(const LogEvent&)> log;
  SharedConfig config, next_config;
  std::array<std::string, std::size(kTools)> rules;  // As they are when ours have been set.
  std::vector<Done> running, waiting;
};

MarkFiles distribution_mark_files() {
  if (::access("/etc/debian_version", F_OK) == 0) {
    return {"/etc/iptables/rules.v4", "/etc/iptables/rules.v6"};
  }
  return {"/etc/sysconfig/iptables", "/etc/sysconfig/ip6tables"};
}

Result<std::string> running_mangle(Family family) {
  boost::asio::io_context io;
  Result<std::string> said = std::string();
  run_command(io, {kTools[family == Family::v4 ? 0 : 1].save, "-t", "mangle"}, "", kCommandLimit,
              [&](Result<std::string> result) { said = std::move(result); });
  io.run();
  return said || said.error().code != ENOENT ? said : std::string();
}

MarkRules::MarkRules(boost::asio::io_context& io, MarkFiles files,
                     std::function<void(const LogEvent&)> log)
    : shared_(std::make_shared<Shared>(io, std::move(files), std::move(log))) {
}

// Whoever asked may be gone too: their callbacks are dropped with us.
MarkRules::~MarkRules() {
  shared_->running.clear();
  shared_->waiting.clear();
  shared_->log = [](const LogEvent&) {};
}

void MarkRules::apply(const SharedConfig& config, Done done) {
  shared_->waiting.push_back(std::move(done));
  if (!shared_->running.empty()) {
    shared_->next_config = config;
    return;
  }
  shared_->config = config;
  shared_->begin();
}

}  // namespace lvs::lvsd::io
