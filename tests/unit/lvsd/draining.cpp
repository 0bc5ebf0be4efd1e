// Servers that leave the configuration while connections hang on them.
#include "lvsd/draining.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::SizeIs;

TEST(Draining, RemovedServerKeepsItsConnectionsUntilTheyEnd) {
  World world;
  world.start(draining_web(2));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(draining_web(1));
  EXPECT_EQ(world.core.at(web_key()).dests.at(server_at(2)).weight, 0);
  world.pass(20s);
  EXPECT_THAT(world.web_servers(), SizeIs(2));
  world.connections.clear();
  world.pass(kDrainCheck + 10ms);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
}

TEST(Draining, DrainingEndsAtItsDeadline) {
  World world;
  world.start(draining_web(2));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(draining_web(1));
  world.pass(59s);
  EXPECT_THAT(world.web_servers(), SizeIs(2));
  world.pass(3s);
  EXPECT_THAT(world.web_servers(), SizeIs(1));
}

TEST(Draining, ServerThatComesBackWhileDrainingWorksAgain) {
  World world;
  world.start(draining_web(2));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(draining_web(1));
  world.reload(draining_web(2));
  world.say(2, Health::up);
  EXPECT_EQ(world.core.at(web_key()).dests.at(server_at(2)).weight, 1);
}

TEST(Draining, AServiceThatGoesTakesItsDrainingServersAlong) {
  World world;
  world.start(draining_web(2));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(draining_web(1));
  world.reload(with({}));
  world.pass(2min);
  EXPECT_EQ(world.count("drain"), 1);
  EXPECT_EQ(world.count("drained"), 0);
}

TEST(Draining, WithoutDrainARemovedServerGoesAtOnce) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.connections[web_server(2)] = 3;
  world.reload(with({web(1)}));
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
}

// A lvsd that died and was started again.
World restarted(const World& before, const config::Config& config) {
  World world;
  world.now = before.now + 1s;
  world.core = before.core;
  world.connections = before.connections;
  world.start(config, before.saved);
  return world;
}

TEST(Draining, OutlivesLvsd) {
  World before;
  before.start(draining_web(2));
  before.all_up();
  before.connections[web_server(2)] = 3;
  before.reload(draining_web(1));
  before.pass(30s);
  World world = restarted(before, draining_web(1));
  ASSERT_THAT(world.web_servers(), SizeIs(2));
  EXPECT_EQ(world.core.at(web_key()).dests.at(server_at(2)).weight, 0);
  world.pass(25s);
  EXPECT_THAT(world.web_servers(), SizeIs(2));
  world.pass(5s);
  EXPECT_THAT(world.web_servers(), SizeIs(1)) << "at the deadline that it had";
}

TEST(Draining, BeginsWhenAServerLeftWhileNoLvsdRan) {
  World before;
  before.start(draining_web(2));
  before.all_up();
  before.connections[web_server(2)] = 3;
  World world = restarted(before, draining_web(1));
  ASSERT_THAT(world.web_servers(), SizeIs(2));
  EXPECT_EQ(world.core.at(web_key()).dests.at(server_at(2)).weight, 0);
  world.pass(62s);
  EXPECT_THAT(world.web_servers(), SizeIs(1));
}

}  // namespace
}  // namespace lvs::lvsd
