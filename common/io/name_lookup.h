// Looks host names up without blocking: the hosts file and the name servers that the system names,
// by c-ares, on the loop's own sockets and timer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/result.h"
#include "common/time.h"

namespace lvs::io {

// Each server is asked once: who asks tries again (common/names.h).
constexpr Duration kNameServerPatience = std::chrono::milliseconds{1500};
constexpr int kNameServerTries = 1;

class NameLookup {
 public:
  using Found =
      std::function<void(const std::string& name, const Result<std::vector<Address>>& addresses)>;

  explicit NameLookup(boost::asio::io_context& io, Found found);
  ~NameLookup();  // Nothing is found afterwards.
  // What it finds is told later, never from within. The system's resolver settings are read again
  // when nothing is under way.
  void look_up(const std::string& name);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace lvs::io
