// The netlink transport against the kernel's own ip_vs: batches, their refusals, tables larger than
// any buffer, and answers that are lost because the receive buffer is full. Runs inside the
// user-mode kernel, in a network namespace of its own.
#include "common/ipvs/io/netlink_transport.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "common/io/unique_fd.h"
#include "common/ipvs/batch.h"

namespace lvs::ipvs::io {
namespace {

constexpr int kTinyBufferBytes = 1;  // The kernel makes the least of it that it allows.
constexpr int kManyServers = 5'000;

const ServiceKey kWeb = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80};

std::vector<Request> new_servers(int count) {
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) {
    requests.push_back(NewDest{kWeb, {Address::v4(0x0A000001 + static_cast<uint32_t>(i)), 80}, {}});
  }
  return requests;
}

size_t refused(const std::vector<std::optional<Error>>& results, int code) {
  return static_cast<size_t>(std::count_if(results.begin(), results.end(), [&](const auto& result) {
    return result && result->code == code;
  }));
}

class KernelTransport : public testing::Test {
 protected:
  void SetUp() override {
    client().call(Flush{}).value();
    client().call(NewService{kWeb, {}}).value();
  }

  static Client client(int receive_buffer_bytes = kReceiveBufferBytes) {
    return Client(std::move(connect_kernel(receive_buffer_bytes)).value());
  }

  static size_t servers(Client& asked) {
    return std::get<std::vector<DestStatus>>(asked.call(GetDests{kWeb}).value()).size();
  }
};

TEST_F(KernelTransport, ABatchIsDoneInOrderAndARefusalStopsNothing) {
  Client asked = client();
  auto changes = new_servers(3 * static_cast<int>(kBatchRequestsMax));
  changes.insert(changes.begin() + 5, changes[4]);                  // There already.
  changes.push_back(DelDest{kWeb, {Address::v4(0x0B000001), 80}});  // Not there.
  const auto results = asked.write(changes);
  ASSERT_EQ(results.size(), changes.size());
  ASSERT_TRUE(results[5]);
  EXPECT_EQ(results[5]->code, EEXIST);
  ASSERT_TRUE(results.back());
  EXPECT_EQ(results.back()->code, ENOENT);
  EXPECT_EQ(refused(results, EEXIST) + refused(results, ENOENT), 2U);
  EXPECT_EQ(servers(asked), 3 * kBatchRequestsMax);
}

TEST_F(KernelTransport, EveryRefusalOfAFullBatchIsHeard) {
  Client asked = client();
  const auto changes = new_servers(static_cast<int>(kBatchRequestsMax));
  EXPECT_EQ(refused(asked.write(changes), EEXIST), 0U);
  EXPECT_EQ(refused(asked.write(changes), EEXIST), changes.size());
}

TEST_F(KernelTransport, AListingIsWholeHoweverSmallTheBuffer) {
  Client asked = client();
  const auto results = asked.write(new_servers(kManyServers));
  ASSERT_EQ(results.size(), static_cast<size_t>(kManyServers));
  EXPECT_EQ(servers(asked), static_cast<size_t>(kManyServers));
  Client tiny = client(kTinyBufferBytes);
  EXPECT_EQ(servers(tiny), static_cast<size_t>(kManyServers));
}

TEST_F(KernelTransport, WhatWasDoneIsSaidToBeUnknownWhenAnswersOverflowed) {
  const auto changes = new_servers(static_cast<int>(kBatchRequestsMax));
  Client tiny = client(kTinyBufferBytes);
  EXPECT_EQ(refused(tiny.write(changes), ENOBUFS), 0U) << "one answer to a good batch fits";
  EXPECT_GT(refused(tiny.write(changes), ENOBUFS), 0U) << "its refusals do not";
  // The next question gets its own answer, not the rest of these.
  EXPECT_EQ(servers(tiny), kBatchRequestsMax);
  EXPECT_EQ(refused(tiny.write({}), ENOBUFS), 0U);
}

}  // namespace
}  // namespace lvs::ipvs::io

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  ifreq loopback{};
  std::copy_n("lo", 3, loopback.ifr_name);
  loopback.ifr_flags = IFF_UP;
  if (::unshare(CLONE_NEWNET) != 0) {
    std::perror("no new network namespace");
    return EXIT_FAILURE;
  }
  const lvs::io::UniqueFd any(::socket(AF_INET, SOCK_DGRAM, 0));
  ::ioctl(any.get(), SIOCSIFFLAGS, &loopback);
  return RUN_ALL_TESTS();
}
