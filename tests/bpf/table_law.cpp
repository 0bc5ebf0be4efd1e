// The law of the table: whatever the commands, and whichever write fails, what is listed is what is
// in the maps, an operation that failed has changed neither, and what is listed is what gets
// packets. The maps are real ones, too small in three places that are short at different steps: the
// slots, the index of services, the counters of real servers.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <set>

#include "lvsd/core/io/programs.h"
#include "lvsd/core/io/reading.h"
#include "lvsd/core/io/state.h"
#include "lvsd/core/io/sweeper.h"
#include "lvsd/core/layout.h"
#include "tests/bpf/packet.h"

namespace lvs::core {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kIndexed = 4;   // Of 6 services that the commands speak of.
constexpr uint32_t kCounted = 20;  // Of 24 real servers that there is room for.

io::UniqueFd small_map(bpf_map_type type, Map map, uint32_t key, uint32_t value, uint32_t entries,
                       uint32_t flags) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = flags;
  const char* name = kMapNames[static_cast<size_t>(map)];
  io::UniqueFd fd(bpf_map_create(type, name, key, value, entries, &options));
  EXPECT_TRUE(fd) << name << ": " << std::strerror(errno);
  return fd;
}

Result<Programs> load_small(uint32_t slots) {
  auto whole = Programs::load(nullptr, 1024);
  if (!whole) {
    return whole.error();
  }
  MapFds fds;
  for (size_t i = 0; i < kMaps; ++i) {
    fds[i] = io::UniqueFd(::dup(whole->fd(static_cast<Map>(i))));
  }
  const auto replace = [&](bpf_map_type type, Map map, uint32_t key, uint32_t value,
                           uint32_t entries, uint32_t flags = 0) {
    fds[static_cast<size_t>(map)] = small_map(type, map, key, value, entries, flags);
  };
  replace(BPF_MAP_TYPE_ARRAY, Map::slots, 4, sizeof(lvs_slot), slots, BPF_F_MMAPABLE);
  replace(BPF_MAP_TYPE_ARRAY, Map::dests, 4, sizeof(lvs_dest), kCounted + 4, BPF_F_MMAPABLE);
  replace(BPF_MAP_TYPE_HASH, Map::service_ids, sizeof(lvs_service_key), 4, kIndexed);
  replace(BPF_MAP_TYPE_PERCPU_ARRAY, Map::dest_stats, 4, sizeof(lvs_stats), kCounted);
  return Programs::load(&fds, 1024);
}

// Whatever a packet could find: services with their words and slices, and real servers.
struct Visible {
  std::map<ipvs::ServiceKey, std::pair<uint64_t, ServiceEntry>> services;
  std::vector<std::tuple<uint8_t, int32_t, uint32_t>> servers;
  bool operator==(const Visible&) const = default;
};
Visible visible(const Tables& tables) {
  Visible seen;
  for (const auto& [key, id] : service_ids(tables)) {
    const auto found = laid_out(tables, id);
    EXPECT_TRUE(found) << to_string(key) << " has no slice";
    seen.services[key] = {tables.services[id].current, found ? found->entry : ServiceEntry{}};
  }
  for (const auto& dest : tables.dests) {
    seen.servers.emplace_back(dest.use, dest.weight, dest.upper_threshold);
  }
  return seen;
}

class Law {
 public:
  Law(Programs& programs, std::vector<const char*> schedulers, unsigned seed)
      : programs_(programs), schedulers_(std::move(schedulers)), random_(seed) {
    auto& config = programs_.config();
    config.magic = LVS_LAYOUT_MAGIC;
    config.version = LVS_LAYOUT_VERSION;
    config.armed = 1;
    config.connections_max = 1024;
    std::fill(std::begin(config.timeouts), std::end(config.timeouts), 60'000'000'000U);
    restart();
  }

  void step() {
    now_ += 100ms;
    const auto which = random_() % 100;
    if (which < 8) {
      run(ipvs::NewService{service(), settings()});
    } else if (which < 12) {
      run(ipvs::SetService{service(), settings()});
    } else if (which < 14) {
      run(ipvs::DelService{service()});
    } else if (which < 65) {
      run(ipvs::NewDest{service(), server(), {.weight = weight()}});
    } else if (which < 80) {
      run(ipvs::SetDest{service(), server(), {.weight = weight()}});
    } else if (which < 98) {
      run(ipvs::DelDest{service(), server()});
    } else {
      restart();
    }
    now_ += random_() % 20 == 0 ? 130s : 0s;
    state_->collect(now_);
  }

  void restart() { state_.emplace(programs_, now_); }

  void check_reread() {
    const auto listed = state_->table().services();
    const auto visible_before = visible(programs_.tables());
    std::set<uint32_t> trash;
    for (const auto& [id, trashed] : state_->table().trash()) {
      trash.insert(id);
    }
    const State again(programs_, now_);
    EXPECT_EQ(again.table().services(), listed);
    std::set<uint32_t> trash_again;
    for (const auto& [id, trashed] : again.table().trash()) {
      trash_again.insert(id);
    }
    EXPECT_EQ(trash_again, trash);
    EXPECT_EQ(visible(programs_.tables()), visible_before) << "reading changes nothing";
    for (const auto& [key, entry] : listed) {
      check_slice(key, entry);
    }
  }

  // Each with a weight gets one of as many new connections.
  void check_scheduled() {
    for (const auto& [key, entry] : state_->table().services()) {
      if (entry.service.scheduler != "rr") {
        continue;
      }
      std::multiset<std::string> wanted;
      for (const auto& [place, server] : entry.servers) {
        if (server.dest.weight > 0) {
          wanted.insert(to_string(server.key.address));
        }
      }
      EXPECT_EQ(served(key, wanted.size()), wanted);
    }
  }

  std::vector<std::string> short_of;  // Of every command that was refused with ENOMEM.

 private:
  template <typename Command>
  void run(const Command& command) {
    const auto listed = state_->table().services();
    const auto before = visible(programs_.tables());
    const auto change = state_->table().prepare(command);
    const auto done = change ? state_->apply(*change, now_) : Result<Ok>(change.error());
    if (done) {
      return;
    }
    if (done.error().code == ENOMEM) {
      short_of.push_back(done.error().what);
    }
    EXPECT_EQ(state_->table().services(), listed) << done.error().what;
    EXPECT_EQ(visible(programs_.tables()), before) << done.error().what;
  }

  // Whatever was changed in place: as if it were laid out now.
  void check_slice(const ipvs::ServiceKey& key, const ServiceEntry& entry) {
    const auto wanted = make_slice(entry);
    const auto offset = LVS_CURRENT_SLICE(programs_.services()[entry.id].current);
    EXPECT_EQ(
        std::memcmp(wanted.data(), &programs_.slots()[offset], wanted.size() * sizeof(lvs_slot)), 0)
        << to_string(key);
  }

  std::multiset<std::string> served(const ipvs::ServiceKey& key, size_t times) {
    lvs_sweep all{};
    all.kill = 1;
    all.family = AF_INET;
    EXPECT_TRUE(Sweeper(programs_).pass(all));
    const auto port = std::get<ipvs::AddressKey>(key).port;
    for (size_t i = 0; i < times; ++i) {
      send({.sport = static_cast<uint16_t>(1000 + i), .dport = port});
    }
    std::multiset<std::string> servers;
    for (const auto& one : connections(programs_.tables(), monotonic_ns())) {
      servers.insert(to_string(one.destination.address));
    }
    return servers;
  }

  void send(const test::Packet& packet) {
    auto frame = test::build(packet);
    test::Frame out(frame.size() + 256);
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<uint32_t>(frame.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<uint32_t>(out.size());
    EXPECT_EQ(bpf_prog_test_run_opts(programs_.program_fd(Hook::ipvs0_egress), &options), 0);
  }

  ipvs::ServiceKey service() {
    return ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"),
                            static_cast<uint16_t>(80 + random_() % 6)};
  }
  ipvs::DestKey server() {
    return {*Address::parse("10.0.0." + std::to_string(1 + random_() % 15)), 8080};
  }
  ipvs::Service settings() { return {.scheduler = schedulers_[random_() % schedulers_.size()]}; }
  int32_t weight() { return static_cast<int32_t>(random_() % 5); }

  Programs& programs_;
  std::vector<const char*> schedulers_;
  std::mt19937 random_;
  TimePoint now_{};
  std::optional<State> state_;
};

// What ENOMEM said.
std::vector<std::string> live(uint32_t slots, const std::vector<const char*>& schedulers) {
  std::vector<std::string> short_of;
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    auto programs = load_small(slots);
    EXPECT_TRUE(programs) << programs.error().what;
    if (!programs) {
      break;
    }
    Law law(*programs, schedulers, seed);
    for (int step = 0; step < 500 && !::testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      law.step();
      law.check_reread();
      if (step % 5 == 0) {
        law.check_scheduled();
      }
    }
    short_of.insert(short_of.end(), law.short_of.begin(), law.short_of.end());
  }
  return short_of;
}

void expect_short_everywhere(const std::vector<std::string>& short_of) {
  for (const std::string step : {"no room for its schedule", "index TCP", "clear the counters"}) {
    EXPECT_GE(std::count_if(
                  short_of.begin(), short_of.end(),
                  [&](const std::string& what) { return what.find(step) != std::string::npos; }),
              5)
        << step << ": never short, so nothing was shown of it";
  }
}

class TableLaw : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(::unshare(CLONE_NEWNET), 0); }
};

TEST_F(TableLaw, HoldsWhateverFails) {
  expect_short_everywhere(live(90, {"rr", "wrr", "wlc", "rr"}));
}

TEST_F(TableLaw, HoldsWithHashTables) {
  expect_short_everywhere(live(900, {"rr", "dh", "sh"}));
}

}  // namespace
}  // namespace lvs::core
