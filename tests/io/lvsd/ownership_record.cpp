#include "lvsd/io/ownership_record.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd::io {
namespace {

using config::CoreKind;

ipvs::SyncDaemon daemon(ipvs::DaemonRole role, uint32_t id) {
  ipvs::SyncDaemon daemon;
  daemon.role = role;
  daemon.interface = "eth0";
  daemon.sync_id = id;
  return daemon;
}

class OwnershipRecord : public testing::Test {
 protected:
  OwnershipRecord() { dir_ = ::mkdtemp(name_); }
  ~OwnershipRecord() override { std::filesystem::remove_all(dir_); }

  char name_[32] = "/tmp/lvsd-run-XXXXXX";
  std::string dir_;
};

TEST_F(OwnershipRecord, OwnedServicesComeBackAsTheyWere) {
  const Owned owned{{
                        web_key(),
                        ipvs::AddressKey{ipvs::Protocol::udp, address("2001:db8::1"), 53},
                        ipvs::AddressKey{ipvs::Protocol::sctp, address("192.0.2.9"), 0},
                        ipvs::MarkKey{80, Family::v4},
                        ipvs::MarkKey{4294967295U, Family::v6},
                    },
                    {daemon(ipvs::DaemonRole::master, 7), daemon(ipvs::DaemonRole::backup, 0)},
                    {{{web_key(), server_at(2)}, TimePoint(std::chrono::milliseconds(123456789))},
                     {{ipvs::MarkKey{80, Family::v6}, {address("2001:db8::2"), 0}}, TimePoint()}}};
  ASSERT_TRUE(save_owned(dir_, CoreKind::kernel, owned));
  EXPECT_EQ(load_owned(dir_, CoreKind::kernel), owned);
}

TEST_F(OwnershipRecord, WithoutARecordNothingIsOwned) {
  EXPECT_EQ(load_owned(dir_, CoreKind::kernel), Owned{});
}

// A service that we cannot name counts as foreign: better left alone than deleted.
TEST_F(OwnershipRecord, UnreadableLinesAreLeftOut) {
  std::ofstream(dir_ + "/ip_vs") << "tcp 192.0.2.1 80\n"
                                    "tcp 192.0.2.1 80000\n"
                                    "icmp 192.0.2.1 80\n"
                                    "mark 0 4\nmark 8x 4\nmark 80 5\nmark 99999999999 4\n"
                                    "tcp 192.0.2 80\n\ntcp\n"
                                    "drain 10.0.0.2 80 5\ndrain 10.0.0.2 80 x of tcp 192.0.2.1 80\n"
                                    "drain 10.0.0.2 80 5 of tcp\n"
                                    "daemon spare eth0 7\ndaemon master eth0\n";
  EXPECT_EQ(load_owned(dir_, CoreKind::kernel), (Owned{{web_key()}, {}}));
}

// A service of one name may be ours in one core and somebody else's in the other.
TEST_F(OwnershipRecord, EachCoreHasItsOwn) {
  ASSERT_TRUE(save_owned(dir_, CoreKind::embedded, {{web_key()}, {}}));
  EXPECT_EQ(load_owned(dir_, CoreKind::kernel), Owned{});
}

TEST_F(OwnershipRecord, ForgottenIsGone) {
  ASSERT_TRUE(save_owned(dir_, CoreKind::kernel, {{web_key()}, {}}));
  forget_owned(dir_, CoreKind::kernel);
  EXPECT_EQ(load_owned(dir_, CoreKind::kernel), Owned{});
}

}  // namespace
}  // namespace lvs::lvsd::io
