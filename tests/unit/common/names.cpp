// Names keep what they had; whatever the name servers do.
#include "common/names.h"

#include <gmock/gmock.h>

namespace lvs {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const TimePoint t0{1h};

std::vector<Address> addresses(std::initializer_list<const char*> texts) {
  std::vector<Address> list;
  for (const char* text : texts) {
    list.push_back(*Address::parse(text));
  }
  return list;
}

// A name that was asked for and has this address.
Names known(const char* address) {
  Names names;
  names.address_of("rs1");
  names.due(t0);
  names.take("rs1", addresses({address}), t0);
  return names;
}

TEST(Names, ANewNameWaitsIsLookedUpAtOnceAndHasItsAddress) {
  Names names;
  EXPECT_EQ(names.address_of("rs1"), std::nullopt);
  EXPECT_THAT(names.troubles(), ElementsAre("rs1 does not resolve (asked for just now): what is to "
                                            "be done with it waits"));
  EXPECT_THAT(names.due(t0), ElementsAre("rs1"));
  EXPECT_THAT(names.due(t0), IsEmpty()) << "it is under way";
  EXPECT_TRUE(names.take("rs1", addresses({"10.0.0.1"}), t0));
  EXPECT_EQ(names.address_of("rs1"), Address::parse("10.0.0.1"));
  EXPECT_THAT(names.troubles(), IsEmpty());
}

TEST(Names, ANameThatGoesKeepsItsAddressAndIsToldAndAskedAgain) {
  Names names = known("10.0.0.1");
  EXPECT_THAT(names.due(t0 + kNameRefresh), ElementsAre("rs1"));
  EXPECT_FALSE(names.take("rs1", Error{EHOSTUNREACH, "Timeout"}, t0 + kNameRefresh));
  EXPECT_EQ(names.address_of("rs1"), Address::parse("10.0.0.1"));
  EXPECT_THAT(names.troubles(), ElementsAre("rs1 does not resolve (Timeout): 10.0.0.1 is kept"));
  EXPECT_EQ(names.wake_at(), t0 + kNameRefresh + kNameRetry);
}

TEST(Names, OneOfSeveralAddressesStaysAsLongAsItIsAmongThem) {
  Names names = known("10.0.0.2");
  names.due(t0 + kNameRefresh);
  EXPECT_FALSE(names.take("rs1", addresses({"10.0.0.1", "10.0.0.2"}), t0 + kNameRefresh));
  names.due(t0 + 2 * kNameRefresh);
  EXPECT_TRUE(
      names.take("rs1", addresses({"2001:db8::1", "10.0.0.1", "10.0.0.3"}), t0 + 2 * kNameRefresh));
  EXPECT_EQ(names.address_of("rs1"), Address::parse("10.0.0.1")) << "the first of IPv4";
}

TEST(Names, ThoseThatLeftTheFileAreForgotten) {
  Names names = known("10.0.0.1");
  names.start_asking();
  names.address_of("rs2");
  names.forget_unasked();
  EXPECT_FALSE(names.all().contains("rs1"));
  EXPECT_THAT(names.due(t0 + 1h), ElementsAre("rs2"));
  names.start_asking();
  names.forget_unasked();
  EXPECT_THAT(names.troubles(), IsEmpty()) << "also one that is looked up just now";
  EXPECT_FALSE(names.take("rs2", addresses({"10.0.0.2"}), t0 + 1h));
  EXPECT_THAT(names.all(), IsEmpty());
}

// The file that was refused does not have them; the one that runs does.
TEST(Names, AreLookedUpFurtherAfterAFileThatWasRefused) {
  Names names = known("10.0.0.1");
  names.start_asking();
  EXPECT_THAT(names.due(t0 + kNameRefresh), ElementsAre("rs1"));
}

TEST(Names, ManyAreLookedUpAFewAtATime) {
  Names names;
  for (size_t i = 0; i < 2 * kLookupsAtOnce; ++i) {
    names.address_of("rs" + std::to_string(i));
  }
  const auto first = names.due(t0);
  EXPECT_EQ(first.size(), kLookupsAtOnce);
  EXPECT_THAT(names.due(t0), IsEmpty());
  EXPECT_EQ(names.wake_at(), std::nullopt);
  names.take(first.front(), addresses({"10.0.0.1"}), t0);
  EXPECT_EQ(names.due(t0).size(), 1U);
}

TEST(Names, AreAwaitedUntilTheFirstAnswerGoodOrBad) {
  Names names;
  EXPECT_FALSE(names.is_anything_awaited());
  names.address_of("rs1");
  EXPECT_TRUE(names.is_anything_awaited());
  names.due(t0);
  names.take("rs1", Error{EHOSTUNREACH, "timeout"}, t0);
  EXPECT_FALSE(names.is_anything_awaited());
}

TEST(Names, OutliveTheProcess) {
  Names names = known("10.0.0.1");
  names.address_of("never-resolved");
  Names again = names_from(to_text(names) + "rubbish\nrs9 10.0.0\n");
  EXPECT_EQ(again.all().size(), 1U);
  EXPECT_EQ(again.address_of("rs1"), Address::parse("10.0.0.1"));
  EXPECT_THAT(again.due(t0), ElementsAre("rs1"));
}

}  // namespace
}  // namespace lvs
