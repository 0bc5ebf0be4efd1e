#include "pulse/io/announce.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

namespace lvs::pulse {
namespace {

constexpr size_t kFrameMax = 1514;
constexpr int kFramesATurn = 64;

// Offsets from the Ethernet header: ARP operation at 20; IPv6 next header at 20, ICMPv6 type at 54.
std::vector<sock_filter> arp_replies_only() {
  return {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, kFrameMax), BPF_STMT(BPF_RET | BPF_K, 0)};
}

std::vector<sock_filter> advertisements_only() {
  return {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 3),
          BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, kFrameMax),   BPF_STMT(BPF_RET | BPF_K, 0)};
}

// The filter goes on before the protocol is bound, so that no unfiltered frame is ever queued.
Result<io::UniqueFd> open_ear(uint16_t ether_type, std::vector<sock_filter> filter) {
  io::UniqueFd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) {
    return os_error(errno, "packet socket");
  }
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  const int on = 1;
  sockaddr_ll local{};
  local.sll_family = AF_PACKET;
  local.sll_protocol = htons(ether_type);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      ::setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) {
    return os_error(errno, "packet socket");
  }
  return fd;
}

}  // namespace

Announcer::Announcer(io::UniqueFd mouth, OnAnswer on_answer)
    : mouth_(std::move(mouth)), on_answer_(std::move(on_answer)) {
}

Result<std::unique_ptr<Announcer>> Announcer::open(boost::asio::io_context& io,
                                                   OnAnswer on_answer) {
  io::UniqueFd mouth{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!mouth) {
    return os_error(errno, "packet socket");
  }
  auto arp = open_ear(ETH_P_ARP, arp_replies_only());
  if (!arp) {
    return arp.error();
  }
  auto ipv6 = open_ear(ETH_P_IPV6, advertisements_only());
  if (!ipv6) {
    return ipv6.error();
  }
  std::unique_ptr<Announcer> announcer(new Announcer(std::move(mouth), std::move(on_answer)));
  announcer->ears_.emplace_back(io, arp->release());
  announcer->ears_.emplace_back(io, ipv6->release());
  announcer->listen(0);
  announcer->listen(1);
  return announcer;
}

Result<Ok> Announcer::announce(const Address& address, const Link& link) {
  for (const Frame& frame : announcement_frames(address, link.mac)) {
    if (auto sent = send(frame, link); !sent) {
      return sent.error().in("announce " + to_string(address) + " on " + link.name);
    }
  }
  return Ok{};
}

Result<Ok> Announcer::probe(const Address& address, const Link& link,
                            const std::optional<Mac>& only) {
  auto sent = send(probe_frame(address, link.mac, only), link);
  return sent ? std::move(sent)
              : sent.error().in("probe " + to_string(address) + " on " + link.name);
}

Result<Ok> Announcer::send(const Frame& frame, const Link& link) {
  if (!link.is_ethernet) {
    return Ok{};  // Nobody resolves addresses there.
  }
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(link.index);
  if (::sendto(mouth_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
    return os_error(errno, "packet socket");
  }
  return Ok{};
}

void Announcer::listen(size_t ear) {
  ears_[ear].async_wait(boost::asio::posix::stream_descriptor::wait_read, [this, ear](auto error) {
    if (!error) {
      hear(ear);
      listen(ear);
    }
  });
}

void Announcer::hear() {
  for (size_t ear = 0; ear < ears_.size(); ++ear) {
    hear(ear);
  }
}

void Announcer::hear(size_t ear) {
  std::array<uint8_t, kFrameMax> frame;
  for (int turn = 0; turn < kFramesATurn; ++turn) {
    sockaddr_ll from{};
    socklen_t from_size = sizeof from;
    const ssize_t size = ::recvfrom(ears_[ear].native_handle(), frame.data(), frame.size(),
                                    MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) {
      return;
    }
    if (const auto answer = read_answer({frame.data(), static_cast<size_t>(size)})) {
      on_answer_(*answer, static_cast<unsigned>(from.sll_ifindex));
    }
  }
}

}  // namespace lvs::pulse
