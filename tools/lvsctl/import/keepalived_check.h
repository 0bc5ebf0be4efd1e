// The checks of keepalived.conf: TCP_CHECK { connect_timeout 3 } and the like.
#pragma once

#include <optional>
#include <string>

#include "tools/lvsctl/import/keepalived_tree.h"

namespace lvs::lvsctl::foreign {

// What a check has unless its own block says otherwise.
struct CheckDefaults {
  Duration connect_timeout = std::chrono::seconds{5};
  Duration retry_pause = std::chrono::seconds{1};
  std::optional<int> retries;  // By default each kind has its own number.
  std::string host;
  Endpoint server;
  bool is_port_served = true;  // Clients are sent to that port: the method is nat.

  // Reads one of these; false: it is something else.
  bool take(const Statement& statement, Draft& draft);
};

struct CheckSetup {
  int line = 0;
  config::Check check;
  Duration timeout{0};
  int fall = 1;
  std::string user;
  Duration retry_pause{0};
  std::optional<uint16_t> port;  // Other than the server's own.
  bool is_like(const CheckSetup& other) const;
};

bool is_check(const std::string& word);
// Nothing, and a remark: it cannot be done.
std::optional<CheckSetup> read_check(const Statement& statement, CheckDefaults defaults,
                                     Draft& draft);

}  // namespace lvs::lvsctl::foreign
