// The host names of a configuration and the addresses that they have. A name keeps the address that
// it had last for as long as it stands in the configuration: one that does not resolve any more, or
// a name server that is silent, changes nothing and is told. One that never had an address waits.
// Where a name has several addresses it keeps its own while that is among them; else the first of
// IPv4, or of IPv6 where there is no other.
//
// Who reads a configuration asks address_of(); what is due is looked up by somebody else
// (common/io/name_lookup.h), and take() hears what came of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/backoff.h"
#include "common/result.h"
#include "common/time.h"

namespace lvs {

constexpr Duration kNameRefresh = std::chrono::seconds{30};
constexpr Duration kNameRetry = std::chrono::seconds{1};  // After one failure; then twice that ...
constexpr size_t kLookupsAtOnce = 32;
constexpr size_t kNamesMax = 16'384;

class Names {
 public:
  struct Name {
    std::optional<Address> address;  // The last one.
    std::string error;               // Of the last look-up; empty: it was answered.
    bool is_asked = true;            // Since start_asking().
    bool is_leaving = false;         // Forgotten while it was looked up.
    bool is_under_way = false;
    TimePoint due;
    Backoff backoff{kNameRetry, kNameRefresh};
  };

  // From a former life.
  void remember(const std::string& name, const Address& address);

  // A configuration is read anew; once it is taken, names that it did not ask for are forgotten.
  // One that is refused changes nothing.
  void start_asking();
  std::optional<Address> address_of(std::string_view name);
  void forget_unasked();

  // What is to be looked up now; under way from then on.
  std::vector<std::string> due(TimePoint now);
  // True: the name has another address than before.
  bool take(const std::string& name, const Result<std::vector<Address>>& found, TimePoint now);
  std::optional<TimePoint> wake_at() const;

  // For the first answer about a name that never had an address.
  bool is_anything_awaited() const;
  const std::map<std::string, Name, std::less<>>& all() const { return names_; }
  // "rs1.example.com does not resolve (...): 10.0.0.11 is kept", one each.
  std::vector<std::string> troubles() const;

 private:
  std::map<std::string, Name, std::less<>> names_;
  size_t under_way_ = 0;
};

// One line each: "rs1.example.com 10.0.0.11".
std::string to_text(const Names& names);
Names names_from(std::string_view text);

}  // namespace lvs
