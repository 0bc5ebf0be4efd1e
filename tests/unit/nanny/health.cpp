#include "nanny/health.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

HealthCounter counter_that_is(Health health, int rise, int fall) {
  HealthCounter counter(rise, fall);
  counter.count(health == Health::up);
  return counter;
}

TEST(HealthCounter, TheFirstResultDecidesAlone) {
  EXPECT_EQ(HealthCounter(5, 5).count(true), Health::up);
  EXPECT_EQ(HealthCounter(5, 5).count(false), Health::down);
}

TEST(HealthCounter, FallsAfterFallFailuresAndNotBefore) {
  HealthCounter counter = counter_that_is(Health::up, 1, 3);
  EXPECT_EQ(counter.count(false), std::nullopt);
  EXPECT_EQ(counter.count(false), std::nullopt);
  EXPECT_EQ(counter.health(), Health::up);
  EXPECT_EQ(counter.count(false), Health::down);
  EXPECT_EQ(counter.count(false), std::nullopt);
}

TEST(HealthCounter, RisesAfterRiseSuccessesAndNotBefore) {
  HealthCounter counter = counter_that_is(Health::down, 4, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(counter.count(true), std::nullopt);
  }
  EXPECT_EQ(counter.count(true), Health::up);
}

TEST(HealthCounter, OneOppositeResultStartsTheCountAgain) {
  HealthCounter counter = counter_that_is(Health::up, 1, 2);
  EXPECT_EQ(counter.count(false), std::nullopt);
  EXPECT_EQ(counter.count(true), std::nullopt);
  EXPECT_EQ(counter.count(false), std::nullopt);
  EXPECT_EQ(counter.count(false), Health::down);
}

TEST(HealthCounter, RiseAndFallAreNotMixedUp) {
  HealthCounter counter = counter_that_is(Health::up, 2, 1);
  EXPECT_EQ(counter.count(false), Health::down);
  EXPECT_EQ(counter.count(true), std::nullopt);
  EXPECT_EQ(counter.count(true), Health::up);
}

TEST(HealthCounter, AServerThatRecoversDoesSoUntilItFailsAsOftenAsOneThatWorks) {
  HealthCounter counter = counter_that_is(Health::down, 9, 3);
  counter.count(false);
  EXPECT_EQ(counter.told(), Health::down) << "it never passed";
  for (int i = 0; i < 2; ++i) {  // As often as it likes.
    counter.count(true);
    counter.count(false);
    counter.count(false);
    EXPECT_EQ(counter.told(), Health::recovering);
    EXPECT_EQ(counter.against(), 0) << "one that fails begins the count anew";
  }
  counter.count(false);
  EXPECT_EQ(counter.told(), Health::down);
  counter.count(false);
  EXPECT_EQ(counter.told(), Health::down);
}

TEST(HealthCounter, TheOperatorsWordHoldsAtOnceAndIsToldOnce) {
  HealthCounter counter = counter_that_is(Health::up, 9, 9);
  EXPECT_EQ(counter.hold(Health::down), Health::down);
  EXPECT_EQ(counter.hold(Health::down), std::nullopt);
}

TEST(HealthCounter, AfterAHoldTheFirstResultDecidesAlone) {
  HealthCounter counter = counter_that_is(Health::up, 9, 9);
  counter.hold(Health::down);
  counter.let_next_decide();
  EXPECT_EQ(counter.count(true), Health::up);
  EXPECT_EQ(counter.count(false), std::nullopt);
}

TEST(HealthCounter, AfterAHoldAResultThatConfirmsChangesNothing) {
  HealthCounter counter(9, 9);
  counter.hold(Health::down);
  counter.let_next_decide();
  EXPECT_EQ(counter.count(false), std::nullopt);
  EXPECT_EQ(counter.count(true), std::nullopt);
}

}  // namespace
}  // namespace lvs::nanny
