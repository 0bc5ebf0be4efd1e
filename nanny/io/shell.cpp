#include "nanny/io/shell.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "common/io/log_sink.h"
#include "nanny/dialogue.h"
#include "nanny/dns.h"
#include "nanny/io/endpoint.h"
#include "nanny/io/probe_sctp.h"
#include "nanny/io/probe_tcp.h"
#include "nanny/io/probe_udp.h"
#include "nanny/named_check.h"

namespace lvs::nanny::io {
namespace {

// Starts the check of the monitor's kind.
struct Starter {
  boost::asio::io_context& io;
  HttpClient& http;
  ScriptRunner& scripts;
  Pinger& pinger;
  MonitorId id;
  const Monitor& monitor;
  Tell tell;

  std::unique_ptr<Probe> operator()(const config::TcpConnect&) {
    return (*this)(config::SendExpect{});
  }

  std::unique_ptr<Probe> operator()(const config::SendExpect& check) {
    return exchange(check, monitor.protocol);
  }

  std::unique_ptr<Probe> operator()(const config::HttpCheck& check) {
    return http.probe(monitor.target, check, monitor.timeout, std::move(tell));
  }

  std::unique_ptr<Probe> operator()(const config::ScriptCheck& check) {
    return scripts.probe(id, monitor.target, check, std::move(tell));
  }

  std::unique_ptr<Probe> operator()(const config::NamedCheck& check) {
    if (check.kind == "udp") {
      return exchange(exchange_of(check), ipvs::Protocol::udp);
    }
    if (check.kind == "sctp") {
      return probe_sctp(io, monitor.target, monitor.timeout, std::move(tell));
    }
    if (check.kind == "dns") {
      return ask_dns(check);
    }
    if (check.kind == "ping") {
      return pinger.probe(monitor.target.address, monitor.timeout, std::move(tell));
    }
    if (check.kind == "smtp") {
      return talk(monitor.target, smtp_dialogue(option_of(check, "helo"), monitor.target));
    }
    if (check.kind == "ftp") {
      return talk(monitor.target, ftp_dialogue(option_of(check, "user"), monitor.target));
    }
    if (check.kind == "agent") {
      Endpoint agent = monitor.target;
      agent.port = static_cast<uint16_t>(std::atoi(option_of(check, "port").c_str()));
      return talk(agent, agent_dialogue(agent));
    }
    return probe_that_ends(io, not_run(check.kind), std::move(tell));
  }

  std::unique_ptr<Probe> ask_dns(const config::NamedCheck& check) {
    std::random_device random;
    const auto question = dns_question(option_of(check, "name"), option_of(check, "type", "A"),
                                       static_cast<uint16_t>(random()));
    if (!question) {
      return probe_that_ends(
          io,
          fails("dns: " + quoted(option_of(check, "name")) + ": no name or type that DNS knows"),
          std::move(tell));
    }
    if (monitor.protocol == ipvs::Protocol::tcp) {
      return talk(monitor.target, dns_dialogue(*question, monitor.target));
    }
    return probe_udp(
        io, monitor.target, *question,
        [asked = *question](std::string_view answer) { return judge_dns(asked, answer); },
        monitor.timeout, std::move(tell));
  }

  std::unique_ptr<Probe> talk(const Endpoint& place, std::unique_ptr<Dialogue> dialogue) {
    return probe_tcp(io, place, std::move(dialogue), monitor.timeout, std::move(tell));
  }

  std::unique_ptr<Probe> exchange(const config::SendExpect& check, ipvs::Protocol protocol) {
    switch (protocol) {
      case ipvs::Protocol::tcp:
        return probe_tcp(io, monitor.target, check, monitor.timeout, std::move(tell));
      case ipvs::Protocol::udp:
        return probe_udp(io, monitor.target, check, monitor.timeout, std::move(tell));
      case ipvs::Protocol::sctp:
        break;
    }
    return probe_that_ends(io, not_run("SCTP"), std::move(tell));
  }

  // Undecided: lvsd keeps what it has, and the log says why there is no verdict.
  static ProbeResult not_run(const std::string& kind) {
    return {Outcome::undecided, "this nanny has no check of kind " + kind, ""};
  }
};

}  // namespace

size_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const size_t descriptors =
      std::max<size_t>(limit.rlim_cur, kDescriptorsKept + kDescriptorsAProbe);
  return std::min(kProbesMax, (descriptors - kDescriptorsKept) / kDescriptorsAProbe);
}

void Shell::perform(const StartProbe& start) {
  const ProbeId probe = start.probe;
  Tell tell = [this, probe, server = start.monitor->target.address,
               since = Clock::now()](ProbeResult result) {
    ProbeResult seen = ways_.judge(server, since, std::move(result));
    probes_.erase(probe);
    on_done_({probe, std::move(seen)});
  };
  probes_[probe] =
      std::visit(Starter{io_, http_, scripts_, pinger_, start.id, *start.monitor, std::move(tell)},
                 start.monitor->check);
}

void Shell::perform(const LogEvent& event) {
  lvs::io::log(event);
}

}  // namespace lvs::nanny::io
