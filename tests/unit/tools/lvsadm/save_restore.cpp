// What -S writes and -R reads.
#include "tools/lvsadm/save_restore.h"

#include <gtest/gtest.h>

#include "common/rng.h"
#include "tests/unit/tools/lvsadm/table.h"
#include "tests/unit/tools/lvsadm/words.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;
using test::resolver;

TEST(Save, IsWrittenAsIpvsadmDoesAndKeepsThresholds) {
  EXPECT_EQ("\n" + save(test::sorted_table(), {}), R"(
-A -t 192.0.2.1:80 -s rr
-a -t 192.0.2.1:80 -r 10.0.0.3:8080 -m -w 3 -x 100 -y 50
-a -t 192.0.2.1:80 -r 10.0.0.4:80 -g -w 1
-a -t 192.0.2.1:80 -r 10.0.0.5:80 -i -w 0 --tun-type ipip
-a -t 192.0.2.1:80 -r 10.0.0.10:80 -i -w 7 --tun-type gue --tun-port 6081 --tun-remcsum
-A -t 192.0.2.9:443 -s mh -b mh-port
-A -u 192.0.2.1:5060 -s rr -p 60 --pe sip -o
-A --sctp-service 192.0.2.1:9 -s lc
-A -t [2001:db8::1]:443 -s sh -b sh-fallback,sh-port
-a -t [2001:db8::1]:443 -r [2001:db8::2]:443 -m -w 1
-a -t [2001:db8::1]:443 -r [2001:db8:1111:2222:3333:4444:5555:6666]:443 -m -w 1
-A -f 80 -s wrr -p 600 -M 255.255.255.0
-a -f 80 -r 10.0.0.7:0 -g -w 1
-a -f 80 -r 10.0.0.8:8080 -m -w 1
-A -f 81 -6 -s wrr -p 360 -M 64
)");
}

TEST(Restore, SkipsBlankLinesCommentsAndTheProgramsName) {
  const auto plan = read_restore(
      "\n# a comment\n  \nipvsadm -A -t 192.0.2.1:80 -s rr\nlvsadm -C\n-Z\n", resolver());
  EXPECT_TRUE(plan.errors.empty());
  ASSERT_EQ(plan.lines.size(), 3U);
  EXPECT_EQ(plan.lines[0].number, 4);
  EXPECT_EQ(plan.lines[1].request, Request{Flush{}});
}

TEST(Restore, TellsEveryWrongLineByNumber) {
  const auto plan =
      read_restore("-A -t 192.0.2.1:80\nbogus\n-L\n-A -t 192.0.2.1:80 -q", resolver());
  ASSERT_EQ(plan.errors.size(), 3U);
  EXPECT_EQ(plan.errors[0].number, 2);
  EXPECT_EQ(plan.errors[1].number, 3);
  EXPECT_EQ(plan.errors[1].text, "only commands that change the table can be restored");
  EXPECT_EQ(plan.errors[2].number, 4);
  EXPECT_EQ(plan.errors[2].text, "-q: unknown option");
}

// Tables that lvsadm can make: random within what its options can say.
class Tables {
 public:
  explicit Tables(uint64_t seed) : rng_(seed) {}

  Table next() {
    Table table;
    for (uint64_t services = rng_.below(6); services > 0; --services) {
      const ServiceKey key = service_key();
      Entry& entry = table[key];
      entry.service = service(key);
      entry.dests.clear();
      for (uint64_t dests = rng_.below(4); dests > 0; --dests) {
        add_dest(key, entry);
      }
    }
    return table;
  }

 private:
  Address address(Family family) {
    uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8};
    bytes[15] = static_cast<uint8_t>(1 + rng_.below(200));
    return family == Family::v6
               ? Address::v6_bytes(bytes)
               : Address::v4(0x0a000000U + static_cast<uint32_t>(1 + rng_.below(200)));
  }

  ServiceKey service_key() {
    const Family family = rng_.chance(0.5) ? Family::v4 : Family::v6;
    if (rng_.chance(0.3)) {
      return MarkKey{static_cast<uint32_t>(1 + rng_.below(1'000'000)), family};
    }
    constexpr Protocol kProtocols[] = {Protocol::tcp, Protocol::udp, Protocol::sctp};
    return AddressKey{kProtocols[rng_.below(3)], address(family),
                      static_cast<uint16_t>(1 + rng_.below(65535))};
  }

  Service service(const ServiceKey& key) {
    constexpr const char* kSchedulers[] = {"rr", "wrr", "sh", "mh"};
    const auto* place = std::get_if<AddressKey>(&key);
    const Family family =
        place == nullptr ? std::get<MarkKey>(key).family : place->address.family();
    const unsigned bits = family == Family::v4 ? 32 : 128;
    Service s{.scheduler = kSchedulers[rng_.below(4)], .prefix = bits};
    s.flags = static_cast<uint32_t>(rng_.below(4)) * kSched1;
    if (rng_.chance(0.5)) {
      s.flags |= kPersistent;
      s.timeout = static_cast<uint32_t>(1 + rng_.below(10'000));
      s.prefix = static_cast<unsigned>(1 + rng_.below(bits));
    }
    const bool is_udp = place == nullptr || place->protocol == Protocol::udp;
    s.flags |= is_udp && rng_.chance(0.5) ? kOnePacket : 0;
    s.persistence_engine = rng_.chance(0.2) ? "sip" : "";
    return s;
  }

  void add_dest(const ServiceKey& key, Entry& entry) {
    constexpr Forward kForwards[] = {Forward::masq, Forward::tunnel, Forward::direct};
    const auto* place = std::get_if<AddressKey>(&key);
    const Family family =
        place == nullptr ? std::get<MarkKey>(key).family : place->address.family();
    Dest d{.forward = kForwards[rng_.below(3)], .weight = static_cast<int32_t>(rng_.below(100))};
    d.upper_threshold = static_cast<uint32_t>(rng_.below(3));
    d.lower_threshold = static_cast<uint32_t>(rng_.below(3));
    if (d.forward == Forward::tunnel) {
      d.tunnel_type = static_cast<TunnelType>(rng_.below(3));
      d.tunnel_flags = static_cast<uint16_t>(d.tunnel_type == TunnelType::ipip ? 0 : rng_.below(2));
      d.tunnel_port =
          d.tunnel_type == TunnelType::gue ? static_cast<uint16_t>(1 + rng_.below(65535)) : 0;
    }
    const bool keeps_port = place != nullptr && d.forward != Forward::masq;
    const auto port = static_cast<uint16_t>(keeps_port ? place->port : rng_.below(65536));
    entry.dests[{address(family), port}] = d;
  }

  Rng rng_;
};

std::vector<ListedService> listed(const Table& table) {
  std::vector<ListedService> all;
  for (const auto& [key, entry] : table) {
    all.push_back({{key, entry.service, {}}, {}});
    for (const auto& [dest, config] : entry.dests) {
      all.back().dests.push_back({dest, config, 0, 0, 0, {}});
    }
  }
  return all;
}

Table applied(const RestorePlan& plan) {
  Table table;
  for (const RestoreLine& line : plan.lines) {
    if (const auto* service = std::get_if<NewService>(&line.request)) {
      table[service->key].service = service->service;
    } else {
      const auto& server = std::get<NewDest>(line.request);
      table.at(server.service).dests[server.key] = server.dest;
    }
  }
  return table;
}

TEST(Restore, GivesBackTheTableThatWasSaved) {
  Tables tables(1);
  for (int i = 0; i < 2000; ++i) {
    const Table table = tables.next();
    const std::string text = save(listed(table), {});
    const auto plan = read_restore(text, resolver());
    ASSERT_TRUE(plan.errors.empty()) << plan.errors[0].text << "\n" << text;
    ASSERT_EQ(applied(plan), table) << text;
  }
}

}  // namespace
}  // namespace lvs::lvsadm
