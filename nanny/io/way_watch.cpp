#include "nanny/io/way_watch.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "common/io/log_sink.h"

// <net/if.h> and <linux/if.h> exclude each other; this one flag is only in the latter.
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

namespace lvs::nanny::io {

using lvs::io::NetlinkAttributes;
using lvs::io::NetlinkMessage;

namespace {

constexpr unsigned kWorking = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

// For IPv4 such a route is an error instead.
bool leads_nowhere(unsigned char type) {
  return type == RTN_UNREACHABLE || type == RTN_PROHIBIT || type == RTN_BLACKHOLE;
}

}  // namespace

WayWatch::WayWatch(boost::asio::io_context& io, OnChange on_change)
    : on_change_(std::move(on_change)), timer_(io), notices_(io) {
  if (const auto opened = open(); !opened) {
    kernel_.reset();
    lvs::io::log({Level::warning, "ways-unknown", "", {{"reason", opened.error().what}}});
  }
}

Result<Ok> WayWatch::open() {
  auto listening = lvs::io::open_netlink_socket(SOCK_NONBLOCK, RTMGRP_LINK);
  auto kernel = listening ? lvs::io::Rtnetlink::open() : std::move(listening).error();
  if (!kernel) {
    return kernel.error();
  }
  kernel_ = std::move(kernel).value();
  notices_.assign(listening->release());
  listen();
  return read_all();
}

void WayWatch::listen() {
  notices_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (!error) {
                          drain();
                          tell_changes();
                          listen();
                        }
                      });
}

void WayWatch::drain() {
  std::array<char, lvs::io::kNetlinkBuffer> buffer;
  while (true) {
    const ssize_t size =
        ::recv(notices_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ENOBUFS) {
      [[maybe_unused]] const auto read = read_all();
      continue;
    }
    if (size <= 0) {
      return;
    }
    auto* message = reinterpret_cast<nlmsghdr*>(buffer.data());
    int remaining = static_cast<int>(size);
    for (; nlmsg_ok(message, remaining); message = nlmsg_next(message, &remaining)) {
      take(message);
    }
  }
}

Result<Ok> WayWatch::read_all() {
  const ifinfomsg every_device{};
  return kernel_->dump(NetlinkMessage(RTM_GETLINK, 0, every_device),
                       [this](const nlmsghdr* message) { take(message); });
}

void WayWatch::take(const nlmsghdr* message) {
  const auto* header = static_cast<const ifinfomsg*>(nlmsg_data(message));
  const NetlinkAttributes attributes(message, sizeof *header);
  const nlattr* name = attributes[IFLA_IFNAME];
  if (header->ifi_family != AF_UNSPEC || name == nullptr) {
    return;
  }
  std::string& known = names_[header->ifi_index];
  const std::string before = std::exchange(known, nla_get_string(name));
  if (!before.empty() && before != known) {
    ways_.device_gone(before, Clock::now());  // Renamed.
  }
  if (message->nlmsg_type == RTM_NEWLINK) {
    ways_.device_is(known, (header->ifi_flags & kWorking) == kWorking, Clock::now());
  } else {
    ways_.device_gone(known, Clock::now());
    names_.erase(header->ifi_index);
  }
}

// A notice of lost carrier may be a second late.
void WayWatch::look_at(const std::string& device) {
  const ifinfomsg any{};
  NetlinkMessage question(RTM_GETLINK, 0, any);
  question.put_text(IFLA_IFNAME, device);
  if (!kernel_->ask(question, [this](const nlmsghdr* answer) { take(answer); })) {
    ways_.device_gone(device, Clock::now());
  }
}

void WayWatch::tell_changes() {
  const TimePoint now = Clock::now();
  for (const Ways::Change& change : ways_.changes(now)) {
    on_change_(change);
  }
  if (const auto next = ways_.next_change()) {
    timer_.expires_after(*next - now);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        tell_changes();
      }
    });
  }
}

Result<std::string> WayWatch::route_to(const Address& server) {
  rtmsg header{};
  header.rtm_family = server.is_v4() ? AF_INET : AF_INET6;
  header.rtm_dst_len = server.is_v4() ? 32 : 128;
  NetlinkMessage question(RTM_GETROUTE, 0, header);
  question.put(RTA_DST, server.bytes(), server.is_v4() ? 4 : 16);
  int device = 0;
  bool is_barred = false;
  const auto asked = kernel_->ask(question, [&](const nlmsghdr* answer) {
    is_barred = leads_nowhere(static_cast<const rtmsg*>(nlmsg_data(answer))->rtm_type);
    const nlattr* out = NetlinkAttributes(answer, sizeof(rtmsg))[RTA_OIF];
    device = out == nullptr ? 0 : static_cast<int>(nla_get_u32(out));
  });
  if (!asked) {
    return asked.error();
  }
  if (is_barred) {
    return Error{EHOSTUNREACH, std::strerror(EHOSTUNREACH)};
  }
  const auto name = names_.find(device);
  return name == names_.end() ? std::string() : name->second;
}

ProbeResult WayWatch::judge(const Address& server, TimePoint since, ProbeResult result) {
  if (!kernel_ || (result.outcome == Outcome::works && !ways_.should_learn(server))) {
    return result;
  }
  const Result<std::string> route = route_to(server);
  if (result.outcome == Outcome::works) {
    if (route) {
      ways_.led(server, *route);
    }
    return result;
  }
  if (result.outcome == Outcome::fails) {
    for (const auto& device :
         {ways_.led_last(server), route ? std::optional(*route) : std::nullopt}) {
      if (device && !device->empty()) {
        look_at(*device);
      }
    }
    if (const auto lack = ways_.missing(server, route, since)) {
      if (route) {
        ways_.is_to_lead(server, *route);
      }
      return lack->is_over ? ProbeResult{Outcome::undecided, lack->what, ""} : cut(lack->what);
    }
  }
  return result;
}

}  // namespace lvs::nanny::io
