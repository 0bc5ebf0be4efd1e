// What a change of the table costs, counted without a clock: messages to and from the kernel's
// routing, device and filter tables. It must not grow with the table, or loading one takes time by
// its square.
//
// The counting stands in this program before the C library's own functions, which it calls.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>

#include "tests/bpf/packet_path.h"

namespace {

struct Messages {
  int sent = 0;
  int64_t received_bytes = 0;
  auto operator<=>(const Messages&) const = default;
};
void PrintTo(const Messages& some, std::ostream* out) {
  *out << some.sent << " sent, " << some.received_bytes << " bytes received";
}
Messages messages;

template <typename F>
F* next_of(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

ssize_t received(ssize_t bytes, int flags) {
  messages.received_bytes += bytes > 0 && (flags & MSG_PEEK) == 0 ? bytes : 0;
  return bytes;
}

}  // namespace

extern "C" {
ssize_t send(int fd, const void* data, size_t size, int flags) {
  ++messages.sent;
  return next_of<decltype(send)>("send")(fd, data, size, flags);
}
ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
               socklen_t length) {
  ++messages.sent;
  return next_of<decltype(sendto)>("sendto")(fd, data, size, flags, to, length);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  ++messages.sent;
  return next_of<decltype(sendmsg)>("sendmsg")(fd, message, flags);
}
ssize_t recv(int fd, void* data, size_t size, int flags) {
  return received(next_of<decltype(recv)>("recv")(fd, data, size, flags), flags);
}
ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* length) {
  return received(next_of<decltype(recvfrom)>("recvfrom")(fd, data, size, flags, from, length),
                  flags);
}
ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return received(next_of<decltype(recvmsg)>("recvmsg")(fd, message, flags), flags);
}
}

namespace lvs::test {
namespace {

using namespace std::chrono_literals;

struct TableChanges : PacketPath {
  // What this change makes the core ask and hear, at once and in what it puts off: its timers that
  // were due before ours have run when ours does.
  Messages cost_of(const ipvs::Request& change) {
    messages = {};
    ask(change);
    boost::asio::steady_timer later(io, 100ms);
    bool is_over = false;
    later.async_wait([&](const boost::system::error_code&) { is_over = true; });
    while (!is_over) {
      io.run_one();
    }
    return messages;
  }

  static ipvs::ServiceKey service(int number) {
    return ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"),
                            static_cast<uint16_t>(1000 + number)};
  }
  static ipvs::DestKey server(int number) {
    return {*Address::parse("10.0.0." + std::to_string(2 + number)), 80};
  }

  void add(int number, int servers) {
    ask(ipvs::NewService{service(number), {.scheduler = "rr"}});
    for (int i = 0; i < servers; ++i) {
      ask(ipvs::NewDest{service(number), server(i), {}});
    }
  }

  // The least of a few rounds: a device that came up a moment ago is news that makes the core look
  // about, and falls into one of them.
  std::vector<Messages> costs_in_this_table() {
    std::vector<Messages> least;
    for (int round = 0; round < 3; ++round) {
      const std::vector<Messages> seen = {
          cost_of(ipvs::NewService{service(0), {.scheduler = "wlc"}}),
          cost_of(ipvs::NewDest{service(0), server(0), {}}),
          cost_of(ipvs::SetDest{service(0), server(0), {.weight = 7}}),
          cost_of(ipvs::SetService{service(0), {.scheduler = "rr"}}),
          cost_of(ipvs::DelDest{service(0), server(0)}),
          cost_of(ipvs::DelService{service(0)}),
      };
      for (size_t i = 0; i < least.size(); ++i) {
        least[i] = std::min(least[i], seen[i]);
      }
      least = least.empty() ? seen : least;
    }
    return least;
  }
};

TEST_F(TableChanges, CostNoMoreInALargeTableThanInASmallOne) {
  add(1, 1);
  const auto in_small = costs_in_this_table();
  for (int i = 2; i <= 100; ++i) {
    add(i, 10);
  }
  EXPECT_EQ(costs_in_this_table(), in_small);
  EXPECT_THAT(in_small[0].sent, ::testing::Gt(0)) << "the chain learns of a service";
  EXPECT_EQ(in_small[1], Messages{}) << "a server is the maps' matter alone";
  EXPECT_EQ(in_small[2], Messages{}) << "a weight is the maps' matter alone";
}

}  // namespace
}  // namespace lvs::test
