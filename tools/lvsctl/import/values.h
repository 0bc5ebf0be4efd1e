// Values as the other programs write them. What is out of lvs.cf's range is brought into it, with a
// remark.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/lvsctl/import/draft.h"

namespace lvs::lvsctl::foreign {

constexpr Duration kShortestPause = std::chrono::milliseconds{10};
constexpr Duration kLongestPause = std::chrono::hours{24};
constexpr Duration kLongestPersistence = std::chrono::hours{24} * 365;
constexpr long long kMostWeight = 65535;

std::vector<std::string> words_of(std::string_view line);
std::string_view trimmed(std::string_view text);
bool is_text(std::string_view line);  // No control characters but tabs.

std::optional<long long> whole_number(std::string_view text);  // Decimal, not negative.
std::optional<uint16_t> port_number(std::string_view text);
std::optional<Duration> seconds(std::string_view text);  // "3", "0.25"
// "192.0.2.10:80", "[2001:db8::1]:80", "fe.example.com:http"; without a port it is 0.
std::optional<Endpoint> endpoint(const std::string& text, const lvsadm::Resolver& names,
                                 ipvs::Protocol protocol);
// "192.0.2.10/24": the length, where there is one.
struct Prefixed {
  Address address;
  std::optional<unsigned> length;
};
std::optional<Prefixed> prefixed(const std::string& text);
// The address `steps` above this one; nothing: there is none.
std::optional<Address> address_above(const Address& address, uint32_t steps);

// Where a value was said, and by which word.
struct Said {
  int line = 0;
  std::string word;
};
long long bounded(Draft& draft, const Said& said, long long value, long long low, long long high);
Duration bounded(Draft& draft, const Said& said, Duration value, Duration low, Duration high);

// Whether an lvs.cf can hold it as a name of a device, or label.
bool is_device(std::string_view name);
// Whether a key whose value is one word or a text in quotes gives it back.
bool is_writable(std::string_view text);
// Why lvs.cf does not take such a check; empty: it does.
std::string trouble_of(const config::Check& check);
// A command of the other program, which may have used a shell: nothing, and a remark, where ours,
// which splits at blanks, would not run the same.
std::optional<std::string> plain_command(Draft& draft, const Said& said, const std::string& text);
// A tunnel of another kind than IPIP, which is written as if it were one.
void tell_of_tunnel(Draft& draft, const Said& said);

// The marks that the scheduler's own options have in lvs.cf.
std::vector<std::string> flag_names(const std::string& scheduler, uint32_t flags);
bool is_scheduler(std::string_view name);

}  // namespace lvs::lvsctl::foreign
