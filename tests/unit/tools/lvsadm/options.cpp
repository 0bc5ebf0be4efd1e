// Command lines and what they mean; wrong ones with the words and the exit status of ipvsadm 1.31,
// which was asked each of them.
#include "tools/lvsadm/options.h"

#include <gtest/gtest.h>

#include "tests/unit/tools/lvsadm/words.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;
using test::resolver;
using test::words;

const ServiceKey kWeb = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80};
const ServiceKey kDns = AddressKey{Protocol::udp, *Address::parse("192.0.2.1"), 53};
const ServiceKey kSix = AddressKey{Protocol::tcp, *Address::parse("2001:db8::1"), 80};
const ServiceKey kMark = MarkKey{80, Family::v4};
const ServiceKey kMark6 = MarkKey{80, Family::v6};

DestKey server(const char* address, uint16_t port) {
  return {*Address::parse(address), port};
}

Command change(Request request) {
  return {Core::automatic, Change{std::move(request)}};
}

const Endpoint kClient{*Address::parse("192.0.2.9"), 4000};
const Endpoint kVip{*Address::parse("192.0.2.1"), 80};

Command where(const WherePacket& packet, bool json = false) {
  return {Core::automatic, Where{packet, json}};
}

Command trace(const TraceFilter& filter, uint32_t count = 0, bool json = false) {
  return {Core::automatic, Trace{filter, count, json}};
}

TraceFilter::Clients clients(const char* prefix, unsigned length) {
  return {*Address::parse(prefix), length};
}

struct Right {
  const char* line;
  Command command;
};

const std::vector<Right> kRight = {
    {"", {Core::automatic, List{}}},
    {"--core kernel", {Core::kernel, List{}}},
    {"-L --core embedded -n", {Core::embedded, List{.numeric = true}}},
    {"-Ln", {Core::automatic, List{.numeric = true}}},
    {"-n -l", {Core::automatic, List{.numeric = true}}},
    {"--trace", trace({})},
    {"--trace 192.0.2.9 --json", trace({.clients = clients("192.0.2.9", 32)}, 0, true)},
    {"--trace drops 192.0.2.9/24 -n",
     trace({.clients = clients("192.0.2.0", 24), .only_drops = true})},
    {"--trace 2001:db8::9/128 udp",
     trace({.clients = clients("2001:db8::9", 128), .protocol = Protocol::udp})},
    {"--trace tcp drops 0.0.0.0/0 --count 1",
     trace({.clients = clients("0.0.0.0", 0), .protocol = Protocol::tcp, .only_drops = true}, 1)},
    {"--count 2147483647 --trace sctp", trace({.protocol = Protocol::sctp}, 2147483647)},
    {"--trace -t vip.example:http", trace({.service = kVip, .protocol = Protocol::tcp})},
    {"--trace tcp -t 192.0.2.1:80 192.0.2.9",
     trace({.clients = clients("192.0.2.9", 32), .service = kVip, .protocol = Protocol::tcp})},
    {"--trace -u 192.0.2.1",
     trace({.service = Endpoint{*Address::parse("192.0.2.1"), 0}, .protocol = Protocol::udp})},
    {"--sctp-service [2001:db8::1]:80 --trace 2001:db8::/32",
     trace({.clients = clients("2001:db8::", 32),
            .service = Endpoint{*Address::parse("2001:db8::1"), 80},
            .protocol = Protocol::sctp})},
    {"--where 192.0.2.9:4000 192.0.2.1:80", where({Protocol::tcp, kClient, kVip})},
    {"--where 192.0.2.9:4000 vip.example:http 7 --json",
     where({Protocol::tcp, kClient, kVip, 7}, true)},
    {"--where 192.0.2.9:4000 -u 192.0.2.1:80 7", where({Protocol::udp, kClient, kVip, 7})},
    {"--sctp-service 192.0.2.1:80 --where 192.0.2.9:4000", where({Protocol::sctp, kClient, kVip})},
    {"--where 192.0.2.9:4000 192.0.2.1:80 -f 7", where({Protocol::tcp, kClient, kVip, 7})},
    {"--where [2001:db8::9]:4000 [2001:db8::1]:80", where({Protocol::tcp,
                                                           {*Address::parse("2001:db8::9"), 4000},
                                                           {*Address::parse("2001:db8::1"), 80}})},
    {"-L -n --stats --exact",
     {Core::automatic, List{.columns = Columns::stats, .numeric = true, .exact = true}}},
    {"-L --stats --rate", {Core::automatic, List{.columns = Columns::stats}}},
    {"-L --thresholds --persistent-conn", {Core::automatic, List{.columns = Columns::thresholds}}},
    {"-L --tun-info --nosort",
     {Core::automatic, List{.columns = Columns::tunnels, .sorted = false}}},
    {"-L -c", {Core::automatic, List{.show = Show::connections}}},
    {"-L --timeout", {Core::automatic, List{.show = Show::timeouts}}},
    {"-L --daemon --json", {Core::automatic, List{.show = Show::daemons, .json = true}}},
    {"-L -t 192.0.2.1:80", {Core::automatic, List{.only = kWeb}}},
    {"-A -t 192.0.2.1:80", change(NewService{kWeb, {}})},
    {"-A -t vip.example:http -s rr", change(NewService{kWeb, {.scheduler = "rr"}})},
    {"-s rr -t 192.0.2.1:80 -A", change(NewService{kWeb, {.scheduler = "rr"}})},
    {"--add-service --tcp-service=192.0.2.1:80 --scheduler=rr",
     change(NewService{kWeb, {.scheduler = "rr"}})},
    {"-A -t 192.0.2.1:80 -p", change(NewService{kWeb, {.flags = kPersistent, .timeout = 360}})},
    {"-A -p 60 -t 192.0.2.1:80", change(NewService{kWeb, {.flags = kPersistent, .timeout = 60}})},
    {"-A -t 192.0.2.1:80 -p5", change(NewService{kWeb, {.flags = kPersistent, .timeout = 5}})},
    {"-A -t 192.0.2.1:80 --persistent=5",
     change(NewService{kWeb, {.flags = kPersistent, .timeout = 5}})},
    {"-A -t 192.0.2.1:80 -p -s sh -b sh-port,sh-fallback",
     change(NewService{
         kWeb, {.scheduler = "sh", .flags = kPersistent | kSched1 | kSched2, .timeout = 360}})},
    {"-A -t 192.0.2.1:80 -p -M 255.255.255.0",
     change(NewService{kWeb, {.flags = kPersistent, .timeout = 360, .prefix = 24}})},
    {"-A -t [2001:db8::1]:80 -p -M 64",
     change(NewService{kSix, {.flags = kPersistent, .timeout = 360, .prefix = 64}})},
    {"-A -t [2001:db8::1]:80", change(NewService{kSix, {.prefix = 128}})},
    {"-A -t 192.0.2.1:0 -p 9",
     change(NewService{AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 0},
                       {.flags = kPersistent, .timeout = 9}})},
    {"-A -u 192.0.2.1:53 --ops", change(NewService{kDns, {.flags = kOnePacket}})},
    {"-A -u 192.0.2.1:53 -o --pe sip",
     change(NewService{kDns, {.flags = kOnePacket, .persistence_engine = "sip"}})},
    {"-A --sctp-service 192.0.2.1:9",
     change(NewService{AddressKey{Protocol::sctp, *Address::parse("192.0.2.1"), 9}, {}})},
    {"-A -f 80", change(NewService{kMark, {}})},
    {"-A -f 80 -6", change(NewService{kMark6, {.prefix = 128}})},
    {"-A -6 -f 80", change(NewService{kMark6, {.prefix = 128}})},
    {"-E -f 080 -s wrr", change(SetService{kMark, {.scheduler = "wrr"}})},
    {"-D -t 192.0.2.1:80", change(DelService{kWeb})},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 5 -x 9 -y 3",
     change(NewDest{
         kWeb,
         server("10.0.0.2", 8080),
         {.forward = Forward::masq, .weight = 5, .upper_threshold = 9, .lower_threshold = 3}})},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2",
     change(NewDest{kWeb, server("10.0.0.2", 80), {.forward = Forward::direct}})},
    {"-a -r 10.0.0.2 -m -t 192.0.2.1:80",
     change(NewDest{kWeb, server("10.0.0.2", 80), {.forward = Forward::masq}})},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2:81 -g",
     change(NewDest{kWeb, server("10.0.0.2", 80), {.forward = Forward::direct}})},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2:81 -i",
     change(NewDest{kWeb, server("10.0.0.2", 80), {.forward = Forward::tunnel}})},
    {"-a -f 80 -r 10.0.0.2:81 -g",
     change(NewDest{kMark, server("10.0.0.2", 81), {.forward = Forward::direct}})},
    {"-a -f 80 -r 10.0.0.2",
     change(NewDest{kMark, server("10.0.0.2", 0), {.forward = Forward::direct}})},
    {"-a -t 192.0.2.1:80 -r [2001:db8::2]:80 -i",
     change(NewDest{kWeb, server("2001:db8::2", 80), {.forward = Forward::tunnel}})},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -i --tun-type gue --tun-port 6080 --tun-csum",
     change(NewDest{kWeb,
                    server("10.0.0.2", 80),
                    {.forward = Forward::tunnel,
                     .tunnel_type = TunnelType::gue,
                     .tunnel_port = 6080,
                     .tunnel_flags = 1}})},
    {"-e -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 0",
     change(SetDest{kWeb, server("10.0.0.2", 8080), {.forward = Forward::masq, .weight = 0}})},
    {"-d -t 192.0.2.1:80 -r 10.0.0.2:8080", change(DelDest{kWeb, server("10.0.0.2", 8080)})},
    {"-C", change(Flush{})},
    {"-Z", change(Zero{})},
    {"-Z -f 80", change(Zero{kMark})},
    {"--set 900 0 300", change(SetConfig{{900, 0, 300}})},
    {"--start-daemon master --mcast-interface eth0 --syncid 7 --mcast-group ff02::5 --mcast-port 1 "
     "--mcast-ttl 2 "
     "--sync-maxlen 1400",
     change(NewDaemon{{DaemonRole::master, "eth0", 7, 1400, Address::parse("ff02::5"), 1, 2}})},
    {"--stop-daemon backup", change(DelDaemon{DaemonRole::backup})},
    {"-S -n", {Core::automatic, Save{true}}},
    {"-R", {Core::automatic, Restore{}}},
    {"--kill 10.0.0.5/32", {Core::automatic, Kill{{*Address::parse("10.0.0.5"), 32}}}},
    {"--kill 10.0.0.5", {Core::automatic, Kill{{*Address::parse("10.0.0.5"), 32}}}},
    {"--kill 10.9.8.7/8", {Core::automatic, Kill{{*Address::parse("10.0.0.0"), 8}}}},
    {"--kill 2001:db8::/32", {Core::automatic, Kill{{*Address::parse("2001:db8::"), 32}}}},
    {"--drops --json", {Core::automatic, Drops{true}}},
    {"--deny", {Core::automatic, Deny{}}},
    {"--deny --json", {Core::automatic, Deny{true}}},
    {"-h foo", {Core::automatic, Help{}}},
    {"--version", {Core::automatic, Version{}}},
};

TEST(CommandLine, MeansWhatItSays) {
  for (const auto& [line, command] : kRight) {
    const auto parsed = parse(words(line), resolver());
    const auto* error = std::get_if<UsageError>(&parsed);
    EXPECT_EQ(error, nullptr) << line << ": " << error->text;
    EXPECT_TRUE(error != nullptr || std::get<Command>(parsed) == command) << line;
  }
}

struct Wrong {
  const char* line;
  int status;
  const char* text;
};

constexpr const char* kTry = "Try `lvsadm -h' or 'lvsadm --help' for more information.";
constexpr const char* kBadService = "illegal virtual server address[:port] specified";
constexpr const char* kBadServer = "illegal real server address[:port] specified";
constexpr const char* kBadWeight = "illegal weight specified";

const std::vector<Wrong> kWrong = {
    {"foo", 255, kTry},
    {"--nope", 255, kTry},
    {"-q", 255, kTry},
    {"-n", 255, kTry},
    {"--start-daemon", 255, kTry},
    {"-A -t 192.0.2.1:80 -q", 255, "-q: unknown option"},
    {"-A --nope", 255, "--nope: unknown option"},
    {"--set -1 2 3", 255, "-1: unknown option"},
    {"-A -t", 255, "-t: missing argument"},
    {"-Lnt", 255, "-t: missing argument"},
    {"-A --tcp-service", 255, "--tcp-service: missing argument"},
    {"-A -t 192.0.2.1:91 --pe", 255, "--pe: missing argument"},
    {"-L foo", 2, "unexpected argument foo"},
    {"--set 1 2 3 4", 2, "unexpected argument 4"},
    {"-A -D -t 192.0.2.1:80", 2, "invalid option `-D'"},
    {"-L --set", 2, "invalid option `--set'"},
    {"-A", 2, "You need to supply the 'service-address' option for the 'add-service' command"},
    {"-a -t 192.0.2.1:80", 2,
     "You need to supply the 'real-server' option for the 'add-server' command"},
    {"-A -t 192.0.2.1:80 -w 3", 2, "Illegal 'weight' option with the 'add-service' command"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -s rr", 2,
     "Illegal 'scheduler' option with the 'add-server' command"},
    {"-C -n", 2, "Illegal 'numeric' option with the 'flush' command"},
    {"-S -n -t 192.0.2.1:80", 2, "Illegal 'service-address' option with the 'save' command"},
    {"-L -x 3", 2, "Illegal 'u-threshold' option with the 'list' command"},
    {"-A -t 192.0.2.1:80 --mcast-interface lo", 2,
     "Illegal 'mcast-interface' option with the 'add-service' command"},
    {"-A -t 192.0.2.1:80 -u 192.0.2.1:80", 2, "multiple 'service-address' options specified"},
    {"-L -n -n", 2, "multiple 'numeric' options specified"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -g -m", 2, "multiple 'forwarding-method' options specified"},
    {"-L -c -t 192.0.2.1:80", 2,
     "The option 'service-address' conflicts with the 'connection' option in the 'list' command"},
    {"-L --timeout --daemon", 2,
     "The option 'daemon' conflicts with the 'timeout' option in the 'list' command"},
    {"-L -n -c --stats", 2, "options conflicts in the list command"},
    {"-L -6", 2, "-6 used before -f"},
    {"-A -t 192.0.2.1:", 2, kBadService},
    {"-A -t 192.0.2.1:99999", 2, kBadService},
    {"-A -t 192.0.2.1:0x50", 2, kBadService},
    {"-A -t nohost.invalid:80", 2, kBadService},
    {"-A -t :80", 2, kBadService},
    {"-A -t [2001:db8::1:80", 2, kBadService},
    {"-A -u 192.0.2.1:http", 2, kBadService},
    {"-A -t 192.0.2.1", 2, "Zero port specified for non-persistent service"},
    {"-E -t 192.0.2.1:0", 2, "Zero port specified for non-persistent service"},
    {"-A -f 0", 2, "invalid fwmark value `0' specified"},
    {"-A -f 99999999999", 2, "invalid fwmark value `99999999999' specified"},
    {"-A -f 0x50", 2, "invalid fwmark value `0x50' specified"},
    {"-A -t 192.0.2.1:80 -p 0", 2, "invalid timeout value `0' specified"},
    {"-A -t 192.0.2.1:80 -p 2678401", 2, "invalid timeout value `2678401' specified"},
    {"-A -t 192.0.2.1:80 --persistent=", 2, "invalid timeout value `' specified"},
    {"-A -t 192.0.2.1:80 -p -M bogus", 2, "illegal virtual server persistent mask specified"},
    {"-A -t 192.0.2.1:80 -p -M 255.0.255.0", 2, "illegal virtual server persistent mask specified"},
    {"-A -u [2001:db8::9]:80 -M 129", 2, "illegal ipv6 netmask specified"},
    {"-A -t 192.0.2.1:82 --ops", 2, "One-Packet Scheduling is only for UDP virtual services"},
    {"-A -t 192.0.2.1:83 -b sh-port", 2, "incompatible scheduler flag `sh-port'"},
    {"-A -t 192.0.2.1:84 -s rr -b bogus", 2, "invalid scheduler flag `bogus'"},
    {"-A -t 192.0.2.1:84 -s 1234567890123456", 255, "Scheduler or persistence engine not found"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2:x", 2, kBadServer},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2:80 -w -1", 2, kBadWeight},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2:80 -w 2147483648", 2, kBadWeight},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2:80 -x -5", 2, "illegal u_threshold specified"},
    {"-a -t 192.0.2.1:80 -r [2001:db8::2]:80 -m", 2,
     "Different address family is allowed only for tunneling servers"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -m --tun-type gue", 2,
     "Tunnel options conflict with forward method"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -i --tun-type xx", 2, "illegal tunnel type specified"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -i --tun-type gue", 2,
     "You need to supply the 'tun-port' option for the 'gue' tunnel type"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -i --tun-port 5", 2,
     "Illegal 'tun-port' option with the 'ipip' tunnel type"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -i --tun-csum", 2,
     "Illegal 'tun-csum' option with the 'ipip' tunnel type"},
    {"-a -t 192.0.2.1:80 -r 10.0.0.2 -i --tun-type gue --tun-port 0", 2,
     "illegal tunnel port specified"},
    {"--set 1 2", 2, "--set option requires 3 timeout values"},
    {"--set 1 2 x", 2, "invalid timeout value `x' specified"},
    {"--start-daemon foo", 2, "illegal start-daemon parameter specified"},
    {"--start-daemon master --mcast-interface lo --syncid 256", 2, "illegal syncid specified"},
    {"--start-daemon master --mcast-interface lo --mcast-group 10.0.0.1", 2,
     "invalid IPv4 mcast-group `10.0.0.1'"},
    {"--kill 10.0.0.0/33", 2,
     "--kill wants an address or a prefix like 10.0.0.0/24, not `10.0.0.0/33'"},
    {"--kill host", 2, "--kill wants an address or a prefix like 10.0.0.0/24, not `host'"},
    {"--where 192.0.2.9:4000", 2, "--where wants the virtual server as address:port, not `'"},
    {"--where 192.0.2.9 192.0.2.1:80", 2,
     "--where wants the client as address:port, not `192.0.2.9'"},
    {"--where 192.0.2.9:0 192.0.2.1:80", 2,
     "--where wants the client as address:port, not `192.0.2.9:0'"},
    {"--where 192.0.2.9:4000 -t 192.0.2.1", 2,
     "--where wants the virtual server as address:port, not `192.0.2.1'"},
    {"--where 192.0.2.9:4000 -f 80", 2, "--where wants the virtual server as address:port, not `'"},
    {"--where 192.0.2.9:4000 [2001:db8::1]:80", 2,
     "--where wants client and virtual server of one address family"},
    {"--where 192.0.2.9:4000 192.0.2.1:80 x", 2, "invalid fwmark value `x' specified"},
    {"--where 192.0.2.9:4000 192.0.2.1:80 0", 2, "invalid fwmark value `0' specified"},
    {"--where 192.0.2.9:4000 192.0.2.1:80 7 8", 2, "unexpected argument 8"},
    {"--where 192.0.2.9:4000 -t 192.0.2.1:80 7 8", 2,
     "--where wants one virtual address and one mark: unexpected argument 8"},
    {"--where 192.0.2.9:4000 192.0.2.1:80 -s rr", 2,
     "Illegal 'scheduler' option with the 'where' command"},
    {"--trace 192.0.2.9:4000", 2,
     "--trace wants a client like 10.0.0.5 or 10.0.0.0/24, a protocol or `drops', not "
     "`192.0.2.9:4000'"},
    {"--trace 192.0.2.9/33", 2,
     "--trace wants a client like 10.0.0.5 or 10.0.0.0/24, a protocol or `drops', not "
     "`192.0.2.9/33'"},
    {"--trace 192.0.2.9/", 2,
     "--trace wants a client like 10.0.0.5 or 10.0.0.0/24, a protocol or `drops', not "
     "`192.0.2.9/'"},
    {"--trace 2001:db8::1/129", 2,
     "--trace wants a client like 10.0.0.5 or 10.0.0.0/24, a protocol or `drops', not "
     "`2001:db8::1/129'"},
    {"--trace 192.0.2.9 192.0.2.10", 2, "--trace: unexpected argument 192.0.2.10"},
    {"--trace drops drops", 2, "--trace: unexpected argument drops"},
    {"--trace tcp udp", 2, "--trace: unexpected argument udp"},
    {"--trace udp drops 192.0.2.9 tcp", 2, "unexpected argument tcp"},
    {"--trace udp -t 192.0.2.1:80", 2, "--trace wants one protocol"},
    {"--trace -t nobody.example:80", 2, "illegal virtual server address[:port] specified"},
    {"--trace -t 192.0.2.1:65536", 2, "illegal virtual server address[:port] specified"},
    {"--trace -f 7", 2, "--trace knows a service by its address: -t, -u or --sctp-service"},
    {"--trace 192.0.2.9 -t [2001:db8::1]:80", 2,
     "--trace wants client and virtual server of one address family"},
    {"--trace --count 0", 2, "illegal count `0' specified"},
    {"--trace --count 2147483648", 2, "illegal count `2147483648' specified"},
    {"--trace --count", 255, "--count: missing argument"},
    {"--trace --stats", 2, "Illegal 'stats' option with the 'trace' command"},
    {"-L --count 3", 2, "Illegal 'count' option with the 'list' command"},
    {"-L --core other", 2, "--core is embedded or kernel, not `other'"},
};

TEST(CommandLine, WrongOnesAreToldAsIpvsadmDoes) {
  for (const auto& [line, status, text] : kWrong) {
    const auto parsed = parse(words(line), resolver());
    const auto* error = std::get_if<UsageError>(&parsed);
    EXPECT_NE(error, nullptr) << line;
    EXPECT_TRUE(error == nullptr || *error == (UsageError{status, text}))
        << line << ": " << error->status << " " << error->text;
  }
}

}  // namespace
}  // namespace lvs::lvsadm
