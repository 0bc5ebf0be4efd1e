// plan() against the kernel's own ip_vs: random tables are put there and changed into others, and
// what is then read back is what was wanted. Runs inside the user-mode kernel; the one argument is
// the number of pairs. Each run has a network namespace of its own, so no real table is touched.
#include "lvsd/plan.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cstdlib>

#include "common/io/unique_fd.h"
#include "common/ipvs/io/cores.h"
#include "lvsd/io/plane.h"
#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

uint64_t g_pairs = 1'000;

void decorate(ipvs::Service& service, Family family, Rng& rng) {
  constexpr const char* kSchedulers[] = {"rr", "wrr", "lc",  "wlc", "lblc", "lblcr", "dh",
                                         "sh", "mh",  "sed", "nq",  "fo",   "ovf"};
  service.scheduler = kSchedulers[rng.below(std::size(kSchedulers))];
  service.prefix = static_cast<unsigned>(1 + rng.below(family == Family::v4 ? 32 : 128));
  if ((service.flags & ipvs::kPersistent) != 0) {
    service.timeout = static_cast<uint32_t>(1 + rng.below(10'000));
    service.persistence_engine = rng.chance(0.2) ? "sip" : "";
  }
  service.flags |= rng.chance(0.2) ? ipvs::kSched1 : 0;
  service.flags |= rng.chance(0.2) ? ipvs::kSched2 : 0;
}

void decorate(ipvs::Dest& dest, Rng& rng) {
  if (rng.chance(0.3)) {
    dest.upper_threshold = static_cast<uint32_t>(1 + rng.below(1'000));
    dest.lower_threshold = static_cast<uint32_t>(rng.below(dest.upper_threshold));
  }
  if (rng.chance(0.2)) {
    dest.forward = ipvs::Forward::tunnel;
    dest.tunnel_type = rng.chance(0.5) ? ipvs::TunnelType::gue : ipvs::TunnelType::gre;
    dest.tunnel_port = dest.tunnel_type == ipvs::TunnelType::gue ? 6080 : 0;
    dest.tunnel_flags = static_cast<uint16_t>(rng.below(2));
  }
}

// The tables of plan's own test with more in them, and servers of the service's family, as ip_vs
// demands.
ipvs::Table random_kernel_table(Rng& rng) {
  ipvs::Table table;
  for (const auto& [key, entry] : random_table(rng)) {
    const Family family = family_of(key);
    ipvs::Entry& made = table[key];
    made.service = entry.service;
    decorate(made.service, family, rng);
    for (const auto& [key_there, dest_there] : entry.dests) {
      ipvs::DestKey server = key_there;
      ipvs::Dest dest = dest_there;
      if (family == Family::v6) {
        server.address = address("2001:db8::" + std::to_string(server.address.bytes()[3]));
      }
      decorate(dest, rng);
      made.dests[server] = dest;
    }
  }
  return table;
}

std::set<ipvs::ServiceKey> some_keys(const ipvs::Table& table, double share, Rng& rng) {
  std::set<ipvs::ServiceKey> keys;
  for (const auto& [key, entry] : table) {
    if (rng.chance(share)) {
      keys.insert(key);
    }
  }
  return keys;
}

ipvs::Table read_table(const ipvs::Handler& core) {
  const auto snapshot = io::read_snapshot(core);
  EXPECT_TRUE(snapshot) << (snapshot ? "" : snapshot.error().what);
  return snapshot ? snapshot->table : ipvs::Table{};
}

// What the kernel holds after `ops` is what the model of a core holds after them.
void apply(const ipvs::Handler& core, const std::vector<ipvs::Request>& ops, ipvs::Table& model) {
  for (const ipvs::Request& op : ops) {
    const auto done = core(op);
    ASSERT_TRUE(done) << ipvs::to_string(op) << ": " << done.error().what;
    ASSERT_TRUE(apply_op(op, model)) << ipvs::to_string(op);
  }
  ASSERT_EQ(read_table(core), model);
}

void try_pair(const ipvs::Handler& core, Rng& rng) {
  ASSERT_TRUE(core(ipvs::Flush{}));
  ipvs::Table table;
  const ipvs::Table actual = random_kernel_table(rng);
  apply(core, plan(table, actual, {}), table);
  ASSERT_EQ(table, actual);

  const bool owns_all = rng.chance(0.5);
  const auto owned = some_keys(actual, owns_all ? 1 : 0.6, rng);
  const ipvs::Table desired = random_kernel_table(rng);
  apply(core, plan(actual, desired, owned), table);
  if (owns_all) {
    ASSERT_EQ(table, desired);
  }
  EXPECT_TRUE(plan(read_table(core), desired, owned).empty());
}

TEST(PlanOnTheKernel, GivesTheDesiredTableAndLeavesNothingToPlan) {
  const auto core = ipvs::io::kernel_core();
  ASSERT_TRUE(core) << core.error().what;
  Rng rng(11);
  for (uint64_t i = 0; i < g_pairs && !HasFailure(); ++i) {
    SCOPED_TRACE("pair " + std::to_string(i));
    try_pair(*core, rng);
  }
}

// ip_vs takes no address for unicast in a namespace whose loopback was never up.
bool enter_fresh_namespace() {
  const lvs::io::UniqueFd socket(::unshare(CLONE_NEWNET) == 0 ? ::socket(AF_INET, SOCK_DGRAM, 0)
                                                              : -1);
  ifreq loopback{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
  loopback.ifr_flags = IFF_UP;
  return socket && ::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) == 0;
}

}  // namespace
}  // namespace lvs::lvsd

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) {
    lvs::lvsd::g_pairs = std::strtoull(argv[1], nullptr, 10);
  }
  if (!lvs::lvsd::enter_fresh_namespace()) {
    std::perror("kernel_plan: make a network namespace");
    return 1;
  }
  return RUN_ALL_TESTS();
}
