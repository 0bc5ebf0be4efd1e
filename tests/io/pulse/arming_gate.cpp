// Address actions wait for the core in their order, whatever they bring about.
#include <gtest/gtest.h>

#include "pulse/io/arming_gate.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;

struct GateTest : ::testing::Test {
  boost::asio::io_context io;
  ArmingGate gate{io};
  std::string done;
  void pass(const char* what) {
    gate.pass([this, what] { done += what; });
  }
};

TEST_F(GateTest, OpenItLetsPass) {
  pass("add ");
  EXPECT_EQ(done, "add ");
}

TEST_F(GateTest, ClosedItKeepsTheOrderAlsoOfWhatAnActionBringsAbout) {
  gate.close(1h);
  gate.pass([this] {
    done += "fail ";
    pass("remove ");
  });
  pass("add ");
  EXPECT_EQ(done, "");
  gate.open();
  EXPECT_EQ(done, "fail add remove ");
  pass("renew ");
  EXPECT_EQ(done, "fail add remove renew ");
}

TEST_F(GateTest, CalledOffItDoesNoMoreOfWhatWasToServe) {
  gate.close(1h);
  gate.pass_if_serving([this] { done += "add "; });
  pass("remove ");
  gate.pass_if_serving([this] { done += "announce "; });
  gate.call_off();
  EXPECT_EQ(done, "remove ");
  gate.pass_if_serving([this] { done += "add "; });
  EXPECT_EQ(done, "remove add ") << "the next takeover is another one";
}

TEST_F(GateTest, ItOpensByItselfInTheEnd) {
  gate.close(1ms);
  pass("add ");
  io.run();
  EXPECT_EQ(done, "add ");
}

}  // namespace
}  // namespace lvs::pulse
