// The client over the in-process transport: what a caller sees of answers and errors.
#include "common/ipvs/client.h"

#include <gtest/gtest.h>

namespace lvs::ipvs {
namespace {

const ServiceKey kWeb = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80};

Client client_of(Handler handler) {
  return Client(std::make_unique<InProcessTransport>(std::move(handler)));
}

TEST(Client, HandsTheRequestOverAndTheReplyBack) {
  Request seen;
  Client client = client_of([&](const Request& request) -> Result<Reply> {
    seen = request;
    return Reply{Timeouts{1, 2, 3}};
  });
  const auto reply = client.call(GetConfig{});
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply, (Reply{Timeouts{1, 2, 3}}));
  EXPECT_EQ(seen, Request{GetConfig{}});
}

TEST(Client, AnErrorNamesTheRequestAndKeepsErrnoAndReason) {
  Client client = client_of([](const Request&) -> Result<Reply> {
    return Error{ENOENT, "scheduler xyz"};
  });
  const auto reply = client.call(NewService{kWeb, {}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ENOENT);
  EXPECT_EQ(reply.error().what, "add service TCP 192.0.2.1:80: scheduler xyz");
}

TEST(Client, ManyCallsOverOneConnection) {
  uint32_t calls = 0;
  Client client = client_of([&](const Request&) -> Result<Reply> {
    return Reply{Info{1, ++calls}};
  });
  for (uint32_t i = 1; i <= 100; ++i) {
    const auto reply = client.call(GetInfo{});
    ASSERT_TRUE(reply);
    EXPECT_EQ(std::get<Info>(*reply).connection_table_size, i);
  }
}

TEST(Client, AnAnswerOfTheWrongKindIsAnError) {
  Client client = client_of([](const Request&) -> Result<Reply> { return Reply{Info{}}; });
  EXPECT_FALSE(client.call(GetConfig{}));
  EXPECT_FALSE(client.call(Flush{}));
}

}  // namespace
}  // namespace lvs::ipvs
