#include "lvsd/io/ownership_record.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class OwnershipRecord : public testing::Test {
 protected:
  OwnershipRecord() { dir_ = ::mkdtemp(name_); }
  ~OwnershipRecord() override { std::filesystem::remove_all(dir_); }

  char name_[32] = "/tmp/lvsd-run-XXXXXX";
  std::string dir_;
};

TEST_F(OwnershipRecord, OwnedServicesComeBackAsTheyWere) {
  const std::set<ipvs::ServiceKey> owned{
      web_key(),
      ipvs::AddressKey{ipvs::Protocol::udp, address("2001:db8::1"), 53},
      ipvs::AddressKey{ipvs::Protocol::sctp, address("192.0.2.9"), 0},
      ipvs::MarkKey{80, Family::v4},
      ipvs::MarkKey{4294967295U, Family::v6},
  };
  ASSERT_TRUE(save_owned(dir_, owned));
  EXPECT_EQ(load_owned(dir_), owned);
}

TEST_F(OwnershipRecord, WithoutARecordNothingIsOwned) {
  EXPECT_THAT(load_owned(dir_), IsEmpty());
}

// A service that we cannot name counts as foreign: better left alone than deleted.
TEST_F(OwnershipRecord, UnreadableLinesAreLeftOut) {
  std::ofstream(dir_ + "/services") << "tcp 192.0.2.1 80\n"
                                       "tcp 192.0.2.1 80000\n"
                                       "icmp 192.0.2.1 80\n"
                                       "mark 0 4\nmark 8x 4\nmark 80 5\nmark 99999999999 4\n"
                                       "tcp 192.0.2 80\n\ntcp\n";
  EXPECT_THAT(load_owned(dir_), ElementsAre(web_key()));
}

TEST_F(OwnershipRecord, ForgottenIsGone) {
  ASSERT_TRUE(save_owned(dir_, {web_key()}));
  forget_owned(dir_);
  EXPECT_THAT(load_owned(dir_), IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd::io
