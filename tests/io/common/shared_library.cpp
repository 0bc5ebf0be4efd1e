#include "common/io/shared_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace lvs::io {
namespace {

using testing::HasSubstr;

TEST(SharedLibrary, GivesFunctionsByTheirNames) {
  SharedLibrary library("libm.so.6");
  double (*const root)(double) = library["sqrt"];
  ASSERT_TRUE(library.complete()) << library.complete().error().what;
  EXPECT_EQ(root(16), 4);
}

TEST(SharedLibrary, OneThatIsNotInstalledIsNamed) {
  SharedLibrary library("libno-such-library.so.1");
  double (*const root)(double) = library["sqrt"];
  EXPECT_EQ(root, nullptr);
  const auto there = library.complete();
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().code, ELIBACC);
  EXPECT_THAT(there.error().what, HasSubstr("libno-such-library.so.1"));
}

TEST(SharedLibrary, TheFirstFunctionThatItDoesNotHaveIsNamed) {
  SharedLibrary library("libm.so.6");
  double (*const root)(double) = library["sqrt"];
  double (*const other)(double) = library["no_such_function"];
  double (*const third)(double) = library["nor_this_one"];
  EXPECT_NE(root, nullptr);
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(third, nullptr);
  const auto there = library.complete();
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().code, ELIBACC);
  EXPECT_THAT(there.error().what, HasSubstr("no_such_function"));
}

}  // namespace
}  // namespace lvs::io
