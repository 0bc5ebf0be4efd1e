// Announcements and probes on a real segment: eth0 here, its other end with the neighbour.
#include "pulse/io/announce.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tests/netns/pulse/network.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using netns::must;
using netns::output_of;
using testing::HasSubstr;

const Address kVip = *Address::parse("192.0.2.10");
const Address kVip6 = *Address::parse("2001:db8::10");

class AnnounceTest : public netns::OwnNetwork {
 protected:
  void SetUp() override {
    OwnNetwork::SetUp();
    if (IsSkipped()) {
      return;
    }
    auto links = Links::open(io_, {[](const Link&) {}, [](const Address&, unsigned, bool) {},
                                   [](const Address&, bool) {}, [] {}});
    ASSERT_TRUE(links);
    links_ = std::move(links).value();
    auto announcer = Announcer::open(
        io_, [this](const Neighbour& neighbour, unsigned) { answers_.push_back(neighbour); });
    ASSERT_TRUE(announcer) << announcer.error().what;
    announcer_ = std::move(announcer).value();
  }

  // The neighbour takes the other end and the addresses 192.0.2.99 and 2001:db8::99.
  void settle(const netns::Neighbourhood& other) {
    must("ip link set peer0 netns " + other.pid());
    must(other.enter("ip link set peer0 address 02:00:00:00:00:99 up"));
    must(other.enter("ip address add 192.0.2.99/24 dev peer0"));
    must(other.enter("ip address add 2001:db8::99/64 dev peer0 nodad"));
    must("ip address add 192.0.2.1/24 dev eth0");
    // The kernel drops what is sent before it has heard of the carrier on either end, and a
    // neighbour solicitation needs a link-local address to be answered at.
    ASSERT_TRUE(netns::becomes_true([&] {
      const auto ours = output_of("ip -o link show dev eth0");
      const auto theirs = output_of(other.enter("ip -o link show dev peer0"));
      return ours.find(" state UP ") != std::string::npos &&
             theirs.find(" state UP ") != std::string::npos &&
             !output_of("ip -6 -o address show dev eth0 scope link -tentative").empty();
    }));
  }

  bool runs_until(const std::function<bool()>& condition,
                  std::chrono::milliseconds limit = netns::kPatience) {
    return netns::becomes_true(
        [&] {
          io_.poll();
          return condition();
        },
        limit);
  }

  boost::asio::io_context io_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<Announcer> announcer_;
  std::vector<Neighbour> answers_;
};

TEST_F(AnnounceTest, ANeighbourMovesItsEntryToUs) {
  const netns::Neighbourhood other;
  settle(other);
  must(other.enter("ip neighbour add 192.0.2.10 lladdr 02:00:00:00:00:66 dev peer0 nud stale"));
  must(other.enter("ip neighbour add 2001:db8::10 lladdr 02:00:00:00:00:66 dev peer0 nud stale"));
  const Link* link = links_->find("eth0");
  const auto entries = [&] { return output_of(other.enter("ip neighbour show")); };
  ASSERT_TRUE(announcer_->announce(kVip, *link));
  ASSERT_TRUE(announcer_->announce(kVip6, *link));
  EXPECT_TRUE(netns::becomes_true([&] {
    const std::string all = entries();
    return all.find("192.0.2.10 dev peer0 lladdr " + to_string(link->mac)) != std::string::npos &&
           all.find("2001:db8::10 dev peer0 lladdr " + to_string(link->mac)) != std::string::npos;
  })) << entries();
}

TEST_F(AnnounceTest, AProbeTellsWhoHoldsTheAddress) {
  const netns::Neighbourhood other;
  settle(other);
  must(other.enter("ip address add 192.0.2.10/32 dev peer0"));
  must(other.enter("ip address add 2001:db8::10/128 dev peer0 nodad"));
  // A kernel worker joins the group that is asked, some time after the command has ended.
  ASSERT_TRUE(netns::becomes_true([&] {
    return output_of(other.enter("ip maddress show dev peer0")).find("ff02::1:ff00:10") !=
           std::string::npos;
  }));
  const Mac theirs = {2, 0, 0, 0, 0, 0x99};
  ASSERT_TRUE(announcer_->probe(kVip, *links_->find("eth0"), {}));
  ASSERT_TRUE(announcer_->probe(kVip6, *links_->find("eth0"), {}));
  const auto both_answered = [&] {
    return std::ranges::count(answers_, Neighbour{kVip, theirs}) > 0 &&
           std::ranges::count(answers_, Neighbour{kVip6, theirs}) > 0;
  };
  EXPECT_TRUE(runs_until(both_answered)) << answers_.size() << " answers";
  // Asked alone it answers as well, and what is addressed to another it leaves to that.
  answers_.clear();
  ASSERT_TRUE(announcer_->probe(kVip, *links_->find("eth0"), Mac{2, 0, 0, 0, 0, 0x98}));
  ASSERT_TRUE(announcer_->probe(kVip6, *links_->find("eth0"), Mac{2, 0, 0, 0, 0, 0x98}));
  EXPECT_FALSE(runs_until([&] { return !answers_.empty(); }, 200ms));
  ASSERT_TRUE(announcer_->probe(kVip, *links_->find("eth0"), theirs));
  ASSERT_TRUE(announcer_->probe(kVip6, *links_->find("eth0"), theirs));
  EXPECT_TRUE(runs_until(both_answered)) << answers_.size() << " answers";
}

TEST_F(AnnounceTest, NobodyAnswersForAnAddressThatNobodyHolds) {
  const netns::Neighbourhood other;
  settle(other);
  ASSERT_TRUE(announcer_->probe(kVip, *links_->find("eth0"), {}));
  EXPECT_FALSE(runs_until([&] { return !answers_.empty(); }, 200ms));
}

TEST_F(AnnounceTest, AProbeLeavesNoTraceInTheNeighboursTable) {
  const netns::Neighbourhood other;
  settle(other);
  must(other.enter("ip address add 192.0.2.10/32 dev peer0"));
  ASSERT_TRUE(announcer_->probe(kVip, *links_->find("eth0"), {}));
  ASSERT_TRUE(runs_until([&] { return !answers_.empty(); }));
  EXPECT_THAT(output_of(other.enter("ip -4 neighbour show")), testing::IsEmpty());
}

TEST_F(AnnounceTest, LinksFollowCarrierAndDisappearance) {
  EXPECT_TRUE(runs_until([&] { return links_->find("eth0")->up; }));
  must("ip link set peer0 down");
  EXPECT_TRUE(runs_until([&] { return !links_->find("eth0")->up; }));
  must("ip link set peer0 up");
  EXPECT_TRUE(runs_until([&] { return links_->find("eth0")->up; }));
  must("ip link del eth0");
  EXPECT_TRUE(runs_until([&] { return links_->find("eth0") == nullptr; }));
}

}  // namespace
}  // namespace lvs::pulse
