// What a core cannot serve is said of the line that asks for it, with the way out.
#include "common/config/unsupported.h"

#include <gmock/gmock.h>

#include "common/config/parse.h"
#include "common/ipvs/capabilities.h"

namespace lvs::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Without the words that all of it begins and ends with.
std::vector<std::string> unsupported_in(const std::string& text) {
  const auto parsed = parse("primary = 192.0.2.2\n" + text, "f");
  EXPECT_TRUE(parsed.config) << text;
  const std::string begin = "the embedded core ";
  const std::string end = ": core = kernel does";
  std::vector<std::string> said;
  for (const auto& d : parsed.diagnostics) {
    if (d.severity == Severity::unsupported) {
      EXPECT_TRUE(d.text.starts_with(begin) && d.text.ends_with(end)) << d.text;
      EXPECT_EQ(d.file, "f");
      said.push_back(std::to_string(d.line) + ": " + d.key + ": " +
                     d.text.substr(begin.size(), d.text.size() - begin.size() - end.size()));
    }
  }
  return said;
}

std::string server(int number, const std::string& body = "") {
  return " server s" + std::to_string(number) + " {\naddress = 10.0." +
         std::to_string(number / 250) + "." + std::to_string(number % 250 + 1) + "\nactive = 1\n" +
         body + "}\n";
}

std::string service(int number, const std::string& body, const std::string& servers) {
  return "virtual v" + std::to_string(number) +
         " {\nactive = 1\naddress = 192.0.2.10 eth0:1\nport = " + std::to_string(number) + "\n" +
         body + servers + "}\n";
}

std::string services(int count, const std::string& body, int servers) {
  std::string all_servers;
  for (int i = 0; i < servers; ++i) {
    all_servers += server(i);
  }
  std::string text;
  for (int i = 1; i <= count; ++i) {
    text += service(i, body, all_servers);
  }
  return text;
}

TEST(Unsupported, IsNotSaidOfWhatIsSwitchedOff) {
  std::string off = services(1, "", 1025);
  off.erase(off.find("active = 1\n"), std::string("active = 1\n").size());
  EXPECT_THAT(unsupported_in(service(80, "", server(1)) + off), IsEmpty());
}

TEST(Unsupported, NoSchedulerIs) {
  for (const auto& scheduler : ipvs::kSchedulers) {
    EXPECT_THAT(
        unsupported_in(service(80, "scheduler = " + std::string(scheduler.name) + "\n", server(1))),
        IsEmpty())
        << scheduler.name;
  }
}

TEST(Unsupported, NothingIsForTheKernel) {
  EXPECT_THAT(unsupported_in("core = kernel\n" + services(1, "", 1025)), IsEmpty());
}

TEST(Unsupported, MoreThanTheCoreHoldsIsSaidOfTheServiceThatIsTooMuch) {
  EXPECT_THAT(unsupported_in(services(ipvs::kEmbeddedServices, "", 1)), IsEmpty());
  EXPECT_THAT(unsupported_in(services(ipvs::kEmbeddedServices + 1, "", 1)),
              ElementsAre("73721: virtual: holds no more than 8191 services"));
  EXPECT_THAT(unsupported_in(services(1, "", 1024)), IsEmpty());
  EXPECT_THAT(unsupported_in(services(1, "", 1025)),
              ElementsAre("2: virtual: holds no more than 1024 servers of one service"));
  EXPECT_THAT(unsupported_in(services(17, "", 1000)),
              ElementsAre("64082: virtual: holds no more than 16384 servers of all services"));
  EXPECT_THAT(
      unsupported_in(services(256, "scheduler = mh\n", 1)),
      ElementsAre("2552: virtual: holds no more than 1048576 slots, of which scheduler = mh "
                  "takes 4093 for each service"));
}

TEST(Unsupported, AListOfDeniedClientsIsSaidOfTheKernelsCoreAlone) {
  const std::string text = "deny = 192.0.2.0/24\n" + service(1, "", server(1));
  EXPECT_THAT(unsupported_in(text), IsEmpty());
  const auto parsed = parse("primary = 192.0.2.2\ncore = kernel\n" + text, "f");
  ASSERT_TRUE(parsed.config) << "the rest is served";
  const auto said = unsupported(*parsed.config);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].line, 3);
  EXPECT_EQ(said[0].key, "deny");
  EXPECT_EQ(said[0].text, "the kernel's ip_vs denies nobody: core = embedded does");
}

TEST(Unsupported, FailoverServicesAreByEitherCore) {
  for (const char* core : {"embedded", "kernel"}) {
    const auto parsed = parse("primary = 192.0.2.2\nservice = fos\ncore = " + std::string(core) +
                                  "\nfailover f {\nactive = 1\n}\n",
                              "f");
    ASSERT_TRUE(parsed.config);
    ASSERT_EQ(parsed.diagnostics.size(), 2U) << "core is new to Piranha";
    EXPECT_EQ(to_string(parsed.diagnostics.front()),
              "f:2: service: unsupported: failover services are not run, and pulse does not start "
              "with them: use lvs");
  }
}

}  // namespace
}  // namespace lvs::config
