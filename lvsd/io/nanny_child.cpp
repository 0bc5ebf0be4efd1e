#include "lvsd/io/nanny_child.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/io/log_sink.h"
#include "common/io/pass_descriptors.h"
#include "common/io/spawn.h"
#include "lvsd/io/echo_sockets.h"
#include "lvsd/io/helper_link.h"

namespace lvs::lvsd::io {
namespace {

namespace asio = boost::asio;
using lvs::io::UniqueFd;

constexpr const char* kUser = "nanny";
constexpr const char* kUserInNeed = "nobody";
constexpr uid_t kNobody = 65534;

struct User {
  std::string name;
  lvs::io::Helper::User ids;
};

// A nanny that shares its user with others can be stopped by them: said at each start.
User unprivileged_user() {
  if (const passwd* entry = ::getpwnam(kUser)) {
    return {kUser, {entry->pw_uid, entry->pw_gid}};
  }
  lvs::io::log({Level::warning,
                "nanny-user",
                "",
                {{"missing", kUser},
                 {"used", kUserInNeed},
                 {"action", "create it: systemd-sysusers, or useradd --system nanny"}}});
  if (const passwd* entry = ::getpwnam(kUserInNeed)) {
    return {kUserInNeed, {entry->pw_uid, entry->pw_gid}};
  }
  return {kUserInNeed, {kNobody, kNobody}};
}

std::string choose_program(const std::string& client_monitor) {
  const bool is_program = !client_monitor.empty() && ::access(client_monitor.c_str(), X_OK) == 0;
  return is_program ? client_monitor : lvs::io::program_beside_us("nanny");
}

std::vector<std::string> words_for(const NannyChild::Program& program) {
  std::vector<std::string> words{"nanny", "--lvsd"};
  if (program.log_to_stderr) {
    words.emplace_back("-n");
  }
  if (program.verbose) {
    words.emplace_back("-v");
  }
  return words;
}

bool is_ping(const MonitorOrder& order) {
  const auto* set = std::get_if<SetMonitor>(&order);
  const auto* check =
      set == nullptr ? nullptr : std::get_if<config::NamedCheck>(&set->monitor.check);
  return check != nullptr && check->kind == "ping";
}

bool is_script(const MonitorOrder& order) {
  const auto* set = std::get_if<SetMonitor>(&order);
  return set != nullptr && std::holds_alternative<config::ScriptCheck>(set->monitor.check);
}

}  // namespace

struct NannyChild::Pair : std::enable_shared_from_this<Pair> {
  Pair(asio::io_context& loop, Callbacks callbacks, UniqueFd runners_end)
      : io(loop), call(std::move(callbacks)), socket_of_runner(std::move(runners_end)) {}

  void watch_nanny(lvs::io::HelperProcess process, UniqueFd ours) {
    nanny = HelperLink::watch(io, std::move(process), std::move(ours), "nanny",
                              {[self = weak_from_this()](const MonitorAnswer& answer) {
                                 if (const auto pair = self.lock()) {
                                   pair->hear_nanny(answer);
                                 }
                               },
                               [self = weak_from_this()](const std::string& reason) {
                                 if (const auto pair = self.lock()) {
                                   pair->lost(reason);
                                 }
                               }});
  }

  // Without a runner scripts stay undecided, and everything else goes on.
  void start_runner() {
    const auto failed = [](const Error& error) {
      lvs::io::log({Level::error, "script-runner-failed", "", {{"error", error.what}}});
    };
    UniqueFd to_nanny = std::move(socket_of_runner);
    auto pair = lvs::io::packet_pair();
    if (!pair) {
      return failed(pair.error());
    }
    auto process = lvs::io::start_helper({lvs::io::program_beside_us("nanny-runner"),
                                          {"nanny-runner"},
                                          {pair->second.get(), to_nanny.get()},
                                          std::nullopt});
    if (!process) {
      return failed(process.error());
    }
    runner_pong = nanny_pong;
    runner = HelperLink::watch(io, std::move(*process), std::move(pair->first), "script-runner",
                               {[self = weak_from_this()](const MonitorAnswer& answer) {
                                  if (const auto both = self.lock()) {
                                    both->hear_runner(answer);
                                  }
                                },
                                [self = weak_from_this()](const std::string& reason) {
                                  if (const auto both = self.lock()) {
                                    both->lost("its script runner: " + reason);
                                  }
                                }});
  }

  // Without sockets pings stay undecided.
  void hand_over_echo_sockets() {
    const UniqueFd to_nanny = std::move(socket_for_sockets);
    const auto sockets = open_echo_sockets();
    const auto passed =
        sockets ? lvs::io::pass_descriptors(to_nanny.get(), *sockets) : Result<Ok>(sockets.error());
    if (!passed) {
      lvs::io::log({Level::error, "ping-failed", "", {{"error", passed.error().what}}});
    }
  }

  void hear_nanny(const MonitorAnswer& answer) {
    if (const auto* verdict = std::get_if<Verdict>(&answer)) {
      return call.on_verdict(*verdict);
    }
    nanny_pong = std::get<Pong>(answer).number;
    tell_pong();
  }

  void hear_runner(const MonitorAnswer& answer) {
    if (const auto* pong = std::get_if<Pong>(&answer)) {
      runner_pong = pong->number;
      tell_pong();
    }
  }

  void tell_pong() const {
    call.on_pong(Pong{runner ? std::min(nanny_pong, runner_pong) : nanny_pong});
  }

  void lost(const std::string& reason) {
    end();
    const auto on_gone = std::exchange(call, {}).on_gone;
    if (on_gone) {
      on_gone(reason);
    }
  }

  void end() const {
    for (const auto& helper : {nanny, runner}) {
      if (helper) {
        helper->end();
      }
    }
  }

  // The runner first: what nanny asks it for it must have been told of.
  void send(const MonitorOrder& order) {
    if (socket_for_sockets && is_ping(order)) {
      hand_over_echo_sockets();
    }
    if (socket_of_runner && is_script(order)) {
      start_runner();
    }
    std::string packet = encode(order);
    if (runner && (is_script(order) || !std::holds_alternative<SetMonitor>(order))) {
      runner->send(packet);
    }
    nanny->send(std::move(packet));
  }

  asio::io_context& io;
  Callbacks call;
  UniqueFd socket_of_runner;    // Until there is a runner.
  UniqueFd socket_for_sockets;  // Until nanny has those that it pings with.
  std::string user;
  std::shared_ptr<HelperLink> nanny;
  std::shared_ptr<HelperLink> runner;
  uint64_t nanny_pong = 0;
  uint64_t runner_pong = 0;
};

Result<std::unique_ptr<NannyChild>> NannyChild::start(asio::io_context& io, const Program& program,
                                                      Callbacks call) {
  auto to_nanny = lvs::io::packet_pair();
  auto for_scripts = to_nanny ? lvs::io::packet_pair() : std::move(to_nanny).error();
  auto for_pings = for_scripts ? lvs::io::packet_pair() : std::move(for_scripts).error();
  if (!for_pings) {
    return for_pings.error();
  }
  User user = unprivileged_user();
  auto process = lvs::io::start_helper(
      {choose_program(program.client_monitor),
       words_for(program),
       {to_nanny->second.get(), for_scripts->first.get(), for_pings->first.get()},
       user.ids});
  if (!process) {
    return process.error();
  }
  auto pair = std::make_shared<Pair>(io, std::move(call), std::move(for_scripts->second));
  pair->socket_for_sockets = std::move(for_pings->second);
  pair->user = std::move(user.name);
  pair->watch_nanny(std::move(*process), std::move(to_nanny->first));
  return std::unique_ptr<NannyChild>(new NannyChild(std::move(pair)));
}

NannyChild::~NannyChild() {
  pair_->call = {};
  pair_->end();
}

int NannyChild::pid() const {
  return pair_->nanny->pid();
}

const std::string& NannyChild::user() const {
  return pair_->user;
}

void NannyChild::send(const std::vector<MonitorOrder>& orders) {
  for (const auto& order : orders) {
    pair_->send(order);
  }
}

}  // namespace lvs::lvsd::io
