// Stories of the real servers: who serves when they, or the ways to them, fail for one or both of
// the directors.
#include "tests/sim/pair.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Pair, WhoHasNoWayToTheServersHandsOverToWhoHas) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_way(Node::primary, false);
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.status(Node::primary).reasons, pulse::kNoWay);
  EXPECT_EQ(world.longest_silence(), 0ms);
  // Nor has the other: nobody moves any more, and when one of them dies the other serves.
  world.set_way(Node::backup, false);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.lose_power(Node::backup);
  world.run_for(6s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  EXPECT_THAT(world.violations(), IsEmpty());
}

// Which of the two finds out first is chance, both when they fail and when they come back.
TEST(Pair, ServersThatFailForBothMoveNobody) {
  for (const Node first : {Node::primary, Node::backup}) {
    const Node second = first == Node::primary ? Node::backup : Node::primary;
    Pair pair(kSlow);
    World& world = pair.world;
    for (const uint16_t failing : {uint16_t{3}, uint16_t{1}, uint16_t{0}}) {
      world.set_failing_services(first, failing);
      world.run_for(kVerdictSkew - 1s);
      world.set_failing_services(second, failing);
      world.run_for(60s);
      EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << failing;
    }
    EXPECT_THAT(world.violations(), IsEmpty());
  }
}

TEST(Pair, AStandbyThatStartsBesideServersThatFailSeemsNoBetter) {
  Pair pair(kSlow);
  World& world = pair.world;
  for (const Node node : {Node::primary, Node::backup}) {
    world.set_failing_services(node, 2);
  }
  world.run_for(60s);
  world.restart_arbiter(Node::backup);
  world.run_for(60s);
  world.lose_power(Node::backup);
  world.run_for(10s);
  world.boot(Node::backup);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "it has not checked them yet";
  world.set_lvsd(Node::backup, false);
  world.run_for(1s);
  world.set_lvsd(Node::backup, true);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
}

TEST(Pair, WhoCannotReachTheServersHandsOverToWhoCan) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_failing_services(Node::primary, 1);
  world.run_for(kVerdictSkew - 1s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "they may just have failed";
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.longest_silence(), 0ms);
  // Back and forth: a director that saw them fail just now is not gone back to.
  world.set_failing_services(Node::primary, 0);
  world.set_failing_services(Node::backup, 1);
  world.run_for(kVerdictSkew - 1s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
}

}  // namespace
}  // namespace lvs::sim
