#include "nanny/own_entry.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "nanny/failover_watch.h"

namespace lvs::nanny {
namespace {

const ipvs::ServiceKey kService = ipvs::MarkKey{80, Family::v4};
const ipvs::DestKey kServer{*Address::parse("10.0.0.2"), 80};

ipvs::Dest weighing(int32_t weight) {
  ipvs::Dest dest;
  dest.weight = weight;
  return dest;
}

const ipvs::Request kAdd = ipvs::NewDest{kService, kServer, weighing(5)};
const ipvs::Request kEdit = ipvs::SetDest{kService, kServer, weighing(5)};
const ipvs::Request kQuiesce = ipvs::SetDest{kService, kServer, weighing(0)};
const ipvs::Request kDelete = ipvs::DelDest{kService, kServer};

OwnEntry entry(OwnEntry::OnFailure on_failure = OwnEntry::OnFailure::remove) {
  return {kService, kServer, weighing(5), on_failure};
}

OwnEntry present(OwnEntry::OnFailure on_failure = OwnEntry::OnFailure::remove) {
  OwnEntry own = entry(on_failure);
  own.server_is(Health::up);
  own.done();
  return own;
}

TEST(OwnEntry, IsAddedWhenTheServerAnswers) {
  OwnEntry own = entry();
  EXPECT_EQ(own.next(), std::nullopt);
  own.server_is(Health::up);
  EXPECT_EQ(own.next(), kAdd);
  own.done();
  EXPECT_EQ(own.next(), std::nullopt);
}

TEST(OwnEntry, IsDeletedWhenTheServerFails) {
  OwnEntry own = present();
  own.server_is(Health::down);
  EXPECT_EQ(own.next(), kDelete);
}

TEST(OwnEntry, IsQuiescedInsteadAndGetsItsWeightBack) {
  OwnEntry own = present(OwnEntry::OnFailure::quiesce);
  own.server_is(Health::down);
  EXPECT_EQ(own.next(), kQuiesce);
  own.done();
  own.server_is(Health::up);
  EXPECT_EQ(own.next(), kEdit);
}

TEST(OwnEntry, AServerThatNeverAnsweredIsNotAddedToBeQuiesced) {
  OwnEntry own = entry(OwnEntry::OnFailure::quiesce);
  own.server_is(Health::down);
  EXPECT_EQ(own.next(), std::nullopt);
}

TEST(OwnEntry, StopDeletesEvenAQuiescedEntry) {
  OwnEntry own = present(OwnEntry::OnFailure::quiesce);
  own.server_is(Health::down);
  own.done();
  own.stop();
  EXPECT_EQ(own.next(), kDelete);
}

TEST(OwnEntry, StopWithoutAnEntryDoesNothing) {
  OwnEntry own = entry();
  own.stop();
  EXPECT_EQ(own.next(), std::nullopt);
}

TEST(OwnEntry, AnEntryThatExistsAlreadyIsEdited) {
  OwnEntry own = entry();
  own.server_is(Health::up);
  EXPECT_TRUE(own.refused(EEXIST));
  EXPECT_EQ(own.next(), kEdit);
}

TEST(OwnEntry, AnEntryThatVanishedIsAddedAgain) {
  OwnEntry own = present(OwnEntry::OnFailure::quiesce);
  own.server_is(Health::down);
  EXPECT_TRUE(own.refused(ENOENT));
  own.server_is(Health::up);
  EXPECT_EQ(own.next(), kAdd);
}

TEST(OwnEntry, DeletingWhatIsGoneIsDone) {
  for (const int code : {ENOENT, ESRCH}) {
    OwnEntry own = present();
    own.stop();
    EXPECT_TRUE(own.refused(code));
    EXPECT_EQ(own.next(), std::nullopt);
  }
}

TEST(OwnEntry, OtherRefusalsAreForLater) {
  OwnEntry own = entry();
  own.server_is(Health::up);
  EXPECT_FALSE(own.refused(ESRCH));
  EXPECT_FALSE(own.refused(EPERM));
  EXPECT_EQ(own.next(), kAdd);
}

TEST(FailoverWatch, AServiceThatWasSeenAndIsLostEndsIt) {
  FailoverWatch watch;
  EXPECT_EQ(watch.count(true), std::nullopt);
  EXPECT_EQ(watch.count(true), std::nullopt);
  EXPECT_EQ(watch.count(false), FailoverWatch::End::lost);
}

TEST(FailoverWatch, AServiceNeverSeenEndsItAtTheSecondCheck) {
  FailoverWatch watch;
  EXPECT_EQ(watch.count(false), std::nullopt);
  EXPECT_EQ(watch.count(false), FailoverWatch::End::never_seen);
}

}  // namespace
}  // namespace lvs::nanny
