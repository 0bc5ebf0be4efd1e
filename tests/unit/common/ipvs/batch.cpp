// Many changes in one datagram, and the client that sends them and asks again for dumps that were
// lost. The answers that a kernel gives only under pressure come from a script; those of the
// embedded core's codec are real.
#include "common/ipvs/batch.h"

#include <gmock/gmock.h>
#include <linux/netlink.h>

#include <deque>

#include "common/ipvs/client.h"
#include "tests/unit/common/ipvs/bytes.h"

namespace lvs::ipvs {
namespace {

using namespace test;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

constexpr uint16_t kIntr = 0x10;
constexpr uint16_t kMulti = 2;
const ServiceKey kWeb = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80};

std::vector<Request> servers(int count) {
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) {
    requests.push_back(NewDest{kWeb, {Address::v4(0x0A000001 + static_cast<uint32_t>(i)), 80}, {}});
  }
  return requests;
}

Bytes end_of_dump(uint32_t seq, uint16_t flags = 0) {
  return message(NLMSG_DONE, kMulti | flags, seq, 0, le32(0));
}

MATCHER(IsDone, "is done") {
  return !arg.has_value();
}

// A core that answers by itself, and counts what goes to and fro.
struct Traffic {
  int sent = 0;
  int answers = 0;
  std::vector<Request> seen;
};

class CountingTransport : public InProcessTransport {
 public:
  CountingTransport(Traffic& traffic, Handler handler)
      : InProcessTransport([&traffic, handler](const Request& request) {
          traffic.seen.push_back(request);
          return handler(request);
        }),
        traffic_(traffic) {}
  Result<Ok> send(ByteView request) override {
    ++traffic_.sent;
    return InProcessTransport::send(request);
  }
  Result<Bytes> receive() override {
    ++traffic_.answers;
    return InProcessTransport::receive();
  }

 private:
  Traffic& traffic_;
};

// A kernel that gives the answers of a script, whatever it is asked.
class Script : public Transport {
 public:
  explicit Script(std::deque<Result<Bytes>> answers) : answers_(std::move(answers)) {}
  uint16_t family() const override { return kEmbeddedFamily; }
  Result<Ok> send(ByteView) override { return Ok{}; }
  Result<Bytes> receive() override {
    if (answers_.empty()) {
      return Error{ETIMEDOUT, "the script is over"};
    }
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

 private:
  std::deque<Result<Bytes>> answers_;
};

Client scripted(std::deque<Result<Bytes>> answers) {
  return Client(std::make_unique<Script>(std::move(answers)));
}

Result<Bytes> lost() {
  return Error{ENOBUFS, "lost"};
}

TEST(Batch, ManyChangesTakeFewDatagramsAndOneAnswerEach) {
  Traffic traffic;
  Client client(std::make_unique<CountingTransport>(
      traffic, [](const Request&) -> Result<Reply> { return Reply{Ack{}}; }));
  const auto changes = servers(3 * kBatchRequestsMax);
  EXPECT_THAT(client.write(changes), AllOf(SizeIs(changes.size()), Each(IsDone())));
  EXPECT_EQ(traffic.seen, changes);
  EXPECT_EQ(traffic.sent, 3);
  EXPECT_EQ(traffic.answers, 3);
}

TEST(Batch, ARefusalIsTheRefusedRequestsOwn) {
  Traffic traffic;
  const auto changes = servers(70);
  Client client(
      std::make_unique<CountingTransport>(traffic, [&](const Request& request) -> Result<Reply> {
        const bool is_good = request != changes[3] && request != changes[63] &&
                             request != changes[69];  // Within a batch, at its end, last of all.
        return is_good ? Result<Reply>(Reply{Ack{}}) : Error{EEXIST, ""};
      }));
  const auto results = client.write(changes);
  ASSERT_THAT(results, SizeIs(70));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].has_value(), i == 3 || i == 63 || i == 69) << i;
  }
  EXPECT_EQ(results[3]->code, EEXIST);
  EXPECT_THAT(results[3]->what, HasSubstr("add server 10.0.0.4:80 to TCP 192.0.2.1:80"));
  EXPECT_EQ(traffic.seen, changes) << "what stands behind a refused change is done";
}

TEST(Batch, NothingToWriteIsNothingSent) {
  Traffic traffic;
  Client client(std::make_unique<CountingTransport>(
      traffic, [](const Request&) -> Result<Reply> { return Reply{Ack{}}; }));
  EXPECT_TRUE(client.write({}).empty());
  EXPECT_EQ(traffic.sent, 0);
}

TEST(Batch, LongRequestsMakeItShorter) {
  NewService service{kWeb, {}};
  service.service.scheduler = std::string(15, 's');
  service.service.persistence_engine = std::string(200, 'p');
  const std::vector<Request> requests(kBatchRequestsMax * 2, service);
  const Batch batch = encode_batch(requests, kEmbeddedFamily, 1);
  EXPECT_LE(batch.datagram.size(), kBatchBytesMax);
  EXPECT_LE(batch.requests, kBatchRequestsMax);
  EXPECT_GT(batch.requests, 0U);
}

TEST(Batch, OfAFullReceiveBufferNothingIsKnownFromThereOn) {
  const Bytes done = message(NLMSG_ERROR, 0, kBatchRequestsMax, 0, le32(0));
  Client client = scripted({done, lost()});
  const auto results = client.write(servers(3 * kBatchRequestsMax));
  ASSERT_THAT(results, SizeIs(3 * kBatchRequestsMax));
  for (size_t i = 0; i < results.size(); ++i) {
    ASSERT_EQ(results[i].has_value(), i >= kBatchRequestsMax) << i;
    EXPECT_TRUE(!results[i] || results[i]->code == ENOBUFS);
  }
}

TEST(Batch, LateAnswersToAnotherAreSkipped) {
  BatchDecoder decoder(100, 2);
  const Bytes late = message(NLMSG_ERROR, 0, 99, 0, le32(static_cast<uint32_t>(-EEXIST)));
  const Bytes last = message(NLMSG_ERROR, 0, 101, 0, le32(0));
  const auto after_late = decoder.add(late);
  ASSERT_TRUE(after_late);
  EXPECT_FALSE(*after_late);
  const auto after_last = decoder.add(join({late, last}));
  ASSERT_TRUE(after_last);
  EXPECT_TRUE(*after_last);
  EXPECT_THAT(decoder.take(), AllOf(SizeIs(2), Each(IsDone())));
}

TEST(Batch, TruncatedAnswersAreEbadmsg) {
  BatchDecoder decoder(1, 1);
  const auto answered = decoder.add(Bytes{40, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().code, EBADMSG);
}

TEST(Dump, IsAskedForAgainWhenTheTableChangedUnderneath) {
  Client client = scripted({end_of_dump(1, kIntr), end_of_dump(2)});
  EXPECT_TRUE(client.call(GetServices{}));
}

TEST(Dump, IsAskedForAgainWhenAnswersWereLost) {
  Client client = scripted({lost(), lost(), end_of_dump(3)});
  EXPECT_TRUE(client.call(GetServices{}));
}

TEST(Dump, IsGivenUpWhenItNeverHolds) {
  std::deque<Result<Bytes>> answers;
  for (uint32_t seq = 1; seq <= 2 * kDumpAttemptsMax; ++seq) {
    answers.emplace_back(end_of_dump(seq, kIntr));
  }
  Client client = scripted(std::move(answers));
  const auto reply = client.call(GetServices{});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().what, "list services: the table changed while it was read");
}

TEST(Dump, AChangeIsNeverSentTwice) {
  Client client = scripted({lost(), message(NLMSG_ERROR, 0, 2, 0, le32(0))});
  const auto reply = client.call(Flush{});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ENOBUFS);
}

}  // namespace
}  // namespace lvs::ipvs
