// What a change of the table costs, counted without a clock: messages to and from the kernel's
// routing, device and filter tables, and slots of the core's maps that are written. It must not
// grow with the table, or loading one takes time by its square.
//
// The counting of messages stands in this program before the C library's own functions, which it
// calls.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "lvsd/core/io/tables.h"
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
  void run_for(std::chrono::milliseconds time) {
    boost::asio::steady_timer later(io, time);
    bool is_over = false;
    later.async_wait([&](const boost::system::error_code&) { is_over = true; });
    while (!is_over) {
      io.run_one();
    }
  }

  // A device that came up a moment ago is news that makes the core look about, for as long as the
  // kernel is settling its addresses. A core that finds no rest has news of its own making.
  void expect_rest() {
    constexpr int kLongest = 60;
    for (int round = 0; round < kLongest; ++round) {
      messages = {};
      run_for(2500ms);
      if (messages == Messages{}) {
        return;
      }
    }
    FAIL() << "the core does not come to rest: it has heard " << messages.received_bytes
           << " bytes";
  }

  // What this change makes the core ask and hear, at once and in what it puts off: its timers that
  // were due before ours have run when ours does.
  Messages cost_of(const ipvs::Request& change) {
    messages = {};
    ask(change);
    run_for(100ms);
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

  // The least of a few rounds: what else happens on this machine may be news in one of them.
  std::vector<Messages> costs_in_this_table() {
    expect_rest();
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
      least = least.empty() ? seen : least;
      for (size_t i = 0; i < least.size(); ++i) {
        least[i] = {std::min(least[i].sent, seen[i].sent),
                    std::min(least[i].received_bytes, seen[i].received_bytes)};
      }
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

// The slots of a core that is attached here, to look at.
class Slots {
 public:
  Slots() : maps_(core::find_attached(core::Access::read)) {
    EXPECT_TRUE(maps_) << maps_.error().what;
    core::MapNumbers fds{};
    for (size_t i = 0; i < core::kMaps; ++i) {
      fds[i] = (*maps_)[i].get();
    }
    auto mapped = core::Memory::map(fds, core::Access::read);
    EXPECT_TRUE(mapped) << mapped.error().what;
    memory_ = std::move(*mapped);
    (void)changed();
  }

  // Since the last time.
  int changed() {
    std::vector<uint64_t> now(kLooked);
    std::memcpy(now.data(), memory_.tables.slots.data(), kLooked * sizeof(lvs_slot));
    last_.resize(kLooked);
    int count = 0;
    for (size_t i = 0; i < kLooked; ++i) {
      count += now[i] != last_[i] ? 1 : 0;
    }
    last_ = std::move(now);
    return count;
  }

 private:
  static constexpr size_t kLooked = 40'000;  // Those that are given out first.

  Result<core::MapFds> maps_;
  core::Memory memory_;
  std::vector<uint64_t> last_;
};

struct ServerChanges : TableChanges, ::testing::WithParamInterface<const char*> {
  static ipvs::DestKey nth(int number) {
    return {*Address::parse("10.0." + std::to_string(number / 200) + "." +
                            std::to_string(1 + number % 200)),
            80};
  }
  static ipvs::Dest weighing(int weight) { return {.weight = 1 + weight % 10}; }

  void add_until(int& servers, int wanted) {
    for (; servers < wanted; ++servers) {
      ask(ipvs::NewDest{service(0), nth(servers), weighing(servers)});
    }
  }

  // The least of a few rounds: when the list has doubled, it moves.
  std::vector<int> slots_written(Slots& slots) {
    std::vector<int> least(3, 1 << 20);
    for (int round = 0; round < 5; ++round) {
      const std::vector<ipvs::Request> changes = {ipvs::NewDest{service(0), nth(5000), weighing(3)},
                                                  ipvs::SetDest{service(0), nth(5000), weighing(4)},
                                                  ipvs::DelDest{service(0), nth(5000)}};
      for (size_t i = 0; i < changes.size(); ++i) {
        (void)slots.changed();
        ask(changes[i]);
        least[i] = std::min(least[i], slots.changed());
      }
    }
    return least;
  }
};

TEST_P(ServerChanges, WriteNoMoreOfALargeServiceThanOfASmallOne) {
  ask(ipvs::NewService{service(0), {.scheduler = GetParam()}});
  Slots slots;
  int servers = 0;
  add_until(servers, 10);
  const auto of_small = slots_written(slots);
  add_until(servers, 1000);
  EXPECT_EQ(slots_written(slots), of_small);
  EXPECT_THAT(of_small, ::testing::Each(::testing::Le(3)));
}

TEST_P(ServerChanges, LayTheListAnewOnlyWhenItHasDoubled) {
  ask(ipvs::NewService{service(0), {.scheduler = GetParam()}});
  Slots slots;
  int written = 0;
  for (int servers = 0; servers < 1024;) {
    add_until(servers, servers + 1);
    written += slots.changed();
  }
  EXPECT_LE(written, 8 * 1024);
}

INSTANTIATE_TEST_SUITE_P(, ServerChanges, ::testing::Values("rr", "wrr", "wlc"),
                         [](const auto& which) { return std::string(which.param); });

}  // namespace
}  // namespace lvs::test
