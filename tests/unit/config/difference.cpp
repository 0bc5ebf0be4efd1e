// What an edited lvs.cf says anew, before it counts.
#include "common/config/difference.h"

#include <gmock/gmock.h>

#include "common/config/parse.h"

namespace lvs::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Config config_of(const std::string& globals, const std::string& services) {
  const Parsed parsed =
      parse("serial_no = 1\nprimary = 192.0.2.1\n" + globals + services, "lvs.cf");
  EXPECT_TRUE(parsed.config);
  return *parsed.config;
}

std::string web(const std::string& more, const std::string& servers) {
  return "virtual web {\n  active = 1\n  address = 192.0.2.10 eth0:1\n" + more + servers + "}\n";
}

std::string server(const std::string& name, int number, const std::string& more = "") {
  return "  server " + name + " {\n    address = 10.0.0." + std::to_string(number) +
         "\n    active = 1\n" + more + "  }\n";
}

TEST(Difference, NamesEachKeyWithTheOldAndTheNewValue) {
  const Config now =
      config_of("backup = 192.0.2.2\n", web("  check = tcp\n", server("a", 1) + server("b", 2)));
  const Config then = config_of("backup = 192.0.2.3\nmonitor_links = 1\n",
                                web("", server("b", 2, "    weight = 3\n") + server("c", 3)));
  EXPECT_THAT(
      differences(now, then),
      ElementsAre("backup: from 192.0.2.2 to 192.0.2.3", "monitor_links: from 0 to 1",
                  "virtual web: check from tcp to nothing", "virtual web, server a: gone",
                  "virtual web, server b: weight from 1 to 3", "virtual web, server c: new"));
}

TEST(Difference, WhatIsSettledAtTheStartNeedsAnother) {
  const std::string services = web("", server("a", 1));
  const auto needed = [&](const std::string& now, const std::string& then) {
    return restart_needed(config_of(now, services), config_of(then, services), "f");
  };
  EXPECT_EQ(
      needed("backup = 192.0.2.2\n", "backup = 192.0.2.3\n"),
      "f:3: backup: another value needs a restart: service pulse restart, on the standby first");
  EXPECT_NE(needed("", "core = kernel\n"), "");
  EXPECT_NE(needed("", "heartbeat_port = 540\n"), "");
  EXPECT_EQ(needed("", "deadtime = 9\n"), "");
}

TEST(Difference, ServicesComeAndGo) {
  const std::string mail =
      "virtual mail {\n  active = 1\n  address = 192.0.2.10 eth0:1\n  port = 25\n" +
      server("a", 1) + "}\n";
  const Config both = config_of("", web("", server("a", 1)) + mail);
  const Config one = config_of("", mail);
  EXPECT_THAT(differences(both, one), ElementsAre("virtual web: gone"));
  EXPECT_THAT(differences(one, both), ElementsAre("virtual web: new"));
}

TEST(Difference, WhereALineStandsIsNone) {
  const Config now = config_of("", web("", server("a", 1) + server("b", 2)));
  EXPECT_THAT(differences(now, config_of("\n# moved\n", web("", server("b", 2) + server("a", 1)))),
              IsEmpty());
  EXPECT_THAT(differences(now, now), IsEmpty());
}

}  // namespace
}  // namespace lvs::config
